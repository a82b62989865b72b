"""The documentation says what there is, all of it, and nothing else; and its examples are right.

Each reference is a table below a heading; a table is known by its heading and its first column's title.
A ```yaml block says what it is: `rules`, `config` and `tests` are whole files (and tests are played), `part` is some
keys of a rule, `top` some of the config, `store` some of a store.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple, get_args, get_type_hints

import pytest
import typer
import yaml
from msgspec import Struct
from pydantic import BaseModel, SecretStr

from adapters.errors import AdapterError
from adapters.registry import platforms, settings_of
from adapters.woocommerce.normalise import TAGS
from connector.actions import known_actions
from connector.cli import _app
from connector.cli._exits import Exit
from connector.config import ConfigKeys, Mode, StoreKeys
from connector.loading import Loaded, load
from connector.observe import LEVELS
from connector.ruletests.cases import read_cases
from connector.ruletests.keys import ExpectedKeys, ItemKeys, OrderKeys, RuleTestFile, RuleTestKeys
from connector.ruletests.life import HAPPENINGS
from connector.ruletests.playing import play, stand_for
from connector.ruletests.presets import invented_shop, preset_cases
from connector.ruletests.verdicts import verdict
from connector.store.tables import metadata
from connector.texts import known_presets, shipped_presets
from rules.conditions import OPERATORS
from rules.document import Problem
from rules.events import TRIGGERS, Ladders, Rung
from rules.facts import State
from rules.fields import FIELDS
from rules.inputs import INPUT_KINDS
from rules.letter import FrontMatter
from rules.preset import BESIDE, InputSpec, PresetFile, read_preset
from rules.rule import OncePer
from rules.schema import RuleFile, RuleSpec, StepSpec
from rules.template_check import check_message
from rules.template_language import LANGUAGE, ROOTS
from rules.timing import WORDS
from rules.triggers import concluded_triggers

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", *(f"docs/{file.name}" for file in ROOT.glob("docs/*.md")))
RULES, CONFIGURATION, COMMANDS = "docs/rules.md", "docs/configuration.md", "docs/commands.md"
RULE_TESTS, PRESETS = "docs/rule-tests.md", "docs/presets.md"


# Reading Markdown ---------------------------------------------------------------------------------------------


class Block(NamedTuple):
    """A fenced block: the words after its fence (`yaml rules`), its text, and where it begins."""

    page: str
    line: int
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@cache
def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@cache
def blocks(page: str) -> tuple[Block, ...]:
    text = text_of(page)
    found = re.finditer(r"^```(\S[^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return tuple(Block(page, text.count("\n", 0, block.start()) + 1, block[1].strip(), block[2]) for block in found)


def prose(page: str) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def headings(page: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)


def table(page: str, heading: str, column: str) -> list[list[str]]:
    """The rows of the table below this heading whose first column has this title."""
    section = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", prose(page), re.MULTILINE | re.DOTALL | re.I)
    assert section, f"{page} has no heading '{heading}'"
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in section[1].splitlines()]
    titles = [number for number, cells in enumerate(rows) if cells and cells[0] == column]
    assert titles, f"{page}, '{heading}' has no table whose first column is '{column}'"
    found = []
    for cells in rows[titles[0] + 2 :]:
        if not cells:
            break
        found.append(cells)
    return found


def code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def named(page: str, heading: str, column: str) -> set[str]:
    """What a table's first column names."""
    return {name for cells in table(page, heading, column) for name in code(cells[0])}


# Keys, fields and words ---------------------------------------------------------------------------------------


def as_written(default: object) -> str:
    """A default as one would write it."""
    match default:
        case bool():
            return str(default).lower()
        case SecretStr():
            return default.get_secret_value()
        case tuple():
            return ", ".join(map(str, default))
        case timedelta():
            minutes = int(default.total_seconds()) // 60
            return f"{minutes} minutes" if minutes % 60 else f"{minutes // 60} hour"
    return str(default)


