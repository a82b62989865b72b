"""Reading what people wrote: whole and bounded, and only what they meant to be read."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator
from pathlib import Path

LARGEST = 2_000_000
"""Bytes. No file that people write is anywhere near."""

OTHERS_READ = stat.S_IROTH


class Unfit(ValueError):
    """A file is not to be read; the text says why, and what to do."""


def read_text(file: Path) -> str:
    """A file's text. Raises OSError, UnicodeDecodeError, or Unfit for one that is too large."""
    with file.open("rb") as opened:
        content = opened.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Unfit(f"the file is over {LARGEST:,} bytes long; split it")
    return content.decode()


def read_secret(file: Path) -> str:
    """A secret that has a file to itself. Raises as `read_text` does, and Unfit where everybody here could read it."""
    with file.open("rb") as opened:
        mode = os.fstat(opened.fileno()).st_mode
    if stat.S_ISREG(mode) and mode & OTHERS_READ:
        raise Unfit("every user of this machine can read it: 'chmod 600' it (or 640, for a group)")
    return read_text(file).strip()


def files_of(pattern: str) -> Iterator[tuple[Path, str | None]]:
    """The files that a pattern names, sorted; and, of one that is not to be read, why not.

    What only turns up in a folder must lie in it: a link there may lead anywhere, and who may write to the folder may
    not be who runs Aftersale. A file that is named outright may be a link.
    """
    if not glob.has_magic(pattern):
        yield from ((Path(each), None) for each in glob.glob(pattern))
        return
    fixed = pattern[: next(at for at, letter in enumerate(pattern) if letter in "*?[")]
    home = Path(fixed.rpartition("/")[0] or "/").resolve()
    for each in sorted(glob.glob(pattern, recursive=True)):
        yield Path(each), unfit(Path(each), home)


def unfit(file: Path, home: Path) -> str | None:
    """Why a file that turned up in this folder is not to be read; None if it may be."""
    if not file.resolve().is_relative_to(home.resolve()):
        return f"this is a link that leads out of {home.name}/; put the file itself there, or name it outright"
    return None if file.is_file() or not file.exists() else "this is no file"
