"""What customers write stays text, wherever it is shown: no markup, no command, no line of its own."""

from __future__ import annotations

import io
import json
import logging
import sys
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
import responses
import structlog
from pydantic import SecretStr

from adapters.sandbox.woocommerce import WooSandbox
from connector.cli._exits import Trouble
from connector.cli._screen import clean, print_json
from connector.discreet import spare, told, visible
from connector.observe import set_up_logs
from connector.staff import Staff, named
from rules.messages import Rendered, render_template
from rules.templates import Context, render_text
from tests.cli.conftest import Desk
from tests.security.test_templates import about

EVIL = "Eve\r\nBcc: all@example.org\x1b[2J\x1b]0;owned\x07\u202egnp.exe\x85\u2028<script>alert(1)</script>=1+1|cmd"


def message(source: str, context: Context) -> Rendered:
    return render_template({"en": source}, ["en"], context, name="message")


@pytest.mark.parametrize("letter", ["\n", "\r", "\x1b", "\x07", "\x00", "\x7f", "\x9b", "\u202e", "\u2028", "\ud800"])
def test_a_letter_that_a_terminal_obeys_is_shown_as_an_escape(letter: str) -> None:
    assert visible(f"a{letter}b").isprintable()
    assert clean(f"a{letter}b").isprintable()
    assert str(Trouble(f"a{letter}b")).isprintable()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_name_begins_no_line_in_a_log_and_moves_no_cursor(stream: type[io.StringIO]) -> None:
    with redirect_stderr(stream()) as log:
        set_up_logs("debug")
        structlog.get_logger().warning(f"event {EVIL}", reason=EVIL, **{f"key{EVIL}": EVIL})
    set_up_logs("warning")
    written = log.getvalue()
    assert len(written.splitlines()) == 1
    assert "\x1b[2J" not in written
    assert "\x1b]0" not in written
    assert "\u202e" not in written


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_traceback_tells_where_but_not_what_was_stumbled_over(stream: type[io.StringIO]) -> None:
    address, key = "dana@example.com", "cs_secret"
    with redirect_stderr(stream()) as log:
        set_up_logs("debug")
        try:
            try:
                int(address)
            except ValueError as error:
                raise KeyError(key) from error
        except KeyError:
            structlog.get_logger().exception("a fault")
    set_up_logs("warning")
    assert address not in log.getvalue()
    assert key not in log.getvalue()
    assert "test_injection" in log.getvalue()
    assert "ValueError" in log.getvalue()


def test_a_traceback_with_a_loop_in_it_comes_to_an_end() -> None:
    one, two = ValueError("a"), KeyError("b")
    one.__context__, two.__context__ = two, one
    assert told(one).count("Error") == 2


def test_a_library_s_record_is_told_without_what_the_library_put_into_it() -> None:
    for words, arguments in (("asked %s", ("https://x/?oauth_signature=abc",)), ("asked https://x/?sig=abc", ())):
        record = logging.LogRecord("urllib3", logging.ERROR, "", 1, words, arguments, None)
        assert spare(record)
        assert "abc" not in record.getMessage()


def test_a_message_s_subject_is_one_line() -> None:
    context = about(note=EVIL)
    rendered = message("---\nsubject: 'About {{ order.customer_note }}'\n---\nHello", context)
    assert rendered.subject is not None
    assert rendered.subject.isprintable()
    assert len(rendered.mail_subject.splitlines()) == 1


def test_a_note_in_a_mail_is_text_and_no_markup() -> None:
    for source in ("{{ order.customer_note }}", "<p title='{{ order.customer_note }}'>"):
        assert "<script" not in render_text(source, about(note=EVIL + "' onload='x"), "html")
        assert "' onload='" not in render_text(source, about(note=EVIL + "' onload='x"), "html")
    rendered = message("Hi *{{ order.customer_note }}* [x]({{ order.customer_note }})", about(note=EVIL))
    assert "<script" not in rendered.html_fragment
    assert "<script" not in rendered.html_mail


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "vbscript:x", " javascript:alert(1)"])
def test_an_address_from_data_runs_no_code(url: str) -> None:
    assert "href" not in message("[pay]({{ order.customer_note }})", about(note=url)).html_fragment


