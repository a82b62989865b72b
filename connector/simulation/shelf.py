"""The orders of a replay to which nothing happens right now, and who was sent what: in a temporary file.

Memory does not grow with the number of orders. The file has no name, and is gone when the replay is over.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property

import msgspec
from msgspec import Struct, field

from adapters.model import NOTHING_SAID, Remarks
from connector.store.followups import Followup
from connector.store.orders import Erased, decode
from rules.events import Journal
from rules.past import Past, past_of
from rules.protection import Sent


class Story(Struct, frozen=True, dict=True):
    """An order to be replayed: `raw` is how it is now, `journal` what was written down of it, `person` whose it is,
    `remarks` what was said about it.

    `told` is its past where that is known in full, and need not be concluded from the other two.
    """

    store: str
    raw: bytes
    person: str
    journal: Journal = ()
    erased: Erased | None = None
    told: Past | None = None
    remarks: Remarks = NOTHING_SAID

    @cached_property
    def past(self) -> Past:
        return self.told or past_of(decode(self.raw), self.journal)


class Life(Struct):
    """An order as far as it has been replayed. `refused` is why rules have not begun, `untold` what happened to it at a
    time that nobody knows.
    """

    number: int
    story: Story
    seen_at: datetime | None = None
    journal: Journal = ()
    rows: dict[int, Followup] = field(default_factory=dict)
    refused: Mapping[tuple[str, str], str] = field(default_factory=dict)
    ask_at: datetime | None = None
    untold: list[str] = field(default_factory=list)

    @property
    def moments(self) -> tuple[datetime, ...]:
        """When (UTC) the order changes."""
        return self.story.past.moments


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Life).decode

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE lives (number INTEGER PRIMARY KEY, store TEXT, person TEXT, wakes_at TEXT, life BLOB);
CREATE INDEX by_beat ON lives (wakes_at, store) WHERE wakes_at IS NOT NULL;
CREATE INDEX by_person ON lives (store, person);
CREATE TABLE quiet (store TEXT, person TEXT, raw BLOB);
CREATE INDEX quiet_by_person ON quiet (store, person);
CREATE TABLE messages (at TEXT, person TEXT, store TEXT, order_id TEXT, number TEXT, rule TEXT, marketing INTEGER);
CREATE TABLE marks (mark TEXT, message INTEGER);
CREATE INDEX by_mark ON marks (mark);
"""


class Shelf:
    """Where a replay's orders sleep. A life that was woken is one and the same until it sleeps again."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.executescript(_TABLES)
        self._awake: dict[int, Life] = {}

    def close(self) -> None:
        """The file is gone with all that is in it."""
        self._file.close()

    # Lives ------------------------------------------------------------------------------------------------------

    def take_in(self, story: Story) -> Life:
        """A new life, awake."""
        query = "INSERT INTO lives (store, person) VALUES (?, ?)"
        number = self._file.execute(query, (story.store, story.person)).lastrowid
        assert number is not None  # it was inserted
        life = self._awake[number] = Life(number, story)
        return life

    def sleep(self, life: Life, until: datetime | None) -> None:
        """Let an order sleep until then (UTC), or until it is asked for."""
        del self._awake[life.number]
        values = (_text(until) if until is not None else None, _encode(life), life.number)
        self._file.execute("UPDATE lives SET wakes_at = ?, life = ? WHERE number = ?", values)

    def next_beat(self) -> tuple[datetime, str] | None:
        """When (UTC) the next order wakes, and in which store; None if none ever does."""
        query = "SELECT wakes_at, store FROM lives WHERE wakes_at IS NOT NULL ORDER BY wakes_at, store LIMIT 1"
        row = self._file.execute(query).fetchone()
        return (datetime.fromisoformat(row[0]), row[1]) if row is not None else None

    def wake(self, at: datetime, store: str) -> list[Life]:
        """The orders of a store that sleep until just then."""
        query = "SELECT number, life FROM lives WHERE wakes_at = ? AND store = ? ORDER BY number"
        return self._woken(query, _text(at), store)

    def awake(self) -> list[Life]:
        """The orders that do not sleep."""
        return list(self._awake.values())

    def of_person(self, store: str, person: str) -> list[Life]:
        """All orders of a person in a store, awake from now on."""
        return self._woken(
            "SELECT number, life FROM lives WHERE store = ? AND person = ? ORDER BY number", store, person
        )

    def __iter__(self) -> Iterator[Life]:
        """All orders, one after the other, as they sleep."""
        for (life,) in self._file.execute("SELECT life FROM lives ORDER BY number"):
            yield _decode(life)

    def _woken(self, query: str, *values: str) -> list[Life]:
        rows = self._file.execute(query, values).fetchall()
        return [self._awake.get(number) or self._awake.setdefault(number, _decode(life)) for number, life in rows]

    # Orders to which nothing happens --------------------------------------------------------------------------------

    def leave(self, story: Story) -> None:
        """Nothing happens to this order; it tells what its customer has bought besides."""
        self._file.execute("INSERT INTO quiet VALUES (?, ?, ?)", (story.store, story.person, story.raw))

    def left(self, store: str, person: str) -> list[bytes]:
        """The orders of a person that were left where they are."""
        query = "SELECT raw FROM quiet WHERE store = ? AND person = ? ORDER BY rowid"
        return [raw for (raw,) in self._file.execute(query, (store, person))]

    # Messages -------------------------------------------------------------------------------------------------------

    def enter(self, row: Followup, sent: Sent, marks: Collection[str]) -> None:
        """Somebody who is known by these marks was sent what this row says."""
        values = (_text(sent.at), row.person, *sent.order, row.number, row.rule, sent.marketing)
        message = self._file.execute("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)", values).lastrowid
        self._file.executemany("INSERT INTO marks VALUES (?, ?)", [(mark, message) for mark in marks])

    def sent_to(self, marks: Collection[str], since: datetime) -> list[Sent]:
        """What somebody who is known by any of these marks was sent from then on (UTC)."""
        theirs = f"SELECT message FROM marks WHERE mark IN ({', '.join('?' * len(marks))})"  # noqa: S608  but places
        query = f"SELECT at, marketing, store, order_id FROM messages WHERE rowid IN ({theirs}) AND at >= ?"  # noqa: S608
        rows = self._file.execute(query, (*marks, _text(since)))
        return [Sent(datetime.fromisoformat(at), bool(marketing), (store, id_)) for at, marketing, store, id_ in rows]

    def people(self) -> dict[tuple[str, str], int]:
        """To how many people there were messages, by (store, rule)."""
        query = "SELECT store, rule, count(DISTINCT person) FROM messages GROUP BY store, rule"
        return {(store, rule): number for store, rule, number in self._file.execute(query)}

    def busiest(self) -> Sequence[tuple[datetime, str, str]]:
        """The messages of whoever got the most: (when, the order's number, the rule)."""
        query = """
            SELECT at, number, rule FROM messages WHERE person =
            (SELECT person FROM messages GROUP BY person ORDER BY count(*) DESC, min(rowid) LIMIT 1) ORDER BY rowid
        """
        return [(datetime.fromisoformat(at), number, rule) for at, number, rule in self._file.execute(query)]


def _text(moment: datetime) -> str:
    """A time so that texts have the order of times."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
