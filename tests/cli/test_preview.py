"""`preview`: what customers and staff will see, as files and as a page; nothing leaves, and nothing is changed."""

from __future__ import annotations

import json
import shutil
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.preview.pictures import BROWSERS
from tests.cli.conftest import Desk, Result, Shop
from tests.cli.lines import Lines, open_lines

RULE = """
    - id: on-its-way
      name: On its way
      trigger: order.placed
      steps:
        - wait: 2 hours
          actions:
            - send: { template: shipped, via: [email, sms, whatsapp, platform] }
            - add_note: "Told {{ customer.first_name }}"
            - notify_staff: "{{ customer.first_name }} was told about {{ order.number }}"
            - call_webhook: https://hooks.example.com/aftersale
        - wait: 3 days
          actions:
            - create_coupon: { percent: 10, expires: 14 days }
            - send: { text: "Come again: {{ coupon.code }}", purpose: marketing, via: [email] }
            - add_tag: thanked
"""
TEMPLATES = {
    "en": ("On its way", "Hello {{ customer.first_name }}, order {{ order.number }} is on its way."),
    "he": ("בדרך אליכם", "היי {{ customer.first_name }}, הזמנה {{ order.number }} בדרך אליכם."),
    "ru": ("Уже в пути", "Здравствуйте, {{ customer.first_name }}! Заказ {{ order.number }} уже в пути."),
}
NO_BROWSER = {"PATH": "/nonexistent"}


@pytest.fixture
def lines() -> Iterator[Lines]:
    with open_lines() as lines:
        yield lines


@pytest.fixture
def tea(shop: Shop, lines: Lines) -> Shop:
    """A shop with every channel, and a rule with every kind of text."""
    shop.config(shop.store.url, lines.config)
    for locale, (subject, text) in TEMPLATES.items():
        places = '["{{ customer.first_name }}", "{{ order.number }}"]'
        front = f"subject: {subject}\nwhatsapp: {{ template: on_its_way, parameters: {places} }}"
        shop.write(f"templates/shipped/{locale}.md", f"---\n{front}\n---\n{text}\n")
    shop.rules(RULE)
    return shop


def look(shop: Shop, *arguments: str) -> Result:
    result = shop.type("preview", "on-its-way", *arguments, **NO_BROWSER)
    assert result.code == 0, result.err
    return result


def seen(shop: Shop, name: str, folder: str = "preview/on-its-way") -> str:
    return (shop.folder / folder / name).read_text(encoding="utf-8")


def everything(shop: Shop) -> str:
    """All that the preview's files hold."""
    files = [file for file in (shop.folder / "preview").rglob("*") if file.is_file()]
    assert files
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_each_message_is_a_file_in_each_channel_and_language(tea: Shop) -> None:
    look(tea)
    assert "Hello Emma, order 7001 is on its way." in seen(tea, "1-send/en/mail.html")
    assert seen(tea, "1-send/en/mail.txt").startswith("Hello Emma, order 7001 is on its way.")
    assert seen(tea, "1-send/en/sms.txt") == "Hello Emma, order 7001 is on its way.\n"
    assert seen(tea, "1-send/en/whatsapp.txt") == "Template: on_its_way (en)\n{{1}}: Emma\n{{2}}: 7001\n"
    assert "<p>Hello Emma, order 7001 is on its way.</p>" in seen(tea, "1-send/en/platform.html")
    assert "היי נועה, הזמנה 7001 בדרך אליכם." in seen(tea, "1-send/he/mail.txt")
    assert "Здравствуйте, Анна! Заказ 7001 уже в пути." in seen(tea, "1-send/ru/sms.txt")


def test_so_is_what_the_staff_and_other_services_get(tea: Shop) -> None:
    look(tea)
    assert "Told Emma" in seen(tea, "2-add_note/note.html")
    assert seen(tea, "3-notify_staff/staff.txt") == "Emma was told about 7001\n"
    call = json.loads(seen(tea, "4-call_webhook/webhook.json"))
    assert (call["rule"], call["event"], call["order"]["number"]) == ("on-its-way", "order.placed", "7001")
    assert len(call["id"]) == 32


