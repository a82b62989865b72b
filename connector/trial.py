"""A message that is sent as a test says so, in each of its forms."""

from __future__ import annotations

from uuid import uuid4

from msgspec.structs import replace

from adapters.channels.base import Message
from connector.wording import with_first_line

SIGN = "TEST: "


def marked(message: Message, rule: str) -> Message:
    """The message as a test of this rule: another one than any that customers get.

    A template that was approved elsewhere takes no more words than its parameters: the first of them carries the mark.
    """
    told = with_first_line(message, f"A test of the rule '{rule}'. No customer got it.")
    first, *others = message.parameters or ("",)
    return replace(
        told,
        key=uuid4().hex,
        subject=SIGN + message.subject if message.subject is not None else None,
        parameters=(SIGN + first, *others) if message.parameters else (),
    )


def is_marked(message: Message) -> bool:
    """Whether its readers can tell that it is a test."""
    return message.template is None or bool(message.parameters)
