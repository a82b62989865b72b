"""Ten days in two sandbox shops, played once for all of these tests, as `aftersale demo` plays them."""

from __future__ import annotations

import html
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import structlog
from rich.cells import cell_len

from adapters.sandbox.shopify.records import Invoice
from connector.cli import demo as command
from connector.cli._exits import Exit, Stop
from connector.demo.account import Account, Message, Totals, differences, take_stock
from connector.demo.mugs import MugShop
from connector.demo.play import Play
from connector.demo.withheld import closed_on
from rules.timing import Calendar, parse_window

ZONE = ZoneInfo("Asia/Jerusalem")


@dataclass(frozen=True)
class Seen:
    """What somebody who typed `aftersale demo` has before them."""

    code: Exit
    text: str
    folder: Path
    account: Account
    invoices: list[Invoice]
    tampered: list[Totals]

    def to(self, name: str) -> list[str]:
        """The messages that this customer got, by template."""
        return [message.template or "text" for message in self.account.messages if message.to == name]

    def reasons(self, name: str) -> list[str]:
        return [each.reason for each in self.account.held_back if each.to == name]

    def notes(self, name: str) -> list[str]:
        """The rules by which notes were written on this customer's orders."""
        return [note.rule for note in self.account.notes if note.to == name]

    def page(self, message: Message) -> str:
        return (self.folder / message.file).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("demo") / "messages"
    taken: list[Account] = []
    invoices: list[Invoice] = []
    tampered: list[Totals] = []

    def take(play: Play) -> Account:
        taken.append(take_stock(play))
        store = next(part.stage.store for part in play.parts if isinstance(part.stage, MugShop))
        invoices.extend(store.invoices)
        for mailed in ([*invoices, invoices[0]], invoices[1:]):
            store._store.invoices[:] = mailed
            tampered.append(take_stock(play).totals)
        return taken[0]

    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as screen:
        patch.delenv("AFTERSALE_LOG_LEVEL", raising=False)
        patch.setenv("COLUMNS", "200")
        patch.setattr(command, "take_stock", take)
        code = command.demo(out=folder)
    yield Seen(code, screen.getvalue(), folder, taken[0], invoices, tampered)
    structlog.reset_defaults()


def test_nothing_is_sent_twice_and_nothing_lost(seen: Seen) -> None:
    totals = seen.account.totals
    assert (totals.sent_twice, totals.never_sent) == (0, 0)
    assert totals.mails_in_store == totals.messages == len(seen.account.messages) > 100
    assert "0 sent twice" in seen.text
    assert seen.code is Exit.WELL


def test_both_stores_are_looked_after_by_the_same_rules(seen: Seen) -> None:
    assert {store.id: store.platform for store in seen.account.stores} == {"tea": "WooCommerce", "mugs": "Shopify"}
    rules: dict[str, set[str]] = {"tea": set(), "mugs": set()}
    for message in seen.account.messages:
        rules[message.store].add(message.rule)
    both = {"shipped-notice", "after-delivery", "review-request", "thank-you-coupon", "refund-and-return-care-full"}
    assert both <= rules["tea"] & rules["mugs"]


def test_every_invoice_that_shopify_mailed_stands_in_the_account_once(seen: Seen) -> None:
    mailed = Counter((invoice.custom_message, invoice.subject) for invoice in seen.invoices)
    told = Counter((message.body, message.subject) for message in seen.account.messages if message.store == "mugs")
    assert mailed == told
    assert len(seen.invoices) > 30


def test_an_invoice_mailed_twice_or_never_would_be_counted(seen: Seen) -> None:
    assert [(totals.sent_twice, totals.never_sent) for totals in seen.tampered] == [(1, 0), (0, 1)]


def test_a_message_that_went_out_twice_or_never_would_be_counted() -> None:
    mails = [("1", "Hello"), ("1", "Hello"), ("2", "Hello")]
    assert differences(mails, [("1", "Hello"), ("2", "Hello"), ("3", "Hello")]) == (1, 1)