def test_a_mail_is_the_page_that_is_sent_with_its_styles_in_its_tags_and_the_way_that_its_language_runs(
    tea: Shop,
) -> None:
    look(tea)
    page = seen(tea, "1-send/he/mail.html")
    assert page.startswith("<!DOCTYPE html>")
    assert 'dir="rtl"' in page
    assert '<div class="card" style="' in page


def test_the_table_tells_how_many_pieces_a_text_message_is(tea: Shop) -> None:
    result = look(tea, "--json").json
    texts = {form["language"]: form["told"] for form in result["forms"] if form["way"] == "sms"}
    assert texts["en"] == "1 segment (GSM-7), 37 characters"
    assert texts["he"] == "1 segment (UCS-2), 32 characters"
    assert result["index"] == "preview/on-its-way/index.html"


def test_custom_fields_that_a_text_names_are_invented_too(tea: Shop) -> None:
    tea.write("templates/shipped/en.md", "Gift: {{ order.meta.gift_wrap }}, from {{ order.meta['given by'] }}\n")
    look(tea, "--locale", "en")
    assert seen(tea, "1-send/en/sms.txt") == "Gift: sample of gift_wrap, from sample of given by\n"


def test_a_coupon_is_invented_and_none_is_made(tea: Shop) -> None:
    look(tea)
    assert "Come again: sample4you" in seen(tea, "6-send/en/mail.txt")
    assert "a coupon of 10 %, until" in seen(tea, "index.html")
    assert tea.store.coupons == {}


def test_the_link_to_unsubscribe_is_nobodys(tea: Shop) -> None:
    number = tea.order()
    tea.begin()
    look(tea)
    of_the_sample = seen(tea, "6-send/en/mail.txt")
    look(tea, "--order", number)
    assert "https://tea.example.com/stop?t=" in of_the_sample
    link = next(line for line in of_the_sample.splitlines() if "https://tea.example.com/stop" in line)
    assert link in seen(tea, "6-send/en/mail.txt")


def test_only_one_language_is_shown_where_it_is_named(tea: Shop) -> None:
    look(tea, "--locale", "he-IL")
    assert (tea.folder / "preview/on-its-way/1-send/he/mail.html").exists()
    assert not (tea.folder / "preview/on-its-way/1-send/en").exists()


def test_readers_of_a_language_that_there_is_not_are_shown_what_they_would_get(tea: Shop) -> None:
    result = look(tea, "--locale", "fr", "--json").json
    assert {form["language"] for form in result["forms"] if form["action"] == "send"} == {"en"}


def test_a_real_order_is_shown_with_all_that_its_customer_typed_escaped_and_no_address(tea: Shop) -> None:
    tea.begin()
    number = tea.order(billing={"first_name": "<b>Noa</b><script>alert(1)</script>"})
    assert tea.type("run", "--once").code == 0
    look(tea, "--order", number)
    for page in ("1-send/en/mail.html", "1-send/en/platform.html", "2-add_note/note.html", "index.html"):
        assert "&lt;script&gt;" in seen(tea, page)
        assert "<script>alert" not in seen(tea, page)
    messages = (tea.folder / "preview/on-its-way/1-send").rglob("*.*")
    assert not any(f"customer{number}@" in file.read_text(encoding="utf-8") for file in messages)


def test_an_order_that_is_not_known_here_is_read_from_the_store_and_no_state_is_made(tea: Shop) -> None:
    number = tea.order(billing={"first_name": "Marit"})
    look(tea, "--order", f"#{number}")
    assert f"Hello Marit, order {number}" in seen(tea, "1-send/en/sms.txt")
    assert tea.writes() == []
    assert not (tea.folder / "aftersale.db").exists()


