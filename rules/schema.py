"""A rule file as its author writes it: its keys, what each may hold, and the JSON Schema for editors.

Actions come in as an argument. An action's model derives from `ActionSpec` and marks its fields with `Text`,
`TemplateName`, `Channels` and `Span`; the loader finds the marks, so a new action is one file elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from enum import Enum
from fractions import Fraction
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)
from pydantic.json_schema import models_json_schema

from rules.conditions import OPERATORS
from rules.document import Path
from rules.events import NOTE, PARCEL_TRIGGERS, REVIEW, STATUS, TRIGGERS
from rules.fields import FIELDS, META
from rules.holdout import parse_share
from rules.rule import InFlight, OncePer
from rules.timing import LONGEST_DAYS, Duration, parse_clock, parse_duration
from rules.triggers import Conclusion, concluded_triggers
from rules.validation import did_you_mean, known_version
from rules.waits import check_date

# --- values -----------------------------------------------------------------------------------------


def as_duration(value: object) -> Duration:
    """A duration as written. Raises ValueError with what to write instead."""
    if isinstance(value, Duration):
        return value
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("write a duration, such as '4 hours'")  # noqa: TRY004 (pydantic takes ValueErrors)
    return parse_duration(str(value))


def _backfill(value: object) -> Duration | Literal[True] | None:
    if isinstance(value, bool):
        return True if value else None
    return as_duration(value)


def _clock(value: object) -> time:
    return value if isinstance(value, time) else parse_clock(str(value))


def _by_the_calendar(duration: Duration) -> Duration:
    if duration.unit.startswith("business"):
        raise ValueError(f"'{duration}' cannot be taken off: write days, or hours")
    return duration


SLUG = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
LONGEST_ID = 64


def _slug(text: str) -> str:
    """An id that can be typed, said and put in a URL."""
    if SLUG.fullmatch(text) and len(text) <= LONGEST_ID:
        return text
    better = re.sub(r"[^a-z0-9_.]+", "-", text.lower())[:LONGEST_ID].strip("-_.")
    hint = f"; '{better}' would do" if SLUG.fullmatch(better) else ", such as 'after-delivery'"
    raise ValueError(f"an id is at most {LONGEST_ID} small letters a-z, digits and dashes{hint}")


def _step_id(text: str) -> str:
    if text.isdigit():
        raise ValueError("a step's id needs a letter: a number is another step's position")
    return _slug(text)


_STATUS = re.compile(re.escape(STATUS) + r"[a-z0-9]+(?:[-_][a-z0-9]+)*")


ONE_EACH: Mapping[str, OncePer] = {REVIEW: "review", NOTE: "note"}
"""By trigger, what it is one of each time. No other trigger has it."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger as it is written: by its name alone, or by one that is `concluded` from what stands behind it. A note
    of the staff may have to contain a `keyword`.
    """

    text: str
    concluded: Conclusion | None = None
    keyword: str | None = None

    @property
    def once_per(self) -> OncePer:
        """What a rule acts once for unless it says: what happens to a parcel is that parcel's."""
        if self.concluded is not None:
            return self.concluded.kind.once_per
        return "shipment" if self.text in PARCEL_TRIGGERS else ONE_EACH.get(self.text, "order")

    @property
    def comes_round(self) -> bool:
        """Whether it may happen to the same order again and again."""
        return self.concluded is not None and self.concluded.kind.comes_round


def _trigger(value: object) -> Trigger:
    if isinstance(value, Trigger):
        return value
    if isinstance(value, str):
        name, argument = value, None
    elif isinstance(value, Mapping) and len(value) == 1:
        name, argument = next(iter(value.items()))
    else:
        raise ValueError("write one trigger, such as order.delivered or customer.nth_order: 3")
    if name == NOTE and argument is not None:
        return Trigger(NOTE, keyword=_keyword(argument))
    kind = concluded_triggers().get(str(name))
    if kind is None:
        if argument is not None:
            raise ValueError(_takes_nothing(str(name)))
        return Trigger(_plain_trigger(str(name)))
    try:
        concluded = Conclusion(kind, kind.read(argument))
    except ValueError as error:
        raise ValueError(f"'{kind.name}': {error}") from None
    return Trigger(str(concluded), concluded)


def _keyword(argument: object) -> str:
    if isinstance(argument, bool) or not isinstance(argument, str | int) or not str(argument).strip():
        raise ValueError(f"write a word that the note has to contain, such as '{NOTE}: call'")
    return str(argument).strip()


def _takes_nothing(name: str) -> str:
    if name in TRIGGERS:
        return f"'{name}' stands alone: write 'trigger: {name}'"
    return _no_such_trigger(name)


