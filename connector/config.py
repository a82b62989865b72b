"""config.yaml → typed settings. Every mistake is a problem with its place; nothing is half loaded.

Secrets come from the environment (`${NAME}`), or from the file that NAME_FILE names there, or stand in the file
itself. Paths are taken from the folder of the config file, whatever the working directory is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Secret, SecretStr, WithJsonSchema

from adapters.registry import ladders_of, platforms, settings_of
from adapters.urls import is_loopback
from connector.channel_keys import PLATFORM, ChannelConfig, check_opted_in, check_via, read_channels
from connector.hour_keys import BUSINESS_HOURS, Holidays, Hours, Sabbath, Windows
from connector.protection_keys import BrandKeys, Caps, Quiet, SoftOptIn, Unsubscribe, WebhookSecret
from connector.reading import OTHERS_READ, Unfit, read_secret, read_text
from rules.document import Document, Problem, parse
from rules.document import Path as Where
from rules.events import BY_PARCELS, Ladders, Rung, parse_rung
from rules.layout import Brand
from rules.locales import unknown_language
from rules.protection import Protection, QuietTimes
from rules.timing import Calendar, Duration, Window, parse_duration
from rules.validation import did_you_mean, known_version, validate_part

Mode = Literal["live", "redirect", "dry"]
CONVERSION_WINDOW = timedelta(days=14)
"""How long after a message what its customer buys counts as bought after it, unless told."""
DATABASES = ("sqlite:///", "postgresql+psycopg://")

SHORTEST_SECRET = 6
"""Letters. What is shorter may stand in any word."""


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """One store's settings. `settings` are the platform's own keys, as the adapter takes them; `windows` are what rules
    may call by name.
    """

    id: str
    name: str
    platform: str
    url: str
    settings: Mapping[str, Any] = field(repr=False)
    poll_every: timedelta
    sweep_every: timedelta
    parallel: int
    locale: str
    via: tuple[str, ...]
    calendar: Calendar
    windows: Mapping[str, Window]
    ladders: Ladders
    keep_for: timedelta | None
    conversion_window: timedelta
    brand: Brand
    consent_meta: str | None

    def secrets(self) -> tuple[str, ...]:
        """The secret settings as text, in a fixed order."""
        return tuple(
            value.get_secret_value() for _, value in sorted(self.settings.items()) if isinstance(value, SecretStr)
        )

    def plain_settings(self) -> dict[str, Any]:
        """What the adapter is made with."""
        return {
            key: value.get_secret_value() if isinstance(value, SecretStr) else value
            for key, value in self.settings.items()
        }


class Address(NamedTuple):
    """Where something is served."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Config:
    """A config file, understood. `rule_files` and the two folders are still to be read; `metrics` is where they are
    served, and `heartbeat` the URL that hears of every good cycle, if they are wanted. `webhook_secret` signs calls to
    the merchant's own services.
    """

    file: Path
    database: SecretStr
    stores: tuple[StoreConfig, ...]
    rule_files: tuple[str, ...]
    template_folder: Path
    preset_folder: Path
    staff: tuple[SecretStr, ...]
    mode: Mode
    redirect_to: SecretStr | None
    signed_by: str | None
    metrics: Address | None
    heartbeat: SecretStr | None
    channels: tuple[ChannelConfig, ...]
    protection: Protection
    webhook_secret: SecretStr | None
    require_approval: bool

    @property
    def ways(self) -> tuple[str, ...]:
        """Every name that `via` may give."""
        return (PLATFORM, *(channel.name for channel in self.channels))


# The file's keys ----------------------------------------------------------------------------------------------


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone '{name}'; write one like Asia/Jerusalem or Europe/Berlin") from None


def _span(text: object) -> timedelta:
    duration = parse_duration(str(text))
    units = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}
    if duration.unit not in units:
        raise ValueError("write seconds, minutes, hours or days here")
    return timedelta(seconds=duration.amount * units[duration.unit])


