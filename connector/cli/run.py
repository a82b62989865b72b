"""Look after the stores: as a daemon, or once for cron.

Without --once it runs until it is stopped (SIGTERM or Ctrl-C finish the work in hand; SIGHUP reads the
configuration anew). With --once every store is polled, all that is due is done, and it ends.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer
from pydantic import SecretStr

from connector.cli._bars import progress_bars
from connector.cli._clients import Clients, find_store, load_clients
from connector.cli._exits import Exit, Stop, Trouble, worst
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._rows import AWAITS_APPROVAL, Found, rows_json, rows_table
from connector.cli._screen import clean, console, count, print_json
from connector.cli._state import now, state_errors
from connector.config import Mode, shown
from connector.cycle import Report, run_cycle
from connector.heartbeat import beat
from connector.loading import Loaded
from connector.opening import Client, MakeAdapter, make_adapter, open_client
from connector.shop import Shop
from connector.staff import Staff
from connector.store import followups
from connector.store.database import locked
from connector.store.errors import Locked


def run(
    stores: Annotated[
        list[str] | None,
        typer.Argument(metavar="[STORE]...", help="Which stores --accept-store means; unless told, all."),
    ] = None,
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    once: Annotated[bool, typer.Option("--once", help="One full cycle, then exit.")] = False,
    mode: Annotated[
        Literal["live", "redirect", "dry"] | None,
        typer.Option(
            help="live: for customers; redirect: to the config's redirect_to instead of them; "
            "dry: nothing leaves, nothing is recorded. Unless told, as the config says."
        ),
    ] = None,
    accept_store: Annotated[
        bool,
        typer.Option("--accept-store", help="The shop has moved, and is the same all the same (with --once)."),
    ] = False,
) -> Exit:
    _check_usage(stores, once=once, as_json=as_json, accept_store=accept_store)
    clients = _in_mode(load_clients(config), mode)
    if not once:
        return _run_on(config, clients, mode)
    accepted = _accepted(clients, stores, everyone=accept_store)
    return _run_once(clients, accepted, as_json=as_json)


def _check_usage(stores: Sequence[str] | None, *, once: bool, as_json: bool, accept_store: bool) -> None:
    if stores and not accept_store:
        raise Stop(Exit.MISTAKE, f"'{stores[0]}': a store is named after --accept-store only")
    if accept_store and not once:
        raise Stop(Exit.MISTAKE, "--accept-store goes with --once: accept the store, then start the daemon")
    if as_json and not once:
        raise Stop(Exit.MISTAKE, "--json goes with --once: a daemon has no result to print")


def _in_mode(clients: Clients, mode: Mode | None) -> Clients:
    """The clients, as if their configs said so."""
    if mode is None:
        return clients
    lost = [loaded.config for loaded in clients.loaded if mode == "redirect" and not loaded.config.redirect_to]
    if lost:
        message = "'redirect' needs to know where to: add redirect_to: you@example.com"
        raise Stop(Exit.MISTAKE, *(Trouble(message, shown(config.file), 1, 1) for config in lost))
    switched = (replace(loaded, config=replace(loaded.config, mode=mode)) for loaded in clients.loaded)
    return replace(clients, loaded=tuple(switched))


def _accepted(clients: Clients, stores: Sequence[str] | None, *, everyone: bool) -> set[tuple[Path, str]]:
    """The stores, each as (config file, id), whose new identity is accepted."""
    if everyone and not stores:
        return {(loaded.config.file, store.id) for _, loaded, store in clients.stores()}
    found = [find_store(clients, name) for name in stores or ()]
    return {(loaded.config.file, store.id) for loaded, store in found}


@contextmanager
def _opened(loaded: Loaded, stack: ExitStack) -> Iterator[Client]:
    """A client, ready to run.

    Raises Stop if its state cannot be used.
    """
    with state_errors():
        client = _open(loaded, stack)
    try:
        yield client
    finally:
        client.close()


def _open(loaded: Loaded, stack: ExitStack, make_adapter: MakeAdapter = make_adapter) -> Client:
    """In dry mode on a copy of the state, which goes when `stack` ends, and nobody is told anything."""
    if loaded.config.mode != "dry":
        return open_client(loaded, now, make_adapter=make_adapter)
    copy = Path(stack.enter_context(TemporaryDirectory(prefix="aftersale-")), "state.db")
    return open_client(loaded, now, make_adapter=make_adapter, dry_copy=copy, staff=Staff())


# Once ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """What one run did: the report of each store by name, the actions that now wait for a person, and, in dry
    mode, those that would have been done. `awaits_approval` tells that rules on disk wait, too.
    """

    reports: dict[str, Report]
    held: int
    would_do: Found
    awaits_approval: bool

    def total(self, what: str) -> int:
        return sum(getattr(report.tally, what) for report in self.reports.values())

    @property
    def code(self) -> Exit:
        failed = any(report.error for report in self.reports.values()) or self.total("failed") or self.total("unknown")
        return worst(
            [Exit.FAILED if failed else Exit.WELL, Exit.AWAITS if self.held or self.awaits_approval else Exit.WELL]
        )


COUNTS = ("planned", "done", "skipped", "held", "failed")


def _run_once(clients: Clients, accepted: set[tuple[Path, str]], *, as_json: bool) -> Exit:
    stop = threading.Event()
    codes = [clients.code]
    with ExitStack() as stack, _stopped_by_signals(stop):
        opened: list[Client] = []
        troubles: list[Trouble] = []
        for loaded in clients.loaded:
            try:
                if loaded.config.mode != "dry":
                    _lock(stack, loaded)
                opened.append(stack.enter_context(_opened(loaded, stack)))
            except Stop as each:
                codes.append(each.code)
                troubles += each.problems
        if not opened:
            raise Stop(worst(codes), *troubles)
        for trouble in troubles:
            print(trouble, file=sys.stderr)  # noqa: T201
        gc.freeze()  # what is open now stays so to the end: the collector need not look at it with every page
        done = _cycle_all(clients, opened, accepted, stop)
        if not stop.is_set():
            _beat(clients, opened, done)
    if as_json:
        print_json(_result(clients, opened, done))
    else:
        _show(clients, opened, done, stopped=stop.is_set())
    return worst([*codes, done.code])


def _lock(stack: ExitStack, loaded: Loaded) -> None:
    try:
        stack.enter_context(locked(loaded.config.database.get_secret_value()))
    except Locked as error:
        raise Stop(Exit.LOCKED, f"{error}: try again when it is through") from None
    except OSError as error:
        message = f"database: the lock beside it cannot be made ({error.strerror})"
        raise Stop(Exit.MISTAKE, Trouble(message, shown(loaded.config.file), 1, 1)) from None


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and Ctrl-C let the work in hand be finished; a second one does not wait."""

    def on_signal(number: int, _: object) -> None:
        signal.signal(number, before[signal.Signals(number)])
        stop.set()

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _cycle_all(
    clients: Clients, opened: Sequence[Client], accepted: set[tuple[Path, str]], stop: threading.Event
) -> Done:
    """All stores at once, a thread each."""
    began = now()
    shops = [(client.loaded, shop) for client in opened for shop in client.shops]
    names = [_name(clients, loaded, shop) for loaded, shop in shops]
    with progress_bars(names) as bars, ThreadPoolExecutor(len(shops)) as pool:

        def cycle(number: int) -> Report:
            loaded, shop = shops[number]
            accept = (loaded.config.file, shop.id) in accepted
            return run_cycle(shop, stop, accept_store=accept, progress=bars[number])

        reports = dict(zip(names, pool.map(cycle, range(len(shops))), strict=True))
    held = sum(_held(client, began) for client in opened)
    would_do = [row for client in opened for row in _would_do(client, began)]
    return Done(reports, held, would_do, any(client.awaits_approval for client in opened))


