"""Strict YAML that remembers where everything stands.

The scalars of the YAML 1.2 core schema, less floats: `no`, `on`, `18:00`, `0123` and `1.10` stay text, as
people mean them. A duplicate key is a mistake. What is wrong with a file becomes `Problem`s, no exception.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import yaml

Path = tuple[str | int, ...]

LONGEST = 500_000
DEEPEST = 40
MOST_VALUES = 50_000


class Mark(NamedTuple):
    """A place in a text; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`!input name`: stands for the value of a preset's input."""

    name: str


class Problem(NamedTuple):
    """A mistake in a file: where, what, and what to do. Sorts by place."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file that has been read: its `data` as dicts, lists, text, integers, booleans and None.

    `problems` are the mistakes of the YAML itself; where it could not be read at all, `readable` is false. What was
    made of values that stand elsewhere in the file goes by its own path; `written_at` has the paths where those stand.
    """

    file: str
    text: str
    data: object = None
    problems: tuple[Problem, ...] = ()
    readable: bool = True
    root: yaml.Node | None = field(default=None, repr=False)
    written_at: Mapping[Path, Path] = field(default_factory=dict)

    def mark(self, path: Path, *, key: bool = False) -> Mark:
        """Where the value at `path` stands, or its key; where there is none, its nearest parent."""
        standing = _follow(self.root, self._written(path))
        node = standing.key if key and standing.complete and standing.key else standing.value
        return _mark(node.start_mark) if node else Mark(1, 1)

    def mark_inside(self, path: Path, line: int, column: int) -> Mark:
        """Where a place within the text at `path` stands in the file; its start, where that can't be told."""
        node = _follow(self.root, self._written(path)).value
        if not isinstance(node, yaml.ScalarNode):
            return self.mark(path)
        wanted = _lines(node.value)[line - 1 : line]
        in_block = node.style is not None and node.style in "|>"
        number = node.start_mark.line + line - 1 + in_block
        standing = _lines(self.text)[number : number + 1]
        if not wanted or not standing:
            return self.mark(path)
        start = 0 if line > 1 or in_block else node.start_mark.column
        indent = standing[0].find(wanted[0], start)
        return self.mark(path) if indent < 0 else Mark(number + 1, indent + column)

    def exists(self, path: Path) -> bool:
        """Whether the document has a value at `path`."""
        return _follow(self.root, self._written(path)).complete

    def known_part(self, path: Path) -> Path:
        """`path` without the steps that the document doesn't have."""
        return _follow(self.root, self._written(path)).path

    def describe(self, path: Path) -> str:
        """`path` for people: `rule 'shipped-sms', actions.0`; an entry goes by its id, or what it is about."""
        path = self._written(path)
        if len(path) >= 2 and isinstance(path[0], str) and isinstance(path[1], int):
            name = _id_of(self.data, path[0], path[1])
            if name is not None:
                entry = f"{path[0].removesuffix('s')} '{name}'"
                return ", ".join((entry, dotted(path[2:]))) if path[2:] else entry
        return dotted(path)

    def problem(self, path: Path, message: str, *, key: bool = False) -> Problem:
        """A mistake at `path`: placed at the value there, or its key; the path stands before the message."""
        return self.problem_at(self.mark(path, key=key), path[:-1] if key else path, message)

    def problem_at(self, mark: Mark, path: Path, message: str) -> Problem:
        """The same, at a place of one's own."""
        about = self.describe(path)
        return Problem(self.file, *mark, f"{about}: {message}" if about else message)

    def _written(self, path: Path) -> Path:
        """Where the author wrote what goes by this path."""
        for length in range(len(path), 0, -1) if self.written_at else ():
            if path[:length] in self.written_at:
                return (*self.written_at[path[:length]], *path[length:])
        return path