def test_nothing_is_recorded_and_nothing_leaves(tea: Shop, lines: Lines) -> None:
    tea.begin()
    before = (tea.rows("history"), tea.rows("pending"))
    look(tea, "--order", str(tea.store.orders[0].id))
    assert (tea.rows("history"), tea.rows("pending")) == before
    assert (lines.mail.commands, lines.gateway.bodies, lines.whatsapp.bodies) == ([], [], [])
    assert tea.writes() == []


def test_of_somebody_who_is_forgotten_nothing_is_shown(tea: Shop) -> None:
    known = tea.order(billing={"first_name": "Marit", "email": "marit@example.org"})
    tea.begin()
    assert tea.type("forget", "marit@example.org", "--yes").code == 0
    later = tea.order(billing={"first_name": "Marit", "email": "marit@example.org"})
    for number in (known, later):
        look(tea, "--order", number)
        assert "Marit" not in everything(tea)


def test_the_page_shows_all_of_it_needs_no_other_file_and_lets_no_script_run(tea: Shop) -> None:
    look(tea)
    page = seen(tea, "index.html")
    for words in ("Hello Emma", "היי נועה", "Здравствуйте", "Told Emma", "on_its_way", "the tag thanked", "sample4you"):
        assert words in page
    assert "Step 2: 3 days after step 1" in page
    assert page.count("<iframe sandbox ") == 2 * (len(TEMPLATES) + 1)
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "src=" not in page.replace("srcdoc=", "")


def test_the_files_are_for_their_owner_alone(tea: Shop) -> None:
    look(tea)
    folder = tea.folder / "preview/on-its-way"
    assert folder.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.rglob("*"))


def test_it_goes_where_it_is_told_and_opens_there(tea: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(opened.append(url)) or True)
    look(tea, "--out", "elsewhere", "--open")
    assert opened == [(tea.folder / "elsewhere/index.html").as_uri()]
    assert "Hello Emma" in seen(tea, "1-send/en/mail.html", "elsewhere")


def test_pictures_are_taken_at_a_phones_width_light_and_dark(tea: Shop) -> None:
    assert any(map(shutil.which, BROWSERS)), "this story needs Chromium on the PATH"
    tea.rules(RULE.partition("        - wait: 3 days")[0])
    result = tea.type("preview", "on-its-way", "--locale", "he", "--json")
    light, dark = (tea.folder / name for name in result.json["pictures"])
    assert (light.name, dark.name) == ("mail-light.png", "mail-dark.png")
    assert width(light) == width(dark) == 780
    assert light.read_bytes() != dark.read_bytes()


def width(picture: Path) -> int:
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    return int.from_bytes(head[16:20])


def test_without_a_browser_there_are_no_pictures_and_a_line_says_so(tea: Shop) -> None:
    result = look(tea)
    assert "No pictures were taken: there is no Chromium on the PATH" in result.out
    assert list((tea.folder / "preview").rglob("*.png")) == []


def test_a_browser_that_does_not_run_keeps_nobody_from_the_files(tea: Shop) -> None:
    tea.write("bin/chromium", "#!/bin/sh\nexit 1\n")
    (tea.folder / "bin/chromium").chmod(0o700)
    result = tea.type("preview", "on-its-way", PATH=str(tea.folder / "bin"))
    assert result.code == 0
    assert "No pictures were taken: the browser does not run" in result.out
    assert "Hello Emma" in seen(tea, "1-send/en/mail.html")


def test_a_channel_that_takes_no_such_message_says_why(tea: Shop) -> None:
    tea.write("templates/shipped/en.md", "Hello\n")
    result = look(tea, "--locale", "en", "--json").json
    (whatsapp,) = [form for form in result["forms"] if form["way"] == "whatsapp"]
    assert whatsapp["why_not"] == "WhatsApp takes approved templates only, and templates/shipped/en.md names none"


