"""Nobody becomes a nuisance: caps over all stores, consent, suppression, quiet times, and an hour between messages."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as Handler

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.server import Request
from adapters.sandbox.shopify import ShopifySandbox
from adapters.sandbox.woocommerce import WooSandbox
from connector.cycle import run_cycle
from connector.people import mark
from connector.store import suppressions
from connector.store.suppressions import Suppression
from connector.unsubscribing import read_token
from tests.channels.mail_server import MailServer, mail_server
from tests.conftest import MONDAY, World, is_write
from tests.connector.telling import ZONE

NOA = "noa@example.com"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


def with_mail(port: int, *more: str) -> str:
    channel = f'channels: {{ email: {{ type: smtp, url: "smtp://127.0.0.1:{port}", from: tal@tea.example.com }} }}'
    return "\n".join([channel, "via: [email]", *more])


RULE = """
    - id: hello
      trigger: order.placed
      actions:
        - send: Hello {{ customer.first_name }}
"""
OFFER = """
    - id: offer
      trigger: order.placed
      actions:
        - send: { text: "Ten percent", purpose: marketing }
"""


def when_and_why(world: World) -> list[str]:
    """What becomes of each message, and when it is due or was done, on the shop's clock."""
    rows = [row for row in world.rows() if row.kind == "send"]
    moments = [row.due_at if row.state == "pending" else row.at for row in rows]
    return [f"{row.state} {moment.astimezone(ZONE):%m-%d %H:%M}" for row, moment in zip(rows, moments, strict=True)]


# Caps ---------------------------------------------------------------------------------------------------------


class Inbox(Handler):
    """Keeps the mails that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.to: list[str] = []
        self.marketing = 0

    def handle_message(self, message: object) -> None:
        self.to.append(message["To"])  # type: ignore[index]
        self.marketing += message["List-Unsubscribe"] is not None  # type: ignore[index]


@pytest.mark.parametrize("elsewhere", [NOA, "noa.levi@example.org"], ids=["by e-mail and phone", "by phone alone"])
def test_who_buys_three_times_at_two_stores_gets_no_more_than_the_caps_allow(tmp_path: Path, elsewhere: str) -> None:
    inbox, clock = Inbox(), MovableClock(MONDAY)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sink = Controller(inbox, hostname="127.0.0.1", port=port)
    sink.start()
    with WooSandbox(clock=clock) as tea, ShopifySandbox(clock=clock, restore_rate=None) as mugs:
        second = f"""
  - id: mugs
    platform: shopify
    url: {mugs.url}
    access_token: shpat_sandbox
    platform_messages: invoice
