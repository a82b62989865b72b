"""Files of another version than ours: told in a line, and left as they are."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.cli.conftest import Shop


@pytest.mark.parametrize("command", [("run", "--once"), ("status",), ("pending",), ("pause",)])
def test_a_state_of_a_newer_version_is_refused_in_a_line(noted: Shop, command: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(noted.folder / "aftersale.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    result = noted.type(*command)
    assert result.code == 2
    (line,) = result.lines
    assert "was made by a newer Aftersale (its schema is 9999); upgrade Aftersale" in line
    assert noted.store.requests[-1].method == "GET"


def test_a_config_of_a_newer_version_is_refused_in_a_line(noted: Shop) -> None:
    config = noted.folder / "config.yaml"
    config.write_text(config.read_text().replace("version: 1", "version: 2"))
    result = noted.type("run", "--once")
    assert result.code == 2
    told = "version: this file is of version 2, and this Aftersale knows no newer one than 1: upgrade Aftersale"
    assert result.lines == [f"config.yaml:1:10: {told}"]


def test_rules_of_a_newer_version_are_refused_in_a_line(noted: Shop) -> None:
    rules = noted.folder / "rules" / "rules.yaml"
    rules.write_text(rules.read_text().replace("version: 1", "version: 2"))
    result = noted.type("run", "--once")
    assert result.code == 2
    (line,) = result.lines
    assert line.startswith("rules/rules.yaml:1:10: version: this file is of version 2, and this Aftersale knows no ")


@pytest.mark.parametrize("version", ["0", "true", "'1.0'", "one"])
def test_what_is_no_version_is_told(noted: Shop, version: str) -> None:
    config = noted.folder / "config.yaml"
    config.write_text(config.read_text().replace("version: 1", f"version: {version}"))
    result = noted.type("check")
    assert result.code == 2
    assert "config.yaml:1:10: version: write 'version: 1'" in result.err
