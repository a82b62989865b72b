"""Who gets nothing of a rule: drawn once, kept through edits, and not to be guessed."""

from fractions import Fraction

import pytest

from rules.holdout import is_held_out, parse_share, why_held_out

PEOPLE = [f"{number:032x}" for number in range(10_000)]
TENTH = Fraction(1, 10)


def left_out(share: Fraction, drawn_as: str = "thanks") -> set[str]:
    return {person for person in PEOPLE if is_held_out(share, drawn_as, person)}


def test_about_as_many_are_left_out_as_the_rule_says() -> None:
    assert 900 < len(left_out(TENTH)) < 1100


def test_the_same_people_are_left_out_every_time() -> None:
    assert left_out(TENTH) == left_out(TENTH)


def test_a_smaller_share_leaves_out_some_of_the_same_people() -> None:
    assert left_out(TENTH / 2) < left_out(TENTH) < left_out(TENTH * 2)


def test_each_rule_leaves_out_people_of_its_own() -> None:
    both = left_out(TENTH, "thanks") & left_out(TENTH, "replenish")
    assert 50 < len(both) < 150


def test_a_rule_without_a_share_leaves_out_nobody() -> None:
    assert not any(is_held_out(None, "thanks", person) for person in PEOPLE)


@pytest.mark.parametrize(("written", "share"), [("10%", TENTH), ("2.5 %", Fraction(1, 40)), (" 50% ", Fraction(1, 2))])
def test_a_share_is_written_in_percent(written: str, share: Fraction) -> None:
    assert parse_share(written) == share


@pytest.mark.parametrize("written", ["10", "0.1", "ten %", "", "-5%", "1e1%"])
def test_what_is_no_share_is_met_with_how_to_write_one(written: str) -> None:
    with pytest.raises(ValueError, match="such as 10%"):
        parse_share(written)


@pytest.mark.parametrize("written", ["0%", "0.0%", "51%", "100%", "999%"])
def test_a_share_leaves_somebody_out_and_most_in(written: str) -> None:
    with pytest.raises(ValueError, match="at most 50%"):
        parse_share(written)


def test_it_is_told_how_many_are_left_out() -> None:
    assert why_held_out(TENTH) == "held out: 10 % of this rule's people get nothing, to compare"
    assert why_held_out(Fraction(1, 40)).startswith("held out: 2.5 %")
