"""The account in words: sections with tables, plots and notes, as a page or a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from markupsafe import Markup

from connector.report.account import Account
from connector.report.delivery import ENOUGH as ENOUGH_PARCELS
from connector.report.delivery import LONGEST, Carrier, Delivery
from connector.report.handling import BOUNDS, Handling
from connector.report.products import REPEATED, Products
from connector.report.sent import Sent
from connector.report.wording import DASH, Wording
from connector.report.worth import ENOUGH as ENOUGH_PEOPLE
from connector.report.worth import OfRule, Worth
from rules.plots import Bar, Mark, Span, bars, columns, spans

REASONS_SHOWN = 10
PRODUCTS_SHOWN = 20
CARRIERS_PLOTTED = 4


@dataclass(frozen=True, slots=True)
class Table:
    """The first column is words, the others are numbers."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture, and what stands above it."""

    title: str
    picture: Markup


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: numbers with their names, what stands out, tables, pictures, and how to understand it."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    findings: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (
            self.findings or any(table.rows for table in self.tables) or any(value != "0" for _, value in self.facts)
        )


@dataclass(frozen=True, slots=True)
class Telling:
    """How it is told: in which words, and what rules are called (by their ids)."""

    say: Wording
    names: Mapping[str, str]

    def rule(self, rule: str) -> str:
        return self.names.get(rule, rule)


def sections(made: Account, telling: Telling) -> list[Section]:
    """The whole account, in the order of reading."""
    return [
        _sent(made.sent, telling),
        _reasons(made.sent, telling),
        _delivery(made.delivery, telling),
        _handling(made.handling, telling),
        _worth(made.worth, telling),
        _compared(made.worth, telling),
        _coupons(made.worth, telling),
        _refunds(made.worth, telling),
        _products(made.products, telling),
    ]


def period(made: Account, say: Wording) -> str:
    """From when to when."""
    zone = made.frame.calendar.zone
    since, until = (moment.astimezone(zone).date() for moment in (made.frame.since, made.frame.until))
    return say("period", since=say.day(since), until=say.day(until), zone=str(zone))


def left_out(made: Account, say: Wording) -> str | None:
    """What is counted, but not known whole."""
    return say("erased_note", count=say.number(made.erased)) if made.erased else None


# What went out ------------------------------------------------------------------------------------------------


def _sent(sent: Sent, telling: Telling) -> Section:
    say = telling.say
    rules = sorted(sent.rules.items(), key=lambda each: (-each[1].messages, each[0]))
    by_rule = Table(
        tuple(map(say, ("rule", "messages", "people", "withheld", "failed", "held_out"))),
        tuple(
            (
                telling.rule(rule),
                *map(say.number, (each.messages, each.people, each.withheld, each.failed, each.held_out)),
            )
            for rule, each in rules
        ),
    )
    counted = [
        Table((say(title), say("times")), tuple((name, say.number(times)) for name, times in rows))
        for title, rows in (
            ("channel", [(say.known(name), times) for name, times in sent.channels.most_common()]),
            ("language", [(say.language(locale), times) for locale, times in sent.locales.most_common()]),
            ("others", [(say.known(kind), times) for kind, times in sent.others.most_common()]),
        )
        if rows
    ]
    sending = [
        Bar(telling.rule(rule), each.messages, say.number(each.messages)) for rule, each in rules if each.messages
    ]
    picture = bars(sending, title=say("sent_plot"), description=say("sent_plot_about"), rtl=say.rtl)
    is_held_out = any(each.held_out for _, each in rules)
    return Section(
        say("sent"),
        facts=(
            (say("messages"), say.number(sum(each.messages for _, each in rules))),
            (say("people"), say.number(sent.people)),
        ),
        tables=(by_rule, *counted),
        plots=(Plot(say("sent_plot"), picture),) * bool(sending),
        notes=(say("held_out_note"),) * is_held_out,
    )


def _reasons(sent: Sent, telling: Telling) -> Section:
    say = telling.say
    rows = tuple((reason, say.number(times)) for reason, times in sent.reasons.most_common(REASONS_SHOWN))
    table = Table((say("reason"), say("times")), rows)
    return Section(say("reasons"), tables=(table,), notes=(say("reasons_note"),))


# Parcels ------------------------------------------------------------------------------------------------------


