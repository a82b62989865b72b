"""Pictures of mails, and of other pages, by the Chromium of this machine, where it has one.

It is spoken to over a pipe (the DevTools protocol): one browser takes all pictures, each as long as its mail.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import msgspec

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LONGEST = 8000
PATIENCE = 30.0
"""Seconds that the browser may take to answer."""


class NoPictures(Exception):
    """No pictures can be taken; says why."""


def find_browser() -> str:
    """The Chromium on the PATH. Raises NoPictures where there is none."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise NoPictures(f"there is no Chromium on the PATH ({', '.join(BROWSERS)})")
    return found


class Screen(NamedTuple):
    """How wide it is, how high at least, and how many dots each of its points has."""

    width: int
    height: int
    sharpness: int


PHONE = Screen(390, 844, 2)


class Shot(NamedTuple):
    """A picture to be taken: of which page, to which file, on which screen, and whether that is `light` or `dark`."""

    page: Path
    picture: Path
    screen: Screen
    look: str


def of_mail(mail: Path) -> list[Shot]:
    """A mail on a phone, twice: `…-light.png` and `…-dark.png` beside it."""
    return [Shot(mail, mail.with_name(f"{mail.stem}-{look}.png"), PHONE, look) for look in ("light", "dark")]


def take_pictures(browser: str, shots: Sequence[Shot]) -> list[Path]:
    """Each picture as long as its page, readable by its owner alone; returns them. Raises NoPictures and OSError."""
    with _running(browser) as line:
        target = line.ask("Target.createTarget", url="about:blank")["targetId"]
        tab = line.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        line.ask("Page.enable", tab)
        for shot in shots:
            shot.picture.touch(mode=0o600)
            shot.picture.write_bytes(_taken(line, tab, shot))
    return [shot.picture for shot in shots]


def _taken(line: _Line, tab: str, shot: Shot) -> bytes:
    width, height, sharpness = shot.screen
    screen = {"width": width, "height": height, "deviceScaleFactor": sharpness, "mobile": True}
    line.ask("Emulation.setDeviceMetricsOverride", tab, **screen)
    line.ask("Emulation.setEmulatedMedia", tab, features=[{"name": "prefers-color-scheme", "value": shot.look}])
    line.ask("Page.navigate", tab, url=shot.page.resolve().as_uri())
    line.wait_for("Page.loadEventFired")
    length = min(LONGEST, line.ask("Page.getLayoutMetrics", tab)["cssContentSize"]["height"])
    clip = {"x": 0, "y": 0, "width": width, "height": max(length, height), "scale": 1}
    picture = line.ask("Page.captureScreenshot", tab, format="png", captureBeyondViewport=True, clip=clip)
    return b64decode(picture["data"])


# The browser ----------------------------------------------------------------------------------------------------


@contextmanager
def _running(browser: str) -> Iterator[_Line]:
    """A browser of our own, with a profile that is thrown away."""
    ours, theirs = os.pipe(), os.pipe()
    # It reads commands from descriptor 3, and writes answers to 4.
    command = ["/bin/sh", "-c", f'exec "$0" "$@" 3</dev/fd/{theirs[0]} 4>/dev/fd/{ours[1]}', browser]
    options = ["--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--hide-scrollbars"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # as root it starts in no other way
    with tempfile.TemporaryDirectory(prefix="aftersale-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(  # noqa: S603  the browser that is on the PATH
            [*command, *options, f"--user-data-dir={profile}"],
            pass_fds=(theirs[0], ours[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs[0])
        os.close(ours[1])
        try:
            yield _Line(ours[0], theirs[1])
        finally:
            os.close(ours[0])
            os.close(theirs[1])
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass(slots=True)
class _Line:
    """Commands to a browser, and what it says: JSON, each ended by a zero byte."""

    reads: int
    writes: int
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    heard: bytes = b""
    events: set[str] = field(default_factory=set)
    """What has happened, and was not waited for so far."""

    def ask(self, method: str, page: str | None = None, /, **params: object) -> Mapping[str, Any]:
        number = next(self.numbers)
        command = {"id": number, "method": method, "params": params} | ({"sessionId": page} if page else {})
        try:
            os.write(self.writes, msgspec.json.encode(command) + b"\0")
        except OSError:
            raise NoPictures("the browser does not run") from None
        answer = next(said for said in self._said() if said.get("id") == number)
        if "error" in answer:
            raise NoPictures(f"the browser does not know how: {answer['error'].get('message', method)}")
        result: Mapping[str, Any] = answer.get("result", {})
        return result

    def wait_for(self, event: str) -> None:
        said = self._said()
        while event not in self.events:
            next(said)
        self.events.clear()

    def _said(self) -> Iterator[dict[str, Any]]:
        until = monotonic() + PATIENCE
        while True:
            message, ended, rest = self.heard.partition(b"\0")
            if ended:
                self.heard = rest
                said = msgspec.json.decode(message)
                self.events.add(said.get("method", ""))
                yield said
                continue
            if not select.select([self.reads], [], [], max(0.0, until - monotonic()))[0]:
                raise NoPictures(f"the browser did not answer within {PATIENCE:g} seconds")
            part = os.read(self.reads, 1 << 20)
            if not part:
                raise NoPictures("the browser does not run")
            self.heard += part