def parse(text: str, file: str, *, placeholders: bool = False) -> Document:
    """Read YAML text; `file` is the name that its problems carry. With `placeholders`, values may be `!input name`."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if len(text) > LONGEST:
        message = f"the file is over {LONGEST:,} characters long; split it"
        return Document(file, text, problems=(Problem(file, 1, 1, message),), readable=False)
    try:
        root = _compose(text)
        reading = _Reading(file, placeholders)
        data = _construct(root, reading) if root else None
    except yaml.MarkedYAMLError as error:
        return Document(file, text, problems=(_broken(error, file),), readable=False)
    except yaml.reader.ReaderError as error:
        problem = Problem(file, *_mark_of(text, error.position), "there is a control character here; delete it")
        return Document(file, text, problems=(problem,), readable=False)
    return Document(file, text, data, tuple(reading.problems), True, root)


def dotted(path: Path) -> str:
    """`("stores", 0, "url")` as `stores.0.url`."""
    return ".".join(map(str, path))


def _id_of(data: object, name: str, position: int) -> str | None:
    entries = data.get(name) if isinstance(data, dict) else None
    entry = entries[position] if isinstance(entries, list) and position < len(entries) else None
    called = ("rule",) if name == "overlays" else ("id", "use")
    named = [entry.get(key) for key in called] if isinstance(entry, dict) else []
    return next((str(each) for each in named if isinstance(each, str | int)), None)


def _lines(text: str) -> list[str]:
    return text.split("\n")


def _mark(mark: yaml.Mark) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


def _mark_of(text: str, index: int) -> Mark:
    before = text[:index]
    return Mark(before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)


# --- nodes ----------------------------------------------------------------------------------------


class _Standing(NamedTuple):
    """How far a path leads: the node there with its key, if it is a mapping's, and the part that exists."""

    key: yaml.Node | None
    value: yaml.Node | None
    path: Path
    complete: bool


def _follow(root: yaml.Node | None, path: Path) -> _Standing:
    """Walk as far as the nodes go; steps that lead nowhere are left out."""
    key, value, walked = None, root, []
    for step in path:
        found = _child(value, step)
        if found is None:
            continue
        key, value = found
        walked.append(step)
    return _Standing(key, value, tuple(walked), root is not None and len(walked) == len(path))


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return None, node.value[step]
    return None


class _Loader(yaml.SafeLoader):
    """PyYAML's reader with other ideas about scalars, and a limit to nesting (its own is Python's stack)."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (filled below, once)
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem=f"over {DEEPEST} levels deep; nest less", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_CORE = "tag:yaml.org,2002:"
_Scalar = tuple[re.Pattern[str], Callable[[str], object]]
_SCALARS: Mapping[str, _Scalar] = {
    f"{_CORE}null": (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    f"{_CORE}bool": (re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text.lower() == "true"),
    f"{_CORE}int": (re.compile(r"0|-?[1-9][0-9]{0,17}"), int),
}
for _tag, (_pattern, _) in _SCALARS.items():
    _Loader.add_implicit_resolver(_tag, re.compile(f"(?:{_pattern.pattern})$"), None)


def _compose(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    except (ValueError, OverflowError):  # an escape such as "\UFFFFFFFF", which PyYAML does not check
        mark = loader.get_mark()
        raise yaml.MarkedYAMLError(problem="there is no such character", problem_mark=mark) from None
    finally:
        loader.dispose()


@dataclass(slots=True)
class _Reading:
    """What has come up so far: problems, how many values, and the nodes that are being read."""

    file: str
    placeholders: bool
    problems: list[Problem] = field(default_factory=list)
    values: int = 0
    open: set[int] = field(default_factory=set)

    def refuse(self, node: yaml.Node, message: str) -> None:
        self.problems.append(Problem(self.file, *_mark(node.start_mark), message))


def _construct(node: yaml.Node, reading: _Reading) -> object:
    """The node's data. Aliases are followed: values are counted as they come, not as written."""
    reading.values += 1
    if reading.values > MOST_VALUES:
        raise _stop(node, f"aliases and all, this is over {MOST_VALUES:,} values; split the file")
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, reading)
    if id(node) in reading.open:
        raise _stop(node, "this contains itself by an alias ('*…'); write it out")
    reading.open.add(id(node))
    try:
        if isinstance(node, yaml.MappingNode):
            return _mapping(node, reading)
        _refuse_tag(node, f"{_CORE}seq", reading)
        return [_construct(child, reading) for child in node.value]
    finally:
        reading.open.remove(id(node))


