"""Whom `forget`, `export` and `suppression` mean, and in which states they are looked for."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from connector.cli._clients import Clients, load_clients, no_such
from connector.cli._exits import Exit, Stop, Trouble
from connector.cli._state import state_errors
from connector.config import StoreConfig, shown
from connector.forgetting import Request, Trace
from connector.loading import Loaded
from connector.people import address_of
from connector.store.database import Database, open_database

ClientName = Annotated[
    str | None, typer.Option("--client", help="With a folder of clients: only this one.", metavar="NAME")
]


def chosen_clients(config: Path, client: str | None) -> Clients:
    """The clients that `-c` names, or the one of them that is meant. Raises Stop where there is none of that name."""
    clients = load_clients(config)
    if client is None:
        return clients
    one = [loaded for loaded in clients.loaded if client in (clients.name(loaded), loaded.config.file.stem)]
    if not one:
        raise Stop(Exit.MISTAKE, no_such("client", client, [each.config.file.stem for each in clients.loaded]))
    return replace(clients, loaded=tuple(one))


@contextmanager
def opened(loaded: Loaded) -> Iterator[Database]:
    """The state of a client, made where it has not run yet: whom it may not write to is known before it begins."""
    with state_errors():
        database = open_database(loaded.config.database.get_secret_value())
        try:
            yield database
        finally:
            database.close()


def name_in_front(clients: Clients, loaded: Loaded) -> str:
    """What stands before a line about a client, where there are several."""
    return f"{clients.name(loaded)}: " if clients.several else ""


def numbers(traces: tuple[Trace, ...]) -> str:
    """Orders as people call them, each with its store."""
    return ", ".join(f"{each.number} ({each.store})" for each in traces)


# Whom a request means -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: `shop` is the domain of the only shop that it is about, if there is one."""

    request: Request
    shop: str | None = None

    def in_stores(self, stores: tuple[StoreConfig, ...]) -> Request | None:
        """The request as it concerns these stores; None where it does not."""
        if self.shop is None:
            return self.request
        concerned = frozenset(store.id for store in stores if urlsplit(store.url).hostname == self.shop)
        return replace(self.request, stores=concerned) if concerned else None


def asked(who: str | None, file: Path | None) -> list[Asked]:
    """What the command line asks for: an address, or a file of them (`-` is standard input). Raises Stop if neither."""
    if (who is None) == (file is None):
        raise Stop(Exit.MISTAKE, "name whom: an e-mail address or a phone number, or a list of them with --from FILE")
    if file is None:
        return [Asked(Request(frozenset({read_address(str(who))})))]
    text = read_text(file)
    return _of_webhooks(file, text) if text.lstrip().startswith(("{", "[")) else _of_lines(file, text)


def read_address(text: str) -> str:
    """An address; Stop, without repeating it, where it is none."""
    try:
        return address_of(text)
    except ValueError as error:
        raise Stop(Exit.MISTAKE, str(error)) from None


def read_text(file: Path) -> str:
    """A file's text, or that of standard input for `-`."""
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Stop(Exit.MISTAKE, Trouble(f"cannot be read: {error.strerror}", shown(file), 1, 1)) from None
    except UnicodeDecodeError:
        raise Stop(Exit.MISTAKE, Trouble("is not UTF-8 text", shown(file), 1, 1)) from None


def refuse_to_overwrite(file: Path) -> None:
    """Raises Stop where there is such a file, before any work is done for it."""
    if file.exists():
        raise Stop(Exit.MISTAKE, Trouble("is there already, and nothing is overwritten", shown(file), 1, 1))


def write_anew(file: Path, text: str) -> None:
    """Make a file for its owner alone; never over one that is there. Raises Stop where it cannot be."""
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise Stop(Exit.MISTAKE, Trouble("is there already, and nothing is overwritten", shown(file), 1, 1)) from None
    except OSError as error:
        raise Stop(Exit.MISTAKE, Trouble(f"cannot be written: {error.strerror}", shown(file), 1, 1)) from None
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
        out.write(text)


def _of_lines(file: Path, text: str) -> list[Asked]:
    """One address a line; what begins with # is a remark."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    wanted = [(number, line) for number, line in lines if line and not line.startswith("#")]
    return _each(file, wanted, lambda line: Asked(Request(frozenset({address_of(line)}))))


def _each(file: Path, parts: list[tuple[int, Any]], read: Callable[[Any], Asked]) -> list[Asked]:
    """All of them read, or every mistake told. Raises Stop."""
    found, troubles = [], []
    for line, part in parts:
        try:
            found.append(read(part))
        except ValueError as error:
            troubles.append(Trouble(str(error), shown(file), line, 1))
    if troubles or not found:
        raise Stop(Exit.MISTAKE, *troubles or [Trouble("names nobody", shown(file), 1, 1)])
    return found


def _of_webhooks(file: Path, text: str) -> list[Asked]:
    """Shopify's `customers/redact`: one, a list of them, or one after another."""
    decoder = json.JSONDecoder()
    parts: list[tuple[int, Any]] = []
    at = 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        line = text.count("\n", 0, at) + 1
        try:
            part, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            raise Stop(Exit.MISTAKE, Trouble("is no JSON from here on", shown(file), line, 1)) from None
        parts += [(line, each) for each in (part if isinstance(part, list) else [part])]
    return _each(file, parts, _of_webhook)


def _of_webhook(payload: Any) -> Asked:
    """Raises ValueError for anything but a wish to erase one customer."""
    match payload:
        case {"data_request": _} | {"orders_requested": _}:
            raise ValueError("this asks for a customer's data, not to erase them: see 'aftersale export'")
        case {"shop_id": _, "shop_domain": str()} if "customer" not in payload:
            raise ValueError(
                "this asks to erase a whole shop (shop/redact), which takes no command: take the store out of the "
                "configuration, and delete the database once no other store is in it"
            )
        case {"shop_domain": str(shop), "customer": dict(customer)}:
            orders = payload.get("orders_to_redact")
            request = Request(
                frozenset(address_of(str(customer[name])) for name in ("email", "phone") if customer.get(name)),
                customer=str(customer["id"]) if customer.get("id") else None,
                orders=frozenset(map(str, orders)) if isinstance(orders, list) else frozenset(),
            )
            return Asked(request, shop.casefold())
    raise ValueError("this is no customers/redact request of Shopify's: it names no shop and no customer")
