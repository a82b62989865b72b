"""How a command ends: its exit code, and what is said when it cannot go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from connector.discreet import visible
from rules.document import Problem


class Exit(IntEnum):
    """What the exit code says."""

    WELL = 0
    FAILED = 1
    """Something failed; the rest was done."""
    MISTAKE = 2
    """The configuration or the command is wrong; nothing was done."""
    LOCKED = 3
    """Another run holds the lock."""
    AWAITS = 4
    """Something awaits a person."""


_PRECEDENCE = (Exit.MISTAKE, Exit.LOCKED, Exit.FAILED, Exit.AWAITS)


def worst(codes: Iterable[Exit]) -> Exit:
    """The code that says most, of several that are true."""
    found = set(codes)
    return next((code for code in _PRECEDENCE if code in found), Exit.WELL)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something to be told: a mistake at a place in a file, or a plain sentence."""

    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = "" if self.file is None else f"{self.file}:{self.line}:{self.column}: "
        return visible(place + self.message)

    def as_json(self) -> dict[str, object]:
        return {"file": self.file, "line": self.line, "column": self.column, "message": self.message}


def trouble(problem: Problem) -> Trouble:
    """A mistake in a file, to be told."""
    return Trouble(problem.message, problem.file, problem.line, problem.column)


class Stop(Exception):
    """The command ends here, with this code; each problem is told on a line of its own."""

    def __init__(self, code: Exit, *problems: Trouble | str) -> None:
        super().__init__(*map(str, problems))
        self.code = code
        self.problems = tuple(each if isinstance(each, Trouble) else Trouble(each) for each in problems)
