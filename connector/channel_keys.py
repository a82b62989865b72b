"""`channels:` in config.yaml → what each channel is made with. Each type has keys of its own; mistakes have places."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, SecretStr

from adapters.channels.registry import channels, settings_of, types_of
from rules.document import Document, Problem
from rules.document import Path as Where
from rules.validation import did_you_mean, validate_part

PLATFORM = "platform"
"""The store's own messages: a way to reach customers that needs no configuration."""

NOT_CHANNELS = frozenset({PLATFORM, "staff", "note", "webhook"})
"""What messages may go by besides; no channel can be called so."""


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """One channel's settings: its name, its type, and the type's own keys."""

    name: str
    kind: str
    settings: BaseModel

    def secrets(self) -> Iterator[str]:
        """What of the settings may be a secret, as text. A text with places for the message in it is none."""
        return (text for _, value in self.settings for text in _secrets(value) if text and "{{" not in text)

    def mark(self, secret: bytes) -> str:
        """A mark that changes with the settings, from which none can be read."""
        text = "\n".join([self.kind, str(self.settings), *self.secrets()])
        return hashlib.blake2b(text.encode(), key=secret, digest_size=8).hexdigest()


def read_channels(document: Document, raw: object, problems: list[Problem]) -> tuple[ChannelConfig, ...]:
    """The channels that are right; `problems` has what is wrong with the others."""
    if not isinstance(raw, dict):
        if raw is not None:
            problems.append(document.problem(("channels",), "write channels as 'email: { type: smtp, … }'"))
        return ()
    found = (_channel(document, str(name), keys, problems) for name, keys in raw.items())
    return tuple(channel for channel in found if channel is not None)


def _channel(document: Document, name: str, keys: object, problems: list[Problem]) -> ChannelConfig | None:
    path: Where = ("channels", name)
    if name not in channels() or name in NOT_CHANNELS:
        hint = did_you_mean(name, channels()) or f"; there are {', '.join(channels())}"
        problems.append(document.problem(path, f"there is no channel '{name}'{hint}", key=True))
        return None
    types = types_of(name)
    if not isinstance(keys, dict) or "type" not in keys:
        problems.append(document.problem(path, f"'type' is missing: write type: {' or type: '.join(types)}"))
        return None
    kind = str(keys["type"])
    if kind not in types:
        hint = did_you_mean(kind, types) or f"; there is {', '.join(types)}"
        problems.append(document.problem((*path, "type"), f"there is no type '{kind}' of '{name}'{hint}"))
        return None
    own = {key: value for key, value in keys.items() if key != "type"}
    settings = validate_part(document, path, own, settings_of(name, kind), problems)
    return ChannelConfig(name, kind, settings) if settings is not None else None


def _secrets(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secrets(each)


def check_via(
    document: Document, path: Where, via: Collection[str] | None, known: Collection[str], problems: list[Problem]
) -> None:
    """Each name in a `via` at `path` is a channel that there is."""
    for position, name in enumerate(via or ()):
        if name not in known:
            there = document.known_part((*path, position))
            hint = did_you_mean(name, known) or f"; there is {', '.join(known)}"
            cure = " (configure it under 'channels')" if name in channels() else hint
            problems.append(document.problem(there, f"there is no channel '{name}'{cure}"))


def check_opted_in(document: Document, agreed: Mapping[str, Collection[str]], problems: list[Problem]) -> None:
    """Each channel that `soft_opt_in` gives to a country is one of those that there may be."""
    known = channels()
    for country, names in agreed.items():
        for name in sorted(set(names).difference(known)):
            hint = did_you_mean(name, known) or f"; there is {', '.join(known)}"
            cure = "; the store's own messages are e-mails: write 'email'" if name == PLATFORM else hint
            there = document.known_part(("soft_opt_in", country))
            problems.append(document.problem(there, f"there is no channel '{name}'{cure}"))