def test_some_fifty_customers_are_written_to_in_their_own_languages(seen: Seen) -> None:
    assert 50 <= seen.account.totals.orders <= 60
    script = {"he": "[\u0590-\u05ff]", "ar": "[\u0600-\u06ff]", "ru": "[\u0400-\u04ff]", "en": "[A-Z]"}
    for message in seen.account.messages:
        assert re.search(script[message.language], message.to or "")
        assert re.search(script[message.language], message.body)
    assert all(number > 5 for number in Counter(message.language for message in seen.account.messages).values())


def test_a_parcel_delivered_is_thanked_for_and_asked_about_three_days_later(seen: Seen) -> None:
    assert seen.to("נועה") == ["shipped-notice", "after-delivery", "review-request"]
    times = [message.at for message in seen.account.messages if message.to == "נועה"]
    assert times[2] - times[1] >= timedelta(days=3)


def test_nobody_hears_of_orders_from_before(seen: Seen) -> None:
    for name in ("Emma", "אורי", "رنا", "Дмитрий", "Nina"):
        assert seen.to(name) == []
    alone = {each.to: each.reason for each in seen.account.left_alone}
    assert "before the store was looked after" in alone["Emma"]


def test_something_new_about_an_old_order_counts(seen: Seen) -> None:
    assert seen.to("James") == ["after-delivery", "review-request"]
    assert seen.to("גיל") == ["after-delivery"]
    assert seen.to("שירה") == ["refund-and-return-care-full"]


def test_nothing_goes_out_on_saturday_or_on_yom_kippur(seen: Seen) -> None:
    days = {message.at.astimezone(ZONE).date() for message in seen.account.messages}
    assert not {day for day in days if day.weekday() == 5 or (day.month, day.day) == (9, 21)}
    reasons = {each.reason for each in seen.account.put_off}
    assert {"Yom Kippur", "closed on Saturday", "outside business hours"} <= reasons


def test_each_parcel_of_a_split_order_is_announced(seen: Seen) -> None:
    assert seen.to("מיכל") == ["shipped-notice", "shipped-notice", "after-delivery"]


def test_a_split_order_arrives_parcel_by_parcel_and_is_thanked_for_once(seen: Seen) -> None:
    assert seen.to("Clara") == ["shipped-notice", "shipped-notice", "after-delivery", "review-request"]
    assert seen.notes("Clara").count("parcel-arrived") == 2
    last_parcel = max(note.at for note in seen.account.notes if (note.to, note.rule) == ("Clara", "parcel-arrived"))
    thanks = next(each for each in seen.account.messages if (each.to, each.template) == ("Clara", "after-delivery"))
    assert thanks.at > last_parcel


def test_a_parcel_past_its_estimate_is_owned_up_to_with_a_message_and_a_note(seen: Seen) -> None:
    assert seen.to("Вера") == ["shipped-notice", "parcel-late", "after-delivery", "review-request"]
    assert "parcel-late" in seen.notes("Вера")


def test_whoever_was_not_at_home_is_told(seen: Seen) -> None:
    assert seen.to("فرح") == ["shipped-notice", "delivery-failed", "after-delivery", "review-request"]


def test_a_return_is_cared_for_and_the_review_waits_until_it_is_over(seen: Seen) -> None:
    assert seen.to("Tom") == ["shipped-notice", "after-delivery", "refund-and-return-care-return", "review-request"]
    waited = next(each for each in seen.account.held_back if (each.to, each.rule) == ("Tom", "review-request"))
    assert (waited.reason, waited.then) == ("waits while customer.open_problem is true", "done")
    assert "when that was over: 1 done" in seen.text
    assert any("Tom sends something back" in notice.text for notice in seen.account.staff)


def test_a_full_basket_left_at_the_checkout_is_told_to_the_staff(seen: Seen) -> None:
    assert seen.to("דפנה") == []
    assert [notice.text for notice in seen.account.staff if "checkout" in notice.text and "דפנה" in notice.text]


