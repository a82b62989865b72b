"""A file of rule tests as its author writes it: its keys, and what each may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema

from connector.ruletests.times import HOW_TO_WRITE, parse_moment
from rules.locales import unknown_language
from rules.schema import Strict
from rules.validation import known_version


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


def _language(code: str) -> str:
    if sentence := unknown_language(code):
        raise ValueError(sentence)
    return code


def _moment(text: str) -> str:
    parse_moment(text)
    return text


_ONE_OR_MORE = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
_MONEY = WithJsonSchema({"type": ["string", "number"], "examples": ["30.00"]})

Texts = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1), _ONE_OR_MORE]
"""A text, or a list of them."""
Language = Annotated[str, AfterValidator(_language)]
Languages = Annotated[tuple[Language, ...], BeforeValidator(_listed), Field(min_length=1), _ONE_OR_MORE]
Moment = Annotated[str, AfterValidator(_moment), Field(description=HOW_TO_WRITE)]
"""A day and a time of day, on the store's clocks."""
_MOST = 10**9
Amount = Annotated[Decimal, Field(ge=0, le=_MOST), _MONEY]
"""Of money, in the order's currency."""
Pieces = Annotated[int, Field(ge=1, le=1_000_000)]


# An order -----------------------------------------------------------------------------------------------------


class AddressKeys(Strict):
    """A postal address."""

    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    region: str | None = None
    postcode: str | None = None
    country: Annotated[str, Field(description="Two letters, such as IL.")] | None = None
    phone: str | None = None


class CustomerKeys(Strict):
    """Who bought."""

    id: str | None = None
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    locale: Language | None = None
    tags: Texts = ()
    consents: dict[Literal["email", "sms", "whatsapp"], str] = Field(
        {}, description="By channel, what they said of marketing."
    )
    orders_count: int | None = None


class ItemKeys(Strict):
    """One line of an order."""

    name: str = "Sample"
    sku: str | None = None
    quantity: Pieces = 1
    price: Amount = Field(Decimal("30.00"), description="Of one piece.")
    product_id: str | None = None
    variation_id: str | None = None
    product_type: str | None = None
    categories: Texts = ()
    product_tags: Texts = ()
    vendor: str | None = None
    url: str | None = None
    needs_shipping: bool = True


class OrderKeys(Strict):
    """An order, as far as it matters: what is not told is that of an invented one."""

    number: str | None = Field(None, description="The number that people see.")
    status: str | None = Field(None, description="The status that it comes in with.")
    total: Amount | None = Field(None, description="What it costs; unless told, what its items do.")
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="Three letters, such as EUR.")] = "EUR"
    customer: CustomerKeys | None = None
    items: tuple[ItemKeys, ...] | None = None
    billing: AddressKeys | None = None
    shipping: AddressKeys | None = None
    tags: Texts = ()
    coupons: Texts = ()
    meta: dict[str, str] = Field({}, description="Custom fields.")
    payment_method: str | None = None
    payment_title: str | None = None
    shipping_method: str | None = None
    customer_note: str | None = None
    payment_url: str | None = None
    status_url: str | None = None
    source: str | None = None
    locale: Language | None = None
    needs_shipping: bool = True
    test: bool = False


class LivingOrderKeys(OrderKeys):
    """One of several orders, with its life."""

    when: Any = Field(description="What happens to it, by the moment.")


M = TypeVar("M", bound=BaseModel)


def merged(base: M | None, over: M | None) -> M | None:
    """What `over` says, and what `base` says besides."""
    if base is None or over is None:
        return over if base is None else base
    told: dict[str, Any] = {}
    for name in over.model_fields_set:
        value, before = getattr(over, name), getattr(base, name, None)
        if isinstance(value, BaseModel) and isinstance(before, BaseModel):
            value = merged(before, value)
        elif isinstance(value, Mapping) and isinstance(before, Mapping):
            value = {**before, **value}
        told[name] = value
    return base.model_copy(update=told)


# What happens to it -------------------------------------------------------------------------------------------


class Detail(Strict):
    """What more there is to say of something that happens. `shorthand` is the field that a bare value fills."""

    shorthand: ClassVar[str | None] = None


class NoDetail(Detail):
    """Nothing."""


class ToStatus(Detail):
    shorthand: ClassVar[str] = "status"
    status: Annotated[str, Field(pattern=r"^[a-z0-9]+([-_][a-z0-9]+)*$", description="A status, in small letters")]


class OneParcel(Detail):
    shorthand: ClassVar[str] = "parcel"
    parcel: str | None = Field(None, description="Which, where there are several.")


