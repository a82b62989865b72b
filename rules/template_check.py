"""Mistakes in a template, found before anything is sent.

The template's tree is walked with the types of the model: every name, every part of it, every filter. What a filter
makes of a value is not always known; there the walk trusts the author, and the rendering reports.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from types import GenericAlias, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from msgspec import Struct

from adapters.model import Customer, LineItem, Money, Order, Refund, Return, Shipment
from rules.document import Problem, dotted
from rules.letter import read_letter
from rules.locales import unknown_locale, whole_number_plurals
from rules.template_language import LANGUAGE, LONGEST_SOURCE, PLURALS, PROVIDED, ROOTS
from rules.validation import did_you_mean

DEEPEST_LOOP = 2


class Flaw(NamedTuple):
    """A mistake in a text; line and column count from 1."""

    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class _Loop:
    """What `loop` is inside a for."""

    index: int
    index0: int
    revindex: int
    revindex0: int
    first: bool
    last: bool
    length: int
    depth: int


Scope = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Walk:
    """A template on its way through the check."""

    lines: Sequence[str]
    locale: str | None = None
    flaws: list[Flaw] = field(default_factory=list)
    parts: set[tuple[Any, str]] = field(default_factory=set)
    """The parts of records that it names, each with its record's type; Any where that is not known."""

    def flaw(self, node: nodes.Node, message: str, word: str = "") -> None:
        """Note a mistake at `word`, as far as it is found on the node's line: Jinja2 knows no columns."""
        line = node.lineno or next((part.lineno for part in node.iter_child_nodes() if part.lineno), 1)
        column = self.first_tag(line)
        for wanted in filter(None, (word, word.rpartition(".")[2])):
            spelling = r"\s*\.\s*".join(map(re.escape, wanted.split(".")))
            if found := re.compile(rf"(?<!\w){spelling}(?!\w)").search(self._line(line), column - 1):
                column = found.start() + 1
                break
        self.flaws.append(Flaw(line, column, message))

    def first_tag(self, line: int) -> int:
        """The column where the line's first tag begins; 1 where there is none."""
        found = re.search(r"\{[{%]", self._line(line))
        return found.start() + 1 if found else 1

    def _line(self, line: int) -> str:
        return self.lines[line - 1] if 0 < line <= len(self.lines) else ""


def check_text(
    source: str,
    provided: Collection[str] = (),
    locale: str | None = None,
    inputs: type[Struct] | None = None,
) -> list[Flaw]:
    """The mistakes of a text. `provided` are the names that earlier actions provide, such as `coupon`; `locale` is the
    language that it is written in, where that is known; `inputs` what `input` is, where that is.
    """
    if len(source) > LONGEST_SOURCE:
        return [Flaw(1, 1, f"the template is over {LONGEST_SOURCE:,} characters long; shorten it")]
    walk = _Walk(source.split("\n"), locale)
    known = {name: kind for name, kind in ROOTS.items() if name not in PROVIDED or name in provided}
    if inputs is not None:
        known["input"] = inputs
    try:
        tree = LANGUAGE.parse(source)
        _body(tree.body, known, walk)
        if not walk.flaws:
            LANGUAGE.compile(source)
    except TemplateSyntaxError as error:
        walk.flaws.append(Flaw(error.lineno, walk.first_tag(error.lineno), _readable(error)))
    except TemplateError:  # what is the same for every order is worked out already, and may come to nothing
        walk.flaws.append(Flaw(1, 1, "there is something here that cannot be worked out for any order"))
    except (RecursionError, SyntaxError):
        walk.flaws.append(Flaw(1, 1, "the template is nested too deep; write it more simply"))
    except ValueError:  # Python reads no number of over 4,300 digits
        walk.flaws.append(Flaw(1, 1, "there is a number here that is too long"))
    return sorted(set(walk.flaws))


