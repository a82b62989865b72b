"""What the rules of each store were when, and who goes on by which version."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from connector.store.tables import followups, rules, versions


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a rule: in force since then, for the first time.

    Those for whom the rule has begun by it go on by the version `goes_by`. `source` is None once nobody goes by it.
    """

    rule: str
    version: str
    source: str | None
    goes_by: str
    since: datetime


def load(connection: sa.Connection, store: str) -> list[Version]:
    """All versions that the rules of a store have had, the oldest first."""
    columns = [versions.c[name] for name in Version.__dataclass_fields__]
    query = sa.select(*columns).where(versions.c.store == store).order_by(versions.c.since, versions.c.version)
    return [Version(*row) for row in connection.execute(query)]


def outdated(connection: sa.Connection, store: str) -> dict[tuple[str, str], datetime]:
    """By rule and version, since when each version was in force that is so no more."""
    current = sa.exists().where(
        rules.c.store == versions.c.store, rules.c.rule == versions.c.rule, rules.c.version == versions.c.version
    )
    query = sa.select(versions.c.rule, versions.c.version, versions.c.since)
    return {
        (row.rule, row.version): row.since
        for row in connection.execute(query.where(versions.c.store == store, ~current))
    }


def put(connection: sa.Connection, store: str, new: Version) -> None:
    """This version is in force; it may have been before."""
    of_rule = (versions.c.store == store, versions.c.rule == new.rule, versions.c.version == new.version)
    again = {"source": new.source, "goes_by": new.goes_by}
    if connection.execute(sa.update(versions).where(*of_rule).values(**again)).rowcount == 0:
        columns = {name: getattr(new, name) for name in Version.__dataclass_fields__}
        connection.execute(sa.insert(versions).values(store=store, **columns))


def follow(connection: sa.Connection, store: str, rule: str, version: str) -> bool:
    """Whoever the rule has begun for goes on by this version; true if somebody went by another one."""
    of_others = (versions.c.store == store, versions.c.rule == rule, versions.c.goes_by != version)
    values = {"goes_by": version, "source": None}
    return connection.execute(sa.update(versions).where(*of_others).values(**values)).rowcount > 0


def somebody_goes_by_another(connection: sa.Connection, store: str, rule: str, version: str) -> bool:
    """Whether anyone goes on by another version of the rule than this one."""
    of_others = (versions.c.store == store, versions.c.rule == rule, versions.c.goes_by != version)
    return connection.execute(sa.select(versions.c.version).where(*of_others).limit(1)).first() is not None


def rename_rule(connection: sa.Connection, store: str, old: str, new: str) -> None:
    """A rule has a new id; it has been what it was."""
    of_rule = (versions.c.store == store, versions.c.rule == old)
    connection.execute(sa.update(versions).where(*of_rule).values(rule=new))


def drop_source(connection: sa.Connection, store: str, rule: str, version: str) -> None:
    """Nobody goes by this version any more."""
    chosen = (versions.c.store == store, versions.c.rule == rule, versions.c.version == version)
    connection.execute(sa.update(versions).where(*chosen).values(source=None))


def somebody_is_under_way(
    connection: sa.Connection, store: str, rule: str, begun_by: Collection[str], last: int
) -> bool:
    """Whether anyone for whom the rule has begun by one of these versions has not come to the step `last`, or is not
    through with it."""
    is_open = sa.case((followups.c.final, 0), else_=1)
    subjects = (
        sa.select(followups.c.subject)
        .where(followups.c.store == store, followups.c.rule == rule, followups.c.version.in_(begun_by))
        .group_by(followups.c.subject)
        .having(sa.or_(sa.func.max(followups.c.position) < last, sa.func.sum(is_open) > 0))
    )
    return connection.execute(subjects.limit(1)).first() is not None
