"""What Prometheus is told: counted as it happens, or read from the state whenever it asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from connector.health import Ward
from connector.opening import MakeAdapter, make_adapter
from connector.tally import Told
from connector.vitals import Vitals

STORE = ("client", "store")
"""The labels of all: the name of the config file, and the store's id."""

CHANNEL = (*STORE, "channel")

NO_ANSWER = "none"
"""In place of a status, where no answer came."""


class Metrics:
    """The metrics of one daemon, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._outcomes = Counter(
            "aftersale_outcomes",
            "Actions since the daemon began, by what became of them.",
            (*STORE, "rule", "channel", "outcome"),
            registry=self.registry,
        )
        self._requests = Counter(
            "aftersale_requests",
            "Requests to the store since the daemon began, by the status of the answer ('none': there was none).",
            (*STORE, "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "aftersale_request_seconds",
            "How long the store took to answer a request.",
            STORE,
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=self.registry,
        )
        self._points_left = Gauge(
            "aftersale_points_left",
            "Points that Shopify last said are left for questions.",
            STORE,
            registry=self.registry,
        )
        self._points_most = Gauge(
            "aftersale_points_most", "Points that Shopify gives at most.", STORE, registry=self.registry
        )
        self._state = _OfState()
        self.registry.register(self._state)
        ProcessCollector(registry=self.registry)

    def told(self, client: str, store: str) -> Told:
        """Counts what becomes of a store's actions."""

        def count(what: str, rule: str, channel: str | None, number: int) -> None:
            self._outcomes.labels(client, store, rule, channel or "", what).inc(number)

        return count

    def watch(self, client: str, store: str) -> StoreWatch:
        """Counts what a store answers."""
        return StoreWatch(self._requests, self._seconds, self._points_left, self._points_most, (client, store))

    def counted(self, client: str) -> MakeAdapter:
        """Makes a client's adapters so that what they are answered is counted."""
        return lambda config, clock: make_adapter(config, clock, self.watch(client, config.id))

    def look_after(self, wards: Sequence[Ward]) -> None:
        """From now on, tell of the state of these stores, and no others."""
        self._state.wards = tuple(wards)


@dataclass(frozen=True, slots=True)
class StoreWatch:
    """Counts what one store answers: an `adapters.watch.Watch`."""

    requests: Counter
    seconds: Histogram
    points_left: Gauge
    points_most: Gauge
    store: tuple[str, str]

    def answered(self, status: int | None, seconds: float) -> None:
        self.requests.labels(*self.store, NO_ANSWER if status is None else str(status)).inc()
        self.seconds.labels(*self.store).observe(seconds)

    def points(self, left: float, most: float) -> None:
        self.points_left.labels(*self.store).set(left)
        self.points_most.labels(*self.store).set(most)


# What the state tells -----------------------------------------------------------------------------------------


class _OfState(Collector):
    """Reads the state of each store when it is asked. Raises SQLAlchemy's DBAPIError where it cannot."""

    def __init__(self) -> None:
        self.wards: tuple[Ward, ...] = ()

    def describe(self) -> list[Metric]:
        return []  # its names need no look at a state

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("aftersale", "The version that runs.", value={"version": version("aftersale")})
        families = {name: GaugeMetricFamily(name, about, labels=STORE) for name, about in _GAUGES.items()}
        families |= {name: GaugeMetricFamily(name, about, labels=CHANNEL) for name, about in _OF_CHANNELS.items()}
        actions = GaugeMetricFamily(
            "aftersale_actions",
            "Actions that are planned, held for a person, or whose outcome is not known.",
            labels=(*STORE, "state"),
        )
        for ward in self.wards:
            vitals = ward.vitals()
            _tell_of_channels(ward, vitals, families)
            for name, value in _values(ward, vitals, ward.shop.clock()).items():
                if value is not None:
                    families[name].add_metric(ward.names, value)
            for state in ("pending", "held", "unknown"):
                actions.add_metric((*ward.names, state), vitals.counts.get(state, 0))
        yield from (*families.values(), actions)


_GAUGES = {
    "aftersale_healthy": "Whether /healthz finds this store well: 1, or 0.",
    "aftersale_poll_lag_seconds": "Seconds since a poll last came to its end.",
    "aftersale_due_lag_seconds": "Seconds that what is due has been waiting, at most; 0 if nothing is.",
    "aftersale_failures_in_a_row": "How often the store failed since it last worked.",
    "aftersale_retry_in_seconds": "Seconds until a store that failed is tried again; 0 if it is not waited for.",
    "aftersale_paused": "Whether the whole store is paused: 1, or 0.",
    "aftersale_rules_paused": "Rules that are paused in this store.",
    "aftersale_orders_set_aside": "Orders that cannot be understood.",
    "aftersale_clock_skew_seconds": "The store's clock minus ours.",
}


_OF_CHANNELS = {
    "aftersale_channel_failures_in_a_row": "How often the channel took nothing since it last took a message.",
    "aftersale_channel_retry_in_seconds": "Seconds until a channel in trouble is tried again; 0 if none is waited for.",
}


def _tell_of_channels(ward: Ward, vitals: Vitals, families: Mapping[str, GaugeMetricFamily]) -> None:
    """A store's channels are those of its client."""
    for name in ward.client.lines:
        rest = vitals.resting.get(name)
        waits = _seconds(rest.until - ward.shop.clock()) if rest is not None else 0
        failures = rest.failures if rest is not None else 0
        families["aftersale_channel_failures_in_a_row"].add_metric((*ward.names, name), failures)
        families["aftersale_channel_retry_in_seconds"].add_metric((*ward.names, name), waits)


def _values(ward: Ward, vitals: Vitals, now: datetime) -> dict[str, float | None]:
    """A store's gauges; None for what is not known."""
    state = vitals.state
    return {
        "aftersale_healthy": not ward.ailments(vitals),
        "aftersale_poll_lag_seconds": _seconds(now - state.polled_at) if state.polled_at is not None else None,
        "aftersale_due_lag_seconds": _seconds(now - vitals.due_since) if vitals.due_since is not None else 0,
        "aftersale_failures_in_a_row": state.failures,
        "aftersale_retry_in_seconds": _seconds(state.retry_at - now) if state.retry_at is not None else 0,
        "aftersale_paused": vitals.is_paused,
        "aftersale_rules_paused": len(vitals.paused_rules),
        "aftersale_orders_set_aside": vitals.set_aside,
        "aftersale_clock_skew_seconds": state.skew,
    }


def _seconds(span: timedelta) -> float:
    return max(0.0, span.total_seconds())
