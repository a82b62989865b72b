"""`init`: from nothing to a config that passes `check`."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

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


ASKED_AND_ANSWERED = [
    ("shop.example.com: ", "tea.example.com"),
    ("shop.example.com: ", "https://tea.example.com/"),
    ("[shop]: ", "tea"),
    ("as you type): ", 'ck_"quoted": #1'),
    ("as you type): ", "cs_secret"),
    ("time zone [", "Asia/Jeruslem"),
    ("time zone [", "Asia/Jerusalem"),
    ("[en]: ", "he"),
    ("[sun-thu]: ", ""),
    ("[09:00-18:00]: ", "10:00-17:00"),
]


def test_it_asks_again_where_an_answer_cannot_be(desk: Desk) -> None:
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
    for question, answer in ASKED_AND_ANSWERED:
        screen += _read_until(leader, question)
        os.write(leader, f"{answer}\n".encode())
    screen += _read_until(leader, "sends nothing")
    assert run.wait(30) == 0
    os.close(leader)
    assert "this is not a web address" in screen
    assert "there is no time zone 'Asia/Jeruslem'" in screen
    assert "cs_secret" not in screen
    config = yaml.safe_load((desk.folder / "config.yaml").read_text())
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
