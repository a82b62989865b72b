"""Private notes. Shopify keeps one note an order, for the merchant and us alike, and replaces it as a whole.

So ours is appended to what stands there, and nothing of the merchant's may be lost on the way. A mark on the order
(see `claims`) says who is at it, with a digest of the text, and at last that it is done; in between, the note itself
shows how far it came:

    trying → the note is replaced → done

It is done when its mark says so, and not before: the words alone may be those of another key that says the same.
"""

from __future__ import annotations

import hashlib
import re
import threading
import unicodedata

from msgspec import Struct

from adapters.errors import AdapterError, NotFound, Rejected, UnknownOutcome
from adapters.shopify.claims import Mark, set_mark
from adapters.shopify.client import Client, Refused
from adapters.shopify.order import existing, order_gid

LONGEST_NOTE = 5_000
"""Characters, the merchant's own included."""

_TRIES = 4


class Locks:
    """One lock an order, or a few that share it, so that threads of ours do not replace one another's notes."""

    def __init__(self) -> None:
        self._locks = tuple(threading.Lock() for _ in range(64))

    def of(self, order_id: str) -> threading.Lock:
        return self._locks[hash(order_id) % len(self._locks)]


class _OtherMark(Struct, frozen=True):
    key: str
    value: str


class _Marks(Struct, frozen=True):
    nodes: tuple[_OtherMark, ...] = ()


class _Noted(Struct, frozen=True):
    """An order's note, the mark of our key, and all marks of ours."""

    note: str | None = None
    metafield: Mark | None = None
    metafields: _Marks = _Marks()


class _Read(Struct, frozen=True):
    order: _Noted | None = None


class _Order(Struct, frozen=True):
    note: str | None = None


class _Update(Struct, frozen=True):
    order: _Order | None = None


class _Written(Struct, frozen=True):
    before: _Update | None = None
    after: _Update | None = None


class _Replaced(Struct, frozen=True):
    """The note that was replaced, and the new one as Shopify keeps it; empty where Shopify does not tell."""

    before: str
    after: str


def add_note(client: Client, locks: Locks, order_id: str, text: str, key: str) -> str:
    """Append the text, which is plain, to the order's note, once under one key; returns an id.

    Raises Rejected where the note would get longer than Shopify takes, and for a checkout; UnknownOutcome where the
    note may stand there, or cannot be marked as done, or others keep replacing it; NotFound, and the errors of a write.
    """
    ours = _as_sent(text)
    if len(ours) > LONGEST_NOTE:
        raise _too_long(order_id)
    with locks.of(order_id):
        seen, is_first_try = _claim(client, order_id, ours, key)
        if _is_done(seen):
            return key
        if is_first_try or not _is_written(seen, ours, key):
            _append(client, order_id, seen.note or "", ours, key)
        _mark_done(client, order_id, ours, key, seen)
    return key


def find_note(client: Client, locks: Locks, order_id: str, text: str, key: str) -> str | None:
    """The id of the note of this key; None says that it has not been written so far, and may be tried anew.

    What is found is marked as done. Raises NotFound, Rejected for a checkout, the errors of reading, and UnknownOutcome
    where it stands there, and cannot be marked.
    """
    ours = _as_sent(text)
    with locks.of(order_id):
        seen = _read(client, order_id, key)
        if not _is_written(seen, ours, key):
            return None
        if not _is_done(seen):
            _mark_done(client, order_id, ours, key, seen)
    return key


def _mark_done(client: Client, order_id: str, ours: str, key: str, seen: _Noted) -> None:
    """Say that the words that stand there are this key's: without that, another key with the same would take them for
    its own.
    """
    try:
        set_mark(client, order_id, key, f"done {_digest(ours)}", seen.metafield)
    except AdapterError as error:
        raise UnknownOutcome(f"The note of order {order_id} was written, but not marked as ours: {error}") from None


def _claim(client: Client, order_id: str, ours: str, key: str) -> tuple[_Noted, bool]:
    """Mark that we are at it, then look at the order; and whether nobody was at it before."""
    doubt: Refused | UnknownOutcome | None = None
    try:
        set_mark(client, order_id, key, f"trying {_digest(ours)}", None)
    except (Refused, UnknownOutcome) as error:
        doubt = error
    try:
        seen = _read(client, order_id, key)
    except NotFound:
        raise
    except AdapterError:
        if isinstance(doubt, UnknownOutcome):
            raise doubt from None
        raise
    if seen.metafield is None and doubt is not None:
        raise doubt
    return seen, doubt is None


