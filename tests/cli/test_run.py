"""`run`: what it does, what it prints, how it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time

import pytest

from adapters.sandbox.server import Request
from connector.store.database import locked
from tests.cli.conftest import Shop

HELLO = '- { id: hello, trigger: order.placed, actions: [ { add_note: "Hello {{ order.number }}" } ] }'


def database(shop: Shop) -> str:
    return f"sqlite:///{shop.folder / 'aftersale.db'}"


def test_the_first_run_only_looks(shop: Shop) -> None:
    shop.rules(HELLO)
    result = shop.type("run", "--once", "--json")
    assert result.code == 0
    assert result.json == {
        "stores": {"tea": {"changed": 1, "error": None}},
        "planned": 0,
        "done": 0,
        "skipped": 0,
        "held": 0,
        "failed": 0,
        "awaits_approval": False,
    }
    assert shop.writes() == []


def test_what_is_due_is_done_and_counted(noted: Shop) -> None:
    number = noted.order()
    result = noted.type("run", "--once", "--json")
    assert result.code == 0
    assert (result.json["planned"], result.json["done"]) == (2, 1)
    assert noted.notes(number) == [f"Hello {number}"]


def test_for_a_person_it_is_told_in_a_few_lines(noted: Shop) -> None:
    noted.order()
    result = noted.type("run", "--once")
    assert result.out.splitlines() == ["tea: 1 order changed", "Actions: 2 planned, 1 done."]
    assert result.err == ""


def test_nothing_of_a_customer_is_logged(noted: Shop) -> None:
    noted.order(billing={"email": "noa@example.com", "first_name": "Noa"})
    noted.store.fail_next("500", match=lambda request: request.method == "POST")
    result = noted.type("run", "--once", AFTERSALE_LOG_LEVEL="debug")
    assert "outcome unknown" in result.err
    for secret in ("noa@example.com", "Noa", "cs_sandbox", "ck_sandbox"):
        assert secret not in result.err


def test_a_store_in_trouble_is_told_and_the_others_run(noted: Shop) -> None:
    with (noted.folder / "config.yaml").open("a") as config:
        config.write("  - id: mugs\n    platform: woocommerce\n    url: http://127.0.0.1:9\n")
        config.write("    consumer_key: ck_x\n    consumer_secret: cs_x\n")
    number = noted.order()
    result = noted.type("run", "--once", "--json")
    assert result.code == 1
    assert result.json["stores"]["mugs"]["error"]
    assert result.json["stores"]["tea"] == {"changed": 1, "error": None}
    assert noted.notes(number) == [f"Hello {number}"]


def test_an_outcome_that_is_not_known_is_no_success(noted: Shop) -> None:
    noted.order()
    noted.store.fail_next("500", match=lambda request: request.method == "POST")
    assert noted.type("run", "--once").code == 1
    assert [row["state"] for row in noted.rows()] == ["unknown"]


def test_what_is_held_awaits_a_person(held: Shop) -> None:
    result = held.type("run", "--once")
    assert result.code == 4
    assert "3 actions wait for you: see 'aftersale status'." in result.out


def test_mistakes_on_disk_stop_it_before_anything_is_done(shop: Shop) -> None:
    shop.rules("- { id: hello, trigger: order.placed, actions: [ { sedn: Hello } ] }")
    result = shop.type("run", "--once", "--json")
    assert result.code == 2
    assert result.lines[0].startswith("rules/rules.yaml:3:")
    assert "did you mean 'send'?" in result.json["problems"][0]["message"]
    assert shop.store.requests == []
    assert not (shop.folder / "aftersale.db").exists()


def test_a_state_that_is_none_is_told_in_a_line(noted: Shop) -> None:
    (noted.folder / "aftersale.db").write_text("This is no database. " * 100)
    result = noted.type("run", "--once")
    assert result.code == 2
    assert len(result.lines) == 1
    assert "cannot be used" in result.err


# Modes --------------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_what_it_would_do_and_leaves_no_trace(noted: Shop) -> None:
    number = noted.order()
    result = noted.type("run", "--once", "--mode", "dry")
    assert result.code == 0
    assert "1 action would have been done:" in result.out
    assert re.search(rf"{number} +hello, step 1: add_note", result.out)
    assert noted.writes() == []
    assert noted.rows("history") == noted.rows("pending") == []


def test_a_dry_run_tells_programs_the_rows(noted: Shop) -> None:
    number = noted.order()
    result = noted.type("run", "--once", "--mode", "dry", "--json")
    [row] = result.json["would_do"]
    assert (row["order"], row["rule"], row["action"]) == (number, "hello", "add_note")


def test_a_dry_run_before_the_first_run_makes_no_state(shop: Shop) -> None:
    shop.rules(HELLO)
    assert shop.type("run", "--once", "--mode", "dry").code == 0
    assert [file.name for file in shop.folder.glob("aftersale.db*")] == []


def test_redirect_needs_to_know_where_to(noted: Shop) -> None:
    result = noted.type("run", "--once", "--mode", "redirect")
    assert result.code == 2
    assert "redirect_to" in result.err


@pytest.mark.parametrize("nowhere", ["boss", "+972501234567", "boss @example.com"])
def test_messages_are_redirected_to_an_address_that_can_take_them(shop: Shop, nowhere: str) -> None:
    shop.config(shop.store.url, f'mode: redirect\nredirect_to: "{nowhere}"\n')
    shop.rules(HELLO)
    result = shop.type("run", "--once")
    assert result.code == 2
    (line,) = result.lines
    assert line.startswith("config.yaml:4:")
    assert "redirect_to: write an e-mail address" in line


def test_redirected_messages_reach_no_customer(shop: Shop) -> None:
    shop.config(shop.store.url, "redirect_to: boss@example.com\n")
    shop.rules("- { id: hello, trigger: order.placed, actions: [ { send: Hello } ] }")
    shop.begin()
    number = shop.order()
    assert shop.type("run", "--once", "--mode", "redirect").code == 0
    assert shop.store.customer_notes(int(number)) == []
    assert "boss@example.com" in shop.notes(number)[0]


# Another shop -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("--accept-store",), ("--accept-store", "tea")], ids=["all", "by name"])
def test_a_shop_that_has_moved_is_refused_until_it_is_accepted(noted: Shop, arguments: tuple[str, ...]) -> None:
    noted.store.become_another_store()
    noted.store.add_key("ck_new", "cs_new", "read_write")
    text = (noted.folder / "config.yaml").read_text()
    (noted.folder / "config.yaml").write_text(text.replace("ck_sandbox", "ck_new").replace("cs_sandbox", "cs_new"))
    refused = noted.type("run", "--once", "--json")
    assert refused.code == 1
    assert "--accept-store" in refused.json["stores"]["tea"]["error"]
    assert noted.type("run", "--once", *arguments).code == 0
    assert noted.type("run", "--once").code == 0


def test_an_unknown_store_is_not_accepted(noted: Shop) -> None:
    result = noted.type("run", "--once", "--accept-store", "tae")
    assert result.code == 2
    assert result.lines == ["there is no store 'tae'; did you mean 'tea'?"]


def test_a_store_alone_means_nothing(noted: Shop) -> None:
    assert noted.type("run", "--once", "tea").code == 2


# Locks and signals --------------------------------------------------------------------------------------------


def test_two_runs_at_once_are_one_too_many(noted: Shop) -> None:
    with locked(database(noted)):
        result = noted.type("run", "--once")
    assert result.code == 3
    assert "another run" in result.err


def test_a_run_that_is_told_to_stop_finishes_the_work_in_hand(noted: Shop) -> None:
    numbers = [noted.order() for _ in range(30)]
    writing = threading.Event()

    def on_request(request: Request) -> None:
        if request.method == "POST":
            writing.set()
            time.sleep(0.1)

    noted.store.on_request = on_request
    run = noted.start("run", "--once")
    assert writing.wait(30)
    run.send_signal(signal.SIGTERM)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 0, err
    assert "told to stop" in out
    written = sum(len(noted.notes(number)) for number in numbers)
    assert 0 < written < 30
    assert sum(row["state"] == "done" for row in noted.rows()) == written
    assert noted.type("run", "--once").code == 0
    assert [len(noted.notes(number)) for number in numbers] == [1] * 30


def _wait_for_note(shop: Shop, number: str) -> None:
    end = time.monotonic() + 40
    while not shop.notes(number) and time.monotonic() < end:
        time.sleep(0.1)


def test_the_daemon_looks_after_the_shop_until_it_is_told_to_stop(noted: Shop) -> None:
    number = noted.order()
    noted.let_polls_be_due()
    daemon = noted.start("run")
    _wait_for_note(noted, number)
    second = noted.type("run", "--once")
    daemon.send_signal(signal.SIGTERM)
    _, err = daemon.communicate(timeout=30)
    assert noted.notes(number) == [f"Hello {number}"]
    assert second.code == 3
    assert daemon.returncode == 0, err
    assert '"event": "stopped"' in err


def test_a_mistake_at_reload_keeps_the_old_configuration(noted: Shop) -> None:
    number = noted.order()
    noted.let_polls_be_due()
    daemon = noted.start("run")
    _wait_for_note(noted, number)
    good = (noted.folder / "rules" / "rules.yaml").read_text()
    noted.rules("- { id: hello, trigger: order.placed, actions: [ { sedn: Hello } ] }")
    daemon.send_signal(signal.SIGHUP)
    assert daemon.stderr is not None
    lines: list[str] = []
    for line in daemon.stderr:
        lines.append(line)
        if "old configuration stays" in line:
            break
    assert any(line.startswith("rules/rules.yaml:3:") for line in lines)
    (noted.folder / "rules" / "rules.yaml").write_text(good)
    daemon.send_signal(signal.SIGHUP)
    for line in daemon.stderr:
        if '"event": "reloaded"' in line:
            break
    daemon.send_signal(signal.SIGTERM)
    daemon.communicate(timeout=30)
    assert daemon.returncode == 0


def test_a_dry_daemon_writes_nothing(noted: Shop) -> None:
    noted.order()
    noted.let_polls_be_due()
    daemon = noted.start("run", "--mode", "dry")
    assert daemon.stderr is not None
    for line in daemon.stderr:
        if '"event": "tended"' in line:
            break
    daemon.send_signal(signal.SIGTERM)
    daemon.communicate(timeout=30)
    assert daemon.returncode == 0
    assert noted.writes() == []
    assert noted.rows() == []


def test_a_person_who_watches_sees_progress_and_a_program_does_not(noted: Shop) -> None:
    noted.order()
    leader, follower = os.openpty()
    run = subprocess.Popen(
        noted.command("run", "--once", "--json"),
        cwd=noted.folder,
        env=noted.environment(TERM="xterm"),
        stdout=subprocess.PIPE,
        stderr=follower,
        text=True,
    )
    out, _ = run.communicate(timeout=30)
    os.close(follower)
    shown = os.read(leader, 100_000).decode()
    os.close(leader)
    assert "tea" in shown
    assert out.startswith("{")
    assert noted.type("run", "--once", "--json").err == ""


# Many clients -------------------------------------------------------------------------------------------------


def test_a_folder_is_a_config_for_each_client(shop: Shop) -> None:
    shop.rules(HELLO)
    for client in ("leaf", "mug"):
        shop.config(
            shop.store.url, f"rules: ../rules/*.yaml\ndatabase: sqlite:///{client}.db\n", name=f"c/{client}.yaml"
        )
    result = shop.type("-c", "c", "run", "--once", "--json")
    assert result.code == 0
    assert set(result.json["stores"]) == {"leaf/tea", "mug/tea"}
    shop.order()
    shop.type("-c", "c", "run", "--once")
    assert {row["client"] for row in shop.type("-c", "c", "history", "--json").json} == {"leaf", "mug"}


def test_a_client_with_mistakes_is_left_out_and_the_others_run(shop: Shop) -> None:
    shop.rules(HELLO)
    shop.config(shop.store.url, "rules: ../rules/*.yaml\n", name="c/leaf.yaml")
    shop.config(shop.store.url, "rulez: ../rules/*.yaml\ndatabase: sqlite:///m.db\n", name="c/mug.yaml")
    result = shop.type("-c", "c", "run", "--once", "--json")
    assert result.code == 2
    assert "c/mug.yaml:3:1: there is no key 'rulez'; did you mean 'rules'?" in result.lines
    assert set(result.json["stores"]) == {"leaf/tea"}


def test_two_clients_on_one_database_are_a_mistake(shop: Shop) -> None:
    shop.rules(HELLO)
    for client in ("leaf", "mug"):
        shop.config(shop.store.url, "rules: ../rules/*.yaml\n", name=f"c/{client}.yaml")
    result = shop.type("-c", "c", "run", "--once")
    assert result.code == 2
    assert [line for line in result.lines if "another client uses the same file" in line] == result.lines
    assert shop.store.requests == []
