"""Everything is run at DEBUG, in good times and bad, with marked keys and a marked customer: neither turns up."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.sandbox.shopify import ShopifySandbox
from adapters.sandbox.woocommerce import WooSandbox
from connector.store.database import open_database

SOURCE = Path(__file__).parents[2]

SECRETS = {
    "TEA_KEY": "ck_markedkey11",
    "TEA_SECRET": "cs_markedsecret22",
    "MUGS_TOKEN": "shpat_markedtoken33",
    "STAFF_PASSWORD": "markedstaff44",
    "BOSS_TOKEN": "markedboss55",
}
PERSON = {
    "first_name": "Markedzelda",
    "last_name": "Markedova",
    "email": "markedmail@example.com",
    "phone": "+972501234567",
    "address_1": "7 Markedstreet",
}
MARKS = (*PERSON.values(), "markedmail", "501234567", "Markednote")

CONFIG = """
version: 1
database: sqlite:///aftersale.db
mode: {mode}
redirect_to: json://boss:${{BOSS_TOKEN}}@127.0.0.1:9
staff: [ "json://staff:${{STAFF_PASSWORD}}@127.0.0.1:9" ]
stores:
  - {{ id: tea, platform: woocommerce, url: "{tea}", consumer_key: "${{TEA_KEY}}", consumer_secret: "${{TEA_SECRET}}" }}
  - {{ id: mugs, platform: shopify, url: "{mugs}", access_token: "${{MUGS_TOKEN}}", platform_messages: invoice }}
"""

RULES = """
version: 1
rules:
  - id: note
    trigger: order.placed
    actions: [ { add_note: "{{ customer.first_name }} at {{ customer.email }}" }, { add_tag: seen } ]
  - id: letter
    trigger: order.placed
    conditions: { customer.first_name: Markedzelda }
    actions: [ { send: "Hello {{ customer.first_name }} {{ customer.last_name }}" }, { create_coupon: { percent: 5 } } ]
  - id: staff
    trigger: order.placed
    actions: [ { notify_staff: "{{ customer.first_name }}, {{ customer.phone }}" } ]
  - id: bad
    trigger: order.placed
    actions: [ { add_note: "{{ [customer.first_name] | sum }} {{ customer.email | int / 0 }}" } ]
  - id: held
    trigger: order.placed
    max_per_run: 1
    actions: [ { add_note: "Again {{ customer.last_name }}" } ]
"""


@dataclass
class Watched:
    """A shop's folder, two stores, and a process that runs commands there and is listened to."""

    folder: Path
    tea: WooSandbox
    mugs: ShopifySandbox
    environment: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    said: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)

    def config(self, mode: str = "live") -> None:
        text = CONFIG.format(mode=mode, tea=self.tea.url, mugs=self.mugs.url)
        (self.folder / "config.yaml").write_text(text)

    def order(self) -> None:
        at_home = {name: PERSON[name] for name in PERSON}
        self.tea.add_order(billing=at_home, shipping=at_home, customer_note="Markednote, please")
        people = {name: PERSON[name] for name in ("first_name", "last_name", "email", "phone")}
        self.mugs.add_order(customer=people, address={"address1": PERSON["address_1"], "country": "IL"})

    def run(self, *commands: list[str]) -> list[int]:
        """Run these in one process, started anew; returns their exit codes."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AFTERSALE")}
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.security.under_watch"],
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
        out, err = process.communicate("".join(json.dumps(each) + "\n" for each in commands), timeout=120)
        assert process.returncode == 0, err
        self.said.append(err)
        self.results.append(out)
        return [int(code) for code in re.findall(r'^\{"code": (\d+|null)\}$', out.replace("null", "0"), re.MULTILINE)]

    def asked(self) -> list[str]:
        """What stood in the addresses of all requests."""
        of_mugs = [each.path for each in self.mugs.requests]  # questions in GraphQL have no query
        return [f"{each.path}?{each.query}" for each in self.tea.requests] + of_mugs


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Two stores that have been looked after, in good times and in bad."""
    folder = tmp_path_factory.mktemp("watched")
    with (
        WooSandbox() as tea,
        ShopifySandbox(access_token=SECRETS["MUGS_TOKEN"], restore_rate=None) as mugs,
    ):
        tea.add_key(SECRETS["TEA_KEY"], SECRETS["TEA_SECRET"], "read_write")
        watched = Watched(folder, tea, mugs)
        watched.config()
        (folder / "rules").mkdir()
        (folder / "rules" / "rules.yaml").write_text(RULES)
        _in_good_times(watched)
        _in_bad_times(watched)
        yield watched