def _is_written(seen: _Noted, ours: str, key: str) -> bool:
    """Whether the note of this key is done, or stands there: more often than the same words of other keys account for.

    Where a key of theirs is not done yet, the words are of whichever of us is first to mark them.
    """
    if seen.metafield is None or _is_done(seen):
        return seen.metafield is not None
    done = f"done {_digest(ours)}"
    others = sum(mark.value == done for mark in seen.metafields.nodes if mark.key != key)
    return _times(ours, seen.note or "") > others


def _is_done(seen: _Noted) -> bool:
    return seen.metafield is not None and seen.metafield.value.startswith("done")


def _append(client: Client, order_id: str, note: str, ours: str, key: str) -> None:
    """Replace the note by itself and our text, and see to it that both stand there then."""
    wanted = _joined(note, ours)
    if len(wanted) > LONGEST_NOTE:
        raise _too_long(order_id)
    replaced = _replace(client, order_id, wanted)
    try:
        _make_sure(client, order_id, note, wanted, replaced, ours, key)
    except (Rejected, UnknownOutcome):
        raise
    except AdapterError as error:
        raise UnknownOutcome(f"The note of order {order_id} was written, but cannot be looked at: {error}") from None


def _make_sure(client: Client, order_id: str, kept: str, wanted: str, replaced: _Replaced, ours: str, key: str) -> None:
    """Write again as long as somebody else's words, or ours, got lost.

    `kept` is what has to stand there beside our text, `wanted` what was written, `replaced` what came of it.
    """
    expected = kept
    for _ in range(_TRIES):
        overwritten = replaced.before != "" and not _same(replaced.before, expected)
        if overwritten:
            # Somebody wrote between our look and our writing.
            kept, expected = replaced.before, wanted
        else:
            now = _read(client, order_id, key).note or ""
            if _times(ours, now) > _times(ours, kept) or (replaced.after and _same(now, replaced.after)):
                return
            kept = expected = now
        wanted = _joined(kept, ours)
        if len(wanted) > LONGEST_NOTE:
            if overwritten:
                _replace(client, order_id, kept)
            raise _too_long(order_id)
        replaced = _replace(client, order_id, wanted)
    raise UnknownOutcome(f"Others keep replacing the note of order {order_id}, so that ours may not stand there.")


def _replace(client: Client, order_id: str, note: str) -> _Replaced:
    written = client.write("order_note_write", {"id": order_gid(order_id), "note": note}, _Written)
    return _Replaced(_note_in(written.before), _note_in(written.after))


def _note_in(update: _Update | None) -> str:
    return (update.order.note or "") if update is not None and update.order is not None else ""


def _read(client: Client, order_id: str, key: str) -> _Noted:
    order = client.read("order_note", {"id": order_gid(order_id), "key": key}, _Read).order
    return existing(client, order_id, order)


def _too_long(order_id: str) -> Rejected:
    return Rejected(
        f"with this text the note of order {order_id} would be longer than the {LONGEST_NOTE:,} characters that "
        "Shopify takes. Shorten the text, or what stands in the note."
    )


def _joined(note: str, ours: str) -> str:
    return f"{note}\n\n{ours}" if note.strip() else ours


def _times(ours: str, note: str) -> int:
    """How often the text stands in the note, in lines of its own."""
    return len(re.findall(rf"^{re.escape(_lines(ours))}$", _lines(note), re.MULTILINE))


def _same(one: str, other: str) -> bool:
    return _lines(one).strip() == _lines(other).strip()


def _as_sent(text: str) -> str:
    """The text as it is written. A lone surrogate is no text at all, and would fail on the way."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return plain.encode("utf-8", "replace").decode("utf-8")


def _lines(text: str) -> str:
    """A text as it is compared: without what editors and databases change unasked."""
    return unicodedata.normalize("NFC", "\n".join(line.rstrip() for line in text.splitlines()))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
