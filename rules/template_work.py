"""How much work a template may be: every loop, filter, sum and list in it is paid for from one budget.

A template is short, but can double a text or multiply a number in each of its lines. So nothing in it is done before
its size is known. Values are never nested: what has a size has it all at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, Protocol, cast

from jinja2 import TemplateRuntimeError, nodes, pass_context
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer

MOST_WORK = 1_000_000
"""Characters looked at, entries gone through, and parts of a loop's body run: about a second at most."""
LARGEST_NUMBER = 1 << 256


class Purse(Protocol):
    """Where what was spent is kept, as `_data` among a rendering's values."""

    work: int


def spend(context: Context, work: int) -> None:
    """Pay for work about to be done. Raises TemplateRuntimeError where it would be too much."""
    purse: Purse = context["_data"]
    purse.work += work
    if purse.work > MOST_WORK:
        raise TemplateRuntimeError("this is too much work for a message; write it more simply")


def size(value: object) -> int:
    """How much there is to look at in a value. Raises TemplateRuntimeError for a number beyond all use."""
    if isinstance(value, str):
        return len(value) + 1
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise TemplateRuntimeError("a number here is too large")
    if isinstance(value, dict):
        return 1 + sum(map(size, value.values()))
    return 1 + sum(map(size, value)) if isinstance(value, list | tuple) else 1


def metered(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, paid for by what it is given and by what it makes; a list where it would make a generator."""
    wanted = getattr(filter_, "jinja_pass_arg", None)

    @pass_context
    @wraps(filter_)
    def paid(context: Context, value: object, *args: object, **kwargs: object) -> object:
        spend(context, size(value) * sum(map(size, (*args, *kwargs.values())), start=1))
        known = {"context": context, "eval_context": context.eval_ctx, "environment": context.environment}
        first = [known[wanted.name]] if wanted is not None else []
        made = filter_(*first, value, *args, **kwargs)
        made = list(made) if isinstance(made, Iterator) else made
        spend(context, size(made))
        return made

    return paid


# What takes the place of Jinja2's own ways ------------------------------------------------------------------


@pass_context
def entries(context: Context, iterable: Iterable[object], weight: int) -> list[object]:
    """What a loop goes through, its body having so many parts."""
    found = list(iterable)
    spend(context, len(found) * weight)
    return found


@pass_context
def flat(context: Context, made: Any) -> Any:
    """A list or mapping that a template writes down, if it holds none in turn."""
    for each in made.values() if isinstance(made, dict) else made:
        if isinstance(each, list | tuple | dict):
            raise TemplateRuntimeError("a list within a list has no place here")
    spend(context, size(made))
    return made


@pass_context
def joined(context: Context, *parts: object) -> str:
    """`a ~ b`."""
    flat(context, parts)
    return "".join(map(str, parts))


OURS = (entries, flat, joined)


class Rewriting(NodeTransformer):
    """Puts them into a template's tree."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802  the base class's way
        weight = sum(1 for part in node.body for _ in part.find_all(nodes.Node)) + len(node.body)
        self.generic_visit(node)
        node.iter = _call("entries", cast("nodes.Expr", node.iter), nodes.Const(weight))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Call:  # noqa: N802
        self.generic_visit(node)
        return _call("joined", *node.nodes)

    def visit_List(self, node: nodes.List) -> nodes.Call:  # noqa: N802
        self.generic_visit(node)
        return _call("flat", node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Call:  # noqa: N802
        self.generic_visit(node)
        return _call("flat", node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _call("flat", node) if node.ctx == "load" else node


def _call(name: str, *arguments: nodes.Expr) -> nodes.Call:
    line = arguments[0].lineno if arguments else 1
    return nodes.Call(nodes.EnvironmentAttribute(name), list(arguments), [], None, None, lineno=line)