def test_a_text_that_cannot_be_worked_out_for_an_order_is_told_and_the_others_are_shown(tea: Shop) -> None:
    number = tea.order(items=[])
    broken = '            - add_note: "{{ 1 // (items | length) }}"\n            - add_note: '
    tea.rules(RULE.replace("            - add_note: ", broken, 1))
    result = tea.type("preview", "on-its-way", "--order", number, **NO_BROWSER)
    assert result.code == 1
    assert "this cannot be worked out for the order (ZeroDivisionError)" in " ".join(result.out.split())
    assert (tea.folder / "preview/on-its-way/3-add_note/note.html").exists()


def test_a_rule_without_messages_to_customers_says_so(tea: Shop) -> None:
    tea.rules("- { id: on-its-way, trigger: order.placed, actions: [{ add_note: Hello }] }")
    assert "No message to customers is among them." in look(tea).out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["on-its-wya"], "there is no rule 'on-its-wya'; did you mean 'on-its-way'?"),
        (["on-its-way", "--store", "te"], "there is no store 'te'; did you mean 'tea'?"),
        (
            ["on-its-way", "--locale", "klingon!"],
            "there is no language 'klingon!': write a code such as 'he' or 'pt-BR'",
        ),
        (["on-its-way", "--order", "999"], "order '999' of 'tea' is not known here, and the store shows none"),
        (
            ["on-its-way", "--out", "rules/rules.yaml"],
            "the files cannot be written to rules/rules.yaml: File exists; name another folder with --out FOLDER",
        ),
        (["tagged"], "rule 'tagged' has no messages and no texts to be looked at: it does add_tag"),
    ],
)
def test_what_there_is_not_is_told_in_a_line(tea: Shop, arguments: list[str], told: str) -> None:
    rules = (tea.folder / "rules/rules.yaml").read_text()
    tea.write("rules/rules.yaml", f"{rules}  - {{ id: tagged, trigger: order.placed, actions: [{{ add_tag: x }}] }}\n")
    result = tea.type("preview", *arguments, **NO_BROWSER)
    assert (result.code, result.lines) == (2, [told])
    assert not (tea.folder / "preview").exists()


def test_an_order_that_cannot_be_fetched_is_told_in_a_line(tea: Shop) -> None:
    tea.store.stop()
    result = tea.type("preview", "on-its-way", "--order", "1", **NO_BROWSER)
    assert result.code == 1
    (line,) = result.lines
    assert line.startswith("order '1' cannot be fetched from 'tea': ")


def test_where_several_stores_have_the_rule_one_is_to_be_named(tea: Shop) -> None:
    config = (tea.folder / "config.yaml").read_text()
    store = config[config.index("  - id: tea") :]
    tea.write("config.yaml", config + store.replace("id: tea", "id: mugs"))
    result = tea.type("preview", "on-its-way", **NO_BROWSER)
    assert result.lines == ["several stores have the rule 'on-its-way': name one with --store, of tea, mugs"]
    assert look(tea, "--store", "mugs").code == 0


@pytest.mark.parametrize(
    ("means", "told"),
    [("platform_messages: invoice", None), ("", "this store sends no messages of its own")],
)
def test_a_store_that_takes_plain_text_has_it_plain_and_one_that_sends_nothing_says_so(
    desk: Desk, means: str, told: str | None
) -> None:
    store = (
        f"id: mugs\n    platform: shopify\n    url: https://mugs.myshopify.com\n    access_token: shpat_0\n    {means}"
    )
    desk.write("config.yaml", f"version: 1\nstores:\n  - {store}\n")
    desk.rules("- { id: plain, trigger: order.placed, actions: [{ send: 'Tea & biscuits' }, { add_note: 'A & B' }] }")
    result = desk.type("preview", "plain", "--json", **NO_BROWSER)
    message, note = result.json["forms"]
    assert message["why_not"] == told
    assert message["files"] == ([] if told else ["preview/plain/1-send/en/platform.txt"])
    assert (desk.folder / note["files"][0]).read_text() == "A & B\n"