def assert_documents(model: type[BaseModel], page: str, heading: str, column: str = "key") -> None:
    """Every field has its row and every row its field; what is required says so, and defaults are right."""
    rows = {code(cells[0])[0]: cells for cells in table(page, heading, column)}
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    assert rows.keys() == fields.keys()
    required = {name for name, field in fields.items() if field.is_required()}
    assert {name for name, cells in rows.items() if "Required." in cells[1]} == required
    for name, cells in rows.items():
        default = fields[name].default
        if len(cells) > 2 and default not in (None, ()) and re.fullmatch("`[^`]+`", cells[2]):
            assert cells[2] == f"`{as_written(default)}`", name


def test_every_key_of_the_config_file_is_documented() -> None:
    assert_documents(ConfigKeys, CONFIGURATION, "The keys")


def test_every_key_of_a_store_is_documented() -> None:
    assert_documents(StoreKeys, CONFIGURATION, "Stores")


@pytest.mark.parametrize("platform", platforms())
def test_every_key_of_a_platform_is_documented(platform: str) -> None:
    assert_documents(settings_of(platform), CONFIGURATION, platform)


def test_every_key_of_a_file_of_rule_tests_is_documented() -> None:
    assert_documents(RuleTestFile, RULE_TESTS, "A file of tests")


@pytest.mark.parametrize(
    ("model", "heading", "column"),
    [
        (RuleTestKeys, "A file of tests", "key of a test"),
        (OrderKeys, "The order", "key of an order"),
        (ItemKeys, "Items", "key of an item"),
        (ExpectedKeys, "What is expected", "key of an expectation"),
    ],
)
def test_every_key_of_a_rule_test_is_documented(model: type[BaseModel], heading: str, column: str) -> None:
    assert_documents(model, RULE_TESTS, heading, column)


def test_everything_that_can_happen_in_a_rule_test_is_documented() -> None:
    assert named(RULE_TESTS, "What happens", "word") == HAPPENINGS.keys()
    rows = {code(cells[0])[0]: cells for cells in table(RULE_TESTS, "What happens", "word")}
    for word in HAPPENINGS:
        assert all(short.startswith(f"{word}: ") for short in code(rows[word][2]))


def test_every_mode_is_documented() -> None:
    assert named(CONFIGURATION, "Modes", "mode") == set(get_args(Mode))


def test_every_environment_variable_that_the_code_reads_is_documented() -> None:
    sources = "".join(file.read_text() for folder in ("adapters", "connector", "rules") for file in python(folder))
    read = set(re.findall(r"\bAFTERSALE_[A-Z_]+", sources))
    assert named(CONFIGURATION, "Environment variables", "variable") == read


def test_every_log_level_is_documented() -> None:
    rows = table(CONFIGURATION, "Environment variables", "variable")
    level = next(cells for cells in rows if "AFTERSALE_LOG_LEVEL" in cells[0])
    assert set(code(level[1])) == set(LEVELS)


def test_every_key_of_a_rule_file_is_documented() -> None:
    assert_documents(RuleFile, RULES, "A rule file")


def test_every_key_of_a_rule_is_documented() -> None:
    assert_documents(RuleSpec, RULES, "The keys of a rule")


def test_every_key_of_a_preset_and_of_its_inputs_is_documented() -> None:
    assert_documents(PresetFile, PRESETS, "A preset of your own", "key of a preset")
    assert_documents(InputSpec, PRESETS, "A preset of your own", "key of an input")


def test_every_key_beside_use_and_every_type_of_input_is_documented() -> None:
    assert named(PRESETS, "Using one", "key") == set(BESIDE)
    assert {code(cells[0])[0]: bool(code(cells[2])) for cells in table(PRESETS, "Inputs", "type")} == {
        name: kind.told is not None for name, kind in INPUT_KINDS.items()
    }


