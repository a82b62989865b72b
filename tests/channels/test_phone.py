"""Phone numbers, as customers type them."""

from __future__ import annotations

import pytest

from adapters.channels.base import Unreachable
from adapters.channels.phone import phone_of
from adapters.model import Address, Customer
from tests.channels.providers import order


@pytest.mark.parametrize(
    ("typed", "country", "number"),
    [
        ("050-234-5678", "IL", "+972502345678"),
        ("00972 50 234 5678", "IL", "+972502345678"),
        ("+972 (0)50-2345678", None, "+972502345678"),
        ("٠٥٠٢٣٤٥٦٧٨", "IL", "+972502345678"),
        ("(201) 555-0123", "US", "+12015550123"),
        ("07400 123456", "GB", "+447400123456"),
        ("8 (912) 345-67-89", "RU", "+79123456789"),
    ],
)
def test_a_number_is_read_as_in_its_country(typed: str, country: str | None, number: str) -> None:
    assert phone_of(order(phone=typed, billing=Address(country=country)), takes_texts=True) == number


def test_the_country_is_where_the_parcel_goes_before_where_the_bill_goes() -> None:
    shipped = order(phone="07400 123456", billing=Address(country="IL"), shipping=Address(country="GB"))
    assert phone_of(shipped, takes_texts=True) == "+447400123456"


def test_where_the_customers_number_is_none_another_of_the_order_may_be() -> None:
    called = order(phone="12", shipping=Address(country="IL", phone="050-234-5678"))
    assert phone_of(called, takes_texts=True) == "+972502345678"


def test_a_landline_takes_no_text_messages_but_may_be_on_whatsapp() -> None:
    at_home = order(phone="02-123-4567")
    with pytest.raises(Unreachable, match="landline"):
        phone_of(at_home, takes_texts=True)
    assert phone_of(at_home, takes_texts=False) == "+97221234567"


@pytest.mark.parametrize("typed", ["12", "call me", "050-234-5678\n050", "9" * 10_000, "+", "+999123456789"])
def test_what_is_no_number_is_said_to_be_none_and_not_repeated(typed: str) -> None:
    with pytest.raises(Unreachable) as caught:
        phone_of(order(phone=typed), takes_texts=True)
    assert str(caught.value) == "the order's phone number is not valid in IL"


def test_a_number_without_its_country_is_a_reason_of_its_own() -> None:
    with pytest.raises(Unreachable, match="lacks the country code"):
        phone_of(order(phone="050-234-5678", billing=Address()), takes_texts=True)


def test_an_order_without_a_number_says_so() -> None:
    with pytest.raises(Unreachable, match="the order has no phone number"):
        phone_of(order(customer=Customer()), takes_texts=True)
