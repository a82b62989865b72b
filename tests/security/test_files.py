"""Files: who may read them, how large they are, and where they lie."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.loading import Loaded, load
from connector.reading import LARGEST
from connector.store.database import locked, open_database, secret_of
from rules.document import Problem

CONFIG = """
version: 1
stores:
  - { id: tea, platform: woocommerce, url: https://tea.example.com, consumer_key: "KEY", consumer_secret: "cs_literal" }
"""
RULES = "version: 1\nrules:\n  - { id: hello, trigger: order.placed, actions: [ { add_note: Hello } ] }\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shop's folder in which all is well."""
    folder = tmp_path / "shop"
    (folder / "rules").mkdir(parents=True)
    (folder / "templates" / "hello").mkdir(parents=True)
    (folder / "templates" / "hello" / "en.md").write_text("Hello")
    (folder / "rules" / "rules.yaml").write_text(RULES)
    (folder / "config.yaml").write_text(CONFIG.replace("KEY", "ck_literal"))
    return folder


@pytest.fixture
def any_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mistakes(folder: Path, **environment: str) -> list[str]:
    found = load(folder / "config.yaml", environment)
    return [] if isinstance(found, Loaded) else [each.message for each in found if isinstance(each, Problem)]


# Secrets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666])
def test_a_config_that_holds_keys_and_that_everybody_can_read_is_refused(shop: Path, mode: int) -> None:
    (shop / "config.yaml").chmod(mode)
    [message] = mistakes(shop)
    assert "every user of this machine can read it" in message
    assert "chmod 600" in message
    assert "ck_literal" not in message


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o440, 0o400])
def test_one_that_its_owner_or_a_group_can_read_is_fine(shop: Path, mode: int) -> None:
    (shop / "config.yaml").chmod(mode)
    assert mistakes(shop) == []


def test_one_whose_keys_come_from_elsewhere_may_be_read_by_everybody(shop: Path) -> None:
    (shop / "config.yaml").write_text(CONFIG.replace("KEY", "${KEY}").replace("cs_literal", "${SECRET}"))
    (shop / "config.yaml").chmod(0o644)
    assert mistakes(shop, KEY="ck_elsewhere", SECRET="cs_elsewhere") == []


@pytest.mark.parametrize(
    "line",
    [
        "database: postgresql+psycopg://shop:literal@db.example.com/shop",
        "staff: [ 'tgram://literal/1' ]",
        "redirect_to: tgram://literal/1",
        "heartbeat: https://beat.example.com/literal",
    ],
)
def test_keys_stand_in_other_places_too(shop: Path, line: str) -> None:
    rest = CONFIG.replace("KEY", "${KEY}").replace("cs_literal", "${SECRET}")
    (shop / "config.yaml").write_text(f"{rest}{line}\n")
    (shop / "config.yaml").chmod(0o644)
    [message] = mistakes(shop, KEY="ck_elsewhere", SECRET="cs_elsewhere")
    assert "literal" not in message


def test_a_secret_file_that_everybody_can_read_is_refused(shop: Path) -> None:
    (shop / "config.yaml").write_text(CONFIG.replace("KEY", "${KEY}"))
    secret = shop / "secret"
    secret.write_text("ck_from_file\n")
    assert mistakes(shop, KEY_FILE=str(secret)) == []
    secret.chmod(0o644)
    [message] = mistakes(shop, KEY_FILE=str(secret))
    assert "KEY_FILE" in message
    assert "chmod 600" in message
    assert "ck_from_file" not in message


# Size and place -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["config.yaml", "rules/rules.yaml", "templates/hello/en.md"])
def test_a_file_of_megabytes_is_not_read_to_its_end(shop: Path, name: str) -> None:
    with (shop / name).open("ab") as file:
        file.truncate(LARGEST * 500)
    assert any("bytes long" in message for message in mistakes(shop))


@pytest.mark.parametrize("name", ["rules/more.yaml", "templates/hello/he.md"])
def test_a_link_that_leads_out_of_its_folder_is_not_followed(shop: Path, name: str) -> None:
    elsewhere = shop.parent / "elsewhere.yaml"
    elsewhere.write_text("password: of somebody else\n")
    (shop / name).symlink_to(elsewhere)
    [message] = mistakes(shop)
    assert "link that leads out" in message
    assert "password" not in message


def test_a_folder_that_is_a_link_out_of_the_templates_is_not_followed(shop: Path) -> None:
    (shop.parent / "private").mkdir()
    (shop.parent / "private" / "en.md").write_text("Secret")
    (shop / "templates" / "linked").symlink_to(shop.parent / "private")
    assert any("link that leads out" in message for message in mistakes(shop))


def test_a_link_within_its_folder_is_followed_as_containers_mount_files_so(shop: Path) -> None:
    (shop / "rules" / "..data").mkdir()
    (shop / "rules" / "rules.yaml").rename(shop / "rules" / "..data" / "rules.yaml")
    (shop / "rules" / "rules.yaml").symlink_to("..data/rules.yaml")
    assert mistakes(shop) == []


def test_a_file_that_is_named_outright_may_be_a_link(shop: Path) -> None:
    (shop.parent / "shared.yaml").write_text(RULES)
    (shop / "rules" / "rules.yaml").unlink()
    (shop / "rules" / "rules.yaml").symlink_to(shop.parent / "shared.yaml")
    with (shop / "config.yaml").open("a") as file:
        file.write("rules: rules/rules.yaml\n")
    assert mistakes(shop) == []


def test_a_pipe_among_the_rules_does_not_hang_the_run(shop: Path) -> None:
    os.mkfifo(shop / "rules" / "pipe.yaml")
    assert mistakes(shop) == ["this is no file"]


@pytest.mark.parametrize("name", ["../../config", "/etc/passwd", "..", "hello/../../x", "hello\\..", "C:secret"])
def test_a_template_s_name_is_no_path(shop: Path, name: str) -> None:
    rule = f"  - {{ id: hello, trigger: order.placed, actions: [ {{ send: {{ template: '{name}' }} }} ] }}\n"
    (shop / "rules" / "rules.yaml").write_text(f"version: 1\nrules:\n{rule}")
    [message] = mistakes(shop)
    assert "template" in message


# Bombs in YAML ------------------------------------------------------------------------------------------------

LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))


@pytest.mark.parametrize("bomb", [LAUGHS, "a: " + "[" * 20_000, "a: " + "{a: " * 20_000, "- " * 20_000 + "x"])
@pytest.mark.parametrize("name", ["config.yaml", "rules/rules.yaml"])
def test_a_bomb_is_one_mistake_with_its_place(shop: Path, name: str, bomb: str) -> None:
    (shop / name).write_text(bomb)
    assert mistakes(shop)


# The state ----------------------------------------------------------------------------------------------------


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.mark.usefixtures("any_umask")
def test_the_state_is_its_owner_s_alone_whatever_the_umask(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'aftersale.db'}"
    with locked(url):
        database = open_database(url)
        secret_of(database)
        assert modes(tmp_path) == dict.fromkeys(
            ["aftersale.db", "aftersale.db-wal", "aftersale.db-shm", "aftersale.db.lock"], 0o600
        )
        database.close()


@pytest.mark.usefixtures("any_umask")
def test_a_state_that_was_put_back_for_everybody_to_read_is_closed_again(tmp_path: Path) -> None:
    file = tmp_path / "aftersale.db"
    url = f"sqlite:///{file}"
    open_database(url).close()
    file.chmod(0o644)
    open_database(url).close()
    assert set(modes(tmp_path).values()) == {0o600}
