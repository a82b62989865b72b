"""`send-test`: a rule's messages by the real channel, to oneself alone; no customer hears of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from connector.people import addresses_of, marks
from connector.store.database import open_database, secret_of
from connector.unsubscribing import read_token
from tests.channels.mail_server import CLOSE
from tests.cli.conftest import Result, Shop
from tests.cli.lines import Lines, body, open_lines

ME, MY_PHONE = "me@example.com", "+972502345678"
RULE = """
    - id: on-its-way
      trigger: order.placed
      actions:
        - create_coupon: { percent: 10 }
        - send: { template: shipped, via: [whatsapp, sms, email], purpose: marketing }
        - add_note: Told them
"""
PLAIN = (
    "- { id: plain, trigger: order.placed, actions: [{ send: { text: 'Hello {{ customer.first_name }}', via: %s } }] }"
)


@pytest.fixture
def lines() -> Iterator[Lines]:
    with open_lines() as lines:
        yield lines


@pytest.fixture
def tea(shop: Shop, lines: Lines) -> Shop:
    """A shop with every channel that has run before, and a customer in it."""
    shop.config(shop.store.url, lines.config)
    front = 'whatsapp: { template: on_its_way, parameters: ["{{ customer.first_name }}"] }'
    words = {"en": ("On its way", "Hello {{ customer.first_name }}"), "he": ("בדרך", "היי {{ customer.first_name }}")}
    for locale, (subject, text) in words.items():
        shop.write(
            f"templates/shipped/{locale}.md", f"---\nsubject: {subject}\n{front}\n---\n{text}: {{{{ coupon.code }}}}\n"
        )
    shop.rules(RULE)
    shop.begin()
    return shop


def send(shop: Shop, *arguments: str, to: str = ME, rule: str = "on-its-way") -> Result:
    return shop.type("send-test", rule, "--to", to, *arguments)


def test_a_mail_comes_to_me_alone_and_says_that_it_is_a_test(tea: Shop, lines: Lines) -> None:
    result = send(tea)
    assert (result.code, result.err) == (0, "")
    assert result.out == "Step 1: sent by email, in the language 'en'.\n"
    (letter,) = lines.letters()
    assert lines.mail.mails[0][1] == f"RCPT TO:<{ME}>"
    assert letter["To"] == ME
    assert letter["Subject"] == "TEST: On its way"
    assert body(letter, "plain").startswith(
        "A test of the rule 'on-its-way'. No customer got it.\n\nHello Emma: sample4you"
    )
    html = body(letter, "html")
    assert "A test of the rule" in html
    assert html.index("A test of the rule") < html.index("Hello Emma")


def test_nothing_is_recorded_and_nothing_written_to_the_store(tea: Shop) -> None:
    before = (tea.rows("history"), tea.rows("pending"))
    send(tea, "--order", str(tea.store.orders[0].id))
    assert (tea.rows("history"), tea.rows("pending")) == before
    assert tea.writes() == []
    assert tea.store.coupons == {}
    assert tea.store.mails == []


def test_a_text_message_comes_to_my_phone(tea: Shop, lines: Lines) -> None:
    assert send(tea, "--channel", "sms", to="+972 50-234-5678").code == 0
    (text,) = lines.gateway.texts()
    assert text["to"] == MY_PHONE
    assert text["text"].startswith("A test of the rule 'on-its-way'. No customer got it.\n\nHello Emma: sample4you")


def test_by_itself_it_takes_the_rules_first_channel_that_reaches_the_address(tea: Shop, lines: Lines) -> None:
    assert send(tea, to=MY_PHONE).out == "Step 1: sent by whatsapp, in the language 'en'.\n"
    (sent,) = lines.whatsapp.templates()
    assert sent["to"] == MY_PHONE
    assert sent["template"]["components"][0]["parameters"] == [{"type": "text", "text": "TEST: Emma"}]
    assert (lines.gateway.bodies, lines.letters()) == ([], [])


def test_an_approved_template_without_places_cannot_be_marked_and_that_is_said(tea: Shop, lines: Lines) -> None:
    tea.write("templates/shipped/en.md", "---\nwhatsapp: { template: on_its_way }\n---\nHello\n")
    assert "nothing in it says that it is a test" in send(tea, to=MY_PHONE).out


def test_a_real_orders_message_comes_to_me_in_its_customers_language_and_never_to_the_customer(
    tea: Shop, lines: Lines
) -> None:
    number = tea.order(billing={"first_name": "נעמי"}, meta={"wpml_language": "he"})
    assert send(tea, "--order", number).code == 0
    (letter,) = lines.letters()
    assert (letter["To"], letter["Subject"]) == (ME, "TEST: בדרך")
    assert "היי נעמי" in body(letter, "plain")
    assert f"customer{number}@example.com" not in letter.as_string()


def test_it_comes_in_the_language_that_is_named(tea: Shop, lines: Lines) -> None:
    assert send(tea, "--locale", "he").code == 0
    assert "היי נועה" in body(lines.letters()[0], "plain")


def test_each_message_of_the_rule_comes(tea: Shop, lines: Lines) -> None:
    step = '{ actions: [{ send: { text: "%s", via: [email] } }] }'
    tea.rules(f"- {{ id: on-its-way, trigger: order.placed, steps: [{step % 'One'}, {step % 'Two'}] }}")
    assert send(tea).code == 0
    one, two = lines.letters()
    assert "One" in body(one, "plain")
    assert "Two" in body(two, "plain")
    assert one["Message-ID"] != two["Message-ID"]


def test_its_way_to_unsubscribe_works_and_takes_nobody_off(tea: Shop, lines: Lines) -> None:
    number = tea.order()
    send(tea, "--order", number)
    link = re.search(r"<https://tea\.example\.com/stop\?t=([^>]+)>", lines.letters()[0]["List-Unsubscribe"])
    assert link is not None
    database = open_database(f"sqlite:///{tea.folder / 'aftersale.db'}")
    secret = secret_of(database)
    database.close()
    whose = read_token(secret, link[1])
    assert whose is not None
    assert whose.store == "tea"
    people = addresses_of(ME) | addresses_of(f"customer{number}@example.com")
    assert whose.mark not in marks(people, secret)


@pytest.mark.parametrize("mode", ["mode: dry", "mode: redirect\nredirect_to: boss@example.com"])
def test_in_every_mode_it_goes_to_me(tea: Shop, lines: Lines, mode: str) -> None:
    tea.config(tea.store.url, f"{mode}\n{lines.config}")
    assert send(tea).code == 0
    assert [letter["To"] for letter in lines.letters()] == [ME]


def test_a_shop_that_has_never_run_can_be_tried_and_no_state_is_made(tea: Shop, lines: Lines) -> None:
    (tea.folder / "aftersale.db").unlink()
    assert send(tea).code == 0
    assert len(lines.letters()) == 1
    assert not (tea.folder / "aftersale.db").exists()


def test_an_address_on_the_suppression_list_gets_nothing_and_it_says_what_to_do(tea: Shop, lines: Lines) -> None:
    tea.type("suppression", "add", ME)
    result = send(tea)
    assert result.code == 2
    assert "email: this customer's address is on the suppression list since" in result.err
    assert "'aftersale suppression remove' takes it off" in result.err
    assert lines.mail.commands == []


def test_the_stores_own_messages_go_to_nobody_else_and_it_says_what_to_do(tea: Shop, lines: Lines) -> None:
    tea.rules(PLAIN % "[platform]")
    (line,) = send(tea, rule="plain").lines
    assert line == (
        "step 1: not sent: the store writes to an order's customer, and to nobody else; 'aftersale preview' shows the "
        "message; a channel of yours can be named with --channel"
    )
    assert send(tea, "--channel", "email", rule="plain").code == 0
    assert len(lines.letters()) == 1
    assert tea.store.mails == []


def test_a_rule_that_writes_to_no_customer_says_so(tea: Shop) -> None:
    tea.rules("- { id: plain, trigger: order.placed, actions: [{ add_note: Hello }] }")
    result = send(tea, rule="plain")
    assert result.code == 2
    (line,) = result.lines
    assert line.startswith("rule 'plain' sends nothing to customers, so there is nothing to try: 'aftersale preview")


def test_what_the_channel_refuses_is_told_without_the_address(tea: Shop, lines: Lines) -> None:
    lines.mail.replies["RCPT"] = "550 5.1.1 no such user"
    result = send(tea)
    assert result.code == 1
    assert result.out.startswith("Step 1: not sent: the mail server 127.0.0.1 answered 550 5.1.1 to the address")
    assert ME not in result.out + result.err


def test_what_may_have_been_sent_is_told_so(tea: Shop, lines: Lines) -> None:
    lines.mail.replies["."] = CLOSE
    result = send(tea)
    assert result.code == 1
    assert result.out.startswith("Step 1: perhaps sent, so look before you try again: the mail server")
    (message,) = send(tea, "--json").json["messages"]
    assert (message["sent"], message["channel"], message["id"]) == (None, "email", None)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["on-its-wya", "--to", ME], "there is no rule 'on-its-wya'; did you mean 'on-its-way'?"),
        (["on-its-way", "--to", "me"], "--to is no address: write me@example.com, or a number like +972501234567"),
        (
            ["on-its-way", "--to", "050-234-5678"],
            "--to is no phone number: write it with its country, like +972501234567",
        ),
        (["on-its-way", "--to", ME, "--channel", "emial"], "there is no channel 'emial'; did you mean 'email'?"),
        (["on-its-way", "--to", ME, "--channel", "sms"], "step 1: not sent: it does not reach this e-mail address"),
        (
            ["on-its-way", "--to", ME, "--locale", "hebrew"],
            "there is no language 'hebrew': write a code such as 'he' or 'pt-BR'",
        ),
        (
            ["on-its-way", "--to", ME, "--order", "999"],
            "order '999' of 'tea' is not known here, and the store shows none",
        ),
    ],
)
def test_what_there_is_not_is_told_in_a_line(tea: Shop, lines: Lines, arguments: list[str], told: str) -> None:
    result = tea.type("send-test", *arguments)
    assert (result.code, result.lines) == (2, [told])
    assert (lines.mail.commands, lines.gateway.bodies, lines.whatsapp.bodies) == ([], [], [])
