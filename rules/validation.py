"""From a document to a pydantic model; what does not fit becomes problems in plain words, at its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rules.document import Document, Path, Problem

Model = TypeVar("Model", bound=BaseModel)


def validate(document: Document, model: type[Model], problems: list[Problem]) -> Model | None:
    """The document as a `model`, or None. Its problems, of the YAML too, are appended to `problems`."""
    problems.extend(document.problems)
    if not document.readable:
        return None
    return validate_part(document, (), {} if document.data is None else document.data, model, problems)


def validate_part(
    document: Document, path: Path, data: object, model: type[Model], problems: list[Problem]
) -> Model | None:
    """`data`, which stands at `path` of the document, as a `model`, or None with `problems` appended."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems.extend(_problems(document, path, model, error.errors(include_url=False)))
        return None


def known_version(value: object, newest: int) -> object:
    """The version of a file's format, if it is the one of today: there are no older ones yet. Raises ValueError."""
    if isinstance(value, int) and value > newest:
        told = f"this file is of version {value}, and this Aftersale knows no newer one than {newest}"
        raise ValueError(f"{told}: upgrade Aftersale")
    if value != newest or isinstance(value, bool):
        raise ValueError(f"write 'version: {newest}'; there is no other version of this file")
    return value


def did_you_mean(word: str, known: Collection[str]) -> str:
    """`; did you mean 'send'?`, or nothing where nothing is close."""
    plain = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), plain, n=1)
    return f"; did you mean '{plain[close[0]]}'?" if close else ""


def _problems(
    document: Document, path: Path, model: type[BaseModel], errors: Iterable[ErrorDetails]
) -> Iterator[Problem]:
    """One problem for each value, though pydantic reports every branch of a union."""
    expected: dict[Path, list[str]] = {}
    for error in errors:
        kind, inner = error["type"], error["loc"]
        if kind == "extra_forbidden":
            name = str(inner[-1])
            known = [field for owner in _models_at(model, inner[:-1]) for field in _names(owner)]
            yield document.problem(
                _standing(document, path, inner),
                f"there is no key '{name}'{did_you_mean(name, known)}",
                key=True,
            )
        elif kind == "missing":
            yield document.problem(_standing(document, path, inner[:-1]), f"'{inner[-1]}' is missing")
        elif kind == "string_pattern_mismatch" and (meant := _description(model, inner)):
            message = f"this is not what belongs here: {meant[0].lower()}{meant[1:]}"
            yield document.problem(_standing(document, path, inner), message)
        elif kind in ("union_tag_not_found", "union_tag_invalid"):
            yield _wrong_tag(document, _standing(document, path, inner), error)
        elif wanted := _expected(error):
            expected.setdefault(_standing(document, path, inner), []).append(wanted)
        else:
            yield document.problem(_standing(document, path, inner), _words(error))
    for place, branches in expected.items():
        yield document.problem(place, _not_as_expected(_value_at(document, place), branches))


def _standing(document: Document, path: Path, inner: Sequence[str | int]) -> Path:
    """The part of an error's location that the document has: pydantic adds the names of union branches."""
    return document.known_part((*path, *inner))


def _description(model: type[BaseModel], inner: Sequence[str | int]) -> str | None:
    """What the field at an error's location holds, in its model's words."""
    fields = [
        field
        for owner in _models_at(model, inner[:-1])
        for name, field in owner.model_fields.items()
        if inner[-1] in (name, field.alias)
    ]
    return next((field.description for field in fields), None)


def _value_at(document: Document, path: Path) -> object:
    value: Any = document.data
    for step in path:
        value = value[step]
    return value


def _wrong_tag(document: Document, path: Path, error: ErrorDetails) -> Problem:
    context = error["ctx"]
    key = context["discriminator"].strip("'")
    if error["type"] == "union_tag_not_found":
        return document.problem(path, f"'{key}' is missing")
    known = re.findall(r"'([^']*)'", context["expected_tags"])
    hint = did_you_mean(context["tag"], known) or f"; there are {', '.join(known)}"
    return document.problem((*path, key), f"there is no {key} '{context['tag']}'{hint}")


# --- plain words ------------------------------------------------------------------------------------

_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "none_required": "nothing",
}
_BOUNDS = {
    "greater_than": ("gt", "must be more than {}"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "string_too_short": ("min_length", "must be at least {} characters long"),
    "string_too_long": ("max_length", "must be at most {} characters long"),
    "too_short": ("min_length", "has too few entries; at least {}"),
    "too_long": ("max_length", "has too many entries; at most {}"),
}


def _expected(error: ErrorDetails) -> str | None:
    if error["type"] in ("literal_error", "enum"):
        return str(error["ctx"]["expected"])
    return _EXPECTED.get(error["type"])


def _words(error: ErrorDetails) -> str:
    """Our own errors keep their words; pydantic's others are at least told without its name for them."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return words.format(context[name])
    return error["msg"][0].lower() + error["msg"][1:]


def _not_as_expected(value: object, expected: Sequence[str]) -> str:
    """No value is quoted unless it is a near miss of a known word: it may be a secret in the wrong place."""
    wanted = ", or ".join(dict.fromkeys(expected))
    known = re.findall(r"'([^']*)'", wanted)
    hint = did_you_mean(value, known) if isinstance(value, str) else ""
    if hint:
        return f"'{value}' is not among {wanted}{hint}"
    return f"expected {wanted}, got {_kind_of(value)}"


def _kind_of(value: object) -> str:
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    for kind, name in ((int, "a number"), (str, "text"), (list, "a list")):
        if isinstance(value, kind):
            return name
    return "keys with values"


# --- which keys a model would take --------------------------------------------------------------------


def _names(model: type[BaseModel]) -> Iterator[str]:
    return (field.alias or name for name, field in model.model_fields.items())


def _models_at(model: type[BaseModel], location: Sequence[str | int]) -> list[type[BaseModel]]:
    """The models that may stand at an error's location, by the annotations on the way there."""
    types: list[object] = [model]
    for step in location:
        types = [leaf for kind in types for leaf in _inside(kind, step)] or _branch(types, step)
    return [kind for kind in types if _is_model(kind)]  # type: ignore[misc]


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _inside(kind: object, step: str | int) -> Iterator[object]:
    """What a field, an entry or a key of this type may be."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if step in (name, field.alias):
                yield from _leaves(field.annotation)
        return
    origin, arguments = get_origin(kind), get_args(kind)
    if not isinstance(origin, type) or not arguments:
        return
    if issubclass(origin, Mapping):
        yield from _leaves(arguments[1])
    elif issubclass(origin, Collection) and isinstance(step, int):
        yield from _leaves(arguments[0])


def _leaves(annotation: object) -> Iterator[object]:
    """The types of an annotation, unions and Annotated taken apart."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _leaves(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for part in get_args(annotation):
            yield from _leaves(part)
    else:
        yield annotation


def _branch(types: list[object], step: str | int) -> list[object]:
    """A step that leads nowhere names a branch of a union: a tag, or a model's name."""
    named = [kind for kind in types if _is_model(kind) and _goes_by(kind, step)]  # type: ignore[arg-type]
    return named or types


def _goes_by(model: type[BaseModel], step: str | int) -> bool:
    tags = (
        get_args(field.annotation) for field in model.model_fields.values() if get_origin(field.annotation) is Literal
    )
    return model.__name__ == step or any(step in tag for tag in tags)
