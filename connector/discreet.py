"""What may be told in a log: never what an error says of a value, nor a character that a terminal obeys.

Exceptions of libraries, of other people's adapters and of our own mistakes quote what they stumbled over, and that may
be a customer's name or a key. So of these we tell where they came from and of what kind they are.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator

from structlog.types import EventDict, WrappedLogger


def told(error: BaseException) -> str:
    """Where an error came from and of what kind it is, with all that led to it; without its words."""
    parts = []
    for each in reversed(list(_chain(error))):
        kind = f"{type(each).__module__}.{type(each).__qualname__}".removeprefix("builtins.")
        parts.append("".join(traceback.format_tb(each.__traceback__)) + kind)
    return "\n".join(parts)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    next_: BaseException | None = error
    while next_ is not None and id(next_) not in seen:
        seen.add(id(next_))
        yield next_
        next_ = next_.__cause__ or (None if next_.__suppress_context__ else next_.__context__)


def visible(text: str) -> str:
    """The text on one line, control characters and those that turn its direction written as escapes."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in text)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape", "backslashreplace").decode("ascii")


# For structlog ------------------------------------------------------------------------------------------------


def errors_told(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Puts what may be told of an exception in its place."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = told(error)
    return event


def made_visible(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """No value, and no name of one, may begin a line of its own or move the cursor; a traceback is ours."""
    shown = {visible(name): visible(value) if isinstance(value, str) else value for name, value in event.items()}
    if "exception" in event:
        shown["exception"] = "\n".join(map(visible, event["exception"].split("\n")))
    return shown


# For the libraries' own loggers -------------------------------------------------------------------------------


def spare(record: logging.LogRecord) -> bool:
    """A filter that leaves a library's record the words of its code, without what it put into them: URLs are signed."""
    record.msg = str(record.msg) if record.args else "what it said is left out: it may repeat a customer's data"
    record.args = None
    return True
