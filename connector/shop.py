"""One store as the worker holds it: its adapter, its rules, its calendar, and where its state is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from pydantic import SecretStr

from adapters.base import Capability, StoreAdapter
from connector.config import Mode, StoreConfig
from connector.lines import Circuit, Line
from connector.staff import Staff
from connector.store.database import Database
from rules.events import Ladders
from rules.facts import Active
from rules.looking import looks_at, looks_back
from rules.protection import Protection
from rules.timing import Calendar

UNPROTECTED = Protection()

OF_PRODUCTS = ("item.categories", "item.product_tags", "item.url")
"""What a store may tell of products apart from its orders."""

DUE_EVERY = timedelta(seconds=15)
"""How often a store is asked what has come due between two polls."""

Clock = Callable[[], datetime]
"""Gives the time: aware, UTC. Passed in, so that tests and the demo can move it."""


@dataclass(frozen=True)
class Shop:
    """All that polling, planning and acting for one store need. One instance a store, made anew by a reload."""

    config: StoreConfig
    adapter: StoreAdapter
    database: Database
    secret: bytes = field(repr=False)
    rules: tuple[Active, ...]
    calendar: Calendar
    ladders: Ladders
    staff: Staff
    clock: Clock
    mode: Mode = "live"
    redirect_to: SecretStr | None = None
    signed_by: str | None = None
    templates: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lines: Mapping[str, Line] = field(default_factory=dict)
    circuits: dict[str, Circuit] = field(default_factory=dict)
    """Those of web services, by their address, and of the staff; each comes about when it is first asked for."""
    protection: Protection = UNPROTECTED
    webhook_secret: SecretStr | None = None

    @property
    def id(self) -> str:
        return self.config.id

    @property
    def pace(self) -> timedelta:
        """How often the store is seen to."""
        return pace_of(self.config.poll_every)

    @cached_property
    def person_rules(self) -> frozenset[str]:
        """Rules whose plan depends on what was done for the same person on other orders."""
        return frozenset(
            active.rule.id
            for active in self.rules
            if any(
                rule.once_per == "customer" or rule.cooldown is not None
                for rule in (active.rule, *active.earlier.values())
            )
        )

    @cached_property
    def looks_back(self) -> bool:
        """Whether a rule asks what else its customers bought, and what they were sent."""
        rules = (rule for active in self.rules for rule in (active.rule, *active.earlier.values()))
        return any(rule.enabled and looks_back(rule) for rule in rules)

    @cached_property
    def needs_products(self) -> bool:
        """Whether a rule looks at what orders do not tell of their products, and the store tells it apart from them."""
        every = [rule for active in self.rules for rule in (active.rule, *active.earlier.values()) if rule.enabled]
        return Capability.PRODUCTS in self.adapter.capabilities and any(
            looks_at(rule, OF_PRODUCTS, self.templates) for rule in every
        )

    @property
    def behind(self) -> timedelta:
        """How far the store's clock runs behind ours: its dates are that much too early."""
        skew = self.adapter.skew
        return max(timedelta(0), -skew) if skew is not None else timedelta(0)

    def rules_now(self) -> tuple[Active, ...]:
        """The rules, switched on at a time that can be compared with the store's own dates."""
        behind = self.behind
        if behind < timedelta(seconds=5):
            return self.rules
        return tuple(replace(active, since=active.since - behind) for active in self.rules)


def pace_of(poll_every: timedelta) -> timedelta:
    """How often a store is seen to that is polled so often."""
    return min(DUE_EVERY, poll_every)
