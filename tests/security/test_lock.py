"""What is deployed is what was looked at: every dependency is pinned, by its content."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["postgresql"]]
LOCK = (ROOT / "requirements.lock").read_text()


def pinned() -> dict[str, tuple[str, int]]:
    """The version of each package, and how many hashes it has."""
    found = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", "\n".join(line for line in LOCK.splitlines() if line[:1] != "#")):
        name, version = re.match(r"\s*([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", entry).groups()  # type: ignore[union-attr]
        found[canonicalize_name(name)] = (version, len(re.findall(r"--hash=sha256:[0-9a-f]{64}", entry)))
    return found


@pytest.mark.parametrize("wanted", WANTED)
def test_every_dependency_is_locked_at_a_version_that_will_do(wanted: str) -> None:
    requirement = Requirement(wanted)
    version, _ = pinned()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version)


def test_every_package_in_the_lock_is_known_by_its_content() -> None:
    assert pinned()
    assert [name for name, (_, hashes) in pinned().items() if not hashes] == []


def test_the_lock_names_no_machine_and_no_index() -> None:
    assert re.findall(r"https?://|file:|--(?:extra-)?index|--find-links|@ |/home|/tmp", LOCK) == []