def _name(clients: Clients, loaded: Loaded, shop: Shop) -> str:
    return f"{clients.name(loaded)}/{shop.id}" if clients.several else shop.id


def _beat(clients: Clients, opened: Sequence[Client], done: Done) -> None:
    """A heartbeat for each client whose stores were all well."""
    for client in opened:
        reports = [done.reports[_name(clients, client.loaded, shop)] for shop in client.shops]
        url = client.loaded.config.heartbeat
        if url is not None and client.mode != "dry" and not any(report.error for report in reports):
            beat(url)


def _held(client: Client, began: datetime) -> int:
    """How much waits for a person; what only a dry run held does not."""
    with client.database.read() as connection:
        rows = followups.in_state(connection, ["held"])
    return sum(client.mode != "dry" or row.at < began for row in rows)


def _would_do(client: Client, since: datetime) -> Found:
    if client.mode != "dry":
        return []
    with client.database.read() as connection:
        return [(client.loaded, row) for row in followups.in_state(connection, ["done"]) if row.at >= since]


def _result(clients: Clients, opened: Sequence[Client], done: Done) -> dict[str, object]:
    stores = {name: {"changed": report.changed, "error": report.error} for name, report in done.reports.items()}
    result: dict[str, object] = {"stores": stores, **{what: done.total(what) for what in COUNTS}}
    result["awaits_approval"] = done.awaits_approval
    if any(client.mode == "dry" for client in opened):
        result["would_do"] = rows_json(clients, done.would_do)
    return result