def parts_of(source: str) -> frozenset[str]:
    """What a right text names of the records that there are, as rules call it (`item.url`).

    Where it is not known of which record something is, it may be of any.
    """
    walk = _Walk(source.split("\n"))
    known = {**ROOTS, "input": dict[str, Any]}  # of these nothing is asked of anybody
    _body(LANGUAGE.parse(source).body, known, walk)
    return frozenset(
        f"{noun}.{name}" for kind, name in walk.parts for record, noun in _RECORDS.items() if kind in (record, Any)
    )


_RECORDS = {
    Order: "order",
    Customer: "customer",
    LineItem: "item",
    Shipment: "shipment",
    Refund: "refund",
    Return: "return",
}


def check_message(
    source: str, file: str, provided: Collection[str] = (), inputs: type[Struct] | None = None
) -> list[Problem]:
    """The mistakes of a Markdown template with its front matter. `provided` and `inputs` are as in `check_text`.

    `file` is the name that its problems carry; it ends in the language: `templates/shipped/he.md`.
    """
    letter = read_letter(source, file)
    problems = list(letter.problems)
    locale: str | None = file.rpartition("/")[2].removesuffix(".md")
    if sentence := unknown_locale(str(locale)):
        problems.append(Problem(file, 1, 1, sentence))
        locale = None
    for where, text in letter.front.texts():
        for flaw in check_text(text, provided, locale, inputs):
            mark = letter.document.mark_inside(where, flaw.line, flaw.column)
            problems.append(Problem(file, *mark, f"{dotted(where)}: {flaw.message}"))
    problems.extend(Problem(file, *flaw) for flaw in check_text(letter.body, provided, locale, inputs))
    if not letter.body.strip() and not problems:
        problems.append(Problem(file, 1, 1, "the message is empty; write it below the front matter"))
    return problems


def goes_by_whatsapp(texts: Mapping[str, str]) -> bool:
    """Whether a template, its files' texts by locale, names an approved WhatsApp template in any language."""
    return any(read_letter(text, f"{locale}.md").front.whatsapp is not None for locale, text in texts.items())


def _readable(error: TemplateSyntaxError) -> str:
    """Jinja2's own words, with what is most often behind them."""
    message = (error.message or "").rstrip(".")
    if "unexpected '}'" in message or "end of print statement" in message:
        return f"this is not closed well: {message}; a value is written {{{{ like.this }}}}"
    return f"the template cannot be read: {message}"


# --- statements -----------------------------------------------------------------------------------------


_TAGS: Mapping[type[nodes.Node], str] = {
    nodes.Scope: "autoescape",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "filter",
}


def _body(body: Sequence[nodes.Node], scope: Scope, walk: _Walk, depth: int = 0) -> None:
    """Walk statements in order; what they set is put into `scope`."""
    for node in body:
        match node:
            case nodes.Output():
                for part in node.nodes:
                    if not isinstance(part, nodes.TemplateData):
                        _written_out(part, scope, walk)
            case nodes.If():
                _branches(node, scope, walk, depth)
            case nodes.For():
                _loop(node, scope, walk, depth)
            case nodes.Assign(target=nodes.Name(name=name)):
                scope[name] = _type(node.node, scope, walk)
            case nodes.With():
                values = [_type(value, scope, walk) for value in node.values]
                names = [target.name for target in node.targets if isinstance(target, nodes.Name)]
                _body(node.body, {**scope, **dict(zip(names, values, strict=False))}, walk, depth)
            case _:
                kind = _TAGS.get(type(node), type(node).__name__.lower())
                walk.flaw(node, f"'{kind}' has no place here; there are if, for, set and with")


def _written_out(node: nodes.Expr, scope: Scope, walk: _Walk) -> None:
    kind = _type(node, scope, walk)
    name = _spelling(node)
    if _is_record(kind) and kind is not Money:
        some = ", ".join(f"{name}.{part}" for part in list(_parts(kind))[:3])
        walk.flaw(node, f"'{name}' is a whole record; write out a part of it, such as {some}", name)
    elif get_origin(kind) in (tuple, dict):
        walk.flaw(node, f"'{name}' has many values; go through them with for, or join them", name)


