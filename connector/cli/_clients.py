"""What `-c` names: one config file, or a folder with one for each client."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from connector.cli._exits import Exit, Stop, Trouble, trouble
from connector.config import StoreConfig, shown
from connector.loading import Loaded, config_files, load
from rules.document import Problem
from rules.validation import did_you_mean


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients whose files are right. `code` tells whether some were left out."""

    loaded: tuple[Loaded, ...]
    several: bool
    code: Exit = Exit.WELL

    def name(self, loaded: Loaded) -> str | None:
        """The client's name, where there are several: its file's."""
        return loaded.config.file.stem if self.several else None

    def labelled(self, loaded: Loaded, row: dict[str, object]) -> dict[str, object]:
        """A row of a result, with its client where there are several."""
        return {"client": self.name(loaded), **row} if self.several else row

    def stores(self) -> Iterator[tuple[str, Loaded, StoreConfig]]:
        """Every store, by a name that tells it from all others: `tea`, or `client/tea`."""
        for loaded in self.loaded:
            for store in loaded.config.stores:
                yield (f"{self.name(loaded)}/{store.id}" if self.several else store.id), loaded, store


Read = Callable[[Path, Mapping[str, str]], Loaded | list[Problem]]
"""Reads a client's files: all that they say, or every mistake in them."""


def load_clients(path: Path, read: Read = load) -> Clients:
    """Read all that `-c` names. A client with mistakes is told on stderr and left out, where there are others.

    `environ` gives the environment in which a config file is read. Raises Stop with every mistake where nothing is
    right.
    """
    files = _files(path)
    results = [read(file, os.environ) for file in files]
    right = [each for each in results if isinstance(each, Loaded)]
    problems = [trouble(problem) for each in results if isinstance(each, list) for problem in each]
    databases = Counter(loaded.config.database for loaded in right)
    shared = [loaded for loaded in right if databases[loaded.config.database] > 1]
    problems += [
        Trouble("database: another client uses the same file; each needs its own", shown(loaded.config.file), 1, 1)
        for loaded in shared
    ]
    usable = tuple(loaded for loaded in right if loaded not in shared)
    if not usable:
        raise Stop(Exit.MISTAKE, *problems)
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201
    return Clients(usable, path.is_dir(), Exit.MISTAKE if problems else Exit.WELL)


def _files(path: Path) -> list[Path]:
    name = shown(path)
    if not path.exists():
        hint = "'aftersale init' makes one, '-c FILE' names another"
        raise Stop(Exit.MISTAKE, Trouble(f"there is no such file: {hint}", name, 1, 1))
    files = config_files(path)
    if not files:
        hint = "it needs a .yaml file for each client"
        raise Stop(Exit.MISTAKE, Trouble(f"there is no config file in this folder: {hint}", name, 1, 1))
    return files


def find_store(clients: Clients, wanted: str) -> tuple[Loaded, StoreConfig]:
    """The store of this name: `tea`, or `client/tea`. Raises Stop if there is none, or more than one."""
    every = list(clients.stores())
    found = [(loaded, store) for name, loaded, store in every if wanted in (name, store.id)]
    if len(found) > 1:
        names = ", ".join(name for name, _, store in every if store.id == wanted)
        raise Stop(Exit.MISTAKE, f"several stores are called '{wanted}': write one of {names}")
    if not found:
        raise Stop(Exit.MISTAKE, no_such("store", wanted, [name for name, _, _ in every]))
    return found[0]


def no_such(noun: str, wanted: str, known: Collection[str], where: str = "") -> str:
    """What to say of a name that nothing has (`where`: there, that is)."""
    hint = did_you_mean(wanted, known)
    if not hint:
        hint = f"; there is {', '.join(sorted(known))}" if 0 < len(known) <= 20 else ""
    return f"there is no {noun} '{wanted}'{where}{hint}"