def test_shopify_s_one_note_keeps_what_the_owner_wrote(seen: Seen) -> None:
    note = next(note for note in seen.account.notes if note.to == "רינה")
    assert note.body.startswith("Called: please leave it with the neighbours.\nGift wrap, the blue paper.\n")
    assert re.search("\n.*Parcel PP.+ arrived.$", note.body)
    assert "Gift wrap, the blue paper." in seen.page(note)


def test_a_refund_ends_the_thanks_and_brings_a_kind_word(seen: Seen) -> None:
    assert seen.to("Hannah") == ["shipped-notice", "refund-and-return-care-full"]
    assert any("refunded" in reason for reason in seen.reasons("Hannah"))


def test_a_partial_refund_is_told_as_that_and_the_review_waits_until_it_is_a_week_old(seen: Seen) -> None:
    assert seen.to("يوسف") == ["shipped-notice", "after-delivery", "refund-and-return-care-part"]
    assert "waits while customer.open_problem is true" in seen.reasons("يوسف")
    assert seen.to("Ева") == ["shipped-notice", "after-delivery", "refund-and-return-care-part"]


def test_whoever_pays_in_time_is_not_reminded(seen: Seen) -> None:
    assert seen.to("Grace")[0] == "unpaid-reminder"
    assert "unpaid-reminder" not in seen.to("יונתן")
    assert any("processing" in reason for reason in seen.reasons("יונתן"))


def test_whoever_left_no_address_is_left_alone_and_that_is_said(seen: Seen) -> None:
    assert seen.to("Сергей") == []
    assert any("no e-mail address" in reason for reason in seen.reasons("Сергей"))


def test_an_order_in_the_bin_is_done_with(seen: Seen) -> None:
    assert "the order is in the trash" in seen.reasons("Ruth")


def test_the_second_big_order_of_a_customer_brings_no_second_coupon(seen: Seen) -> None:
    assert seen.to("Daniel").count("thank-you-coupon") == 1
    assert any(reason.startswith("cooldown: ") for reason in seen.reasons("Daniel"))


def test_nobody_gets_marketing_without_having_agreed(seen: Seen) -> None:
    without = {each.to for each in seen.account.held_back if each.reason.startswith("it is marketing")}
    assert len(without) > 3
    marketing = {"review-request", "thank-you-coupon"}
    assert not [each for each in seen.account.messages if each.to in without and each.template in marketing]


def test_a_lost_answer_is_settled_by_asking_the_store(seen: Seen) -> None:
    in_doubt = [each for each in seen.account.held_back if (each.store, each.state) == ("tea", "unknown")]
    assert [each.then for each in in_doubt] == ["done"]
    # Two messages go out side by side at that moment; either may be the one whose answer is lost.
    assert in_doubt[0].rule in ("after-delivery", "shipped-notice")
    assert seen.to(str(in_doubt[0].to)).count(in_doubt[0].rule) >= 1


def test_where_the_store_cannot_say_the_owner_is_asked_and_nothing_goes_out_twice(seen: Seen) -> None:
    in_doubt = [each for each in seen.account.held_back if each.store == "mugs" and each.state in ("unknown", "held")]
    assert [(each.to, each.state, each.then) for each in in_doubt] == [
        ("Clara", "unknown", "held"),
        ("Clara", "held", "done"),
    ]
    assert in_doubt[1].held_for == "outcome"
    assert "when the owner had looked it up: 1 done" in seen.text


def test_what_was_due_while_a_store_was_down_is_done_late(seen: Seen) -> None:
    trouble = next(trouble for trouble in seen.account.trouble if trouble.store == "tea")
    assert "refuses connections" in trouble.error
    assert trouble.late > 0


def test_a_store_that_asks_to_slow_down_is_left_in_peace_and_all_is_done_afterwards(seen: Seen) -> None:
    trouble = next(trouble for trouble in seen.account.trouble if trouble.store == "mugs")
    assert "too many requests" in trouble.error
    assert trouble.late > 0