def test_every_preset_is_documented_with_its_inputs_and_their_defaults() -> None:
    presets = {files.name: read_preset(files, []) for files in shipped_presets()}
    assert named(PRESETS, "The presets", "preset") == presets.keys()
    for name, preset in presets.items():
        assert preset is not None
        rows = {code(cells[0])[0]: cells[1:] for cells in table(PRESETS, name, "input")}
        assert {each: cells[0] for each, cells in rows.items()} == {
            each: spec.type for each, spec in preset.inputs.items()
        }, name
        for each, spec in preset.inputs.items():
            if isinstance(spec.default, bool | int | str):
                assert rows[each][2] == f"`{as_written(spec.default)}`", f"{name}, {each}"
            assert ("Required." in rows[each][2]) == spec.must_be_given, f"{name}, {each}"


@pytest.mark.parametrize("preset", [preset.name for preset in shipped_presets()])
def test_every_preset_is_shown_with_an_example_and_a_picture_of_its_messages(preset: str) -> None:
    section = re.search(rf"^### {preset}\n(.*?)(?=^##)", text_of(PRESETS), re.MULTILINE | re.DOTALL)
    assert section
    assert f"  - use: {preset}\n" in section[1]
    (picture,) = re.findall(r"!\[.+\]\((.+)\)", section[1])
    assert picture == f"pictures/presets/{preset}.png"
    assert (ROOT / "docs" / picture).read_bytes().startswith(b"\x89PNG")


def test_the_readme_names_every_preset_and_the_moment_it_is_for() -> None:
    named_there = [
        name for cells in table("README.md", "Ready rules", "a moment after an order") for name in code(cells[1])
    ]
    assert sorted(named_there) == sorted(preset.name for preset in shipped_presets())


def test_every_key_of_a_step_is_documented() -> None:
    assert_documents(StepSpec, RULES, "Steps", "key of a step")


def test_every_subject_of_a_rule_is_documented() -> None:
    assert named(RULES, "once_per", "`once_per`") == set(get_args(OncePer))


def test_every_trigger_is_documented() -> None:
    assert named(RULES, "Triggers", "trigger") == {*TRIGGERS, "order.status:<any>"}


def test_every_trigger_that_is_concluded_is_documented_with_what_it_is_once_for() -> None:
    documented = {}
    for cells in table(RULES, "Triggers about customers and time", "trigger"):
        name, _, argument = code(cells[0])[0].partition(": ")
        kind = concluded_triggers()[name]
        assert bool(argument) == (kind.example is not None)
        documented[name] = cells[2].split(":")[0]
    assert documented == {name: kind.once_per for name, kind in concluded_triggers().items()}


def test_every_rung_of_a_ladder_is_documented() -> None:
    rungs = get_args(get_type_hints(Rung)["by"])
    assert named(RULES, "What counts as shipped and delivered", "rung") == set(rungs)


@pytest.mark.parametrize("key", ["shipped_when", "delivered_when"])
def test_the_ladders_that_stand_without_the_keys_are_documented(key: str) -> None:
    default = [{rung.by: rung.value} for rung in getattr(Ladders(), key)]
    documented = [yaml.safe_load(each) for each in code(prose(RULES)) if each.startswith(f"{key}: [")]
    assert {key: default} in documented


def test_every_unit_of_a_duration_is_documented() -> None:
    rows = table(RULES, "Waiting", "unit")
    assert {name for cells in rows for name in code(cells[0])} == set(WORDS.values())
    for cells in rows:
        assert {WORDS[short] for short in code(cells[1])} <= set(code(cells[0]))


def test_every_operator_is_documented() -> None:
    assert named(RULES, "Conditions", "operator") == set(OPERATORS)


def test_every_field_of_conditions_is_documented_with_its_kind() -> None:
    kinds = {"text": "text", "number": "a number", "money": "an amount", "time": "a time", "flag": "true or false"}
    fields = {name: kinds[field.kind] for name, field in FIELDS.items()} | {"order.meta.<key>": "text"}
    assert {code(cells[0])[0]: cells[1] for cells in table(RULES, "Fields", "field")} == fields