def _branches(node: nodes.If, scope: Scope, walk: _Walk, depth: int) -> None:
    """Only what every branch sets is known afterwards."""
    _type(node.test, scope, walk)
    ends = []
    for body in (node.body, node.else_):
        ends.append(dict(scope))
        _body(body, ends[-1], walk, depth)
    for branch in node.elif_:
        ends.append(dict(scope))
        _branches(branch, ends[-1], walk, depth)
        _body(branch.body, ends[-1], walk, depth)
    for name in ends[0]:
        if all(name in end for end in ends):
            scope.setdefault(name, ends[0][name])


def _loop(node: nodes.For, scope: Scope, walk: _Walk, depth: int) -> None:
    if depth == DEEPEST_LOOP:
        walk.flaw(node, f"loops can be nested {DEEPEST_LOOP} deep, no deeper")
        return
    if node.recursive:
        walk.flaw(node, "a loop cannot be recursive here")
    element = _element(node.iter, _type(node.iter, scope, walk), walk)
    inner = {**scope, **_targets(node.target, element), "loop": _Loop}
    if node.test is not None:
        _type(node.test, inner, walk)
    _body(node.body, inner, walk, depth + 1)
    _body(node.else_, dict(scope), walk, depth)


def _targets(target: nodes.Node, element: Any) -> Scope:
    if isinstance(target, nodes.Name):
        return {target.name: element}
    names = [item.name for item in getattr(target, "items", ()) if isinstance(item, nodes.Name)]
    kinds = get_args(element) if get_origin(element) is tuple and Ellipsis not in get_args(element) else ()
    return dict(zip(names, [*kinds, *[Any] * len(names)], strict=False))


def _element(node: nodes.Node, kind: Any, walk: _Walk) -> Any:
    """What a loop over a value of this type goes through."""
    if get_origin(kind) is tuple:
        return get_args(kind)[0]
    if kind is not Any:
        name = _spelling(node)
        walk.flaw(node, f"'{name}' is one value, so there is nothing to go through with for", name)
    return Any


# --- expressions ----------------------------------------------------------------------------------------


def _type(node: nodes.Node, scope: Scope, walk: _Walk) -> Any:
    """The type of an expression, Any where it is not known; its mistakes are noted."""
    match node:
        case nodes.Name():
            return _named(node, scope, walk)
        case nodes.Const():
            return _constant(node, walk)
        case nodes.Getattr():
            return _part(node, _type(node.node, scope, walk), node.attr, walk)
        case nodes.Getitem():
            return _item(node, scope, walk)
        case nodes.Filter():
            return _filtered(node, scope, walk)
        case nodes.Call():
            walk.flaw(node, f"nothing can be called here; instead of '{_spelling(node.node)}()' use a filter")
            return Any
        case nodes.CondExpr():
            return _either(node, scope, walk)
        case nodes.Compare():
            return _compared(node, scope, walk)
    if isinstance(node, nodes.Test) and node.name not in LANGUAGE.tests:
        hint = did_you_mean(node.name, LANGUAGE.tests)
        walk.flaw(node, f"there is no test '{node.name}'{hint}", node.name)
    if isinstance(node, nodes.BinExpr) and not isinstance(node, nodes.And | nodes.Or):
        _calculated(node, scope, walk)
    for child in node.iter_child_nodes():  # operators, lists and the like: what is in them
        _type(child, scope, walk)
    return str if isinstance(node, nodes.Concat) else Any


def _constant(node: nodes.Const, walk: _Walk) -> Any:
    if isinstance(node.value, float) and math.isinf(node.value):
        walk.flaw(node, "this number is too large")
    return Any if node.value is None else type(node.value)


