"""What pydantic finds, told in plain words at the right place."""

from __future__ import annotations

from decimal import Decimal
from textwrap import dedent
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from rules.document import Problem, parse
from rules.validation import did_you_mean, validate


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Mail(Strict):
    type: Literal["smtp"]
    url: str
    sender: str = Field("", alias="from")


class Gateway(Strict):
    type: Literal["http"]
    url: str
    fields: dict[str, str] = {}


class Store(Strict):
    id: str
    polls: Annotated[int, Field(ge=1)] = 1
    share: Decimal = Decimal(0)
    platform: Literal["woocommerce", "shopify"] = "woocommerce"
    via: str | list[str] = "platform"

    @field_validator("id")
    @classmethod
    def _small(cls, text: str) -> str:
        if text != text.lower():
            raise ValueError("write the id in small letters")
        return text


class House(Strict):
    stores: list[Store]
    channels: dict[str, Annotated[Mail | Gateway, Field(discriminator="type")]] = {}
    extra: Mail | Gateway | None = None
    backups: tuple[Store, ...] = ()


def problems(text: str) -> list[str]:
    found: list[Problem] = []
    validate(parse(dedent(text), "c.yaml"), House, found)
    return [str(problem) for problem in sorted(found)]


def test_a_good_document_becomes_its_model() -> None:
    found: list[Problem] = []
    house = validate(parse("stores: [{id: tea, share: 1.10, polls: 5}]", "c.yaml"), House, found)
    assert house is not None
    assert house.stores[0].share == Decimal("1.10")
    assert not found


def test_an_unknown_key_is_placed_at_the_key_with_a_suggestion() -> None:
    assert problems("stores:\n  - id: tea\n    pols: 3\n") == [
        "c.yaml:3:5: store 'tea': there is no key 'pols'; did you mean 'polls'?"
    ]


def test_a_wrong_value_is_placed_at_the_value() -> None:
    assert problems("stores:\n  - { id: tea, polls: often }") == [
        "c.yaml:2:23: store 'tea', polls: expected a whole number, got text"
    ]


def test_a_missing_key_is_placed_at_its_parent() -> None:
    assert problems("stores:\n  - polls: 3\n") == ["c.yaml:2:5: stores.0: 'id' is missing"]


def test_an_empty_file_is_told_what_it_lacks() -> None:
    assert problems("") == ["c.yaml:1:1: 'stores' is missing"]


def test_a_near_miss_of_a_known_word_is_suggested() -> None:
    (problem,) = problems("stores: [{ id: tea, platform: woocomerce }]")
    assert problem.startswith("c.yaml:1:31: store 'tea', platform: 'woocomerce' is not among")
    assert problem.endswith("did you mean 'woocommerce'?")


def test_a_value_far_from_any_known_word_is_not_quoted_for_it_may_be_a_secret() -> None:
    assert problems("stores: [{ id: tea, platform: ck_0123456789 }]") == [
        "c.yaml:1:31: store 'tea', platform: expected 'woocommerce' or 'shopify', got text"
    ]


def test_the_branches_of_a_union_make_one_problem() -> None:
    assert problems("stores: [{ id: tea, via: { a: 1 } }]") == [
        "c.yaml:1:26: store 'tea', via: expected text, or a list, got keys with values"
    ]


def test_a_bound_is_told_in_words() -> None:
    assert problems("stores: [{ id: tea, polls: 0 }]") == ["c.yaml:1:28: store 'tea', polls: must be at least 1"]


def test_a_validators_own_words_are_kept() -> None:
    assert problems("stores: [{ id: Tea }]") == ["c.yaml:1:16: store 'Tea', id: write the id in small letters"]


def test_a_key_of_a_tagged_union_is_suggested_from_the_tagged_model_and_its_aliases() -> None:
    text = """\
        stores: []
        channels:
          email: { type: smtp, url: x, form: y }
          sms: { type: http, url: x, filds: {} }
    """
    assert problems(text) == [
        "c.yaml:3:32: channels.email: there is no key 'form'; did you mean 'from'?",
        "c.yaml:4:30: channels.sms: there is no key 'filds'; did you mean 'fields'?",
    ]


@pytest.mark.parametrize(
    ("channel", "problem"),
    [
        ("{ type: htp, url: x }", "2:26: channels.sms.type: there is no type 'htp'; did you mean 'http'?"),
        ("{ url: x }", "2:18: channels.sms: 'type' is missing"),
    ],
)
def test_a_wrong_or_missing_tag_is_told(channel: str, problem: str) -> None:
    assert problems(f"stores: []\nchannels: {{ sms: {channel} }}") == [f"c.yaml:{problem}"]


def test_keys_in_a_plain_union_and_in_a_tuple_are_suggested_too() -> None:
    assert problems("stores: []\nbackups: [{ id: a, viaa: b }]\n") == [
        "c.yaml:2:20: backup 'a': there is no key 'viaa'; did you mean 'via'?"
    ]
    assert "c.yaml:2:31: extra: there is no key 'ulr'; did you mean 'url'?" in problems(
        "stores: []\nextra: { type: http, url: x,  ulr: x }\n"
    )


def test_the_mistakes_of_the_yaml_and_of_its_meaning_are_told_together() -> None:
    assert problems("stores: []\nstores: []\nstroes: 1\n") == [
        "c.yaml:2:1: the key 'stores' is here a second time, after line 1; keep one",
        "c.yaml:3:1: there is no key 'stroes'; did you mean 'stores'?",
    ]


def test_what_cannot_be_read_is_told_once_and_not_checked_further() -> None:
    assert len(problems("stores: [")) == 1


def test_a_suggestion_looks_past_case() -> None:
    assert did_you_mean("ORDER.PAID", ["order.paid"]) == "; did you mean 'order.paid'?"
    assert did_you_mean("zzz", ["order.paid"]) == ""