"""
        caps = "frequency_caps: [at most 1 marketing a week, at most 2 messages a day]"
        extra = with_mail(port, caps, "unsubscribe: https://tea.example.com/stop", "soft_opt_in: [IL]")
        world = World(tmp_path, tea, clock, extra=extra, edit=lambda config: config + second)
        world.rules(RULE + OFFER)
        assert world.client is not None

        def run() -> None:
            for shop in world.client.shops:  # type: ignore[union-attr]
                report = run_cycle(shop, threading.Event())
                assert report.error is None

        run()
        phone = {"email": NOA, "phone": "050-234-5678"}
        got: list[tuple[str, int, int]] = []
        for day in range(7):
            if day in (0, 1):
                tea.add_order(billing=phone)
            if day == 0:
                mugs.add_order(customer={"email": elsewhere, "first_name": "Noa", "phone": "+972502345678"})
            for _ in range(24):
                run()
                got.append((f"{clock():%m-%d}", len(inbox.to), inbox.marketing))
                clock.advance(timedelta(hours=1))
        assert inbox.marketing == 1
        assert set(inbox.to) == {NOA, elsewhere}
        for earlier, later in zip(got, got[24:], strict=False):
            assert later[1] - earlier[1] <= 2, "never more than two in a day"
        assert sum(row.state == "done" for row in world.rows()) == len(inbox.to) == 4
        withheld = [row for row in world.rows() if row.state != "done"]
        assert [row.rule for row in withheld] == ["offer", "offer"]
        cap = "put off: this customer has had all that 'at most 1 marketing a week' allows"
        assert {row.reason for row in withheld} == {cap}
        for _ in range(24 * 7):
            clock.advance(timedelta(hours=1))
            run()
        assert inbox.marketing == 2
        [expired] = [row for row in world.rows() if row.state == "skipped"]
        assert expired.reason is not None
        assert expired.reason.startswith("expired: it was due 2026-06-0")
        assert cap in expired.reason
        world.close()
    sink.stop()


def test_two_messages_about_one_order_are_an_hour_apart_the_more_important_first(
    world: World, mail: MailServer
) -> None:
    world.extra = with_mail(mail.port)
    world.rules(RULE + RULE.replace("hello", "news") + "      priority: 5\n")
    world.run()
    world.store.add_order()
    world.run()
    assert when_and_why(world) == ["pending 06-01 13:00", "done 06-01 12:00"]
    assert world.reasons("pending") == [
        "put off: this customer was written to about this order within the hour, and the rule is not 'urgent'"
    ]
    world.later(hours=1)
    world.run()
    assert when_and_why(world) == ["done 06-01 13:00", "done 06-01 12:00"]


def test_what_is_urgent_does_not_wait(world: World, mail: MailServer) -> None:
    world.extra = with_mail(mail.port)
    world.rules(RULE + RULE.replace("hello", "news") + "      urgent: true\n")
    world.run()
    world.store.add_order()
    world.run()
    assert when_and_why(world) == ["done 06-01 12:00"] * 2


def test_a_message_that_did_not_go_out_counts_for_nothing(world: World, mail: MailServer) -> None:
    world.extra = with_mail(mail.port, "frequency_caps: [at most 1 message a day]")
    world.rules(RULE)
    world.run()
    mail.replies["RCPT"] = "550 5.7.1 no"
    world.store.add_order(billing={"email": NOA})
    world.run()
    mail.replies["RCPT"] = "250 ok"
    world.store.add_order(billing={"email": NOA})
    world.run()
    assert [row.state for row in world.rows()] == ["skipped", "done"]


def test_a_message_whose_outcome_nobody_knows_counts(world: World, mail: MailServer) -> None:
    world.extra = with_mail(mail.port, "frequency_caps: [at most 1 message a day]")
    world.rules(RULE)
    world.run()
    mail.replies["."] = "999 what"
    world.store.add_order(billing={"email": NOA})
    world.run()
    world.store.add_order(billing={"email": NOA})
    world.run()
    assert [row.state for row in world.rows()] == ["unknown", "pending"]


@pytest.mark.every_database
def test_two_addresses_with_one_phone_are_one_person(world: World, mail: MailServer) -> None:
    world.extra = with_mail(mail.port, "frequency_caps: [at most 1 message a day]")
    world.rules(RULE)
    world.run()
    world.store.add_order(billing={"email": NOA, "phone": "050-234-5678"})
    world.store.add_order(billing={"email": "noa@example.org", "phone": "+972 50 2345678"})
    world.run()
    assert sorted(row.state for row in world.rows()) == ["done", "pending"]


# Consent ------------------------------------------------------------------------------------------------------


def test_marketing_goes_to_who_agreed_and_the_ground_is_kept(world: World, mail: MailServer) -> None:
    world.extra = with_mail(mail.port, "unsubscribe: https://tea.example.com/stop")
    world.store_keys = "consent_meta: marketing_ok"
    world.rules(OFFER)
    world.run()
    world.store.add_order(meta={"marketing_ok": "yes"})
    world.store.add_order(meta={"marketing_ok": "no"})
    world.store.add_order()
    world.run()
    assert [row.state for row in world.rows()] == ["done", "skipped", "skipped"]
    assert world.rows()[0].basis == "consent: the order's field 'marketing_ok'"
    assert world.reasons("skipped") == [
        "it is marketing, and the order's field 'marketing_ok' does not say yes",
        "it is marketing, and no consent of this customer is known",
    ]
    [letter] = mail.read()
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = str(letter["List-Unsubscribe"]).strip("<>")
    token = read_token(world.shop.secret, link.partition("?t=")[2])
    assert token is not None
    assert token.mark == mark(f"email:{letter['To']}", world.shop.secret)


def test_who_used_the_link_gets_no_more_marketing_but_the_rest(world: World, mail: MailServer) -> None:
    world.extra = with_mail(mail.port, "unsubscribe: mailto:stop@tea.example.com", "soft_opt_in: [IL]")
    world.rules(OFFER + RULE)
    world.run()
    suppress(world, f"email:{NOA}", "marketing")
    world.store.add_order(billing={"email": NOA})
    world.run()
    assert [row.state for row in world.rows()] == ["skipped", "done"]


# Suppression --------------------------------------------------------------------------------------------------


def suppress(world: World, address: str, purpose: suppressions.Purpose) -> None:
    row = Suppression(mark(address, world.shop.secret), purpose, None, None, False, None, world.clock())
    with world.shop.database.write() as connection:
        suppressions.put(connection, [row])


def test_who_is_known_by_phone_alone_is_not_written_to_by_mail(world: World, mail: MailServer) -> None:
    world.extra = with_mail(mail.port)
    world.rules(RULE)
    world.run()
    suppress(world, "phone:972502345678", "everything")
    world.store.add_order(billing={"phone": "050-2345678"})
    world.run()
    assert mail.mails == []
    assert world.reasons() == ["this customer is on the suppression list since 2026-06-01"]


def test_who_opts_out_between_two_messages_does_not_get_the_second(world: World, mail: MailServer) -> None:
    world.extra = with_mail(mail.port)
    world.rules("""
        - id: hello
          trigger: order.placed
          actions:
            - send: { text: Hello, via: platform }
            - send: { text: And one more thing, via: email }
    """)
    world.run()

    def opt_out(request: Request) -> None:
        if is_write(request):
            suppress(world, f"email:{NOA}", "everything")

    world.store.on_request = opt_out
    order = world.store.add_order(billing={"email": NOA})
    world.run()
    assert world.messages(order) == ["Hello"]
    assert mail.mails == []
    assert world.states() == ["done", "skipped"]
    assert world.reasons("skipped") == ["this customer is on the suppression list since 2026-06-01"]


def test_a_tag_keeps_an_orders_customer_from_being_written_to(world: World, mail: MailServer) -> None:
    world.extra = with_mail(mail.port)
    world.rules(RULE)
    world.run()
    world.store.add_order(meta={"aftersale_tags": "vip, No-Followup"})
    world.run()
    assert mail.mails == []
    assert world.reasons() == ["the order or its customer has the tag 'no-followup'"]


# Quiet times --------------------------------------------------------------------------------------------------


def test_nobody_is_written_to_in_the_night_of_where_they_are(world: World, mail: MailServer) -> None:
    world.extra = with_mail(mail.port, 'quiet_times: "21:00-08:00"')
    world.rules(RULE)
    world.run()
    world.later(hours=10)  # 22:00 in Israel, 14:00 in Peru, 04:00 in Japan
    world.store.add_order()
    world.store.add_order(billing={"country": "JP"}, shipping={"country": "JP"})
    world.store.add_order(billing={"country": "PE"}, shipping={"country": "PE"})
    world.run()
    assert when_and_why(world) == ["pending 06-02 08:00", "pending 06-02 02:00", "done 06-01 22:00"]


def test_what_was_due_by_day_and_comes_late_waits_for_the_morning(world: World, mail: MailServer) -> None:
    world.extra = with_mail(mail.port, 'quiet_times: "21:00-08:00"')
    world.rules(RULE)
    world.run()
    mail.replies["MAIL"] = "421 4.3.2 closing"
    world.later(hours=8, minutes=45)
    world.store.add_order()
    world.run()
    mail.replies["MAIL"] = "250 ok"
    world.later(minutes=30)
    world.run()
    assert when_and_why(world) == ["pending 06-02 08:00"]
    assert world.reasons() == ["put off: these are quiet times"]