def test_every_action_is_documented() -> None:
    assert named(RULES, "Actions", "action") == set(known_actions())


@pytest.mark.parametrize("action", known_actions())
def test_every_field_of_an_action_is_documented(action: str) -> None:
    assert_documents(known_actions()[action].spec, RULES, action, "field")


def test_what_an_action_calls_its_short_form_is_one() -> None:
    for cells in table(RULES, "Actions", "action"):
        (name,) = code(cells[0])
        assert all(short.startswith(f"{name}: ") for short in code(cells[2]))
        assert (known_actions()[name].spec.shorthand is not None) == bool(code(cells[2]))


def test_every_name_in_templates_is_documented_with_its_parts() -> None:
    documented = {code(cells[0])[0]: set(code(cells[2])) for cells in table(RULES, "Names", "name")}
    documented["items"] = set()  # says what each of the list is like
    assert documented == {name: parts(kind) for name, kind in ROOTS.items()}


def parts(kind: object) -> set[str]:
    if not (isinstance(kind, type) and issubclass(kind, Struct)):
        return set()
    return {*kind.__struct_fields__, *(name for name, value in vars(kind).items() if isinstance(value, property))}


def test_every_filter_is_documented() -> None:
    assert named(RULES, "Filters", "filter") == set(LANGUAGE.filters)


def test_the_front_matter_of_a_template_is_documented() -> None:
    assert named(RULES, "Templates in Markdown", "front matter") == set(FrontMatter.model_fields)


def test_every_state_of_an_action_is_documented() -> None:
    assert named(RULES, "Skipped, failed, held", "state") == set(get_args(State))


def test_the_field_that_keeps_the_tags_is_documented() -> None:
    assert TAGS in code(prose(RULES))
    assert TAGS in code(prose(CONFIGURATION))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_no_field_that_does_not_exist(page: str) -> None:
    known = {*FIELDS, *TRIGGERS, *concluded_triggers()} | {
        f"{name}.{part}" for name, kind in ROOTS.items() for part in parts(kind)
    }
    spelled = re.compile(r"(?:order|customer|item|shipment|refund|store|coupon)\.[a-z_]+(?:\.[a-z_0-9]+)?")
    mentioned = {each for each in code(prose(page)) if spelled.fullmatch(each)}
    assert {each for each in mentioned if not each.startswith("order.meta.")} <= known


# Commands -----------------------------------------------------------------------------------------------------

EVERYWHERE = {"-c", "--config", "--json", "--version", "--help"}


@cache
def commands() -> dict[str, frozenset[str]]:
    """Every command with its own options."""
    group = typer.main.get_command(_app)
    assert isinstance(group, typer.core.TyperGroup)
    context = typer.Context(group)
    found = {}
    for name in group.list_commands(context):
        _, command, _ = group.resolve_command(context, [name])
        assert command is not None
        options = {option for parameter in command.params for option in parameter.opts if option.startswith("-")}
        found[name] = frozenset(options - EVERYWHERE)
    return found


def test_every_command_is_documented() -> None:
    assert named(COMMANDS, "The commands", "command") == commands().keys()
    assert commands().keys() <= set(headings(COMMANDS))


@pytest.mark.parametrize("command", commands())
def test_every_option_of_a_command_is_documented(command: str) -> None:
    documented = set()
    if commands()[command]:
        documented = {name.split()[0] for name in named(COMMANDS, command, "option")}
    assert documented == commands()[command]


def test_every_option_of_all_commands_is_documented() -> None:
    assert {name.split()[0] for name in named(COMMANDS, "Options of all commands", "option")} == EVERYWHERE


