"""Formulas: what is asked of a scene, put together as Python text and compiled once, to run like code written by hand.

Nothing that people wrote stands in the text. Values are handed over beside it, and named as it is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from textwrap import indent
from typing import Any, NamedTuple


class Formula(NamedTuple):
    """An expression over `s`, a scene, and `o`, its order; each `{}` stands for one of `given`, in their order.

    `cost` tells what to ask first: 0 of what is at hand, 1 of times, 2 of what has to be searched.
    """

    text: str
    given: tuple[object, ...] = ()
    cost: int = 0


def all_of(formulas: Iterable[Formula]) -> Formula:
    """Whether all of these hold: always, if there are none."""
    return _joined(" and ", formulas) or Formula("True")


def any_of(formulas: Iterable[Formula]) -> Formula:
    """Whether any of these holds: never, if there are none."""
    return _joined(" or ", formulas) or Formula("False")


def negated(formula: Formula) -> Formula:
    """Whether this does not hold."""
    return formula._replace(text=f"not ({formula.text})")


def _joined(word: str, formulas: Iterable[Formula]) -> Formula | None:
    """The cheap first: what is asked changes nothing, so its order does not matter."""
    parts = sorted(formulas, key=lambda each: each.cost)
    if len(parts) < 2:
        return parts[0] if parts else None
    text = word.join(f"({each.text})" for each in parts)
    return Formula(text, tuple(value for each in parts for value in each.given), parts[-1].cost)


def some(value: Formula, loops: Iterable[str], test: Formula) -> Formula:
    """Whether `test` (of `v`) holds for any value within these loops, such as `each in s.items`, that is not None."""
    lines = f"v = {value.text}\nif v is not None and {test.text}:\n    return True"
    for loop in reversed(tuple(loops)):
        lines = f"for {loop}:\n{indent(lines, '    ')}"
    return Formula("{}(s)", (_function(f"{lines}\nreturn False", value.given + test.given),), cost=2)


def every(value: Formula, loops: Iterable[str]) -> Callable[[Any], list[Any]]:
    """A function of a scene: all values within these loops; without loops, the one."""
    return compiled(value._replace(text=f"[{value.text} {' '.join(f'for {loop}' for loop in loops)}]"))


@lru_cache(4096)
def compiled(formula: Formula) -> Callable[[Any], Any]:
    """A function of a scene."""
    return _function(f"return {formula.text}", formula.given)


def _function(body: str, given: Iterable[object]) -> Callable[[Any], Any]:
    named = {f"given_{number}": value for number, value in enumerate(given)}
    text = f"def function(s):\n    o = s.order\n{indent(body.format(*named), '    ')}"
    exec(text, named)  # noqa: S102  the text is ours alone
    function: Callable[[Any], Any] = named["function"]  # type: ignore[assignment]
    return function