class AboutParcel(OneParcel):
    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    estimated: Moment | None = None
    state: str | None = None


class Left(OneParcel):
    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    estimated: Moment | None = None
    items: dict[str, Pieces] | None = Field(None, description="What is in it, by SKU; unless told, all the rest.")


class GivenBack(Detail):
    shorthand: ClassVar[str] = "amount"
    amount: Annotated[Decimal, Field(gt=0, le=_MOST), _MONEY] | None = Field(
        None, description="Unless told, all the rest."
    )
    reason: str | None = None
    items: dict[str, Pieces] | None = Field(None, description="What came back, by SKU.")


class SentBack(Detail):
    shorthand: ClassVar[str] = "status"
    status: Literal["requested", "open", "closed", "declined", "canceled"] = "requested"


class Tagged(Detail):
    shorthand: ClassVar[str] = "tags"
    tags: Texts


class Reviewed(Detail):
    shorthand: ClassVar[str] = "rating"
    rating: Annotated[int, Field(ge=1, le=5, description="Stars, 1 to 5.")] | None = None
    text: str | None = None
    product_name: str | None = Field(None, description="What was reviewed; unless told, the order's first item.")


class Noted(Detail):
    shorthand: ClassVar[str] = "text"
    text: Annotated[str, Field(min_length=1)]
    author: str | None = None


class Changed(Detail, OrderKeys):
    """Any of the order's own keys."""


# What is expected ---------------------------------------------------------------------------------------------


def _per_language(value: object) -> object:
    return value if isinstance(value, Mapping) else _listed(value)


_SAYS = WithJsonSchema(
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "object"}]}
)
Says = Annotated[Texts | dict[str, Texts], BeforeValidator(_per_language), _SAYS]
"""Texts; or by language, each its own."""


class ExpectedKeys(Strict):
    """What is expected to be done, besides the action itself."""

    rule: str | None = Field(None, description="The rule that does it.")
    order: str | None = Field(None, description="The number of the order that it is about.")
    to: str | None = Field(None, description="Where the customer is reached.")
    via: str | None = Field(None, description="The channel.")
    locale: Language | None = Field(None, description="The language of the message.")
    subject: str | None = Field(None, description="Words of the message's subject.")
    contains: Says | None = Field(None, description="Words that stand in it.")
    lacks: Says | None = Field(None, description="Words that do not.")


# The file -----------------------------------------------------------------------------------------------------


class CommonKeys(Strict):
    """What can be said once for all tests of a file, and by each of them."""

    store: Texts | None = Field(None, description="The store, or stores, of the configuration in which it happens.")
    platform: Texts | None = Field(None, description="The platform, or platforms, on which it happens.")
    languages: Languages | None = Field(None, description="Told once in each of these languages.")
    rules: Texts | None = Field(None, description="Only these rules, even if they are switched off.")
    with_: dict[str, Any] | None = Field(None, alias="with", description="In a preset's own tests, its inputs.")
    order: OrderKeys | None = Field(None, description="The order.")


class RuleTestKeys(CommonKeys):
    """One test: a story, and what is to come of it."""

    name: Annotated[str, Field(min_length=1)] = Field(description="What it shows, in words.")
    switched_on: Moment | None = Field(None, description="When the rules were switched on; unless told, before it all.")
    until: Moment | None = Field(None, description="How far time goes; unless told, until nothing more is to come.")
    when: Any = Field(None, description="What happens to the order, by the moment.")
    orders: list[Any] | None = Field(None, min_length=1, description="Several orders, each with its life.")
    expect: Any = Field(None, description="What is done, by the moment; or 'nothing'.")
    why_not: Annotated[dict[str, str], Field(min_length=1)] | None = Field(
        None, description="By rule, words of the reason why it does nothing, or not all."
    )
    never: list[Any] | None = Field(None, min_length=1, description="What is not done at any time.")
    more_is_fine: bool = Field(False, description="true: what is not expected may be done all the same.")


class RuleTestFile(CommonKeys):
    """A file of rule tests."""

    version: Annotated[Literal[1], BeforeValidator(partial(known_version, newest=1))] = Field(
        description="The version of this format: 1."
    )
    tests: Annotated[list[Any], Field(min_length=1)] = Field(description="The tests.")


def texts_for(said: Sequence[str] | Mapping[str, Sequence[str]] | None, language: str | None) -> Sequence[str]:
    """What is said for this language."""
    if isinstance(said, Mapping):
        return said.get(language or "", ())
    return said or ()
