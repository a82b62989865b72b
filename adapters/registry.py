"""Which platforms there are, and how an adapter to one comes about.

A platform is a module with two names in it:

    class Settings(pydantic.BaseModel)      the keys that a store on it has in config.yaml
    def create(**settings) -> StoreAdapter  those keys, secrets as plain text; `zone`, `timeout`, `clock`, `sleep`;
                                            `watch`, to be told of every answer (see `adapters.watch`)

and two more where what counts as shipped and delivered is told there in its own way, as a store would write it:

    SHIPPED_WHEN = ({"shipment": "present"},)
    DELIVERED_WHEN = ({"shipment": "delivered"},)

and one more for what no store on it can do, each with a sentence that says so:

    LACKS = {Capability.REVIEWS: "Shopify has no reviews of its own"}

Those built in are the folders beside this file that hold an adapter.py. Other people's are found by their
entry point in the group "aftersale.adapters", whose name is the platform's and whose value is the module's:

    [project.entry-points."aftersale.adapters"]
    bigcommerce = "aftersale_bigcommerce"

Nothing is imported before it is asked for.
"""

from __future__ import annotations

import pkgutil
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import adapters
from adapters.installed import entry_points

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from adapters.base import Capability, StoreAdapter

GROUP = "aftersale.adapters"


class UnknownPlatformError(LookupError):
    """No adapter of that name is installed."""


class _Platform(Protocol):
    Settings: type[BaseModel]

    def create(self, **settings: object) -> StoreAdapter: ...


def platforms() -> tuple[str, ...]:
    """The names of all platforms that a store can be on, sorted."""
    return tuple(sorted(_modules()))


def settings_of(platform: str) -> type[BaseModel]:
    """The model of a store's own keys on that platform. Raises UnknownPlatformError."""
    return _load(platform).Settings


def ladders_of(platform: str) -> dict[str, list[dict[str, str]]]:
    """`shipped_when` and `delivered_when` as the platform itself would write them in config.yaml, as far as it does.

    Raises UnknownPlatformError.
    """
    module = _load(platform)
    found = {key: getattr(module, key.upper(), None) for key in ("shipped_when", "delivered_when")}
    return {key: [dict(rung) for rung in rungs] for key, rungs in found.items() if rungs is not None}


def lacks_of(platform: str) -> Mapping[Capability, str]:
    """What no store on the platform can do, each with a sentence (without its full stop) that says so, as far as the
    platform tells without being asked. Raises UnknownPlatformError.
    """
    found: Mapping[Capability, str] = getattr(_load(platform), "LACKS", {})
    return found


def create(platform: str, **settings: object) -> StoreAdapter:
    """An adapter to one store. Raises UnknownPlatformError, or ValueError for settings that cannot be."""
    return _load(platform).create(**settings)


def _load(platform: str) -> _Platform:
    modules = _modules()
    if platform not in modules:
        near = get_close_matches(platform, modules, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(sorted(modules))}"
        raise UnknownPlatformError(f"there is no platform '{platform}'; {hint}")
    return cast("_Platform", import_module(modules[platform]))


def _modules() -> dict[str, str]:
    """Each platform's module, by name. One built in cannot be replaced by a stranger of the same name."""
    return {point.name: point.value for point in entry_points(group=GROUP)} | _built_in()


@cache
def _built_in() -> dict[str, str]:
    return {
        module.name: f"{adapters.__name__}.{module.name}"
        for module in pkgutil.iter_modules(adapters.__path__)
        if any(Path(folder, module.name, "adapter.py").is_file() for folder in adapters.__path__)
    }