def test_a_night_of_many_deliveries_waits_for_the_owner(seen: Seen) -> None:
    held = [each for each in seen.account.held_back if each.held_for == "approval"]
    assert len(held) > 12
    assert "max_per_run is 12" in held[0].reason
    assert "done" in {each.then for each in held}
    assert any("held" in notice.text for notice in seen.account.staff)


def test_a_late_parcel_is_told_to_the_staff(seen: Seen) -> None:
    late = [notice.text for notice in seen.account.staff if notice.text.startswith("Late parcel: ")]
    assert len(late) == seen.account.totals.tags == 3


def test_every_message_and_note_is_a_page_and_the_index_lists_them_all(seen: Seen) -> None:
    index = (seen.folder / "index.html").read_text(encoding="utf-8")
    pages = {file.name for file in seen.folder.iterdir()} - {"index.html"}
    assert pages == set(re.findall(r'href="([^"]+)"', index))
    assert len(pages) == len(seen.account.messages) + len(seen.account.notes)
    assert str(seen.folder / "index.html") in seen.text


def test_pages_of_plain_messages_show_their_subject_and_every_line(seen: Seen) -> None:
    message = next(each for each in seen.account.messages if each.to == "Clara")
    page = seen.page(message)
    assert message.subject is not None
    assert message.subject in page
    assert all(html.escape(line) in page for line in message.body.splitlines())


def test_pages_in_hebrew_and_arabic_run_from_right_to_left(seen: Seen) -> None:
    for message in seen.account.messages:
        direction = "rtl" if message.language in ("he", "ar") else "ltr"
        assert f'lang="{message.language}" dir="{direction}"' in seen.page(message)


def test_markup_in_a_name_stays_a_name(seen: Seen) -> None:
    message = next(message for message in seen.account.messages if message.to == "<b>Оля</b>")
    assert "&lt;b&gt;Оля&lt;/b&gt;" in message.body
    assert "<b>Оля" not in seen.page(message)


def test_what_is_shown_fits_a_hundred_columns_and_ends_with_what_to_type_next(seen: Seen) -> None:
    lines = seen.text.splitlines()
    folder = str(seen.folder)
    assert max(cell_len(line) for line in lines if folder not in line) <= 100
    assert lines[-1].endswith("aftersale init")
    assert "\x1b" not in seen.text


def test_what_is_shown_has_first_names_and_no_addresses(seen: Seen) -> None:
    assert "Sophie" in seen.text
    assert "@" not in seen.text


def test_json_is_one_object_with_the_same_figures(
    seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def played(_: object) -> Iterator[None]:
        yield

    monkeypatch.setenv("AFTERSALE_LOG_LEVEL", "error")
    monkeypatch.setattr(command, "played", played)
    monkeypatch.setattr(command, "take_stock", lambda _: seen.account)
    assert command.demo(out=tmp_path, as_json=True) is Exit.WELL
    told = json.loads(capsys.readouterr().out)
    assert told["totals"]["sent_twice"] == 0
    assert len(told["messages"]) == told["totals"]["messages"] == seen.account.totals.messages
    assert told["files"] == str(tmp_path / "index.html")
    assert "@" not in json.dumps(told)


def test_a_folder_that_cannot_be_made_is_a_mistake_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Stop) as stop:
        command.demo(out=tmp_path / "file")
    assert stop.value.code is Exit.MISTAKE
    assert "--out" in str(stop.value.problems[0])


@pytest.mark.parametrize("language", ["he", "en", ""])
def test_holidays_go_by_their_english_names_whatever_the_machine_speaks(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGUAGE", language)
    calendar = Calendar(ZoneInfo("Asia/Jerusalem"), country="IL")
    assert closed_on(date(2026, 9, 21), parse_window("09:00-18:00"), calendar) == "Yom Kippur"
