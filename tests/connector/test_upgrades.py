"""Upgrades: what an older version left goes on, and what a newer one left is refused; nothing is lost by trying."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from connector.store import database, migrations, sqlite, tables
from connector.store.database import open_database
from connector.store.errors import StateError
from tests.conftest import World
from tests.connector import released
from tests.connector.released.story import RULES, customers_order

RELEASED = Path(released.__file__).parent


def revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", database.MIGRATIONS)
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]


def put_back(world: World, schema: str) -> None:
    """The state as it was left by the version that had this schema."""
    kind = world.database.partition(":")[0].partition("+")[0]
    script = (RELEASED / f"{schema}.{kind}.sql").read_text(encoding="utf-8")
    if kind == "sqlite":
        with closing(sqlite3.connect(world.folder / "aftersale.db")) as connection:
            connection.executescript(script)
    else:
        engine = sa.create_engine(world.database)
        with engine.begin() as alchemy:
            driver = alchemy.connection.dbapi_connection
            assert driver is not None
            driver.cursor().execute(script)
        engine.dispose()


# From every released schema, with data ------------------------------------------------------------------------


def test_the_state_of_every_schema_is_kept_to_be_tried() -> None:
    kept = {f"{revision}.{kind}.sql" for revision in revisions() for kind in ("sqlite", "postgresql")}
    assert {file.name for file in RELEASED.glob("*.sql")} == kept


@pytest.mark.every_database
@pytest.mark.parametrize("schema", revisions())
def test_a_state_of_any_schema_has_todays_when_it_is_opened(world: World, schema: str) -> None:
    put_back(world, schema)
    world.rules(RULES)
    with world.shop.database.read() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == database.HEAD
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []


@pytest.mark.every_database
@pytest.mark.parametrize("schema", revisions())
def test_what_was_done_before_an_upgrade_is_not_done_again_and_what_was_planned_is(world: World, schema: str) -> None:
    stays, cancelled = customers_order(world)
    world.store.set_status(cancelled, "cancelled")
    put_back(world, schema)
    world.rules(RULES)
    assert world.states() == ["done", "held", "done", "held", "pending", "skipped"]
    world.later(days=2)
    assert world.run(accept_store=True).error is None
    assert world.notes(stays) == []
    assert world.messages(stays) == ["How was it?"]
    assert world.messages(cancelled) == []


@pytest.mark.every_database
def test_a_state_of_a_newer_schema_is_refused_by_an_old_aftersale_and_left_as_it_is(world: World) -> None:
    world.rules(RULES)
    with world.shop.database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateError, match=r"made by a newer Aftersale \(its schema is 9999\); upgrade Aftersale"):
        world.open()


# The way there ------------------------------------------------------------------------------------------------

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = {head!r}


def upgrade() -> None:
    op.add_column("stores", sa.Column("mood", sa.Text()))
    {more}
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A state that is in use: something was written to it lately."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    opened = open_database(url)
    with opened.write() as connection:
        connection.execute(sa.insert(tables.state).values(key="a", value="kept"))
    opened.close()
    return url


def upgrade(folder: Path, monkeypatch: pytest.MonkeyPatch, more: str = "pass") -> None:
    """As if Aftersale were of a newer version from now on."""
    scripts = folder / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, scripts)
    (scripts / "versions" / "9001_next.py").write_text(NEXT.format(head=database.HEAD, more=more))
    monkeypatch.setattr(database, "MIGRATIONS", str(scripts))
    monkeypatch.setattr(database, "HEAD", "9001")


def columns(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        return {row[1] for row in connection.execute("PRAGMA table_info(stores)")}


def values(file: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.execute("SELECT value FROM state WHERE key = 'a'"))


def test_before_an_upgrade_the_file_is_copied_for_its_owner_alone(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(tmp_path, monkeypatch)
    before = sqlite.backups(url)
    open_database(url).close()
    (copy,) = sqlite.backups(url)
    assert before == []
    assert copy.name == "state.db.before-9001.bak"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert "mood" not in columns(copy)
    assert "mood" in columns(tmp_path / "state.db")
    assert values(copy) == values(tmp_path / "state.db") == [("kept",)]


def test_a_state_that_is_up_to_date_is_not_copied(url: str) -> None:
    open_database(url).close()
    assert sqlite.backups(url) == []


def test_only_the_latest_copies_are_kept(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for age, revision in enumerate(["0007", "0008", "0009", "0010"]):
        old = tmp_path / f"state.db.before-{revision}.bak"
        old.write_bytes(b"old")

        os.utime(old, (age, age))
    upgrade(tmp_path, monkeypatch)
    open_database(url).close()
    assert [copy.name.split("-")[1] for copy in sqlite.backups(url)] == ["0009.bak", "0010.bak", "9001.bak"]


def test_an_upgrade_that_fails_halfway_changes_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(tmp_path, monkeypatch, more='op.execute("NONSENSE")')
    with pytest.raises(StateError, match=r"state\.db cannot be used: near "):
        open_database(url)
    assert "mood" not in columns(tmp_path / "state.db")
    assert values(tmp_path / "state.db") == [("kept",)]


def test_without_a_copy_there_is_no_upgrade(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(tmp_path, monkeypatch)
    (tmp_path / "state.db.before-9001.bak.part").mkdir()
    with pytest.raises(StateError, match=r"cannot be copied before that .*: nothing was changed. Make room beside it"):
        open_database(url)
    assert "mood" not in columns(tmp_path / "state.db")


def test_a_state_that_an_older_run_is_at_work_on_is_left_alone(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(tmp_path, monkeypatch)
    with (
        sqlite.locked(url),  # as another process holds it
        pytest.raises(StateError, match=r"has to be upgraded first, and another run .*: stop that run"),
    ):
        open_database(url)
    assert "mood" not in columns(tmp_path / "state.db")


def test_the_run_that_holds_the_state_may_upgrade_it(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(tmp_path, monkeypatch)
    with database.locked(url):
        open_database(url).close()
    assert "mood" in columns(tmp_path / "state.db")
