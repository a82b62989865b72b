"""Who gets nothing of a rule, so that it can be told what the rule is worth: the same people, whatever is edited."""

from __future__ import annotations

import hashlib
import re
from fractions import Fraction

MOST = Fraction(1, 2)
"""More than this would be no follow-up rule any more."""

_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,3})?) ?%")


def parse_share(text: str) -> Fraction:
    """`10%` as a tenth. Raises ValueError with a sentence for people."""
    found = _SHARE.fullmatch(text.strip())
    if found is None:
        raise ValueError("write a share of the rule's people, such as 10%")
    share = Fraction(found[1]) / 100
    if not 0 < share <= MOST:
        raise ValueError("write more than 0% and at most 50%: the others are those who get it")
    return share


def is_held_out(share: Fraction | None, drawn_as: str, person: str) -> bool:
    """Whether the rule leaves this person out.

    `drawn_as` is the id that the rule had first, so that a new name draws nobody anew. `person` is the mark by which
    a state knows them, a hash with a secret: who is left out cannot be guessed from an address. With a smaller share,
    some of the same people are left out; with a larger one, they and others.
    """
    if share is None:
        return False
    drawn = hashlib.blake2b(f"{drawn_as}\n{person}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn) < share * (1 << 64)


def why_held_out(share: Fraction | None) -> str:
    """What is told of somebody who is left out; without a share, of one who was when the rule had one."""
    if share is None:
        return "held out: this person was to get nothing of the rule, to compare"
    return f"held out: {float(share * 100):g} % of this rule's people get nothing, to compare"