def _no_such_trigger(name: str) -> str:
    known = [*TRIGGERS, *concluded_triggers()]
    hint = did_you_mean(name, known) or f"; there are {', '.join(known)} and {STATUS}<any>"
    return f"there is no trigger '{name}'{hint}"


def _plain_trigger(text: str) -> str:
    """A known trigger, or any status, by the name that the platform has for it."""
    if text.startswith(f"{STATUS}wc-"):
        raise ValueError(f"leave out the 'wc-': write '{STATUS}{text.removeprefix(f'{STATUS}wc-')}'")
    if text in TRIGGERS or _STATUS.fullmatch(text):
        return text
    if text.startswith(STATUS.rstrip(":")):
        raise ValueError(f"write {STATUS} and the status in small letters, such as '{STATUS}ready-for-pickup'")
    raise ValueError(_no_such_trigger(text))


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Mark(Enum):
    """What a text in an action's model is to the loader."""

    TEXT = "text"
    TEMPLATE = "template"
    CHANNEL = "channel"


_DURATION_SCHEMA = {
    "type": "string",
    "pattern": "^ *[0-9.]+ *[A-Za-z][A-Za-z ]*$",
    "examples": ["90 minutes", "4 hours", "3 days", "2 business days"],
}

Span = Annotated[
    Duration,
    PlainValidator(as_duration),
    PlainSerializer(str, when_used="json"),
    WithJsonSchema(_DURATION_SCHEMA),
]
"""A duration, written as `4 hours`."""

Clock = Annotated[
    time,
    PlainValidator(_clock),
    WithJsonSchema({"type": "string", "pattern": "^ *[0-9]{1,2}:[0-9]{2} *$", "examples": ["10:00"]}),
]
"""A time of day, written as `10:00`."""

Text = Annotated[str, Field(min_length=1), Mark.TEXT]
"""A Jinja2 text that people will read."""

TemplateName = Annotated[str, Mark.TEMPLATE]
"""The name of a Markdown template."""

Channels = Annotated[
    tuple[Annotated[str, Mark.CHANNEL], ...],
    BeforeValidator(_as_list),
    Field(min_length=1),
    WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}, "minItems": 1}),
]
"""Channels in order of preference; a single one may stand without a list."""

Share = Annotated[
    Fraction,
    PlainValidator(lambda text: parse_share(str(text))),
    WithJsonSchema({"type": "string", "pattern": "^ *[0-9.]+ ?% *$", "examples": ["10%"]}),
]
"""A share of people, written as `10%`."""

Slug = Annotated[str, AfterValidator(_slug), Field(json_schema_extra={"pattern": f"^{SLUG.pattern}$"})]


# --- models -----------------------------------------------------------------------------------------


