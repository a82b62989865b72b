"""The files of a preview, and the page that shows them all side by side. They are for their owner's eyes alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path

import nh3
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from connector.preview.sheets import Sheet
from rules.rule import Rule, Step
from rules.waits import in_words

INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class Title:
    """What a preview is of: the rule, the store's name, and the order it was tried out with, in words."""

    rule: Rule
    store: str
    order: str


def write(folder: Path, title: Title, sheets: Sequence[Sheet]) -> Path:
    """Write every file, and the page; returns the page. Raises OSError."""
    _make(folder)
    for sheet in sheets:
        for name, text in sheet.files.items():
            _make(folder / sheet.folder)
            _write(folder / sheet.folder / name, text)
    page = _template().render(
        title=title,
        style=Markup(files("connector.preview").joinpath("look/style.css").read_text(encoding="utf-8")),  # noqa: S704
        steps=[(_when(title.rule, step), list(_actions(group))) for step, group in _by_step(sheets)],
    )
    _write(folder / INDEX, page)
    return folder / INDEX


def as_seen(mail: str, *, dark: bool) -> str:
    """A mail as it looks on a light or a dark screen, whatever the one is on which this is looked at."""
    return mail.replace("(prefers-color-scheme: dark)", "all" if dark else "not all")


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write(path: Path, text: str) -> None:
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
        out.write(text)


def _by_step(sheets: Sequence[Sheet]) -> Iterator[tuple[Step, Iterator[Sheet]]]:
    return groupby(sheets, key=lambda sheet: sheet.form.step)


def _actions(sheets: Iterator[Sheet]) -> Iterator[tuple[str, list[tuple[Sheet, list[Sheet]]]]]:
    """Each action by its name, with its languages: the first sheet, for their name and direction, and all."""
    for _, of_action in groupby(sheets, key=lambda sheet: sheet.form.number):
        by_language = [list(group) for _, group in groupby(of_action, key=lambda sheet: sheet.form.language)]
        yield by_language[0][0].form.action, [(group[0], group) for group in by_language]


def _when(rule: Rule, step: Step) -> str:
    """When a step comes: `4 hours after order.delivered, within sun-thu 09:00-18:00`."""
    begins = rule.trigger if step.position == 1 else f"step {step.position - 1}"
    hours = f", within {step.send_between}" if step.send_between is not None else ""
    return f"Step {step.position}: {in_words(step.wait, begins)}{hours}"


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("connector.preview", "look"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"as_seen": as_seen, "safely": lambda html: Markup(nh3.clean(html))}  # noqa: S704  cleaned
    return environment.get_template(INDEX)
