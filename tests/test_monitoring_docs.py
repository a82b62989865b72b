"""docs/monitoring.md names every metric and every label, and the alerts ask for nothing that there is not."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
import yaml

from connector.config import MetricsKeys
from connector.cycle import run_cycle
from connector.health import wards_of
from connector.metrics import STORE, Metrics
from tests.conftest import World
from tests.test_docs import CONFIGURATION, ROOT, assert_documents, code

MONITORING = "docs/monitoring.md"
ALERTS: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "alerts.yaml").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]


@pytest.fixture
def exposed(world: World) -> dict[str, set[str]]:
    """Every metric of ours that a busy daemon exposes, by what Prometheus calls it, with the labels of each."""
    world.extra = "channels: { email: { type: smtp, url: 'smtp://127.0.0.1:9', from: tal@tea.example.com } }"
    world.rules("- { id: welcome, trigger: order.placed, actions: [ { add_note: Hello } ] }")
    world.run()
    world.store.add_order()
    metrics = Metrics()
    assert world.client is not None
    (ward,) = wards_of([world.client])
    metrics.look_after([ward])
    watch = metrics.watch(*ward.names)
    watch.answered(200, 0.1)
    watch.points(1, 2)
    run_cycle(ward.shop, threading.Event(), told=metrics.told(*ward.names))
    found: dict[str, set[str]] = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            if sample.name.startswith("aftersale") and not sample.name.endswith("_created"):
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def documented() -> dict[str, set[str]]:
    return {code(cells[0])[0]: set(code(cells[2])) for cells in tables()}


def tables() -> list[list[str]]:
    """The rows of both tables of metrics: of what is read, and of what is counted."""
    text = (ROOT / MONITORING).read_text(encoding="utf-8")
    section = re.search(r"^## Metrics\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert section is not None
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section[1].splitlines() if "|" in line]
    return [cells for cells in rows if cells[0].startswith("`")]


def test_every_metric_is_documented_with_its_labels(exposed: dict[str, set[str]]) -> None:
    ends = re.compile("_(bucket|count|sum)$")
    told: dict[str, set[str]] = {}
    for name, labels in exposed.items():
        told.setdefault(ends.sub("", name), set()).update(labels - set(STORE))
    assert documented() == told


def test_where_metrics_are_served_is_documented() -> None:
    assert_documents(MetricsKeys, CONFIGURATION, "Metrics")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_is_whole(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"].keys() == {"severity"}
    assert rule["annotations"].keys() == {"summary", "description"}
    assert re.fullmatch(r"\d+[smhdw]", rule.get("for", "0s"))
    assert all(rule["expr"].count(left) == rule["expr"].count(right) for left, right in ("()", "[]", "{}"))


def test_alerts_ask_for_metrics_and_labels_that_there_are(exposed: dict[str, set[str]]) -> None:
    for rule in RULES:
        asked = set(re.findall(r"\baftersale_\w+", rule["expr"]))
        assert asked <= exposed.keys(), rule["alert"]
        known = {label for name in asked for label in exposed[name]} | {"job"}
        assert set(re.findall(r"(\w+)=~?\"", rule["expr"])) <= known, rule["alert"]


def test_every_alert_has_a_name_of_its_own() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))


def test_the_states_and_outcomes_that_alerts_ask_for_are_documented() -> None:
    rows = {code(cells[0])[0]: set(code(cells[1])) for cells in tables()}
    for rule in RULES:
        for state in re.findall(r"state=\"(\w+)\"", rule["expr"]):
            assert state in rows["aftersale_actions"]
        for outcome in re.findall(r"outcome=\"(\w+)\"", rule["expr"]):
            assert outcome in rows["aftersale_outcomes_total"]