def test_every_exit_code_is_documented() -> None:
    assert named(COMMANDS, "Exit codes", "code") == {*(str(int(code)) for code in Exit), "130"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_no_command_or_option_that_does_not_exist(page: str) -> None:
    for line in command_lines(page):
        words = shlex.split(line, comments=True)[1:]
        while words and words[0] in ("-c", "--config"):
            words = words[2:]
        words = [word.partition("=")[0] for word in words if word != "--json"]
        if not words or words[0] in EVERYWHERE:
            continue
        assert words[0] in commands(), line
        assert {word for word in words if word.startswith("-")} <= commands()[words[0]] | EVERYWHERE, line


def command_lines(page: str) -> Iterator[str]:
    """Every `aftersale …` that a page tells its reader to type, or lets a machine run."""
    texts = [*code(" ".join(prose(page).split())), *(block.text for block in blocks(page))]
    for text in texts:
        yield from re.findall(r"(?:^|^\$ |/bin/)(aftersale [^\n|>']*)", text, re.MULTILINE)


# Examples -----------------------------------------------------------------------------------------------------

BASE_RULE = {"id": "example", "trigger": "order.placed", "actions": "[{add_note: Hello}]"}
BASE_STORE = {
    "id": "tea",
    "platform": "woocommerce",
    "url": "https://tea.example.com",
    "consumer_key": "ck_example",
    "consumer_secret": "cs_example",
}
BASE_CONFIG = {
    "version": "1",
    "business_hours": '{ mon-fri: "09:00-17:00" }',
    "channels": '{ email: { type: smtp, url: "smtp://127.0.0.1:9", from: Tal <tal@tea.example.com> } }',
    "staff": '["json://127.0.0.1:9"]',
    "unsubscribe": "mailto:stop@tea.example.com",
    "stores": f"[{{{', '.join(f'{key}: {value!r}' for key, value in BASE_STORE.items())}}}]",
}
EXAMPLES = [
    block
    for page in PAGES
    for block in blocks(page)
    if block.what.startswith("yaml") and block.what not in ("yaml tests", "yaml preset", "yaml preset-tests")
]


def completed(text: str, base: dict[str, str], *, unless: Collection[str] = ()) -> str:
    """Some keys as the whole that they belong to."""
    missing = [key for key in base if not re.search(rf"^{key}:", text, re.MULTILINE) and key not in unless]
    return "".join(f"{key}: {base[key]}\n" for key in missing) + text


def indented(text: str, lead: str) -> str:
    body = "".join(f"{' ' * len(lead)}{line}\n" if line else "\n" for line in text.splitlines())
    return lead + body[len(lead) :]


def config_with(block: Block) -> str:
    match block.what:
        case "yaml config":
            return block.text
        case "yaml top":
            return completed(block.text, BASE_CONFIG)
        case "yaml store":
            rest = {key: value for key, value in BASE_CONFIG.items() if key != "stores"}
            return completed("stores:\n" + indented(completed(block.text, BASE_STORE), "  - "), rest)
    return completed("", BASE_CONFIG)


def rules_with(block: Block) -> str:
    match block.what:
        case "yaml rules":
            return block.text
        case "yaml part":
            steps = re.search("^steps:", block.text, re.MULTILINE)
            rule = completed(block.text, BASE_RULE, unless=["actions"] if steps else [])
            return "version: 1\nrules:\n" + indented(rule, "  - ")
    return "version: 1\nrules:\n" + indented(completed("", BASE_RULE), "  - ")


@pytest.mark.parametrize("block", EXAMPLES, ids=str)
def test_an_example_is_right(block: Block, tmp_path: Path) -> None:
    assert block.what in ("yaml rules", "yaml part", "yaml config", "yaml top", "yaml store"), "say what it is"
    config, rules = config_with(block), rules_with(block)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "example.yaml").write_text(rules, encoding="utf-8")
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    for name in re.findall(r"template: ([\w-]+)", rules):
        (tmp_path / "templates" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "templates" / name / "en.md").write_text("Hello", encoding="utf-8")
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", config), "value")
    loaded = load(tmp_path / "config.yaml", environ)
    assert isinstance(loaded, Loaded), "\n".join(map(str, loaded))


