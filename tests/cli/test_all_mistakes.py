"""Every mistake of every file in one go: whoever mends one must not find the next only afterwards."""

from __future__ import annotations

from pathlib import Path

from connector.loading import load

CONFIG = """
version: 1
timezone: Asia/Jerusalm
stores:
  - id: tea
    platform: woocommerce
    url: https://tea.example.com
    consumer_key: ${TEA_KEY}
    consumer_secret: cs_tea
"""

RULES = """
version: 1
rules:
  - id: thanks
    trigger: order.deliverd
    send_between: business_hours
    actions:
      - add_note: "Hello {{ customer.firstname }}"
"""


def test_mistakes_of_the_configuration_do_not_hide_those_of_the_rules(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG.lstrip())
    (tmp_path / "rules" / "thanks.yaml").write_text(RULES.lstrip())
    problems = load(tmp_path / "config.yaml", {})
    assert isinstance(problems, list)
    places = [f"{Path(problem.file).name}:{problem.line}:{problem.column}" for problem in problems]
    assert places == ["config.yaml:2:11", "config.yaml:7:19", "thanks.yaml:4:14", "thanks.yaml:7:29"]


def test_mistakes_in_templates_are_told_by_the_folder_they_are_in(tmp_path: Path) -> None:
    (tmp_path / "words" / "hello").mkdir(parents=True)
    (tmp_path / "words" / "hello" / "en.md").write_text("Hi {{ ordr.number }}\n")
    (tmp_path / "config.yaml").write_text("version: 1\ntemplates: words\nstores: []\n")
    problems = load(tmp_path / "config.yaml", {})
    assert isinstance(problems, list)
    assert any(problem.file.endswith("words/hello/en.md") and problem.line == 1 for problem in problems)