class Strict(BaseModel):
    """A mapping in a rule file: no unknown keys; `name: 2026` is the text 2026."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class ActionSpec(Strict):
    """What an action takes. `shorthand` is the field that a value without keys fills (`add_note: Hello`).

    `provides` are names that templates may use after this action, in its step and later ones (`coupon`).
    `to_customer` is true of what a customer gets to see, `to_staff` of what the staff is told.
    """

    shorthand: ClassVar[str | None] = None
    provides: ClassVar[frozenset[str]] = frozenset()
    to_customer: ClassVar[bool] = False
    to_staff: ClassVar[bool] = False


class PerUnitSpec(Strict):
    """Until the pieces of a line are used up."""

    per_unit: Span = Field(description="How long one piece lasts.")
    minus: Annotated[Span, AfterValidator(_by_the_calendar)] | None = Field(None, description="How long before that.")


class UntilSpec(Strict):
    """Until a time of day."""

    until: Clock = Field(description="The time that the store's clock shows.")


class DaysBeforeSpec(Strict):
    """Until some days before a date."""

    days_before: Annotated[str, AfterValidator(check_date)] = Field(description="A time of the order, or the parcel.")
    days: int = Field(ge=0, le=LONGEST_DAYS, description="How many days before it.")
    until: Clock | None = Field(None, description="At which time on that day; unless told, at the date's own.")


WAITS: Mapping[str, type[PerUnitSpec | UntilSpec | DaysBeforeSpec]] = {
    "per_unit": PerUnitSpec,
    "days_before": DaysBeforeSpec,
    "until": UntilSpec,
}
"""What `wait` may be but a duration, by the key that tells it from the others before it."""


class StepSpec(Strict):
    """One of several steps."""

    id: Annotated[str, AfterValidator(_step_id)] | None = Field(
        None,
        description="A name that stays when steps move. Without one, a step goes by its position.",
    )
    wait: Any = Field(None, description="How long after the step before; the first, after the trigger.")
    send_between: str | None = Field(
        None, description="When it may happen: 09:00-18:00, or a name such as business_hours."
    )
    actions: list[Any] = Field(min_length=1, description="What is done, in order.")


class RuleSpec(Strict):
    """One follow-up rule."""

    # Conditions, waits, steps and actions are checked by themselves: one mistake must not hide the next.

    id: Slug = Field(description="The rule's identity. What was done is remembered by it, so it should not change.")
    name: str | None = Field(None, description="What the rule is called where people see it.")
    trigger: Annotated[Any, PlainValidator(_trigger), WithJsonSchema({})] = Field(description="What sets the rule off.")
    platform: str | None = Field(None, description="The rule acts only in stores on this platform.")
    enabled: bool = Field(True, description="false switches it off. What happens meanwhile is not made up for.")
    once_per: OncePer | None = Field(
        None,
        description="What the rule acts once for: the order, unless its trigger is a shipment's, a review's, a note's "
        "or a customer's. occurrence: each time that a schedule comes round.",
    )
    wait: Any = Field(None, description="How long after the trigger.")
    send_between: str | None = Field(
        None, description="When it may happen: 09:00-18:00, or a name such as business_hours."
    )
    conditions: Any = Field(None, description="All of these must hold.")
    any_of: Any = Field(None, description="At least one of these must hold.")
    none_of: Any = Field(None, description="None of these may hold.")
    stop_if: Any = Field(None, description="Looked at again before every step; any of these ends the follow-up.")
    hold_while: Any = Field(None, description="While any of these holds, the next step waits; then it goes on.")
    steps: list[Any] | None = Field(None, min_length=1, description="Several steps, one after the other.")
    actions: list[Any] | None = Field(None, min_length=1, description="What is done, in order, in a single step.")
    cooldown: Span | None = Field(None, description="How long the rule leaves the same customer alone afterwards.")
    expires_after: Span | None = Field(None, description="How late it may still happen (messages: 7 days).")
    backfill: Annotated[
        Duration | Literal[True] | None,
        PlainValidator(_backfill),
        WithJsonSchema({"anyOf": [{"type": "boolean"}, _DURATION_SCHEMA]}),
    ] = Field(None, description="Act on the past, too: all of it (true), or as far back as this.")
    max_per_run: int = Field(200, ge=1, description="More than this within an hour is held for a person to approve.")
    holdout: Share | None = Field(
        None, description="This share of the rule's people get nothing of it, so that it can be told what it is worth."
    )
    priority: int = Field(
        0, ge=-1000, le=1000, description="Of messages that are due at the same time, the higher goes first."
    )
    urgent: bool = Field(False, description="true: need not keep an hour's distance from other messages on the order.")
    in_flight: InFlight = Field(
        "follow", description="Whom an edit leaves alone. keep: those for whom the rule has begun go on as they began."
    )
    was: Slug | None = Field(None, description="The id that this rule had before it was renamed.")

    @property
    def subject(self) -> OncePer:
        """What the rule acts once for, also where it does not say."""
        trigger: Trigger = self.trigger
        return self.once_per or trigger.once_per


class RuleFile(Strict):
    """A file of follow-up rules."""

    version: Annotated[Literal[1], BeforeValidator(partial(known_version, newest=1))] = Field(
        description="The version of this format: 1."
    )
    rules: list[Any] = Field([], description="The rules, each with an id of its own, and the presets that are used.")
    overlays: list[Any] = Field([], description="What to replace in rules of this file or another.")


# --- marks ------------------------------------------------------------------------------------------


def marked(spec: BaseModel, mark: Mark) -> Iterator[tuple[Path, str]]:
    """The texts of an action that carry a mark and stand in its file, each with its path from the action."""
    for name, field in type(spec).model_fields.items():
        if name in spec.model_fields_set and (mark in field.metadata or _carries(field.annotation, mark)):
            yield from _texts(getattr(spec, name), (field.alias or name,))


def _carries(annotation: object, mark: Mark) -> bool:
    metadata = getattr(annotation, "__metadata__", ())
    return mark in metadata or any(_carries(part, mark) for part in get_args(annotation))


def _texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _texts(entry, (*path, key))
    elif isinstance(value, list | tuple):
        for position, entry in enumerate(value):
            yield from _texts(entry, (*path, position))


# --- JSON Schema --------------------------------------------------------------------------------------

_SCALAR = {"type": ["string", "number", "boolean"]}
_CONDITIONS = {"$ref": "#/$defs/conditions"}
_EITHER_FORM = {
    "oneOf": [
        {"required": ["actions"]},
        {"required": ["steps"], "not": {"anyOf": [{"required": ["wait"]}, {"required": ["send_between"]}]}},
    ]
}


def json_schema(actions: Mapping[str, type[ActionSpec]]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a rule file with these actions, for editors."""
    models: tuple[type[BaseModel], ...] = (
        RuleFile,
        RuleSpec,
        StepSpec,
        *WAITS.values(),
        *dict.fromkeys(actions.values()),
    )
    _, generated = models_json_schema([(model, "validation") for model in models], ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = generated["$defs"]
    file, rule, step = (definitions.pop(name) for name in ("RuleFile", "RuleSpec", "StepSpec"))
    definitions.pop("Duration", None)  # pydantic adds it, though a duration is written as text
    acting = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/action"}}
    _refer(rule, "actions", acting)
    _refer(step, "actions", acting)
    for owner in (rule, step):
        waits = [{"$ref": f"#/$defs/{model.__name__}"} for model in WAITS.values()]
        _refer(owner, "wait", {"anyOf": [_DURATION_SCHEMA, *waits]})
    _refer(rule, "steps", {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}})
    _refer(rule, "trigger", _trigger_schema())
    _refer(rule, "conditions", _CONDITIONS)
    for name in ("any_of", "none_of", "stop_if", "hold_while"):
        _refer(rule, name, {"anyOf": [_CONDITIONS, {"type": "array", "items": _CONDITIONS}]})
    file["properties"]["rules"]["items"] = {"$ref": "#/$defs/rule"}
    definitions |= {
        "rule": rule | _EITHER_FORM,
        "step": step,
        "action": _one_of_the_actions(actions),
        "conditions": _conditions_schema(),
        "wanted": _wanted_schema(),
    }
    whole: dict[str, Any] = without_noise({**file, "$defs": definitions})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Aftersale rules", **whole}


