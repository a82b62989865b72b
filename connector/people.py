"""Who someone is: e-mail addresses and phones made comparable, and the marks by which a state knows people.

An address is written `email:noa@example.com` or `phone:972501234567` here. Its mark is a hash of it, keyed with the
state's secret: it can be compared, but nobody's address can be read from it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from adapters.model import Order

SHORTEST_PHONE = 6
"""Digits; what has fewer is no phone."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def address_of(text: str) -> str:
    """An address as a person writes it. Raises ValueError, which does not repeat it, where it is none."""
    text = text.strip()
    if _EMAIL.fullmatch(text):
        return email_address(text)
    if text and re.fullmatch(r"\+?[\d\s().\-/]+", text) and (addresses := phone_addresses(text, None)):
        return min(addresses, key=len)
    raise ValueError("this is neither an e-mail address nor a phone number")


def email_address(email: str) -> str:
    """Upper and lower case are the same."""
    return f"email:{email.casefold()}"


def typed_phone(phone: str | None) -> str | None:
    """The address of a phone just as it was typed, without signs and leading zeros."""
    digits = re.sub(r"\D", "", phone or "").lstrip("0")
    return f"phone:{digits}" if len(digits) >= SHORTEST_PHONE else None


def phone_addresses(phone: str | None, country: str | None) -> frozenset[str]:
    """All addresses of a phone: as typed and, where the country (ISO 3166) helps to read it, with and without its code.

    So 050-123-4567 of a customer in Israel is the same as +972 50 123 4567.
    """
    typed = typed_phone(phone)
    if phone is None or typed is None:
        return frozenset()
    # It takes a while to import, and is needed only where somebody is on the suppression list.
    import phonenumbers
    from phonenumbers import NumberParseException, PhoneNumberFormat

    try:
        number = phonenumbers.parse(phone, country)
    except NumberParseException:
        return frozenset({typed})
    abroad = phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")
    found = {typed, f"phone:{abroad}"}
    if country is not None:
        found.add(f"phone:{number.national_number}")
    return frozenset(found)


def phones_of(order: Order) -> frozenset[str]:
    """The phones of who bought. One beside the shipping address may be the phone of somebody who got a present."""
    country = order.billing.country or order.shipping.country
    typed = {order.customer.phone, order.billing.phone}
    return frozenset().union(*(phone_addresses(phone, country) for phone in typed))


def endings_of(order: Order) -> frozenset[str]:
    """The last digits of the phones, however they are written: a quick way to tell that two are not the same."""
    typed = (typed_phone(order.customer.phone), typed_phone(order.billing.phone))
    return frozenset(ending(phone) for phone in typed if phone is not None)


def ending(address: str) -> str:
    """The last digits of a phone's address."""
    return address[-SHORTEST_PHONE:]


def addresses_of(to: str) -> frozenset[str]:
    """The addresses of where a channel reaches somebody: a mail address, or a number with its country's code."""
    return frozenset({email_address(to)}) if "@" in to else phone_addresses(to, None)


def email_of(order: Order) -> str | None:
    """The e-mail address of who bought."""
    return email_address(order.customer.email) if order.customer.email else None


def addresses_in(order: Order) -> frozenset[str]:
    """All the addresses of who bought: by e-mail and by phone."""
    return phones_of(order) | ({email} if (email := email_of(order)) else frozenset())


def mark(address: str, secret: bytes) -> str:
    """The mark of an address in the state with this secret."""
    return hashlib.blake2b(address.encode(), key=secret, digest_size=16).hexdigest()


def marks(addresses: Iterable[str], secret: bytes) -> frozenset[str]:
    """The marks of addresses."""
    return frozenset(mark(address, secret) for address in addresses)


def person_of(order: Order, store: str, secret: bytes) -> str:
    """The mark of who an order is from, across orders and stores: by e-mail, else by phone, else it stands alone."""
    address = email_of(order) or typed_phone(order.customer.phone or order.billing.phone)
    return mark(address or f"order:{store}:{order.id}", secret)