def _show(clients: Clients, opened: Sequence[Client], done: Done, *, stopped: bool) -> None:
    screen = console()
    dry = any(client.mode == "dry" for client in opened)
    for name, report in done.reports.items():
        screen.print(f"{name}: {_in_words(report)}")
    words = [f"{done.total(what):,} {what}" for what in (*COUNTS, "unknown") if done.total(what)]
    if dry:
        screen.print("\nA dry run: nothing left this machine, and nothing was recorded.")
        if done.would_do:
            screen.print(f"{count(len(done.would_do), 'action')} would have been done:\n")
            screen.print(rows_table(clients, done.would_do, when="Now", with_state=False))
        else:
            screen.print("Nothing would have been done.")
    elif words:
        screen.print("Actions: " + ", ".join(words) + ".")
    if stopped:
        screen.print("It was told to stop; the rest is done by the next run.")
    if done.total("unknown"):
        screen.print("Whether something went out is not known yet; the next run asks the store again.")
    if done.held and not dry:
        verb = "waits" if done.held == 1 else "wait"
        screen.print(f"{count(done.held, 'action')} {verb} for you: see 'aftersale status'.")
    if done.awaits_approval:
        screen.print(AWAITS_APPROVAL)
    if done.total("failed"):
        screen.print("What failed, and why: 'aftersale history'.")


def _in_words(report: Report) -> str:
    changed = f"{count(report.changed, 'order')} changed" if report.changed else "no news"
    return f"{changed}; then set aside: {clean(report.error)}" if report.error else changed


# On and on ----------------------------------------------------------------------------------------------------


def _run_on(path: Path, clients: Clients, mode: Mode | None) -> Exit:
    """The daemon, on all clients. Raises Stop if the state of one cannot be used, or another run is at work on it."""
    from connector.daemon import run_daemon
    from connector.metrics import Metrics

    code = clients.code
    metrics = Metrics()
    with ExitStack() as stack:
        held: set[SecretStr] = set()

        def open_all(clients: Clients) -> list[Client]:
            opened: list[Client] = []
            try:
                for loaded in clients.loaded:
                    if loaded.config.mode != "dry" and loaded.config.database not in held:
                        _lock(stack, loaded)
                        held.add(loaded.config.database)
                    with state_errors():
                        opened.append(_open(loaded, stack, metrics.counted(loaded.config.file.stem)))
            except Stop:
                for client in opened:
                    client.close()
                raise
            return opened

        def reload() -> Sequence[Client] | None:
            try:
                fresh = _in_mode(load_clients(path), mode)
                if fresh.code is not Exit.WELL:
                    return None
                return open_all(fresh)
            except Stop as stop:
                for problem in stop.problems:
                    print(problem, file=sys.stderr)  # noqa: T201
                return None

        run_daemon(open_all(clients), reload, metrics)
    return code