def _trigger_schema() -> dict[str, Any]:
    kinds = concluded_triggers().values()
    alone = [*TRIGGERS, *(kind.name for kind in kinds if kind.example is None)]
    with_argument: dict[str, dict[str, Any]] = {
        kind.name: {"examples": [kind.example]} for kind in kinds if kind.example is not None
    }
    with_argument[NOTE] = {"type": "string", "minLength": 1, "examples": ["call"]}
    return {
        "anyOf": [
            {"enum": alone},
            {"type": "string", "pattern": f"^{_STATUS.pattern}$"},
            {
                "type": "object",
                "properties": with_argument,
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ]
    }


def without_noise(schema: Any) -> Any:
    """Without pydantic's titles and nulls: a key without a value is a mistake, and a title says nothing."""
    if isinstance(schema, list):
        return [without_noise(entry) for entry in schema if entry != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    tidy = {
        key: without_noise(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
    }
    only = tidy.pop("anyOf")[0] if len(tidy.get("anyOf", ())) == 1 else {}
    return tidy | only


def _refer(owner: dict[str, Any], name: str, schema: Mapping[str, object]) -> None:
    owner["properties"][name] = {"description": owner["properties"][name]["description"], **schema}


def _one_of_the_actions(actions: Mapping[str, type[ActionSpec]]) -> dict[str, Any]:
    """An entry with one key: the action, with its mapping or with the bare value of its shorthand."""
    properties = {}
    for kind, model in actions.items():
        full: dict[str, Any] = {"$ref": f"#/$defs/{model.__name__}"}
        short = {"$ref": f"#/$defs/{model.__name__}/properties/{model.shorthand}"}
        properties[kind] = {"anyOf": [full, short]} if model.shorthand else full
    return {
        "type": "object",
        "description": "One action.",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def _conditions_schema() -> dict[str, Any]:
    wanted = {"$ref": "#/$defs/wanted"}
    return {
        "type": "object",
        "description": "field: value. A list means any of; 'present' and 'missing' are words of their own.",
        "properties": dict.fromkeys(FIELDS, wanted),
        "patternProperties": {f"^{re.escape(META)}.": wanted},
        "additionalProperties": False,
    }


def _wanted_schema() -> dict[str, Any]:
    """What a field may be wanted to be."""
    operators: dict[str, Any] = {**dict.fromkeys(OPERATORS, _SCALAR), "not": {"$ref": "#/$defs/wanted"}}
    return {
        "anyOf": [
            _SCALAR,
            {"type": "array", "items": _SCALAR, "minItems": 1},
            {"type": "object", "properties": operators, "additionalProperties": False, "minProperties": 1},
        ]
    }