def _in_good_times(watched: Watched) -> None:
    watched.order()
    assert watched.run(["check"], ["run", "--once"]) == [0, 0], watched.said
    for _ in range(2):
        watched.order()
    looks = [["history"], ["history", "--json"], ["pending"], ["status"], ["status", "--json"], ["check", "--online"]]
    number = str(watched.tea.orders[-1].id)
    watched.run(
        ["run", "--once"],
        *looks,
        ["explain", "tea", number],
        ["explain", "tea", number, "--json"],
        ["explain", "tea", "markednothing"],
        ["approve", "held"],
        ["settle", "1", "--sent"],
        ["pause"],
        ["resume"],
    )
    assert watched.tea.notes(int(number))


def _in_bad_times(watched: Watched) -> None:
    tea, mugs = watched.tea, watched.mugs
    watched.config("redirect")
    watched.order()
    for how in ("reset", "timeout", "truncated", "php_notice"):
        tea.fail_next(how, match=lambda request: request.method == "POST", after_commit=True, delay=0.1)
    mugs.fail_next("reset", match=lambda request: b"mutation" in request.body, after_commit=True)
    tea.fail_next("truncated", times=1)
    crash = ["crash", f"{PERSON['email']} {SECRETS['TEA_SECRET']}"]
    watched.run(["check"], ["run", "--once"], ["history"], ["status"], crash, ["run", "--once"], ["status"])
    good = dict(watched.environment)
    watched.environment["TEA_SECRET"] = "cs_wrong"
    mugs.revoke_token()
    elsewhere = _without_a_database(watched)
    watched.run(["run", "--once"], ["check", "--online"], ["status", "--json"], ["-c", elsewhere, "run", "--once"])
    watched.environment = good


def _without_a_database(watched: Watched) -> str:
    """A config whose database is not there."""
    text = (watched.folder / "config.yaml").read_text()
    nowhere = f"postgresql+psycopg://shop:{SECRETS['STAFF_PASSWORD']}@127.0.0.1:1/none"
    (watched.folder / "nowhere.yaml").write_text(text.replace("sqlite:///aftersale.db", nowhere))
    return "nowhere.yaml"


def test_no_key_stands_in_what_was_said_or_shown(watched: Watched) -> None:
    everything = "".join([*watched.said, *watched.results])
    assert [name for name, secret in SECRETS.items() if secret in everything] == []


def test_no_customer_stands_in_a_log_or_an_error(watched: Watched) -> None:
    assert "tea" in "".join(watched.said)
    lines = [line for text in watched.said for line in text.splitlines()]
    assert [line for line in lines if any(mark in line for mark in MARKS)] == []


def test_no_key_stands_in_a_file(watched: Watched) -> None:
    files = [file for file in watched.folder.rglob("*") if file.is_file() and file.suffix != ".yaml"]
    assert any(file.name == "aftersale.db" for file in files)
    for file in files:
        content = file.read_bytes()
        assert [name for name, secret in SECRETS.items() if secret.encode() in content] == [], file.name


def test_no_customer_stands_in_an_address_that_was_asked(watched: Watched) -> None:
    assert watched.asked()
    assert [each for each in watched.asked() if any(mark in each for mark in (*MARKS, "markedmail%40"))] == []


def test_neither_stands_among_a_process_s_arguments(watched: Watched) -> None:
    told = "".join(watched.arguments)
    assert not any(mark in told for mark in (*MARKS, *SECRETS.values()))


def test_the_story_went_as_it_should(watched: Watched) -> None:
    """Or nothing above would prove anything: messages went out, some failed, and a crash was logged."""
    said, shown = "".join(watched.said), "".join(watched.results)
    assert any(PERSON["first_name"] in mail.body for mail in watched.tea.mails)
    assert any(PERSON["email"] in note.text for order in watched.tea.orders for note in watched.tea.notes(order.id))
    for word in ("ValueError", "outcome unknown", "follow-up failed", "rule held"):
        assert word in said, word
    assert "consumer_key or consumer_secret is wrong" in " ".join(shown.split())


def test_what_is_held_of_a_config_shows_no_key_by_accident(watched: Watched) -> None:
    from connector.loading import Loaded, load
    from connector.staff import Staff

    loaded = load(watched.folder / "config.yaml", watched.environment)
    assert isinstance(loaded, Loaded)
    shown = f"{loaded!r} {Staff(loaded.config.staff)!r}"
    assert [name for name, secret in SECRETS.items() if secret in shown] == []
    database = open_database(loaded.config.database)
    assert not any(secret in repr(vars(database)) for secret in SECRETS.values())
    database.close()
