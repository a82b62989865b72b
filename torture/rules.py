"""The rules that most chapters are told with, and what each of them leaves behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from textwrap import dedent, indent
from typing import NamedTuple


class Rule(NamedTuple):
    """A rule as it stands in a file, and what each order has received of it in the end.

    Its messages name it: so a person who is asked can tell whether one went out.
    """

    text: str
    leaves: Mapping[str, int]


RULES = (
    Rule(
        """
        - id: thanks
          trigger: order.placed
          steps:
            - actions:
                - create_coupon: { percent: 10 }
                - send: "{{ coupon.code }} is yours, with thanks"
                - add_note: Thanked
            - wait: 30 minutes
              actions:
                - add_note: Half an hour later
                - add_tag: thanked
        """,
        {"mail: CODE is yours, with thanks": 1, "note: Thanked": 1, "note: Half an hour later": 1, "tag: thanked": 1},
    ),
    # It says the same as another does, at nearly the same time.
    Rule(
        """
        - id: watch
          trigger: order.placed
          wait: 20 minutes
          actions:
            - add_note: Thanked
        """,
        {"note: Thanked": 1},
    ),
    Rule(
        """
        - id: farewell
          trigger: order.completed
          actions:
            - add_note: Completed
        """,
        {"note: Completed": 1},
    ),
)
"""A new one joins by standing here. Each order is placed, paid, and in the end completed."""


def as_file(rules: Iterable[Rule]) -> str:
    """The rules as the text of a file."""
    return "version: 1\nrules:\n" + "".join(indent(dedent(rule.text).strip("\n") + "\n", "  ") for rule in rules)


def left_by(rules: Iterable[Rule]) -> Counter[str]:
    """What an order has received of all of them."""
    return sum((Counter(rule.leaves) for rule in rules), Counter())
