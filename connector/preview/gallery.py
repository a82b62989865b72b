"""`python -m connector.preview.gallery [PRESET…]`: the documentation's pictures of presets, made anew.

A preset's picture shows its messages as mails about an invented order, side by side in four languages; of a preset that
writes to no customer, what it tells the staff.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from connector.loading import Loaded
from connector.opening import make_adapter
from connector.preview.forms import forms_of
from connector.preview.pages import as_seen
from connector.preview.pictures import Screen, Shot, find_browser, take_pictures
from connector.preview.sheets import Sheet, sheet_of
from connector.rehearsal import Rehearsal, about_sample
from connector.ruletests.presets import invented_shop, using
from connector.texts import shipped_presets
from rules.preset import PresetFiles

FOLDER = Path("docs/pictures/presets")
LANGUAGES = ("en", "he", "ar", "ru")
WALL = Screen(1348, 1, 1)
NOW = datetime(2026, 9, 15, 9, 0, tzinfo=UTC)
"""When the invented order is written about, so that the pictures are the same on every day."""

INPUTS: Mapping[str, Mapping[str, object]] = {
    "replenishment": {"skus": "SAMPLE-1", "per_unit": "30 days"},
    "review-request": {"links": {"Google": "https://reviews.example.com/google"}},
    "tips-after-purchase": {
        "tips": ["Keep the tea in the dark, well closed.", "Pour the water when it no longer boils."],
        "link": "https://tea.example.com/brewing",
    },
}
"""With which inputs a preset is shown, where its defaults do not show all of it."""


def paint(presets: Iterable[PresetFiles], folder: Path) -> list[Path]:
    """A picture of each preset, `<folder>/<preset>.png`; returns them. Raises NoPictures and OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as pages:
        shots = [Shot(_page(Path(pages), preset), folder / f"{preset.name}.png", WALL, "light") for preset in presets]
        return take_pictures(find_browser(), shots)


def _page(folder: Path, preset: PresetFiles) -> Path:
    environment = Environment(
        loader=PackageLoader("connector.preview", "look"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["as_seen"] = as_seen
    page = folder / f"{preset.name}.html"
    rows = list(rows_of(preset))
    page.write_text(environment.get_template("gallery.html").render(name=preset.name, rows=rows), encoding="utf-8")
    return page


def rows_of(preset: PresetFiles) -> Iterator[Sequence[Sheet]]:
    """Each message once, in its languages; without any, each text for the staff."""
    sheets = list(_sheets(preset))
    mails = [sheet for sheet in sheets if sheet.look == "mail"]
    seen = set()
    for _, group in groupby(mails or [sheet for sheet in sheets if sheet.look == "plain"], key=_of_rule):
        row = sorted(group, key=lambda sheet: LANGUAGES.index(sheet.form.language or "en"))
        if row[0].words not in seen:  # the same may be said by a rule for each platform
            seen.add(row[0].words)
            yield row


def _of_rule(sheet: Sheet) -> tuple[int, int]:
    return id(sheet.form.step), sheet.form.number


def _sheets(preset: PresetFiles) -> Iterator[Sheet]:
    """All that its rules would write, on either platform."""
    config = invented_shop()
    loaded = using(config, preset, INPUTS.get(preset.name, {}))
    if not isinstance(loaded, Loaded):
        raise SystemExit("\n".join(map(str, loaded)))
    store = replace(config.stores[0], via=("email",))
    adapter = make_adapter(store, lambda: NOW)
    for rule in {rule.id: rule for each in config.stores for rule in loaded.rules[each.id]}.values():
        about = about_sample(rule, loaded.templates, store, signed_by=config.signed_by, now=NOW)
        rehearsal = Rehearsal(rule, store, adapter, loaded.templates, about, NOW, "0" * 32)
        forms = forms_of(rehearsal, config.protection.unsubscribe, None)
        yield from (sheet_of(form, "plain", rehearsal.key) for form in forms)
    adapter.close()


if __name__ == "__main__":
    named = sys.argv[1:]
    paint([preset for preset in shipped_presets() if preset.name in named or not named], FOLDER)