def _slow_enough(text: object, least: timedelta) -> timedelta:
    span = _span(text)
    if span < least:
        raise ValueError(f"at least {_least(least)}: anything shorter would only burden the shop")
    return span


def _window(text: object) -> timedelta:
    span = _span(text)
    if not timedelta(days=1) <= span <= timedelta(days=365):
        raise ValueError("write 1 day or more, and 365 days at most")
    return span


def _least(least: timedelta) -> Duration:
    seconds = int(least.total_seconds())
    return Duration(seconds, "seconds") if seconds < 60 else Duration(seconds // 60, "minutes")


def _at_least(least: timedelta) -> BeforeValidator:
    return BeforeValidator(partial(_slow_enough, least=least))


def _list_of_one(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _rungs(value: object) -> tuple[Rung, ...]:
    """A ladder as written: a list of `what: value`."""
    if not isinstance(value, list) or not value:
        raise ValueError("write a list like [{status: delivered}, {meta: _delivered_at}], the best evidence first")
    rungs: list[Rung] = []
    for entry in value:
        if not isinstance(entry, dict) or len(entry) != 1:
            raise ValueError("each rung is one 'what: value', like 'status: delivered'")
        rungs.extend(parse_rung(str(what), wanted) for what, wanted in entry.items())
    return tuple(rungs)


def _shipped_rungs(value: object) -> tuple[Rung, ...]:
    rungs = _rungs(value)
    for rung in rungs:
        if rung.by == "shipped_plus" or rung == BY_PARCELS:
            told = rung.by if rung != BY_PARCELS else "shipment: delivered"
            raise ValueError(f"'{told}' tells when a parcel is delivered, not when it is shipped")
    return rungs


def _language(code: str) -> str:
    if sentence := unknown_language(code):
        raise ValueError(sentence)
    return code


def _redirect_to(address: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+|[a-z]+://\S+", address.get_secret_value()):
        raise ValueError("write an e-mail address such as you@example.com, or an apprise address such as tgram://…")
    return address


_ONE_OR_MORE = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
_SPAN = WithJsonSchema({"type": "string", "examples": ["2 minutes", "1 hour"]})
_KEEP = WithJsonSchema({"type": "string", "examples": ["2 years", "18 months"]})
_LADDER = WithJsonSchema(
    {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "properties": {what: {"type": "string"} for what in ("status", "meta", "shipment", "shipped_plus")},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
    }
)

_BRAND = WithJsonSchema(
    {
        "type": "object",
        "properties": {name: {"type": "string"} for name in BrandKeys.model_fields},
        "additionalProperties": False,
    }
)
_CHANNELS = WithJsonSchema({"type": "object", "additionalProperties": {"type": "object", "required": ["type"]}})

_YEAR = timedelta(days=365, hours=6)
_KEPT = {"day": timedelta(days=1), "week": timedelta(weeks=1), "month": _YEAR / 12, "year": _YEAR}
_LEAST_KEPT = timedelta(days=90)


def _keep_for(text: object) -> timedelta:
    """How long something is kept: a number of days, weeks, months or years."""
    found = re.fullmatch(r"(\d{1,5}) (day|week|month|year)s?", " ".join(str(text).split()).lower())
    if found is None:
        raise ValueError(f"'{text}' is no time to keep something for; write it like '2 years' or '18 months'")
    span = int(found[1]) * _KEPT[found[2]]
    if span < _LEAST_KEPT:
        raise ValueError("at least 90 days: until then there may be news of an order")
    return min(span, 100 * _YEAR)


Zone = Annotated[
    ZoneInfo,
    BeforeValidator(lambda name: _zone(str(name))),
    WithJsonSchema({"type": "string", "examples": ["Asia/Jerusalem"]}),
]
Via = Annotated[tuple[str, ...], BeforeValidator(_list_of_one), Field(min_length=1), _ONE_OR_MORE]
Locale = Annotated[str, AfterValidator(_language)]


class _Keys(BaseModel):
    """What can be set for all stores, and by each of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)

    timezone: Zone | None = None
    locale: Locale | None = None
    business_hours: Hours | None = None
    holidays: Holidays | None = None
    windows: Windows | None = None
    sabbath: Sabbath | None = None
    via: Via | None = None
    keep_for: Annotated[timedelta, BeforeValidator(_keep_for), _KEEP] | None = None
    conversion_window: Annotated[timedelta, BeforeValidator(_window), _SPAN] | None = None
    brand: Annotated[BrandKeys | None, _BRAND] = None


class StoreKeys(_Keys):
    """A store's keys, without those of its platform."""

    id: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="A short name of letters, digits, - and _")
    ]
    name: str | None = None
    platform: str
    poll_every: Annotated[timedelta, _at_least(timedelta(seconds=10)), _SPAN] = timedelta(minutes=2)
    sweep_every: Annotated[timedelta, _at_least(timedelta(minutes=1)), _SPAN] = timedelta(hours=1)
    parallel: Annotated[int, Field(ge=1, le=10)] = 2
    shipped_when: Annotated[tuple[Rung, ...], BeforeValidator(_shipped_rungs), _LADDER] = Ladders().shipped_when
    delivered_when: Annotated[tuple[Rung, ...], BeforeValidator(_rungs), _LADDER] = Ladders().delivered_when
    consent_meta: Annotated[str, Field(min_length=1)] | None = None


def _heartbeat(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    loopback = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not parts.hostname or not (parts.scheme == "https" or loopback):
        raise ValueError("write an address that begins with https://, as your monitoring service shows it")
    return url


class MetricsKeys(BaseModel):
    """Where metrics and health are served."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    port: Annotated[int, Field(ge=1, le=65535)]
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"


_METRICS = WithJsonSchema(
    {
        "type": "object",
        "properties": {"port": {"type": "integer", "minimum": 1, "maximum": 65535}, "host": {"type": "string"}},
        "required": ["port"],
        "additionalProperties": False,
    }
)


class ConfigKeys(_Keys):
    """The config file's keys; its stores are looked at one by one, as each platform adds its own."""

    version: Annotated[Literal[1], BeforeValidator(partial(known_version, newest=1))]
    database: SecretStr = SecretStr("sqlite:///aftersale.db")
    rules: Annotated[tuple[str, ...], BeforeValidator(_list_of_one), _ONE_OR_MORE] = ("rules/*.yaml",)
    templates: str = "templates/"
    presets: str = "presets/"
    stores: Annotated[list[Secret[dict[str, Any]]], Field(min_length=1)]
    staff: Annotated[tuple[SecretStr, ...], BeforeValidator(_list_of_one), _ONE_OR_MORE] = ()
    mode: Mode = "live"
    redirect_to: Annotated[SecretStr, AfterValidator(_redirect_to)] | None = None
    signed_by: str | None = None
    channels: Annotated[Secret[Any] | None, _CHANNELS] = None
    quiet_times: Quiet | None = None
    staff_quiet_times: Quiet | None = None
    frequency_caps: Caps = ()
    unsubscribe: Unsubscribe | None = None
    soft_opt_in: SoftOptIn = Field(default_factory=dict)
    webhook_secret: WebhookSecret | None = None
    metrics: Annotated[MetricsKeys | None, _METRICS] = None
    require_approval: bool = False
    heartbeat: Annotated[SecretStr | None, AfterValidator(lambda url: url and _heartbeat(url))] = None


# Reading it ---------------------------------------------------------------------------------------------------


def load_config(file: Path, environ: Mapping[str, str], problems: list[Problem]) -> Config | None:
    """Read a config file. None, with `problems` appended, if anything is wrong with it."""
    found: list[Problem] = []
    document = read_document(file, found)
    config = _understood(document, file, environ, found) if document is not None else None
    problems += _unquoted(found, document, environ) if document is not None else found
    return config


def _understood(document: Document, file: Path, environ: Mapping[str, str], problems: list[Problem]) -> Config | None:
    data = _filled_in(document, (), document.data, environ, problems)
    keys = validate_part(document, (), {} if data is None else data, ConfigKeys, problems)
    if keys is None:
        _find_more_mistakes(document, data, problems)
        return None
    stores = [
        _store(document, position, raw.get_secret_value(), keys, problems) for position, raw in enumerate(keys.stores)
    ]
    written = keys.channels.get_secret_value() if keys.channels is not None else None
    channels = read_channels(document, written, problems)
    _check_the_whole(document, keys, stores, problems)
    _check_ways(document, keys, stores, problems)
    _refuse_open_secrets(document, file, keys, stores, channels, problems)
    if problems:
        return None
    folder = file.resolve().parent
    return Config(
        file=file,
        database=SecretStr(_located(keys.database.get_secret_value(), folder)),
        stores=tuple(store for store in stores if store is not None),
        rule_files=tuple(str(folder / pattern) for pattern in keys.rules),
        template_folder=folder / keys.templates,
        preset_folder=folder / keys.presets,
        staff=keys.staff,
        mode=keys.mode,
        redirect_to=keys.redirect_to,
        signed_by=keys.signed_by,
        metrics=Address(keys.metrics.host, keys.metrics.port) if keys.metrics is not None else None,
        heartbeat=keys.heartbeat,
        channels=channels,
        protection=Protection(
            keys.frequency_caps,
            QuietTimes(keys.quiet_times, keys.staff_quiet_times),
            keys.soft_opt_in,
            keys.unsubscribe,
        ),
        webhook_secret=keys.webhook_secret,
        require_approval=keys.require_approval,
    )


def places(file: Path) -> tuple[tuple[str, ...], Path, Path]:
    """Where a config file that has mistakes says its rules, templates and presets are, as far as it can be read."""
    document = read_document(file, [])
    data = document.data if document is not None and isinstance(document.data, dict) else {}
    rules = data.get("rules")
    patterns = [rules] if isinstance(rules, str) else rules
    if document is None or not isinstance(patterns, list):
        patterns = list(ConfigKeys.model_fields["rules"].default) if document is not None else []
    folder = file.resolve().parent
    templates, presets = (
        folder / (data[key] if isinstance(data.get(key), str) else ConfigKeys.model_fields[key].default)
        for key in ("templates", "presets")
    )
    return tuple(str(folder / pattern) for pattern in patterns if isinstance(pattern, str)), templates, presets


def window_names(file: Path) -> set[str]:
    """What a config file that has mistakes calls windows, for all stores or for one, as far as it can be read."""
    document = read_document(file, [])
    data = document.data if document is not None and isinstance(document.data, dict) else {}
    stores = data.get("stores")
    named = [
        each.get("windows") for each in (data, *(stores if isinstance(stores, list) else ())) if isinstance(each, dict)
    ]
    return {BUSINESS_HOURS, *(str(name) for windows in named if isinstance(windows, dict) for name in windows)}


def read_document(file: Path, problems: list[Problem]) -> Document | None:
    """Read and parse a YAML file; None, with `problems` appended, where it cannot be read."""
    name = shown(file)
    try:
        document = parse(read_text(file), name)
    except OSError as error:
        problems.append(Problem(name, 1, 1, f"cannot be read: {error.strerror}"))
        return None
    except UnicodeDecodeError:
        problems.append(Problem(name, 1, 1, "is not UTF-8 text; save it as UTF-8"))
        return None
    except Unfit as why:
        problems.append(Problem(name, 1, 1, str(why)))
        return None
    problems.extend(document.problems)
    return document if document.readable else None


def shown(file: Path) -> str:
    """A file's name as a person here would write it."""
    try:
        return str(file.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(file)


_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _filled_in(
    document: Document, path: Where, value: object, environ: Mapping[str, str], problems: list[Problem]
) -> object:
    """The value with every `${NAME}` in it replaced."""
    if isinstance(value, dict):
        return {key: _filled_in(document, (*path, key), each, environ, problems) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled_in(document, (*path, n), each, environ, problems) for n, each in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replacement(found: re.Match[str]) -> str:
        try:
            return _variable(found[1], environ)
        except ValueError as error:
            problems.append(document.problem(path, str(error)))
            return found[0]

    return _VARIABLE.sub(replacement, value)


STAND_IN = "0" * 20
"""In place of a variable that is not set, where no secret is needed: long enough for one, and all digits, as some ids
have to be.
"""


def not_set(file: Path, environ: Mapping[str, str]) -> list[str]:
    """The environment variables that a config file names and that are not set; none where it cannot be read."""
    document = read_document(file, [])
    names = _VARIABLE.findall(document.text) if document is not None else []
    return sorted({name for name in names if name not in environ and f"{name}_FILE" not in environ})


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if name in environ:
        return environ[name]
    file = environ.get(f"{name}_FILE")
    if file is None:
        hint = did_you_mean(name, [key for key in environ if not key.endswith("_FILE")])
        raise ValueError(f"the environment variable {name} is not set, nor is {name}_FILE{hint}")
    try:
        return read_secret(Path(file))
    except Unfit as why:
        raise ValueError(f"the secret is not taken from the file that {name}_FILE names: {why}") from None
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"the file that {name}_FILE names cannot be read") from None


def _unquoted(problems: list[Problem], document: Document, environ: Mapping[str, str]) -> list[Problem]:
    """The same, with no value in them that came from the environment: it may be a secret in the wrong place."""
    values: dict[str, str] = {}
    for name in _VARIABLE.findall(document.text):
        with suppress(ValueError):
            values[_variable(name, environ)] = f"${{{name}}}"
    secrets = [value for value in values if len(value) >= SHORTEST_SECRET]

    def unquoted(message: str) -> str:
        for secret in secrets:
            message = message.replace(secret, values[secret])
        return message

    return [problem._replace(message=unquoted(problem.message)) for problem in problems]


def _store(
    document: Document, position: int, raw: dict[str, Any], keys: ConfigKeys, problems: list[Problem]
) -> StoreConfig | None:
    """One store: our keys and its platform's, each checked by its own model."""
    path: Where = ("stores", position)
    platform = raw.get("platform")
    if platform is not None and platform not in platforms():
        hint = did_you_mean(str(platform), platforms())
        known = ", ".join(platforms())
        problems.append(
            document.problem((*path, "platform"), f"there is no platform '{platform}'{hint}; there is {known}")
        )
    if platform not in platforms():
        validate_part(
            document,
            path,
            {key: raw[key] for key in raw if key in StoreKeys.model_fields},
            StoreKeys,
            problems,
        )
        return None
    theirs = settings_of(str(platform))
    for key in raw:
        if key not in StoreKeys.model_fields and key not in theirs.model_fields:
            hint = did_you_mean(key, [*StoreKeys.model_fields, *theirs.model_fields])
            problems.append(document.problem((*path, key), f"there is no key '{key}'{hint}", key=True))
    ours = ladders_of(str(platform)) | {key: raw[key] for key in raw if key in StoreKeys.model_fields}
    own = validate_part(document, path, ours, StoreKeys, problems)
    settings = validate_part(
        document, path, {key: raw[key] for key in raw if key in theirs.model_fields}, theirs, problems
    )
    if own is None or settings is None:
        return None
    ladders = Ladders(own.shipped_when, own.delivered_when)
    business_hours = own.business_hours or keys.business_hours
    if business_hours is None and any(each.unit == "business hours" for each in ladders.assumes):
        message = "business hours cannot be counted without 'business_hours': set them, or write business days"
        problems.append(document.problem((*path, "delivered_when"), message))
    windows = {**(keys.windows or {}), **(own.windows or {})}
    return StoreConfig(
        id=own.id,
        name=own.name or own.id,
        platform=own.platform,
        url=str(getattr(settings, "url", "")),
        settings={name: getattr(settings, name) for name in theirs.model_fields},
        poll_every=own.poll_every,
        sweep_every=own.sweep_every,
        parallel=own.parallel,
        locale=own.locale or keys.locale or "en",
        via=own.via or keys.via or (PLATFORM,),
        calendar=Calendar(
            own.timezone or keys.timezone or ZoneInfo("UTC"),
            business_hours,
            own.holidays or keys.holidays,
            own.sabbath or keys.sabbath,
        ),
        windows=windows if business_hours is None else {**windows, BUSINESS_HOURS: business_hours},
        ladders=ladders,
        keep_for=own.keep_for or keys.keep_for,
        conversion_window=own.conversion_window or keys.conversion_window or CONVERSION_WINDOW,
        brand=(own.brand or keys.brand or BrandKeys()).as_brand(),
        consent_meta=own.consent_meta,
    )


def _find_more_mistakes(document: Document, data: object, problems: list[Problem]) -> None:
    """Where the file as a whole is wrong, its stores are looked at all the same: all mistakes in one go."""
    stores = data.get("stores") if isinstance(data, dict) else None
    nothing = ConfigKeys(version=1, stores=[Secret({})])
    read_channels(document, data.get("channels") if isinstance(data, dict) else None, problems)
    for position, raw in enumerate(stores if isinstance(stores, list) else []):
        if isinstance(raw, dict):
            _store(document, position, raw, nothing, problems)


def _check_the_whole(
    document: Document, keys: ConfigKeys, stores: list[StoreConfig | None], problems: list[Problem]
) -> None:
    seen: set[str] = set()
    for position, store in enumerate(stores):
        if store is not None and store.id in seen:
            problems.append(document.problem(("stores", position, "id"), f"a second store is called '{store.id}'"))
        seen.add(store.id if store is not None else "")
    if keys.mode == "redirect" and not keys.redirect_to:
        message = "'redirect' needs to know where to: add redirect_to: you@example.com"
        problems.append(document.problem(("mode",), message))
    if not keys.database.get_secret_value().startswith(DATABASES):
        message = "write sqlite:///aftersale.db, or postgresql+psycopg://name:${PASSWORD}@host/database"
        problems.append(document.problem(("database",), message))


def _check_ways(
    document: Document, keys: ConfigKeys, stores: list[StoreConfig | None], problems: list[Problem]
) -> None:
    """What `via` and `soft_opt_in` name is there: a channel that is written wrongly is only told of once."""
    written = keys.channels.get_secret_value() if keys.channels is not None else None
    known = (PLATFORM, *map(str, written if isinstance(written, dict) else ()))
    check_via(document, ("via",), keys.via, known, problems)
    check_opted_in(document, keys.soft_opt_in, problems)
    for position, store in enumerate(stores):
        if store is not None and "via" in keys.stores[position].get_secret_value():
            check_via(document, ("stores", position, "via"), store.via, known, problems)


def _refuse_open_secrets(
    document: Document,
    file: Path,
    keys: ConfigKeys,
    stores: list[StoreConfig | None],
    channels: tuple[ChannelConfig, ...],
    problems: list[Problem],
) -> None:
    """Secrets that stand in the file itself are for its owner's eyes, and a group's if need be."""
    secrets = [secret for store in stores if store is not None for secret in store.secrets()]
    own = (*keys.staff, keys.heartbeat, keys.webhook_secret)
    secrets += [each.get_secret_value() for each in own if each is not None]
    secrets += [secret for channel in channels for secret in channel.secrets()]
    secrets += re.findall(r"://[^:/@]*:([^@]+)@", keys.database.get_secret_value())
    if keys.redirect_to is not None and "://" in keys.redirect_to.get_secret_value():
        secrets.append(keys.redirect_to.get_secret_value())
    if file.stat().st_mode & OTHERS_READ and any(secret in document.text for secret in secrets):
        cure = f"'chmod 600 {shown(file)}', or write ${{NAME}} and put them into the environment"
        message = f"this file holds secrets, and every user of this machine can read it: {cure}"
        problems.append(Problem(document.file, 1, 1, message))


def _located(database: str, folder: Path) -> str:
    """A file's name is taken from the config's folder."""
    name = database.removeprefix("sqlite:///")
    return database if name in (database, ":memory:") else f"sqlite:///{folder / name}"
