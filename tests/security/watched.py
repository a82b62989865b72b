"""A shop's folder in which commands are run and listened to, with marked keys and a marked customer.

Not a test: what must not turn up, and where it is looked for.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.channels.providers import TOKEN

SOURCE = Path(__file__).parents[2]

SECRETS = {
    "TEA_KEY": "ck_markedkey11",
    "TEA_SECRET": "cs_markedsecret22",
    "MUGS_TOKEN": "shpat_markedtoken33",
    "STAFF_PASSWORD": "markedstaff44",
    "BOSS_TOKEN": "markedboss55",
    "HEARTBEAT": "markedbeat66",
    "WEBHOOK_SECRET": "markedwebhook77-0123456789",
    "DATABASE_PASSWORD": "markeddatabase88",
    "CHANNEL_TOKEN": TOKEN,
}
PERSON = {
    "first_name": "Markedzelda",
    "last_name": "Markedova",
    "email": "markedmail@example.com",
    "phone": "+972502345678",
    "address_1": "7 Markedstreet",
}
MARKS = (*PERSON.values(), "markedmail", "markedmail%40", "5023456", "50-234-56", "Markednote")
"""What leads to the customer."""


def secrets_in(text: str) -> list[str]:
    """The keys that stand in a text, by their names."""
    return [name for name, secret in SECRETS.items() if secret in text]


def people_in(text: str) -> list[str]:
    """The lines of a text in which the customer stands."""
    return [line for line in text.splitlines() if any(mark.casefold() in line.casefold() for mark in MARKS)]


@dataclass
class Watched:
    """A shop's folder, and a process that runs commands there and is listened to."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    said: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)

    def run(self, *commands: list[str], planted: str = "") -> list[int]:
        """Run these in one process, started anew; returns their exit codes. `planted` stands among its arguments."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AFTERSALE")}
        process = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "error",
                "-W",
                "ignore::DeprecationWarning",
                "-m",
                "tests.security.under_watch",
                planted,
            ],
            cwd=self.folder,
            env={**kept, **self.environment, "PYTHONPATH": str(SOURCE), "AFTERSALE_LOG_LEVEL": "debug"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while "under_watch" not in (arguments := Path(f"/proc/{process.pid}/cmdline").read_text()):
            continue  # it has not begun yet
        self.arguments.append(arguments)
        try:
            out, err = process.communicate("".join(json.dumps(each) + "\n" for each in commands), timeout=300)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        assert process.returncode == 0, err
        self.said.append(err)
        self.results.append(out)
        return [int(code) for code in re.findall(r'^\{"code": (\d+|null)\}$', out.replace("null", "0"), re.MULTILINE)]

    def files_with_secrets(self) -> list[tuple[str, list[str]]]:
        """The files that Aftersale wrote in which a key stands, each with the keys' names."""
        files = [file for file in self.folder.rglob("*") if file.is_file() and file.suffix not in (".yaml", ".md")]
        found = [(file.name, secrets_in(file.read_bytes().decode("latin-1"))) for file in files]
        return [(name, secrets) for name, secrets in found if secrets]