def _delivery(delivery: Delivery, telling: Telling) -> Section:
    say = telling.say
    carriers = delivery.by_parcels
    names = ("carrier", "parcels", "delivered", "median_days", "nine_tenths_days", "late", "failed_parcels")
    rows = tuple(
        (
            _carrier(carrier, say),
            say.number(carrier.parcels),
            say.number(len(carrier.days)),
            say.tenths(carrier.median),
            say.tenths(carrier.nine_tenths),
            say.share(carrier.late_share),
            say.share(carrier.failed_share),
        )
        for carrier in carriers
    )
    notes = [say("delivery_note", enough=say.number(ENOUGH_PARCELS))]
    if delivery.undated:
        notes.append(say("undated_parcels", count=say.number(delivery.undated)))
    plotted = [carrier for carrier in carriers if carrier.days][:CARRIERS_PLOTTED]
    return Section(
        say("delivery"),
        findings=tuple(_worst_carriers(delivery, say)),
        tables=(Table(tuple(map(say, names)), rows),),
        plots=tuple(_days_plot(carrier, say) for carrier in plotted),
        notes=tuple(notes),
    )


def _carrier(carrier: Carrier, say: Wording) -> str:
    return carrier.name or say("no_carrier")


def _worst_carriers(delivery: Delivery, say: Wording) -> Iterator[str]:
    late, failing = delivery.worst_late, delivery.worst_failing
    if late is not None:
        yield say("late_most", carrier=_carrier(late, say), share=say.share(late.late_share))
    if failing is not None:
        yield say("failing_most", carrier=_carrier(failing, say), share=say.share(failing.failed_share))


def _days_plot(carrier: Carrier, say: Wording) -> Plot:
    """How many parcels took how many days; the last column is all that took longer."""
    counts = carrier.by_days
    names = [say.number(days) for days in range(LONGEST)] + [f"{say.number(LONGEST)}+"]
    values = [Bar(name, count, say.number(count)) for name, count in zip(names, counts, strict=True)]
    median, most = carrier.median or 0.0, carrier.nine_tenths or 0.0
    marks = [
        Mark(min(median, LONGEST + 1), say("median_mark", days=say.tenths(median))),
        Mark(min(most, LONGEST + 1), say("most_mark", days=say.tenths(most))),
    ]
    title = say("delivery_plot", carrier=_carrier(carrier, say))
    about = say("delivery_plot_about", median=say.tenths(median), most=say.tenths(most))
    return Plot(title, columns(values, title=title, description=about, marks=marks, rtl=say.rtl))


# Orders -------------------------------------------------------------------------------------------------------


def _handling(handling: Handling, telling: Telling) -> Section:
    say = telling.say
    facts = [
        ("paid", say.number(handling.paid)),
        ("waiting", say.number(handling.waiting)),
        ("waiting_long", say.number(handling.waiting_long)),
    ]
    if handling.waiting:
        facts.append(("longest_wait", say.tenths(handling.longest_wait / timedelta(days=1))))
    if handling.hours:
        facts += [
            ("median_hours", say.tenths(handling.median)),
            ("nine_tenths_hours", say.tenths(handling.nine_tenths)),
        ]
    labels = [say("up_to", hours=say.number(hours)) for hours in BOUNDS]
    labels.append(say("over", hours=say.number(BOUNDS[-1])))
    values = [Bar(name, count, say.number(count)) for name, count in zip(labels, handling.by_hours, strict=True)]
    picture = columns(values, title=say("handling_plot"), description=say("handling_plot_about"), rtl=say.rtl)
    notes = [say("handling_note")]
    if handling.undated:
        notes.append(say("undated_orders", count=say.number(handling.undated)))
    return Section(
        say("handling"),
        facts=tuple((say(name), value) for name, value in facts),
        plots=(Plot(say("handling_plot"), picture),) * bool(handling.hours),
        notes=tuple(notes),
    )


# What it was worth --------------------------------------------------------------------------------------------


def _days(window: timedelta, say: Wording) -> str:
    return say.number(round(window / timedelta(days=1), 1))


