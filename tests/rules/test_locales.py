"""Which language somebody is written to in."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adapters.model import Address, Customer, Money, Order
from rules.locales import choose_locale, is_right_to_left, read_in, wanted_locales, whole_number_plurals

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def order(
    customer: str | None = None, own: str | None = None, ships_to: str | None = None, pays_from: str | None = None
) -> Order:
    return Order(
        id="7",
        number="7",
        status="completed",
        created_at=NOON,
        modified_at=NOON,
        total=Money(Decimal(5), "EUR"),
        customer=Customer(locale=customer),
        locale=own,
        shipping=Address(country=ships_to),
        billing=Address(country=pays_from),
    )


@pytest.mark.parametrize(
    ("available", "wanted", "chosen"),
    [
        (["en", "he", "he-IL"], ["he-IL"], "he-IL"),
        (["en", "he"], ["he-IL"], "he"),
        (["en", "he"], ["he_IL"], "he"),
        (["en", "he"], ["iw"], "he"),
        (["en", "iw"], ["he"], "iw"),
        (["en", "pt_BR"], ["PT-br"], "pt_BR"),
        (["en", "pt-BR"], ["pt"], "pt-BR"),
        (["en", "he"], [None, "he"], "he"),
        (["en", "he"], ["fr", "he"], "he"),
        (["en", "ru"], ["fr", "de"], "en"),
        (["ru", "ar"], ["fr"], "ar"),
        (["he", "en"], ["he_IL.UTF-8"], "he"),
    ],
)
def test_the_language_that_suits_best_is_chosen(available: list[str], wanted: list[str | None], chosen: str) -> None:
    assert choose_locale(available, wanted) == chosen


def test_without_any_language_there_is_nothing_to_choose() -> None:
    with pytest.raises(ValueError, match="no locale"):
        choose_locale([], ["en"])


def test_the_customers_language_comes_before_the_orders_the_countrys_and_the_stores() -> None:
    assert wanted_locales(order("ru", "he", "DE"), "en") == ("ru", "he", "de-DE", "en")


def test_the_country_that_the_goods_go_to_counts_before_the_payers() -> None:
    assert wanted_locales(order(ships_to="fr", pays_from="DE"), "en") == ("fr-FR", "en")
    assert wanted_locales(order(pays_from="DE"), "en") == ("de-DE", "en")


@pytest.mark.parametrize(
    ("country", "store", "wanted"),
    [
        ("CH", "fr", "fr-CH"),
        ("CH", "en", "de-CH"),
        ("IL", "en", "he-IL"),
        ("IL", "ar", "ar-IL"),
        ("BE", "nl-BE", "nl-BE"),
    ],
)
def test_of_a_countrys_languages_the_stores_own_is_preferred(country: str, store: str, wanted: str) -> None:
    assert wanted_locales(order(ships_to=country), store)[0] == wanted


def test_a_country_that_is_none_tells_no_language() -> None:
    assert wanted_locales(order(ships_to="ZZ", pays_from="x"), "en") == ("en",)


def test_dates_are_written_as_the_reader_of_that_language_has_them() -> None:
    assert read_in("en", ["he", "en-GB", "en"]) == "en-GB"
    assert read_in("en", ["he", None]) == "en"


@pytest.mark.parametrize(("locale", "rtl"), [("he-IL", True), ("ar", True), ("ru", False), ("nowhere", False)])
def test_a_language_runs_its_way(locale: str, rtl: bool) -> None:
    assert is_right_to_left(locale) is rtl


def test_the_plurals_of_whole_numbers_are_those_that_are_needed() -> None:
    assert whole_number_plurals("ru") == {"one", "few", "many"}
    assert whole_number_plurals("en") == {"one", "other"}