PLAYED = [block for block in blocks(RULE_TESTS) if block.what == "yaml tests"]


@pytest.mark.parametrize("block", PLAYED, ids=str)
def test_an_example_of_a_rule_test_passes(block: Block, tmp_path: Path) -> None:
    (first,) = (each for each in blocks(RULE_TESTS) if each.what == "yaml rules")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "first.yaml").write_text(first.text, encoding="utf-8")
    (tmp_path / "rules" / "example.yaml").write_text(rules_with(block), encoding="utf-8")
    (tmp_path / "config.yaml").write_text(config_with(block), encoding="utf-8")
    loaded = load(tmp_path / "config.yaml", {})
    assert isinstance(loaded, Loaded), "\n".join(map(str, loaded))
    named_rules = f"rules: [{'after-delivery' if block is PLAYED[0] else 'example'}]\n"
    cases, problems = read_cases({RULE_TESTS: named_rules + block.text}, loaded)
    assert problems == []
    with stand_for(loaded.config) as stand:
        assert [verdict(play(stand, case), 0.0).complaints for case in cases] == [()] * len(cases)


def test_the_example_of_a_preset_is_right_and_passes_its_tests(tmp_path: Path) -> None:
    written, tests = (
        next(each for each in blocks(PRESETS) if each.what == what) for what in ("yaml preset", "yaml preset-tests")
    )
    file = tmp_path / "care" / "preset.yaml"
    message = "Be kind to it.{% if input.page %} {{ input.page }}{% endif %}"
    (file.parent / "messages" / "care").mkdir(parents=True)
    (file.parent / "messages" / "care" / "en.md").write_text(message)
    file.write_text(written.text, encoding="utf-8")
    file.with_name("tests.yaml").write_text(tests.text, encoding="utf-8")
    problems: list[Problem] = []
    cases = list(preset_cases([known_presets(tmp_path, problems)["care"]], problems))
    assert [*map(str, problems)] == []
    with stand_for(invented_shop()) as stand:
        assert [verdict(play(stand, case), 0.0).complaints for case in cases] == [()]


TEMPLATES = [block for page in PAGES for block in blocks(page) if block.what.startswith("markdown")]


@pytest.mark.parametrize("block", TEMPLATES, ids=str)
def test_an_example_of_a_template_is_right(block: Block) -> None:
    assert check_message(block.text, f"{block.what.removeprefix('markdown ')}.md", {"coupon"}) == []


# How it works -------------------------------------------------------------------------------------------------

HOW = "docs/how-it-works.md"


def test_every_table_of_the_state_is_explained() -> None:
    assert named(HOW, "State", "table") == metadata.tables.keys()


def test_every_error_of_an_adapter_is_explained() -> None:
    ours = {error.__name__ for error in AdapterError.__subclasses__() if error.__module__ == AdapterError.__module__}
    assert named(HOW, "Errors", "error") == ours


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_no_file_of_the_code_that_does_not_exist(page: str) -> None:
    named_here = {
        each
        for each in code(prose(page))
        if re.fullmatch(r"(?:adapters|connector|rules|tests)/(?:[\w/]+\.py|[\w/]*/)", each)
    }
    assert {each for each in named_here if not (ROOT / each).exists()} == set()


# Links --------------------------------------------------------------------------------------------------------


def slug(heading: str) -> str:
    """The anchor that a heading has where the page is shown."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_within_the_documentation_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match("https?://|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / page).parent / file if file else ROOT / page
        assert path.exists(), target
        if anchor:
            name = str(path.resolve().relative_to(ROOT))
            assert anchor in map(slug, headings(name)), target


def test_every_page_can_be_reached_from_the_readme() -> None:
    assert {page for page in PAGES if page != "README.md"} <= set(re.findall(r"\]\(([^)#\s]+)", text_of("README.md")))


def python(folder: str) -> Iterator[Path]:
    return (ROOT / folder).rglob("*.py")
