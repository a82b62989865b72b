"""Which channels there are, and how one comes about.

A channel is reached through a provider of some type, and that is a module called <channel>_<type>: sms_twilio is
what `sms: { type: twilio }` in config.yaml means. It has two names in it:

    class Settings(pydantic.BaseModel)                   the keys it has in config.yaml, besides `type`
    def create(settings, *, timeout, clock) -> Channel   `timeout` in seconds; `clock` tells aware UTC

Those built in are the files beside this one with such a name. Other people's are found by their entry point in the
group "aftersale.channels", whose name is <channel>_<type> and whose value is the module's:

    [project.entry-points."aftersale.channels"]
    telegram_bot = "aftersale_telegram"

Nothing is imported before it is asked for.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from datetime import datetime
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

import adapters.channels
from adapters.installed import entry_points

if TYPE_CHECKING:
    from pydantic import BaseModel

    from adapters.channels.base import Channel

GROUP = "aftersale.channels"


class UnknownChannelError(LookupError):
    """No such channel, or no such type of it, is installed."""


class _Provider(Protocol):
    Settings: type[BaseModel]

    def create(self, settings: BaseModel, *, timeout: float, clock: Callable[[], datetime]) -> Channel: ...


def channels() -> tuple[str, ...]:
    """The names of all channels that can be configured, sorted."""
    return tuple(sorted({channel for channel, _ in _modules()}))


def types_of(channel: str) -> tuple[str, ...]:
    """The types that a channel may have, sorted. Raises UnknownChannelError."""
    if channel not in channels():
        raise UnknownChannelError(f"there is no channel '{channel}'; {_hint(channel, channels())}")
    return tuple(sorted(kind for name, kind in _modules() if name == channel))


def settings_of(channel: str, kind: str) -> type[BaseModel]:
    """The model of a channel's keys, `type` left out. Raises UnknownChannelError."""
    return _load(channel, kind).Settings


def create(
    channel: str, kind: str, *, timeout: float = 30.0, clock: Callable[[], datetime], **settings: Any
) -> Channel:
    """A channel with the keys it has in config.yaml; nothing is asked of its provider yet.

    Raises UnknownChannelError, or ValueError (pydantic's ValidationError) for settings that cannot be.
    """
    return connect(channel, kind, settings_of(channel, kind)(**settings), timeout=timeout, clock=clock)


def connect(
    channel: str, kind: str, settings: BaseModel, *, timeout: float = 30.0, clock: Callable[[], datetime]
) -> Channel:
    """The same with settings that were read before, by the model that `settings_of` gives."""
    return _load(channel, kind).create(settings, timeout=timeout, clock=clock)


def _load(channel: str, kind: str) -> _Provider:
    types = types_of(channel)
    if kind not in types:
        raise UnknownChannelError(f"there is no type '{kind}' of the channel '{channel}'; {_hint(kind, types)}")
    return cast("_Provider", import_module(_modules()[channel, kind]))


def _hint(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there is: {', '.join(known)}"


def _modules() -> dict[tuple[str, str], str]:
    """Each provider's module, by channel and type. One built in cannot be replaced by a stranger of the same name."""
    strangers = {point.name: point.value for point in entry_points(group=GROUP)}
    package = adapters.channels
    built_in = {module.name: f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__)}
    found: dict[tuple[str, str], str] = {}
    for name, module in (strangers | built_in).items():
        channel, underscore, kind = name.partition("_")
        if underscore:
            found[channel, kind] = module
    return found
