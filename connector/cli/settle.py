"""Settle what may or may not have gone out.

Without an option the store is asked again. Where it cannot tell, look in the shop (the order's notes, the mail log)
and say it: '--sent' if it did go out, '--not-sent' if it did not and is to be tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import structlog
import typer

from adapters.errors import AdapterError
from connector import deciding
from connector.cli._clients import Clients, load_clients
from connector.cli._exits import Exit, Stop, worst
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._rows import Found, rows_json, rows_table
from connector.cli._screen import console, count, print_json
from connector.cli._state import by_shop, known_shop, now, state_of, with_state
from connector.loading import Loaded
from connector.poller import refuse_another
from connector.settling import SETTLES_AFTER
from connector.settling import settle as ask_store
from connector.shop import Shop
from connector.store import followups, stores
from connector.store.database import Database, locked
from connector.store.errors import Locked
from connector.store.followups import Followup
from connector.tally import Tally

log = structlog.get_logger()


def settle(
    which: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Which actions; unless told, all.")
    ] = None,
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    sent: Annotated[bool, typer.Option("--sent", help="It did go out.")] = False,
    not_sent: Annotated[bool, typer.Option("--not-sent", help="It did not go out: it is tried again.")] = False,
) -> Exit:
    if sent and not_sent:
        raise Stop(Exit.MISTAKE, "either --sent or --not-sent, not both")
    clients = load_clients(config)
    chosen = _chosen(_open(clients), which or [])
    if not which and (sent or not_sent):
        chosen = [(loaded, row) for loaded, row in chosen if row.state == "held"]
    if sent or not_sent:
        _refuse_the_untellable(chosen)
    code = Exit.WELL
    for loaded in clients.loaded:
        rows = [row for of, row in chosen if of is loaded]
        if not rows:
            continue
        with state_of(loaded) as database:
            if sent or not_sent:
                for shop, ids in by_shop(loaded, database, rows):
                    deciding.take_word(shop, ids, sent=sent)
            else:
                code = worst([code, _ask_the_stores(database, loaded, rows)])
    return _tell(clients, chosen, code, as_json=as_json)


def _open(clients: Clients) -> Found:
    """What may or may not have been done."""
    found: Found = []
    for loaded in with_state(clients):
        with state_of(loaded) as database, database.read() as connection:
            rows = followups.in_state(connection, ["unknown", "held"])
            found += [(loaded, row) for row in rows if row.state == "unknown" or row.held_for == "outcome"]
    return found


def _chosen(found: Found, which: Sequence[str]) -> Found:
    known = {str(row.id) for _, row in found}
    settled = [name for name in which if name not in known]
    if settled:
        listed = f"; these are: {', '.join(sorted(known))}" if 0 < len(known) <= 20 else ""
        raise Stop(Exit.MISTAKE, *(f"'{name}' is no action whose outcome is open{listed}" for name in settled))
    return [(loaded, row) for loaded, row in found if not which or str(row.id) in which]


def _refuse_the_untellable(chosen: Found) -> None:
    """Raises Stop for what is under way, or may still land: a person cannot know yet."""
    moment = now()
    early = [row for _, row in chosen if not deciding.may_be_told(row, moment)]
    if early:
        minutes = int(SETTLES_AFTER.total_seconds() // 60)
        raise Stop(
            Exit.MISTAKE,
            *(f"action {row.id} may be under way: nobody knows before {minutes} minutes are over" for row in early),
        )


def _ask_the_stores(database: Database, loaded: Loaded, rows: Sequence[Followup]) -> Exit:
    """Ask about each. A store that cannot be asked is told of, and the next one asked."""
    code = Exit.WELL
    try:
        with locked(loaded.config.database.get_secret_value()):
            for store in loaded.config.stores:
                shop = known_shop(loaded, store, database, now)
                try:
                    theirs = [row for row in rows if row.store == store.id]
                    if theirs:
                        _refuse_another(shop)
                    for row in theirs:
                        ask_store(shop, row, Tally())
                except AdapterError as error:
                    log.warning("store cannot be asked", store=store.id, reason=str(error))
                    code = Exit.FAILED
                finally:
                    shop.adapter.close()
    except Locked as error:
        raise Stop(Exit.LOCKED, f"{error}, and settles by itself what it can") from None
    return code


def _refuse_another(shop: Shop) -> None:
    """A copy of the store knows nothing of what went out since it was made. Raises StoreRefused for one."""
    with shop.database.read() as connection:
        state = stores.load(connection, shop.id)
    refuse_another(state, shop.adapter.identify().identity)


def _tell(clients: Clients, chosen: Found, code: Exit, *, as_json: bool) -> Exit:
    """What became of each, and whether something still waits for a person."""
    after: Found = []
    for loaded in clients.loaded:
        ids = [row.id for of, row in chosen if of is loaded]
        if ids:
            with state_of(loaded) as database, database.read() as connection:
                after += [(loaded, row) for row in followups.by_ids(connection, ids)]
    waiting = [row for _, row in after if row.state == "held"]
    if as_json:
        print_json(rows_json(clients, after))
    elif after:
        screen = console()
        screen.print(rows_table(clients, after, when="When", with_state=True))
        if waiting:
            screen.print(f"\n{count(len(waiting), 'action')} the store could not tell about. Look in the shop, then:")
            screen.print("  aftersale settle ID --sent       it did go out")
            screen.print("  aftersale settle ID --not-sent   it did not: try again")
    else:
        console().print("Nothing is open: every outcome is known.")
    return worst([clients.code, code, Exit.AWAITS if waiting else Exit.WELL])
