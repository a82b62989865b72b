"""What a store is asked for beside its orders, where a rule waits for it."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.base import Capability
from rules.events import NOTE, REVIEW

WAITED_FOR: Mapping[Capability, str] = {Capability.REVIEWS: REVIEW, Capability.STAFF_NOTES: NOTE}
"""What has to be asked for by itself, and the trigger of the rules that wait for it."""