def _named(node: nodes.Name, scope: Scope, walk: _Walk) -> Any:
    if node.name in scope:
        return scope[node.name]
    if node.name in PROVIDED:
        message = f"'{node.name}' is not known here: {PROVIDED[node.name]}"
    else:
        hint = did_you_mean(node.name, scope) or f"; there are {', '.join(scope)}"
        message = f"there is no '{node.name}' here{hint}"
    walk.flaw(node, message, node.name)
    return Any


def _part(node: nodes.Getattr | nodes.Getitem, kind: Any, name: str, walk: _Walk) -> Any:
    """The type of `kind.name`."""
    walk.parts.add((kind, name))
    if kind is Any:
        return Any
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    owner = _spelling(node.node)
    whole = name if "[" in owner or isinstance(node, nodes.Getitem) else f"{owner}.{name}"
    parts = _parts(kind)
    if name in parts:
        return parts[name]
    if _is_record(kind):
        hint = did_you_mean(name, parts) or (f"; there are {', '.join(parts)}" if 0 < len(parts) <= 10 else "")
        walk.flaw(node, f"there is no '{name}' in '{owner}'{hint}", whole)
    elif get_origin(kind) is tuple:
        walk.flaw(node, f"'{owner}' has many values; go through them with for", whole)
    else:
        walk.flaw(node, f"'{owner}' is {_noun(kind)} and has no '{name}'; perhaps a filter does it", whole)
    return Any


def _item(node: nodes.Getitem, scope: Scope, walk: _Walk) -> Any:
    kind = _type(node.node, scope, walk)
    _type(node.arg, scope, walk)
    if get_origin(kind) is tuple:
        return kind if isinstance(node.arg, nodes.Slice) else get_args(kind)[0]
    if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        return _part(node, kind, node.arg.value, walk)
    return get_args(kind)[1] if get_origin(kind) is dict else Any


_TAKES = {"money": Money, "date": datetime}
_TEXTS = ("money", "date", "plural", "capitalize", "lower", "upper", "title", "trim", "truncate", "join", "string")
_NUMBERS = ("count", "length", "int")
_ONE_OF = ("first", "last", "min", "max")
_SAME = ("sort", "reverse", "unique", "select", "reject", "selectattr", "rejectattr", "list")


def _filtered(node: nodes.Filter, scope: Scope, walk: _Walk) -> Any:
    """The type that a filter makes of a value; which parts it looks at by name is checked, too."""
    kind = _type(node.node, scope, walk) if node.node is not None else Any
    for argument in (*node.args, *(keyword.value for keyword in node.kwargs)):
        _type(argument, scope, walk)
    if node.name not in LANGUAGE.filters:
        hint = did_you_mean(node.name, LANGUAGE.filters) or f"; there are {', '.join(sorted(LANGUAGE.filters))}"
        walk.flaw(node, f"there is no filter '{node.name}'{hint}", node.name)
        return Any
    wanted = _TAKES.get(node.name, kind)
    if kind not in (Any, wanted):
        name = _spelling(node.node) if node.node is not None else "this"
        example = "order.total" if wanted is Money else "order.created_at"
        walk.flaw(node, f"'{node.name}' needs {_noun(wanted)} such as {example}, not '{name}'", node.name)
    if node.name == "plural":
        _plural(node, kind, walk)
    part = _part_of_each(node, kind, walk)
    if node.name in _TEXTS:
        return str
    if node.name in _NUMBERS:
        return int
    if get_origin(kind) is tuple and node.name in (*_ONE_OF, *_SAME, "map"):
        of_one = part if node.name == "map" else get_args(kind)[0]
        return of_one if node.name in _ONE_OF else GenericAlias(tuple, (of_one, ...))
    return Any


