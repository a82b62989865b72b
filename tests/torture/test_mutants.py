"""The seeded bugs of `make mutants` fit the code as it is: each has exactly one place, and a net that is there."""

from __future__ import annotations

import pytest

from torture.mutants import MUTANTS, Mutant, mutated
from torture.worker import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_seeded_bug_has_its_place_and_its_net(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert mutated(mutant, text) != text
    assert mutant.net
    assert all((ROOT / net.partition("::")[0]).is_file() for net in mutant.net)


def test_there_are_enough_of_them() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 15
