"""What counts as shipped and delivered: the store's word, else its platform's, else what is usual."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

from adapters import registry
from adapters.model import Customer, Money, Order, Shipment
from connector.config import load_config
from connector.ingest import _is_open
from rules.document import Problem
from rules.events import BY_PARCELS, Event, Ladders, Rung

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
PRESENT = Rung("shipment", "present")


@pytest.fixture
def teashop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A platform whose parcels tell when they arrive."""
    module = ModuleType("aftersale_teashop")
    module.Settings = type("Settings", (BaseModel,), {})  # type: ignore[attr-defined]
    module.DELIVERED_WHEN = ({"shipment": "delivered"},)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(registry, "entry_points", lambda group: [EntryPoint("teashop", module.__name__, group)])
    return module


def configured(folder: Path, *keys: str) -> tuple[Ladders | None, list[Problem]]:
    """The ladders of a store on that platform with these keys of its own, and what is wrong with them."""
    store = "".join(f"    {key}\n" for key in keys)
    file = folder / "config.yaml"
    file.write_text(f"version: 1\nstores:\n  - id: tea\n    platform: teashop\n{store}", encoding="utf-8")
    problems: list[Problem] = []
    config = load_config(file, {}, problems)
    return (config.stores[0].ladders if config is not None else None), problems


@pytest.mark.usefixtures("teashop")
def test_a_platform_says_what_counts_where_the_store_does_not(tmp_path: Path) -> None:
    ladders, problems = configured(tmp_path)
    assert problems == []
    assert ladders == Ladders(delivered_when=(BY_PARCELS,))


@pytest.mark.usefixtures("teashop")
def test_the_store_has_the_last_word(tmp_path: Path) -> None:
    ladders, problems = configured(tmp_path, "delivered_when: [{ status: packed }]", "shipped_when: [{ status: out }]")
    assert problems == []
    assert ladders == Ladders((Rung("status", "out"),), (Rung("status", "packed"),))


@pytest.mark.usefixtures("teashop")
def test_no_parcel_tells_by_arriving_when_it_left(tmp_path: Path) -> None:
    _, (problem,) = configured(tmp_path, "shipped_when: [{ shipment: delivered }]")
    assert "'shipment: delivered' tells when a parcel is delivered, not when it is shipped" in str(problem)


def test_on_shopify_parcels_tell_and_on_woocommerce_the_usual_counts() -> None:
    shopify = {"shipped_when": [{"shipment": "present"}], "delivered_when": [{"shipment": "delivered"}]}
    assert registry.ladders_of("shopify") == shopify
    assert registry.ladders_of("woocommerce") == {}


# What is swept --------------------------------------------------------------------------------------------------


def completed(*states: str | None) -> Order:
    return Order(
        id="7",
        number="1007",
        status="completed",
        created_at=NOW - timedelta(days=3),
        modified_at=NOW,
        total=Money(Decimal(100), "ILS"),
        customer=Customer(),
        shipments=tuple(Shipment(id=f"p{n}", state=state) for n, state in enumerate(states)),
    )


DELIVERED = (Event("order.delivered", NOW, "status: completed"),)


@pytest.mark.parametrize(
    ("states", "is_open"),
    [
        ((), False),
        ((None,), False),
        (("delivered",), False),
        (("returned",), False),
        (("delivered", "exception"), True),
    ],
    ids=str,
)
def test_a_delivered_order_is_swept_for_as_long_as_a_parcel_is_under_way(
    states: tuple[str | None, ...], is_open: bool
) -> None:
    assert _is_open(completed(*states), DELIVERED, NOW) is is_open
    assert not _is_open(completed(*states), DELIVERED, NOW + timedelta(days=90))


def test_a_completed_order_is_swept_until_it_is_delivered() -> None:
    assert _is_open(completed("delivered"), (), NOW)