def _worth(worth: Worth, telling: Telling) -> Section:
    say = telling.say
    rows = tuple(
        (
            telling.rule(rule),
            say.number(each.written_to.people),
            say.share(each.written_to.share) if each.written_to.people else DASH,
            say.every_money(each.written_to.revenue),
            say.number(each.too_early),
        )
        for rule, each in sorted(worth.rules.items())
        if each.written_to.people or each.too_early
    )
    headers = tuple(map(say, ("rule", "people", "bought_again", "revenue", "too_early")))
    notes = [say("worth_note", days=_days(worth.frame.window, say))]
    if not worth.frame.compared:
        notes.append(say("no_holdout"))
    return Section(say("worth"), tables=(Table(headers, rows),), notes=tuple(notes))


def _compared(worth: Worth, telling: Telling) -> Section:
    """Rules that held people out, and whether it made a difference."""
    say = telling.say
    rules = [(rule, each) for rule, each in sorted(worth.rules.items()) if each.wanted.people or each.held_out.people]
    rows = tuple(
        (
            telling.rule(rule),
            _buyers(each.wanted.buyers, each.wanted.people, say),
            _buyers(each.held_out.buyers, each.held_out.people, say),
            say.points(each.more_buyers) if each.more_buyers is not None else say("too_few"),
            _more_spent(each, say),
        )
        for rule, each in rules
    )
    shown = [
        Span(telling.rule(rule), more.low, more.value, more.high, say.points(more))
        for rule, each in rules
        if (more := each.more_buyers) is not None
    ]
    picture = spans(
        shown,
        title=say("compared_plot"),
        description=say("compared_plot_about"),
        low=say("less"),
        high=say("more"),
        rtl=say.rtl,
    )
    headers = tuple(map(say, ("rule", "with_rule", "without_rule", "difference", "spent")))
    return Section(
        say("compared"),
        findings=tuple(_finding(telling.rule(rule), each, say) for rule, each in rules),
        tables=(Table(headers, rows),),
        plots=(Plot(say("compared_plot"), picture),) * bool(shown),
        notes=(say("compared_note"),),
    )


def _buyers(buyers: int, people: int, say: Wording) -> str:
    return f"{say.percent(buyers / people)} ({say.number(people)})" if people else DASH


def _more_spent(each: OfRule, say: Wording) -> str:
    found = [(currency, each.more_spent(currency)) for currency in each.currencies]
    return ", ".join(say.money_difference(more, currency) for currency, more in found if more is not None) or DASH


def _finding(rule: str, each: OfRule, say: Wording) -> str:
    """What may be said of a rule, and no more."""
    more = each.more_buyers
    if more is None:
        groups = {"with_rule": say.number(each.wanted.people), "without": say.number(each.held_out.people)}
        return say("too_few_to_say", rule=rule, enough=say.number(ENOUGH_PEOPLE), **groups)
    if not more.excludes_zero:
        return say("may_be_chance", rule=rule)
    return say("works" if more.value > 0 else "harms", rule=rule)


def _coupons(worth: Worth, telling: Telling) -> Section:
    say = telling.say
    rows = tuple(
        (telling.rule(rule), say.number(each.issued), say.number(each.used), say.every_money(each.coupon_revenue))
        for rule, each in sorted(worth.rules.items())
        if each.issued or each.used
    )
    headers = tuple(map(say, ("rule", "issued", "used", "revenue")))
    return Section(say("coupons"), tables=(Table(headers, rows),), notes=(say("coupons_note"),))


def _refunds(worth: Worth, telling: Telling) -> Section:
    say = telling.say
    rows = tuple(
        (
            telling.rule(rule),
            say.number(each.orders),
            say.number(each.refunded),
            say.percent(each.refunded / each.orders),
        )
        for rule, each in sorted(worth.rules.items())
        if each.orders
    )
    headers = (say("rule"), say("written_about"), say("refunded"), "%")
    note = say("refunds_note", days=_days(worth.frame.window, say))
    return Section(say("refunds"), tables=(Table(headers, rows),), notes=(note,))


def _products(products: Products, telling: Telling) -> Section:
    say = telling.say
    rows = tuple(
        (each.name, *map(say.number, (each.complaints, each.refunded, each.returned, each.orders)))
        for each in products.complained_of[:PRODUCTS_SHOWN]
    )
    headers = tuple(map(say, ("product", "complaints", "refunded", "returned", "of_orders")))
    return Section(
        say("products"),
        tables=(Table(headers, rows),),
        notes=(say("products_note", repeated=say.number(REPEATED)),),
    )
