"""How many pieces a text message is sent, and charged, in."""

from __future__ import annotations

from typing import Literal

Encoding = Literal["GSM-7", "UCS-2"]

# GSM 03.38: 127 characters that take one septet, and ten that take two, being escaped.
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")

# What one message holds alone, and as a part of several, which begin with a header each.
_ROOM: dict[Encoding, tuple[int, int]] = {"GSM-7": (160, 153), "UCS-2": (70, 67)}


def segments(text: str) -> tuple[int, Encoding]:
    """The number of segments and the encoding. GSM-7 where every character allows it; no character is cut in two."""
    encoding: Encoding = "UCS-2" if beyond_gsm(text) else "GSM-7"
    widths = [_width(character, encoding) for character in text]
    alone, among_others = _ROOM[encoding]
    if sum(widths) <= alone:
        return min(1, len(text)), encoding
    count, room = 1, among_others
    for width in widths:
        if width > room:
            count, room = count + 1, among_others
        room -= width
    return count, encoding


def beyond_gsm(text: str) -> tuple[str, ...]:
    """The characters that GSM-7 lacks, each once, in the order in which they come: any of them makes a text UCS-2."""
    return tuple(dict.fromkeys(sign for sign in text if sign not in _BASIC and sign not in _EXTENSION))


def _width(character: str, encoding: Encoding) -> int:
    """Septets, or units of 16 bits."""
    if encoding == "GSM-7":
        return 2 if character in _EXTENSION else 1
    return 2 if ord(character) > 0xFFFF else 1
