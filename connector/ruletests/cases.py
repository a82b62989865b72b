"""Rule tests as they are played: each in its stores and languages, its stories told to the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.model import Order, Remarks
from adapters.registry import ladders_of, settings_of
from connector.config import StoreConfig
from connector.loading import Loaded
from connector.ruletests.keys import RuleTestKeys, merged
from connector.ruletests.life import BEGINNINGS, HAPPENINGS, Happening, Untold, lived, newborn, said_in
from connector.ruletests.reading import OrderSaid, RuleTest, Using, read_tests
from connector.ruletests.times import in_zone, parse_moment
from rules.document import Path, Problem
from rules.events import Ladders, parse_rung
from rules.past import Past

FIRST_NUMBER = 7001
"""The number of an order of which none is told."""

INVENTED: Mapping[str, Mapping[str, object]] = {
    "woocommerce": {"url": "https://shop.example.com", "consumer_key": "ck_", "consumer_secret": "cs_"},
    "shopify": {"url": "https://shop.myshopify.com", "access_token": "shpat_", "platform_messages": "invoice"},
}
"""A store on a platform on which the configuration has none."""


@dataclass(frozen=True, slots=True)
class Told:
    """An order, what happens to it in the store where the test is played, and what is said about it."""

    first: Order
    happenings: tuple[Happening, ...]
    past: Past
    remarks: Remarks


@dataclass(frozen=True, slots=True)
class Case:
    """A test in one store and in one language. `until` is how far time goes, where that is told (UTC)."""

    test: RuleTest
    store: StoreConfig
    language: str | None
    orders: tuple[Told, ...]
    switched_on: datetime | None
    until: datetime | None

    @property
    def name(self) -> str:
        keys = self.test.keys
        about = [self.store.id] if len(keys.store or keys.platform or ()) > 1 else []
        about += [self.language] if self.language is not None and len(keys.languages or ()) > 1 else []
        return f"{keys.name} ({', '.join(about)})" if about else keys.name


def read_cases(
    files: Mapping[str, str], loaded: Loaded, using: Using | None = None
) -> tuple[list[Case], list[Problem]]:
    """The tests of these files (name → text) for this configuration, and the mistakes: sorted, each once. `using` says
    what those of a preset are about.
    """
    problems: list[Problem] = []
    invented: dict[str, StoreConfig] = {}
    platforms = sorted({*INVENTED, *(store.platform for store in loaded.config.stores)})
    tests = list(read_tests(files, loaded, using, platforms, problems))
    cases = [case for test in tests for case in _cases(test, loaded, invented, problems)]
    return cases, sorted(set(problems))


def _cases(test: RuleTest, loaded: Loaded, invented: dict[str, StoreConfig], problems: list[Problem]) -> Iterator[Case]:
    """The test in each of its stores and languages; its stories are told to the end, so that mistakes in them show."""
    for store in _stores(test.keys, loaded, invented):
        for language in test.keys.languages or (None,):
            before = len(problems)
            orders = [
                told
                for position, said in enumerate(test.orders)
                if (told := _told(test, said, FIRST_NUMBER + position, store, language, problems)) is not None
            ]
            switched_on = _moment_of(test, "switched_on", store, problems)
            until = _moment_of(test, "until", store, problems)
            if len(problems) > before:
                return
            yield Case(test, store, language, tuple(orders), switched_on, until)


def _stores(keys: RuleTestKeys, loaded: Loaded, invented: dict[str, StoreConfig]) -> list[StoreConfig]:
    """Where it happens: the stores, or one of each platform, that are named; else the first of the configuration."""
    stores = loaded.config.stores
    if keys.store is not None:
        return [store for name in keys.store for store in stores if store.id == name]
    if keys.platform is None:
        return [stores[0]]
    on = {**invented, **{store.platform: store for store in reversed(stores)}}
    for platform in keys.platform:
        if platform not in on:
            on[platform] = invented[platform] = _invented(platform, stores[0])
    return [on[platform] for platform in keys.platform]


def _invented(platform: str, like: StoreConfig) -> StoreConfig:
    """A store on a platform on which the configuration has none; what is not its platform's is as in another store."""
    settings = settings_of(platform).model_validate(INVENTED[platform])
    rungs = {
        key: tuple(parse_rung(what, value) for rung in ladder for what, value in rung.items())
        for key, ladder in ladders_of(platform).items()
    }
    return replace(
        like,
        id=platform,
        platform=platform,
        url=str(getattr(settings, "url", "")),
        settings={name: getattr(settings, name) for name in type(settings).model_fields},
        ladders=Ladders(**rungs),
    )


def _moment_of(test: RuleTest, key: str, store: StoreConfig, problems: list[Problem]) -> datetime | None:
    written = getattr(test.keys, key)
    return _on_clock(test, (*test.path, key), parse_moment(written), store, problems) if written is not None else None


def _on_clock(test: RuleTest, path: Path, at: datetime, store: StoreConfig, problems: list[Problem]) -> datetime | None:
    try:
        return in_zone(at, store.calendar.zone)
    except ValueError as error:
        problems.append(test.document.problem(path, str(error)))
        return None


def _told(
    test: RuleTest, said: OrderSaid, number: int, store: StoreConfig, language: str | None, problems: list[Problem]
) -> Told | None:
    """An order and its life, as it is told in this store."""
    happenings: list[Happening] = []
    for each in said.when:
        at = _on_clock(test, each.path, each.at, store, problems)
        if at is None:
            return None
        happenings.append(Happening(at, each.kind, each.detail))
    happenings.sort(key=lambda each: each.at)
    begins = happenings[0].at
    if not any(each.kind in BEGINNINGS for each in happenings if each.at == begins):
        happenings.insert(0, Happening(begins, "placed", HAPPENINGS["placed"].detail()))
    first = newborn(merged(test.keys.order, said.keys), number, begins, store, language)
    for count in range(1, len(happenings) + 1):
        try:
            past = lived(first, happenings[:count], store)
        except Untold as why:
            wrong = happenings[count - 1]
            where = next(each.path for each in said.when if each.detail is wrong.detail)
            problems.append(test.document.problem(where, str(why)))
            return None
    return Told(first, tuple(happenings), past, said_in(happenings, first))
