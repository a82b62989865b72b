"""Whether a rule looks at a field: in a condition, or in a text that people will read."""

from __future__ import annotations

import pytest

from rules.loader import load_rules
from rules.looking import looks_at
from tests.rules.test_loader import ACTIONS
