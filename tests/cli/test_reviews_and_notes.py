"""Reviews and staff notes at the command line: checked, tried out, looked at, handed over and forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.cli.conftest import Desk, Shop

RULES = """
- id: rescue
  trigger: review.posted
  conditions: { review.rating: { at_most: 3 } }
  actions:
    - add_note: "{{ review.rating }} stars: {{ review.text }}"
- id: call
  trigger: { note.added: call }
  actions:
    - add_tag: to-call
"""
MUGS = "  - { id: mugs, platform: shopify, url: https://mugs.myshopify.com, access_token: shpat_1 }\n"
NOA = "noa@example.com"


@pytest.fixture
def said(shop: Shop) -> Shop:
    """A shop that has run before, and in which Noa has ordered since."""
    shop.rules(RULES)
    shop.begin()
    shop.order(billing={"email": NOA})
    assert shop.type("run", "--once").code == 0
    return shop


def number(shop: Shop) -> str:
    return str(shop.store.orders[-1].id)


def run(shop: Shop) -> None:
    shop.let_polls_be_due()
    assert shop.type("run", "--once").code == 0


# check --------------------------------------------------------------------------------------------------------


def test_a_trigger_that_a_stores_platform_does_not_have_is_told_at_its_rule(desk: Desk) -> None:
    desk.config("https://tea.example.com")
    desk.write("config.yaml", (desk.folder / "config.yaml").read_text() + MUGS)
    desk.rules(RULES)
    result = desk.type("check")
    assert (result.code, result.out) == (2, "")
    (line,) = result.lines
    assert line.startswith("rules/rules.yaml:3:1: rule 'rescue': 'review.posted' never comes in store 'mugs': Shopify")


@pytest.mark.parametrize("cure", ["  platform: woocommerce\n", "  enabled: false\n"])
def test_it_is_fine_where_the_rule_does_not_act_in_that_store(desk: Desk, cure: str) -> None:
    desk.config("https://tea.example.com")
    desk.write("config.yaml", (desk.folder / "config.yaml").read_text() + MUGS)
    desk.rules(RULES.replace("  trigger: review.posted\n", f"  trigger: review.posted\n{cure}"))
    assert desk.type("check").code == 0


# status -------------------------------------------------------------------------------------------------------


def test_status_tells_what_else_a_store_is_asked_for_and_how_far_that_has_come(said: Shop) -> None:
    told = said.type("status", "--json").json["stores"]["tea"]["listening"]
    assert told["reviews"].keys() == {"every_seconds", "heard_at", "error", "error_since", "retry_at"}
    assert (told["reviews"]["every_seconds"], told["reviews"]["error"]) == (120, None)
    notes = told["staff_notes"]
    assert (notes["every_seconds"], notes["orders_at_once"], notes["orders"]) == (120, 10, 2)
    assert notes["waiting"] == 1
    looked_at, heard_at = (datetime.fromisoformat(notes[name]) for name in ("oldest_look_at", "heard_at"))
    assert timedelta(0) <= heard_at - looked_at < timedelta(minutes=1)
    shown = " ".join(said.type("status").out.split())
    assert "Reviews are asked for, too: one request more at each poll, every 2 minutes." in shown
    assert "of 10 open orders every 2 minutes, out of 2. 1 order still to be looked at for the first time" in shown


def test_status_of_a_store_whose_rules_wait_for_no_remark_is_silent_about_them(noted: Shop) -> None:
    assert noted.type("status", "--json").json["stores"]["tea"]["listening"] == {}
    assert "asked for, too" not in noted.type("status").out


def test_status_tells_that_reviews_cannot_be_read_while_the_rest_goes_on(said: Shop) -> None:
    said.store.fail_next("404", match=lambda request: "reviews" in request.path, times=None)
    said.let_polls_be_due()
    assert said.type("run", "--once").code == 0
    result = said.type("status")
    shown = " ".join(result.out.split())
    assert (result.code, "has a plugin switched them off?" in shown) == (1, True)
    assert "Reviews cannot be read (since" in shown
    assert said.type("status", "--json").json["stores"]["tea"]["error"] is None


# The rest -----------------------------------------------------------------------------------------------------


def test_explain_tells_of_a_review_and_what_it_set_off(said: Shop) -> None:
    said.store.write_review(email=NOA, rating=2, text="Chipped")
    said.store.write_review(email=NOA, rating=5)
    run(said)
    shown = " ".join(said.type("explain", "tea", number(said)).out.split())
    assert "the customer wrote a review (review.posted" in shown
    assert "rescue, for review 3: finished" in shown
    assert "review.rating must be at most 3; it is 5" in shown
    assert said.notes(number(said)) == ["2 stars: Chipped"]


def test_what_was_said_is_handed_over_and_forgotten(said: Shop) -> None:
    said.store.write_review(email=NOA, rating=2, text="Chipped")
    said.store.write_note(int(number(said)), "call about the handle")
    run(said)
    kept = said.type("export", NOA, "--json").json["kept"][0]["orders"]
    reviews = {order["facts"]["number"]: order["said"].get("reviews", []) for order in kept}
    assert [review["text"] for review in reviews[number(said)]] == ["Chipped"]
    assert "Chipped" in said.type("export", NOA).out
    assert said.type("forget", NOA, "--yes").code == 0
    state = b"".join(path.read_bytes() for path in said.folder.glob("aftersale.db*"))
    assert (b"Chipped" in state, b"handle" in state) == (False, False)


def test_simulate_replays_what_was_said_from_the_journal(said: Shop) -> None:
    said.store.write_review(email=NOA, rating=2, text="Chipped")
    run(said)
    before = len(said.store.requests)
    rules = said.type("simulate", "--since", "1d", "--json").json[0]["rules"]
    assert [(each["rule"], each["done"]) for each in rules if each["done"]] == [("rescue", {"add_note": 1})]
    assert len(said.store.requests) == before


STORY = """
version: 1
tests:
  - name: a bad review is noted, a good one is not
    platform: {platform}
    when:
      2026-06-01 10:00: paid
      2026-06-05 12:00: {{ reviewed: {{ rating: 2, text: Chipped }} }}
      2026-06-06 12:00: {{ reviewed: 5 }}
    expect:
      2026-06-05 12:00: {{ add_note: "2 stars: Chipped" }}
"""
NOTED = """
version: 1
tests:
  - name: the staff asks for a call
    platform: [woocommerce, shopify]
    when:
      2026-06-01 10:00: paid
      2026-06-02 09:00: {{ staff_note: packed }}
      2026-06-02 12:00: {{ staff_note: {{ text: Please CALL her, author: Dana }} }}
    expect:
      2026-06-02 12:00: {{ add_tag: to-call }}
"""


def test_rule_tests_tell_of_reviews_and_notes(desk: Desk) -> None:
    desk.config("https://tea.example.com")
    desk.rules(RULES)
    desk.write("rules/tests/said.yaml", STORY.format(platform="woocommerce"))
    desk.write("rules/tests/noted.yaml", NOTED.format())
    result = desk.type("test")
    assert (result.code, result.out.partition(" in ")[0]) == (0, "3 passed")


def test_a_review_on_shopify_is_a_mistake_in_a_rule_test(desk: Desk) -> None:
    desk.config("https://tea.example.com")
    desk.rules(RULES)
    desk.write("rules/tests/said.yaml", STORY.format(platform="shopify"))
    result = desk.type("test")
    assert result.code == 2
    assert "Shopify has no reviews of its own" in result.err