def _mapping(node: yaml.MappingNode, reading: _Reading) -> dict[str, object]:
    _refuse_tag(node, f"{_CORE}map", reading)
    data: dict[str, object] = {}
    first: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _stop(key, "a key is plain text, not a list or mapping; put text with braces in quotes")
        name = _text(key, reading)
        if name in first:
            line = first[name].start_mark.line + 1
            reading.refuse(key, f"the key '{name}' is here a second time, after line {line}; keep one")
            continue
        first[name] = key
        data[name] = _construct(value, reading)
    return data


def _scalar(node: yaml.ScalarNode, reading: _Reading) -> object:
    if node.tag == f"{_CORE}str":
        return _text(node, reading)
    if node.tag == "!input" and reading.placeholders:
        return Placeholder(node.value)
    pattern, make = _SCALARS.get(node.tag, (None, str))
    if pattern is None or not pattern.fullmatch(node.value):
        reading.refuse(node, _no_tags(node.tag))
        return node.value
    return make(node.value)


def _text(node: yaml.ScalarNode, reading: _Reading) -> str:
    if _HALF_CHARACTER.search(node.value):
        reading.refuse(node, "half a character ('\\ud800' to '\\udfff') is no text; write the whole one")
    return str(node.value)


def _refuse_tag(node: yaml.Node, plain: str, reading: _Reading) -> None:
    if node.tag != plain:
        reading.refuse(node, _no_tags(node.tag))


def _no_tags(tag: str) -> str:
    """Which tag it is, but for those of YAML itself, is not told: it may be the beginning of a password."""
    if tag.startswith(_CORE) and tag.removeprefix(_CORE).isalpha():
        return f"the tag '{tag.replace(_CORE, '!!')}' has no place here; leave it out"
    return "a tag has no place here; put text that begins with '!' in quotes"


def _stop(node: yaml.Node, message: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=message, problem_mark=node.start_mark)


# --- broken YAML, in plain words --------------------------------------------------------------------

_PLAIN_WORDS = (
    (r"found character '\\t'", "there is a tab here; indent with spaces"),
    (r"found character '([@`%])'", r"text can't begin with '\1'; put it in quotes"),
    (
        r"mapping values are not allowed",
        "a ':' is not expected here; check the indentation, or put text with ': ' in it in quotes",
    ),
    (
        r"could not find expected ':'",
        "this is neither 'key: value' nor '- entry'; check indentation and ':'",
    ),
    (r"found unexpected end of stream", "a quote is opened and never closed"),
    (
        r"found undefined alias",
        "there is no '&…' above for this '*…'; put text that begins with '*' in quotes",
    ),
    (r"second occurrence", "this anchor ('&…') is there already; give it another name"),
    (r"but found another document", "a second document begins here ('---'); a file holds one"),
    (
        r"expected <block end>|expected '<document start>'",
        "this does not fit what stands before it; check indentation and quotes",
    ),
    (
        r"expected ',' or '[\]}]'",
        "a ',' or a closing bracket is missing; or put text with braces in quotes",
    ),
    (r"found unknown escape character '(.)'", r"'\\\1' means nothing in double quotes; use single quotes"),
)


_QUOTED = re.compile(r"'[^']{2,}'")


def _broken(error: yaml.MarkedYAMLError, file: str) -> Problem:
    """No value is quoted: a password may begin with a sign that means something in YAML."""
    problem = error.problem or "this is not YAML"
    mark = _mark(error.problem_mark) if error.problem_mark else Mark(1, 1)
    if "unexpected end" in problem and error.context_mark:
        mark = _mark(error.context_mark)
    for pattern, words in _PLAIN_WORDS:
        if found := re.search(pattern, problem):
            return Problem(file, *mark, found.expand(words))
    return Problem(file, *mark, _QUOTED.sub("'…'", problem))
