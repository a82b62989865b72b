"""`init`: from nothing to a config that passes `check`."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.cli.conftest import Desk


def test_what_it_writes_passes_check(desk: Desk) -> None:
    result = desk.type("init")
    assert result.code == 0
    assert "wrote config.yaml" in result.out
    assert "aftersale check --online" in result.out
    checked = desk.type("check")
    assert (checked.code, checked.err) == (0, "")


def test_the_config_is_for_its_owner_alone(desk: Desk) -> None:
    desk.type("init")
    assert (desk.folder / "config.yaml").stat().st_mode & 0o777 == 0o600


def test_nothing_is_overwritten(desk: Desk) -> None:
    desk.write("rules/starter.yaml", "mine\n")
    assert "kept  rules/starter.yaml, as it was" in desk.type("init").out
    assert (desk.folder / "rules" / "starter.yaml").read_text() == "mine\n"
    again = desk.type("init")
    assert again.code == 2
    assert again.lines == ["config.yaml:1:1: is there already, and nothing is overwritten; '-c FILE' makes another"]


def test_it_writes_beside_the_config_that_is_named(desk: Desk) -> None:
    assert desk.type("-c", "leaf/config.yaml", "init").code == 0
    assert (desk.folder / "leaf" / "rules" / "starter.yaml").exists()
    assert desk.type("check", "-c", "leaf/config.yaml").code == 0


def test_a_folder_that_cannot_be_written_is_told_in_a_line(desk: Desk) -> None:
    desk.write("leaf", "a file, not a folder")
    result = desk.type("-c", "leaf/config.yaml", "init")
    assert result.code == 2
    assert len(result.lines) == 1


WOOCOMMERCE = [
    ("[woocommerce]: ", "woo"),
    ("[woocommerce]: ", ""),
    ("shop.example.com: ", "tea.example.com"),
    ("shop.example.com: ", "https://tea.example.com/"),
    ("[shop]: ", "tea"),
    ("$TEA_WC_KEY): ", 'ck_"quoted": #1'),
    ("$TEA_WC_SECRET): ", "cs_secret"),
    ("time zone [", "Asia/Jeruslem"),
    ("time zone [", "Asia/Jerusalem"),
    ("[en]: ", "he"),
    ("[sun-thu]: ", ""),
    ("[09:00-18:00]: ", "10:00-17:00"),
]
SHOPIFY = [
    ("[woocommerce]: ", "Shopify"),
    ("my-shop.myshopify.com: ", "https://mugs.example.com"),
    ("my-shop.myshopify.com: ", "https://mugs.myshopify.com"),
    ("[shop]: ", "cup-and-saucer"),
    ("[app]: ", ""),
    ("$CUP_AND_SAUCER_CLIENT_ID): ", ""),
    ("$CUP_AND_SAUCER_CLIENT_SECRET): ", ""),
    ("[off]: ", "mail"),
    ("[off]: ", "invoice"),
    ("time zone [", "Europe/Berlin"),
    ("[en]: ", ""),
    ("[mon-fri]: ", ""),
    ("[09:00-18:00]: ", ""),
]


def test_it_asks_again_where_an_answer_cannot_be(desk: Desk) -> None:
    screen = answered(desk, WOOCOMMERCE)
    assert "one of woocommerce, shopify" in screen
    assert "this is not a web address" in screen
    assert "there is no time zone 'Asia/Jeruslem'" in screen
    assert "cs_secret" not in screen
    config = config_of(desk)
    assert config["timezone"] == "Asia/Jerusalem"
    assert config["business_hours"] == {"sun-thu": "10:00-17:00"}
    assert config["stores"] == [
        {
            "id": "tea",
            "platform": "woocommerce",
            "url": "https://tea.example.com",
            "consumer_key": 'ck_"quoted": #1',
            "consumer_secret": "cs_secret",
        }
    ]
    assert desk.type("check").code == 0


def test_a_shopify_store_is_asked_for_its_app_and_how_messages_go_out(desk: Desk) -> None:
    screen = answered(desk, SHOPIFY)
    assert "read_all_orders" in screen
    assert "one of off, invoice, flow" in screen
    assert config_of(desk)["stores"] == [
        {
            "id": "cup-and-saucer",
            "platform": "shopify",
            "url": "https://mugs.myshopify.com",
            "client_id": "${CUP_AND_SAUCER_CLIENT_ID}",
            "client_secret": "${CUP_AND_SAUCER_CLIENT_SECRET}",
            "platform_messages": "invoice",
        }
    ]


def test_secrets_left_to_the_environment_are_taken_from_there(desk: Desk) -> None:
    screen = answered(desk, SHOPIFY)
    assert "set CUP_AND_SAUCER_CLIENT_ID and CUP_AND_SAUCER_CLIENT_SECRET in the environment" in screen
    missing = desk.type("check")
    assert missing.code == 2
    assert "CUP_AND_SAUCER_CLIENT_ID" in missing.err
    checked = desk.type("check", CUP_AND_SAUCER_CLIENT_ID="an-id", CUP_AND_SAUCER_CLIENT_SECRET="shpss_secret")
    assert (checked.code, checked.err) == (0, "")


def test_a_lasting_token_and_a_flow_trigger_are_asked_for_where_they_are_used(desk: Desk) -> None:
    answers = [
        *SHOPIFY[:1],
        *SHOPIFY[2:4],
        ("[app]: ", "token"),
        ("$CUP_AND_SAUCER_TOKEN): ", "shpat_secret"),
        ("[off]: ", "flow"),
        ("Flow trigger: ", "send-message"),
        *SHOPIFY[-4:],
    ]
    assert "shpat_secret" not in answered(desk, answers)
    [store] = config_of(desk)["stores"]
    assert store["access_token"] == "shpat_secret"
    assert store["flow_trigger"] == "send-message"
    assert desk.type("check").code == 0


def answered(desk: Desk, answers: list[tuple[str, str]]) -> str:
    """What stood on the terminal of somebody who gave these answers to these questions."""
    leader, follower = pty.openpty()
    run = subprocess.Popen(
        [sys.executable, "-c", "from connector.cli import main; main()", "init"],
        cwd=desk.folder,
        env=desk.environment(),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=_own_terminal,
    )
    os.close(follower)
    screen = ""
    for question, answer in answers:
        screen += _read_until(leader, question)
        os.write(leader, f"{answer}\n".encode())
    screen += _read_until(leader, "sends nothing")
    assert run.wait(30) == 0
    os.close(leader)
    return screen


def config_of(desk: Desk) -> Any:
    return yaml.safe_load((desk.folder / "config.yaml").read_text())


def _own_terminal() -> None:
    """The terminal is this process's own: hidden questions are asked there."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _read_until(terminal: int, end: str) -> str:
    seen = ""
    while end not in seen:
        assert select.select([terminal], [], [], 30)[0], f"waited in vain for {end!r} after {seen!r}"
        seen += os.read(terminal, 4096).decode()
    return seen


def test_its_files_come_with_the_package() -> None:
    import connector

    assert (Path(connector.__path__[0]) / "starter" / "config.yaml").is_file()
