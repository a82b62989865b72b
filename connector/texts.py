"""The texts of rules, templates and presets, read from disk; what cannot be read becomes a problem at its file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from connector.config import shown
from connector.reading import Unfit, files_of, read_text, unfit
from rules.document import Problem
from rules.preset import Messages, PresetFiles, TextFile

SHIPPED = Path(str(files("rules"))) / "presets"
"""The presets that come with Aftersale."""

DEFINITION = "preset.yaml"

Named = Callable[[Path], str]
"""How a file is called."""


def rule_texts(patterns: Sequence[str], problems: list[Problem]) -> dict[str, str]:
    """The texts of the files that these patterns name, by the files' names."""
    found: dict[str, str] = {}
    for pattern in patterns:
        for file, why_not in files_of(pattern):
            if (read := _read(file, why_not, problems)) is not None:
                found[read.file] = read.text
    return found


@dataclass(frozen=True, slots=True)
class Texts:
    """What people wrote: rule files and presets by their names, and templates, with the folder that they lie in."""

    rules: Mapping[str, str]
    templates: Messages
    templates_dir: str
    presets: Mapping[str, PresetFiles]


def read_texts(rule_files: Sequence[str], template_folder: Path, preset_folder: Path, problems: list[Problem]) -> Texts:
    """All texts that a config names, and the presets that come with Aftersale. A template is `<name>/<locale>.md`."""
    return Texts(
        rule_texts(rule_files, problems),
        _messages(template_folder, template_folder, problems),
        shown(template_folder),
        known_presets(preset_folder, problems),
    )


def known_presets(own: Path, problems: list[Problem]) -> dict[str, PresetFiles]:
    """All presets by their names; one in a shop's own folder stands in place of one that comes with Aftersale."""
    shipped, damaged = _shipped()
    problems += damaged
    return {each.name: each for each in (*shipped, *_presets(own, problems, shown, own=True))}


def shipped_presets() -> tuple[PresetFiles, ...]:
    """The presets that come with Aftersale."""
    return _shipped()[0]


@cache
def _shipped() -> tuple[tuple[PresetFiles, ...], tuple[Problem, ...]]:
    """Them, and what is wrong with the files: read once, however many clients are opened, from wherever."""
    problems: list[Problem] = []
    return tuple(_presets(SHIPPED, problems, str, own=False)), tuple(problems)


def _presets(folder: Path, problems: list[Problem], named: Named, *, own: bool) -> Iterator[PresetFiles]:
    """The presets of a folder: `<name>/preset.yaml`, and their messages beside it."""
    for file in sorted(folder.glob(f"*/{DEFINITION}")):
        definition = _read(file, unfit(file, folder), problems, named)
        messages = {
            name: {locale: each._replace(ships=not own) for locale, each in texts.items()}
            for name, texts in _messages(file.parent / "messages", folder, problems, named).items()
        }
        if definition is not None:
            yield PresetFiles(file.parent.name, definition, messages, own)


def _messages(
    folder: Path, home: Path, problems: list[Problem], named: Named = shown
) -> dict[str, dict[str, TextFile]]:
    """`<name>/<locale>.md` by name and locale."""
    found: dict[str, dict[str, TextFile]] = {}
    for file in sorted(folder.glob("*/*.md")):
        if (read := _read(file, unfit(file, home), problems, named)) is not None:
            found.setdefault(file.parent.name, {})[file.stem] = read
    return found


def _read(file: Path, why_not: str | None, problems: list[Problem], named: Named = shown) -> TextFile | None:
    """A file's text under the file's name, unless there is a reason why not to read it."""
    try:
        if why_not is None:
            return TextFile(named(file), read_text(file))
    except OSError as error:
        why_not = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        why_not = "is not UTF-8 text; save it as UTF-8"
    except Unfit as why:
        why_not = str(why)
    problems.append(Problem(named(file), 1, 1, why_not))
    return None