def _plural(node: nodes.Filter, kind: Any, walk: _Walk) -> None:
    """Its forms go by CLDR's names; in a known language, none may be missing that `other` is not right for."""
    if kind not in (Any, int, Decimal, float):
        walk.flaw(node, f"'plural' needs a number such as items | length, not '{_spelling(node.node)}'", "plural")
    forms = {str(keyword.key) for keyword in node.kwargs}
    for form in sorted(forms - {*PLURALS}):
        hint = did_you_mean(form, PLURALS) or f"; there are {', '.join(PLURALS)}"
        walk.flaw(node, f"'plural' has no '{form}'{hint}", form)
    if node.args:
        walk.flaw(node, "write the forms by their names: plural(one='# parcel', other='# parcels')", "plural")
    wanted = {"other"} if walk.locale is None else whole_number_plurals(walk.locale)
    may_be_left_out = {"zero", "two"} if "other" in forms else set()
    if missing := [form for form in PLURALS if form in wanted - forms - may_be_left_out]:
        language = f" in '{walk.locale}'" if walk.locale else ""
        walk.flaw(node, f"'plural' needs {' and '.join(f'{form}=' for form in missing)} too{language}", "plural")


def _part_of_each(node: nodes.Filter, kind: Any, walk: _Walk) -> Any:
    """The type of the part that `map(attribute='name')` or `selectattr('name')` look at in each value."""
    named = [keyword.value for keyword in node.kwargs if keyword.key == "attribute"]
    if node.name in ("selectattr", "rejectattr"):
        named.extend(node.args[:1])
    if get_origin(kind) is not tuple or not named or not isinstance(named[0], nodes.Const):
        return Any
    part = get_args(kind)[0]
    for name in str(named[0].value).split("."):
        part = _part(nodes.Getattr(node.node, name, "load", lineno=node.lineno), part, name, walk)
    return part


def _either(node: nodes.CondExpr, scope: Scope, walk: _Walk) -> Any:
    _type(node.test, scope, walk)
    one = _type(node.expr1, scope, walk)
    if node.expr2 is None:
        walk.flaw(node, "say what to write otherwise: 'a if b else c'")
        return one
    return one if _type(node.expr2, scope, walk) == one else Any


def _calculated(node: nodes.BinExpr, scope: Scope, walk: _Walk) -> None:
    if isinstance(node, nodes.Pow):
        walk.flaw(node, "there are no powers ('**') here")
    for side in (node.left, node.right):
        if _type(side, scope, walk) is Money:
            name = _spelling(side)
            walk.flaw(node, f"calculate with its number: '{name}.amount'", name)


def _compared(node: nodes.Compare, scope: Scope, walk: _Walk) -> Any:
    sides = [node.expr, *(operand.expr for operand in node.ops)]
    for side, kind in [(side, _type(side, scope, walk)) for side in sides]:
        if kind is Money:
            name = _spelling(side)
            walk.flaw(node, f"compare its number: '{name}.amount'", name)
    return bool


# --- types, and how they are told --------------------------------------------------------------------------


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and (issubclass(kind, Struct) or kind is _Loop)


@cache
def _parts(kind: Any) -> Mapping[str, Any]:
    """The parts of a record: its fields and properties, with their types."""
    if not _is_record(kind):
        return {}
    computed = {name: value.fget for name, value in vars(kind).items() if isinstance(value, property)}
    fields = {name: _without_none(hint) for name, hint in get_type_hints(kind).items()}
    return fields | {name: get_type_hints(get).get("return", Any) for name, get in computed.items()}


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (UnionType, Union):
        return next(part for part in get_args(hint) if part is not type(None))
    return hint


_NOUNS = {str: "a text", int: "a number", Decimal: "a number", bool: "true or false", datetime: "a time"}


def _noun(kind: Any) -> str:
    return "an amount" if kind is Money else _NOUNS.get(kind, "a value")


def _spelling(node: nodes.Node | None) -> str:
    """How an expression is written, as far as it is made of names."""
    match node:
        case nodes.Name():
            return node.name
        case nodes.Getattr():
            return f"{_spelling(node.node)}.{node.attr}"
        case nodes.Getitem():
            return f"{_spelling(node.node)}[]"
        case nodes.Filter():
            return _spelling(node.node)
    return "this"
