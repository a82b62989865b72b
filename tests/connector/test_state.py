"""The state: one file, for its owner alone, of a known schema; what is wrong with it is said in words."""

from __future__ import annotations

import sqlite3
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from connector.store import database, sqlite, tables
from connector.store.database import open_database, secret_of
from connector.store.errors import StateError
from tests.conftest import World


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'state.db'}"


def test_the_schema_is_what_all_migrations_make_together(tmp_path: Path) -> None:
    opened = open_database(url(tmp_path))
    with opened.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []
    opened.close()


def test_the_newest_migration_is_the_one_that_is_expected() -> None:
    config = Config()
    config.set_main_option("script_location", "connector.store:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == database.HEAD


def test_the_indexes_are_those_of_the_tables_partial_ones_included(tmp_path: Path) -> None:
    by_migration, by_tables = open_database(url(tmp_path)), sa.create_engine("sqlite://")
    tables.metadata.create_all(by_tables)
    query = sa.text("SELECT name, replace(replace(sql, '\n', ''), '\t', '') FROM sqlite_master WHERE type = 'index'")
    with by_migration.read() as migrated, by_tables.connect() as made:
        found, wanted = (
            {row[0]: row[1] for row in connection.execute(query) if not row[0].startswith("sqlite_")}
            for connection in (migrated, made)
        )
    assert found == wanted
    by_migration.close()
    by_tables.dispose()


def test_a_state_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    opened = open_database(url(tmp_path))
    with opened.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    opened.close()
    with pytest.raises(StateError, match=r"made by a newer Aftersale .*upgrade Aftersale"):
        open_database(url(tmp_path))


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    opened = open_database(url(tmp_path))
    with opened.write() as connection:
        connection.execute(sa.insert(tables.state).values(key="a", value="b"))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    opened.close()


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("This is a shopping list, and not a database at all.\n" * 100)
    with pytest.raises(StateError, match=r"state\.db cannot be used: file is not a database"):
        open_database(url(tmp_path))


def test_a_damaged_database_is_refused_in_words(tmp_path: Path) -> None:
    open_database(url(tmp_path)).close()
    file = tmp_path / "state.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:100] + b"\xff" * 8192 + whole[8292:])
    with pytest.raises(StateError, match=r"state\.db cannot be used"):
        open_database(url(tmp_path))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"cannot be made: No such file or directory"):
        open_database(f"sqlite:///{tmp_path / 'nowhere' / 'state.db'}")


def test_what_is_no_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    with pytest.raises(StateError, match=r"state\.db cannot be used: unable to open database file"):
        open_database(url(tmp_path))


def test_a_database_that_another_program_keeps_locked_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE", 0.05)
    holder = sqlite3.connect(tmp_path / "state.db")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StateError, match=r"state\.db cannot be used: database is locked"):
        open_database(url(tmp_path))
    holder.close()


def test_a_database_that_cannot_be_written_during_a_run_is_an_error_of_the_run_in_words(world: World) -> None:
    world.rules("- {id: welcome, trigger: order.placed, actions: [add_note: Hello]}")
    world.run()
    order = world.store.add_order()
    with world.shop.database.write() as connection:
        connection.execute(
            sa.text("CREATE TRIGGER no BEFORE INSERT ON orders BEGIN SELECT RAISE(FAIL, 'disk full'); END")
        )
    report = world.run()
    assert report.error == "the database cannot be used just now: disk full"
    with world.shop.database.write() as connection:
        connection.execute(sa.text("DROP TRIGGER no"))
    world.run()
    assert world.notes(order) == ["Hello"]


def test_times_are_kept_in_utc_and_come_back_aware(tmp_path: Path) -> None:
    opened = open_database(url(tmp_path))
    moment = datetime.fromisoformat("2026-06-01T12:00:00+03:00")
    with opened.write() as connection:
        connection.execute(sa.insert(tables.stores).values(id="tea", polled_at=moment))
    with opened.read() as connection:
        found = connection.scalar(sa.select(tables.stores.c.polled_at))
    opened.close()
    assert found == datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
    raw = sqlite3.connect(tmp_path / "state.db")
    assert raw.execute("SELECT polled_at FROM stores").fetchone() == ("2026-06-01 09:00:00.000000",)
    raw.close()


def test_the_secret_is_made_once(tmp_path: Path) -> None:
    opened = open_database(url(tmp_path))
    secret = secret_of(opened)
    opened.close()
    again = open_database(url(tmp_path))
    assert secret_of(again) == secret
    assert len(secret) == 32
    again.close()


def test_what_is_due_is_found_by_an_index(tmp_path: Path) -> None:
    opened = open_database(url(tmp_path))
    with opened.read() as connection:
        plan = connection.execute(
            sa.text(
                "EXPLAIN QUERY PLAN SELECT * FROM followups WHERE store = 'tea' AND state = 'pending' "
                "AND due_at <= '2026-06-01' ORDER BY due_at, id LIMIT 500"
            )
        ).fetchall()
    opened.close()
    assert "ix_followups_due" in plan[0][-1]


def test_what_a_rule_has_done_is_counted_by_indexes_however_much_there_is(tmp_path: Path) -> None:
    opened = open_database(url(tmp_path))
    of_rule = "SELECT count(*) FROM followups WHERE store = 'tea' AND rule = 'welcome' AND"
    counted = {
        "ix_followups_done": f"{of_rule} state = 'done' AND action = 1 AND at >= '2026-06-01' AND at < '2026-06-02'",
        "ix_followups_open_ends": f"{of_rule} state = 'held' AND approved IS 0 AND at > '2026-06-01'",
    }
    with opened.read() as connection:
        for index, query in counted.items():
            assert index in connection.execute(sa.text(f"EXPLAIN QUERY PLAN {query}")).fetchall()[0][-1]
    opened.close()


def test_no_address_stands_in_the_state_once_a_message_is_sent(world: World) -> None:
    world.rules('- {id: welcome, trigger: order.placed, actions: [send: "Dear {{ customer.first_name }}"]}')
    world.run()
    world.store.add_order()
    world.run()
    with world.shop.database.read() as connection:
        (intent,) = connection.scalars(sa.select(tables.followups.c.intent))
    assert b"Noa" not in intent
