"""The command itself: help, usage errors, and what it imports."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import connector.cli
from tests.cli.conftest import Desk, Shop

HEAVY = ("sqlalchemy", "requests", "apscheduler", "alembic", "apprise", "woocommerce")


def imported(desk: Desk, *arguments: str) -> set[str]:
    """The modules that a command has imported by its end."""
    script = "import sys, atexit\nfrom connector.cli import main\n"
    script += "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=desk.folder,
        env=desk.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def test_help_lists_every_command_with_the_first_line_of_its_file(desk: Desk) -> None:
    result = desk.type("--help")
    assert result.code == 0
    folder = Path(connector.cli.__path__[0])
    for file in folder.glob("[a-z]*.py"):
        first_line = file.read_text().partition("\n")[0].strip('"')
        assert file.stem.replace("_", "-") in result.out
        assert first_line[:40] in result.out


def test_help_imports_nothing_heavy(desk: Desk) -> None:
    assert imported(desk, "--help").isdisjoint({*HEAVY, "pydantic", "jinja2"})


def test_an_offline_check_imports_no_database_no_network_and_no_scheduler(shop: Shop) -> None:
    shop.rules("- { id: hello, trigger: order.placed, actions: [ { add_note: Hello } ] }")
    assert imported(shop, "check").isdisjoint(HEAVY)


def test_a_command_has_help_of_its_own(desk: Desk) -> None:
    result = desk.type("history", "--help")
    assert result.code == 0
    assert "What was done, and what was not and why." in result.out
    assert "--limit" in result.out


def test_a_mistyped_command_is_guessed(desk: Desk) -> None:
    result = desk.type("chek")
    assert result.code == 2
    assert "there is no command 'chek'; did you mean 'check'?" in result.err


def test_a_mistyped_option_is_guessed(desk: Desk) -> None:
    result = desk.type("check", "--onlin")
    assert result.code == 2
    assert "--online" in result.err


def test_it_tells_its_version(desk: Desk) -> None:
    assert desk.type("--version").out.startswith("aftersale ")


def test_without_a_config_it_says_what_to_do(desk: Desk) -> None:
    result = desk.type("check")
    assert result.code == 2
    assert result.lines == [
        "config.yaml:1:1: there is no such file: 'aftersale init' makes one, '-c FILE' names another"
    ]


def test_config_and_json_may_stand_before_the_command_or_behind_it(noted: Shop) -> None:
    (noted.folder / "config.yaml").rename(noted.folder / "other.yaml")
    before = noted.type("-c", "other.yaml", "--json", "pending")
    behind = noted.type("pending", "--json", "--config", "other.yaml")
    assert before.json == behind.json == []


def test_the_config_may_be_named_by_the_environment_and_the_command_line_goes_first(noted: Shop) -> None:
    (noted.folder / "config.yaml").rename(noted.folder / "other.yaml")
    assert noted.type("pending", AFTERSALE_CONFIG="other.yaml").code == 0
    assert noted.type("pending", "-c", "third.yaml", AFTERSALE_CONFIG="other.yaml").code == 2


def test_a_log_level_that_is_none_is_a_mistake(noted: Shop) -> None:
    result = noted.type("check", AFTERSALE_LOG_LEVEL="loud")
    assert result.code == 2
    assert result.lines == ["AFTERSALE_LOG_LEVEL is not a log level: write one of debug, info, warning, error"]


def test_a_closed_pipe_is_no_fault(noted: Shop) -> None:
    done = subprocess.run(
        f'"{sys.executable}" -c "from connector.cli import main; main()" schema | head -1',
        shell=True,
        cwd=noted.folder,
        env=noted.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "{\n"
    assert done.stderr == ""


def test_a_new_file_is_a_new_command(desk: Desk) -> None:
    desk.write("more/say_hello.py", '"""Says hello."""\n\n\ndef say_hello() -> int:\n    raise SystemExit("Hello")\n')
    folder = str(desk.folder / "more")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connector.cli, "__path__", [*connector.cli.__path__, folder])
        connector.cli._files.cache_clear()
        assert re.search(r"say-hello +Says hello\.", desk.type("--help").out)
    connector.cli._files.cache_clear()
