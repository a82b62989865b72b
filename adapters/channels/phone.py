"""A customer's phone number, in the form that every provider takes."""

from __future__ import annotations

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from adapters.channels.base import Unreachable
from adapters.model import Order

NO_TEXTS = (
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.UAN,
    PhoneNumberType.VOICEMAIL,
)


def phone_of(order: Order, *, takes_texts: bool) -> str:
    """The first valid number among the customer's, the one billed and the one shipped to, in E.164: +97250….

    One without a country code is of the country shipped to, else of the one billed. With `takes_texts`, landlines
    and the like do not count. Raises Unreachable.
    """
    country = order.shipping.country or order.billing.country
    given = [text for text in (order.customer.phone, order.billing.phone, order.shipping.phone) if text]
    numbers = [number for text in given if (number := _parsed(text, country)) is not None]
    for number in numbers:
        if not takes_texts or phonenumbers.number_type(number) not in NO_TEXTS:
            return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    raise Unreachable(_why(given, numbers, country))


def _parsed(text: str, country: str | None) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _why(given: list[str], numbers: list[PhoneNumber], country: str | None) -> str:
    if not given:
        return "the order has no phone number"
    if numbers:
        return "the order's phone number is a landline or the like, which takes no text messages"
    if country is None:
        return "the order's phone number is not valid, or lacks the country code while the order has no country"
    return f"the order's phone number is not valid in {country}"
