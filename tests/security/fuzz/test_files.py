"""Whatever stands in a file becomes rules, settings or mistakes; a template becomes words or an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.actions import known_actions
from connector.config import load_config
from rules.document import Problem
from rules.loader import load_rules
from rules.template_check import check_text
from rules.templates import RenderError, render_text
from tests.security.test_templates import about

RULES = """
version: 1
rules:
  - id: hello
    name: Hello there
    trigger: order.delivered
    wait: 4 hours
    send_between: "09:00-18:00"
    once_per: customer
    conditions: { order.total: { more_than: 5 }, customer.first_name: present, order.status: [a, b] }
    stop_if: { order.status: { not: completed } }
    expires_after: 2 days
    max_per_run: 5
    steps:
      - actions: [ { add_note: "Hi {{ customer.first_name }}" }, { send: { text: Hello, purpose: marketing } } ]
"""
CONFIG = """
version: 1
database: sqlite:///aftersale.db
timezone: Asia/Jerusalem
business_hours: { sun-thu: "09:00-18:00" }
holidays: IL
staff: [ "json://127.0.0.1" ]
stores:
  - { id: tea, platform: woocommerce, url: "https://tea.example.com", consumer_key: "${KEY}", consumer_secret: b }
  - { id: mugs, platform: shopify, url: "https://mugs.myshopify.com", access_token: a, delivered_when: [ { meta: x } ] }
"""
PIECES = [
    *("{", "}", "[", "]", ":", "- ", "\n", "\n  ", '"', "'", "&a ", "*a", "<<: ", "!!python/object:os.system ", "? "),
    *("|", ">", "#", "---", "null", "true", "-1", "1e9", "999999999999999999", "order.total", "${", "${KEY}", "}}"),
    *(
        "{{",
        "{%",
        "%}",
        "9999999999 days",
        "99:99-00:00",
        "id",
        "\x00",
        "\ud800",
        "\u202e",
        "\ufeff",
        "\U0001f600",
        "\t",
    ),
]


def edits(text: str) -> st.SearchStrategy[str]:
    """The text with some of it cut out, and something else put in."""
    places = st.integers(0, len(text))
    change = st.tuples(places, st.integers(0, 12), st.sampled_from(PIECES) | st.text(max_size=5))

    def apply(changes: list[tuple[int, int, str]]) -> str:
        edited = text
        for place, length, instead in changes:
            edited = edited[:place] + instead + edited[place + length :]
        return edited

    return st.lists(change, min_size=1, max_size=5).map(apply)


@given(edits(RULES) | st.text(max_size=200))
def test_no_rule_file_makes_the_loader_raise(text: str) -> None:
    rules, problems = load_rules(
        {"rules.yaml": text},
        actions={kind.name: kind.spec for kind in known_actions().values()},
        channels=("platform",),
        windows={},
        templates={},
        templates_dir="templates",
    )
    assert isinstance(rules, tuple)
    assert all(isinstance(problem, Problem) and problem.line > 0 for problem in problems)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "config.yaml"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=edits(CONFIG))
def test_no_config_file_makes_the_loader_raise(file: Path, text: str) -> None:
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    problems: list[Problem] = []
    config = load_config(file, {"KEY": "ck_secret_of_the_environment"}, problems)
    assert (config is None) == bool(problems)
    assert not any("ck_secret_of_the_environment" in str(problem) for problem in problems)


VALUES = ["order", "customer.first_name", "items", "order.total.amount", "order.meta", "'a'", "1", "[]", "none", "item"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "<", "in", "and", "or"]
FILTERS = ["length", "join", "upper", "first", "sum", "list", "map(attribute='name')", "sort", "int", "round", "string"]
FILTERS += [
    "date",
    "money",
    "default('x')",
    "truncate(3)",
    "selectattr('sku')",
    "unique",
    "reverse",
    "urlencode",
    "title",
]

expressions = st.recursive(
    st.sampled_from(VALUES),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(OPERATORS), inner)
        | st.builds("({} | {})".format, inner, st.sampled_from(FILTERS))
        | st.builds("[{}, {}]".format, inner, inner)
        | st.builds("({} if {} else {})".format, inner, inner, inner)
        | st.builds("{}[{}]".format, inner, inner)
        | st.builds("{}.{}".format, inner, st.sampled_from(["name", "items", "keys", "__class__", "format"]))
    ),
    max_leaves=8,
)
statements = st.recursive(
    expressions.map("{{{{ {} }}}}".format) | st.sampled_from(["text", "\n", "{#", "#}", "{%", "-%}", "{{", "}}"]),
    lambda inner: (
        st.builds("{{% for a in {} %}}{}{{% endfor %}}".format, expressions, inner)
        | st.builds("{{% if {} %}}{}{{% endif %}}".format, expressions, inner)
        | st.builds("{{% set item = {} %}}{}".format, expressions, inner)
        | st.builds("{}{}".format, inner, inner)
    ),
    max_leaves=6,
)


@given(statements | st.text(max_size=100), st.sampled_from(["html", "plain"]), st.text(max_size=30))
def test_a_template_becomes_words_or_an_error_that_says_nothing_of_the_customer(
    source: str, markup: str, note: str
) -> None:
    check_text(source)
    try:
        render_text(source, about(note=note), "html" if markup == "html" else "plain")
    except RenderError as error:
        said = str(error)
    else:
        return
    assert "Dana" not in said