# Tables, reports and JSON -------------------------------------------------------------------------------------


def test_json_is_safe_to_look_at_and_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": EVIL})
    out = capsys.readouterr().out
    assert json.loads(out) == {"name": EVIL}
    assert all(letter.isprintable() or letter == "\n" for letter in out)


EVIL_RULES = """
- id: note
  trigger: order.placed
  conditions: { customer.first_name: { contains: Eve } }
  actions: [ { add_note: "{{ customer.first_name }}" }, { send: "Hi {{ customer.first_name }}" } ]
"""


def test_every_table_shows_an_evil_customer_as_text(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with WooSandbox(name=f"Shop {EVIL}") as store:
        desk.config(store.url)
        desk.rules(EVIL_RULES)
        assert desk.type("run", "--once").code == 0
        number = store.add_order(billing={"first_name": EVIL, "last_name": "[bold]x[/bold]"}, number=f"7{EVIL}")
        desk.type("run", "--once")
        for command in (
            ["history"],
            ["pending"],
            ["status"],
            ["explain", "tea", str(number)],
            ["explain", "tea", f"7{EVIL}"],
            ["explain", "tea", EVIL],
            ["check", "--online"],
            ["history", "--json"],
            ["explain", "tea", str(number), "--json"],
        ):
            result = desk.type(*command)
            assert all(letter.isprintable() or letter == "\n" for letter in result.out + result.err), command
        for note in store.notes(number):
            assert "<script" not in note.text
        assert "<script" not in "".join(mail.body for mail in store.mails)


# Messages to the staff ----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # apprise's own
@responses.activate
def test_html_in_a_name_is_text_where_the_staff_read_html() -> None:
    """Telegram's messages go out as HTML, whatever they were."""
    responses.add(responses.POST, "https://api.telegram.org/bot123456789:abcdefghijklmnopqrstuvwxyz/sendMessage", "{}")
    staff = Staff((SecretStr("tgram://123456789:abcdefghijklmnopqrstuvwxyz/12345/?format=html"),))
    assert staff.tell("Late parcel", "<b>Eve</b> <a href='https://evil.example.org'>click</a> <script>")
    sent: Any = json.loads(responses.calls[0].request.body or "")
    assert "<a href" not in sent["text"]
    assert "<script" not in sent["text"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@responses.activate
def test_a_title_is_one_line_wherever_it_goes() -> None:
    responses.add(responses.POST, "http://127.0.0.1:9/", "{}")
    assert Staff((SecretStr("json://127.0.0.1:9"),)).tell("Eve\r\nBcc: all@example.org", "body")
    sent: Any = json.loads(responses.calls[0].request.body or "")
    assert "\n" not in sent["title"]
    assert "\r" not in sent["title"]


def test_where_messages_are_redirected_to_is_told_without_its_keys() -> None:
    assert named(SecretStr("tgram://123:secret/1")) == "tgram://…"
    assert named(SecretStr("boss@example.com")) == "boss@example.com"


def test_python_s_own_words_for_a_fault_are_not_printed(desk_of_faults: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "dana@example.com"

    def fail(*_: object) -> None:
        raise RuntimeError(address)

    monkeypatch.setattr("connector.cli.status.load_clients", fail, raising=False)
    result = desk_of_faults.type("status")
    assert result.code == 1
    assert "RuntimeError" in result.err
    assert address not in result.err


@pytest.fixture
def desk_of_faults(tmp_path: Path) -> Desk:
    import connector.cli.status  # noqa: F401  so that there is something to be at fault

    assert "connector.cli.status" in sys.modules
    return Desk(tmp_path)
