"""The link to unsubscribe says who it is for, to nobody but us."""

from __future__ import annotations

from connector.people import mark
from connector.unsubscribing import Unsubscriber, link_for, read_token, token

SECRET = bytes(range(32))
NOA = "noa@example.com"


def test_a_token_tells_the_mark_by_which_the_suppression_list_knows_its_owner() -> None:
    assert read_token(SECRET, token(SECRET, NOA, "tea")) == Unsubscriber(mark(f"email:{NOA}", SECRET), "tea")
    assert read_token(SECRET, token(SECRET, "+972502345678", "tea")) == Unsubscriber(
        mark("phone:972502345678", SECRET), "tea"
    )


def test_a_token_that_was_changed_or_made_by_another_state_is_none() -> None:
    good = token(SECRET, NOA, "tea")
    changed = ("A" if good[0] != "A" else "B") + good[1:]
    for text in (changed, good[:-4], token(bytes(32), NOA, "tea"), "", "é", "====", "a"):
        assert read_token(SECRET, text) is None


def test_a_link_keeps_its_own_query_and_shows_no_address() -> None:
    link = link_for("https://tea.example.com/stop?lang=he", SECRET, NOA, "tea")
    assert link == f"https://tea.example.com/stop?lang=he&t={token(SECRET, NOA, 'tea')}"
    assert "noa" not in link


def test_an_address_to_write_to_stays_as_it_is() -> None:
    assert link_for("mailto:stop@tea.example.com", SECRET, NOA, "tea") == "mailto:stop@tea.example.com"
