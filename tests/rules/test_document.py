"""YAML as people write it, and where everything in it stands."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rules.document import DEEPEST, LONGEST, Mark, Problem, parse


def told(text: str) -> list[str]:
    return [str(problem) for problem in parse(text, "a.yaml").problems]


NOT_TEXT_IN_1_1 = ("no", "yes", "on", "off", "18:00", "0123", "1.10", "2026-11-21", "1e3", "+49123", "0x1F", "1_000")


@pytest.mark.parametrize("text", NOT_TEXT_IN_1_1)
def test_what_yaml_1_1_would_turn_into_something_else_stays_text(text: str) -> None:
    assert parse(f"key: {text}", "a.yaml").data == {"key": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("0", 0), ("-7", -7), ("42", 42)],
)
def test_the_core_schemas_booleans_nulls_and_whole_numbers_are_read(text: str, value: object) -> None:
    assert parse(f"key: {text}", "a.yaml").data == {"key": value}


def test_keys_are_always_text() -> None:
    assert parse("404: a\ntrue: b\non: c\n", "a.yaml").data == {"404": "a", "true": "b", "on": "c"}


def test_a_duplicate_key_is_told_with_both_lines() -> None:
    assert told("a: 1\nb: 2\na: 3\n") == ["a.yaml:3:1: the key 'a' is here a second time, after line 1; keep one"]


def test_all_duplicates_are_told_and_the_first_value_is_kept() -> None:
    document = parse("a: {x: 1, x: 2}\na: 3\n", "a.yaml")
    assert [problem[1:3] for problem in document.problems] == [(1, 11), (2, 1)]
    assert document.data == {"a": {"x": 1}}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a:\n\tb: 1\n", "2:1: there is a tab here; indent with spaces"),
        ("a: 'x\nb: 1", "1:4: a quote is opened and never closed"),
        ("a: @x", "1:4: text can't begin with '@'; put it in quotes"),
        ("---\na: 1\n---\nb: 2", "3:1: a second document begins here ('---'); a file holds one"),
        ("a: *x", "1:4: there is no '&…' above for this '*…'; put text that begins with '*' in quotes"),
        ("a: &x 1\nb: &x 2", "2:4: this anchor ('&…') is there already; give it another name"),
        ("a:\n  - b\n c: 1\n", "3:2: this does not fit what stands before it; check indentation and quotes"),
        ("a: {{ x }}", "1:5: a key is plain text, not a list or mapping; put text with braces in quotes"),
        ("a: [1, 2\nb: 3", "2:2: a ',' or a closing bracket is missing; or put text with braces in quotes"),
        ("x: \x01", "1:4: there is a control character here; delete it"),
        ('x: "\\UFFFFFFFF"', "1:7: there is no such character"),
    ],
)
def test_broken_yaml_is_one_line_with_its_place(text: str, problem: str) -> None:
    assert told(text) == [f"a.yaml:{problem}"]
    assert not parse(text, "a.yaml").readable


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.getcwd", "!!int", "!!float", "!own", "!!binary"])
def test_tags_are_refused(tag: str) -> None:
    assert len(told(f"a: {tag} x")) == 1
    assert "has no place here" in told(f"a: {tag} x")[0]


def test_an_alias_repeats_what_its_anchor_names() -> None:
    assert parse("a: &x [1]\nb: *x\n", "a.yaml").data == {"a": [1], "b": [1]}


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "over 50,000 values" in told("\n".join(lines))[0]


def test_an_alias_to_what_it_stands_in_is_refused() -> None:
    assert "contains itself" in told("a: &a [*a]")[0]


def test_nesting_and_length_are_bounded() -> None:
    assert told("[" * (DEEPEST + 1)) == [f"a.yaml:1:{DEEPEST + 1}: over {DEEPEST} levels deep; nest less"]
    assert told("x" * (LONGEST + 1)) == ["a.yaml:1:1: the file is over 500,000 characters long; split it"]


def test_a_byte_order_mark_and_windows_newlines_change_nothing() -> None:
    document = parse("\ufeffa: 1\r\nb: 2\r\n", "a.yaml")
    assert document.data == {"a": 1, "b": 2}
    assert document.mark(("b",), key=True) == Mark(2, 1)


DOCUMENT = parse(
    """\
rules:
  - id: late
    actions:
      - add_note: "Hello {{ x }}"
      - add_note: |
          one
          two {{ y }}
  - trigger: paid
""",
    "a.yaml",
)


@pytest.mark.parametrize(
    ("path", "key", "mark"),
    [
        (("rules", 0, "id"), False, (2, 9)),
        (("rules", 0, "id"), True, (2, 5)),
        (("rules", 1), False, (8, 5)),
        (("rules", 1, "missing"), True, (8, 5)),
        (("nothing",), False, (1, 1)),
    ],
)
def test_every_key_and_value_has_a_place_and_what_is_not_there_its_parents(
    path: tuple[str | int, ...], key: bool, mark: tuple[int, int]
) -> None:
    assert DOCUMENT.mark(path, key=key) == mark


def test_a_place_within_a_text_is_found_in_quotes_and_in_blocks() -> None:
    assert DOCUMENT.mark_inside(("rules", 0, "actions", 0, "add_note"), 1, 10) == (4, 29)
    assert DOCUMENT.mark_inside(("rules", 0, "actions", 1, "add_note"), 2, 8) == (7, 18)


def test_a_place_within_a_folded_text_is_the_texts_own() -> None:
    document = parse("a: >\n  one\n  two\n", "a.yaml")
    assert document.mark_inside(("a",), 1, 6) == (1, 4)


def test_an_entry_that_has_an_id_goes_by_it() -> None:
    assert DOCUMENT.describe(("rules", 0, "actions", 1)) == "rule 'late', actions.1"
    assert DOCUMENT.describe(("rules", 1, "trigger")) == "rules.1.trigger"


def test_a_problem_reads_as_file_line_column_and_sentence() -> None:
    assert str(Problem("rules/a.yaml", 3, 9, "no such thing")) == "rules/a.yaml:3:9: no such thing"


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_raise(text: str) -> None:
    document = parse(text, "a.yaml")
    assert document.readable or document.problems


YAML_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(st.characters(codec="ascii"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4),
)


@given(YAML_VALUES)
def test_what_a_writer_of_yaml_1_1_writes_is_read_back(value: object) -> None:
    assert parse(yaml.safe_dump(value), "a.yaml").data == value
