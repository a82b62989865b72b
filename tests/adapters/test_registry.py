"""Platforms: found by the folder or by entry point, and configured in their own words."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from pydantic import BaseModel, ValidationError

from adapters import registry
from adapters.urls import store_url

STORE = {"url": "https://shop.example.com", "consumer_key": "ck_1", "consumer_secret": "cs_1"}


def test_woocommerce_is_found_by_its_folder() -> None:
    assert "woocommerce" in registry.platforms()
    assert "sandbox" not in registry.platforms()


def test_an_unknown_platform_gets_a_suggestion() -> None:
    with pytest.raises(registry.UnknownPlatformError, match="did you mean 'woocommerce'"):
        registry.create("woocomerce", **STORE)


def test_other_peoples_adapters_are_found_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("aftersale_teashop")
    module.Settings = type("Settings", (BaseModel,), {})  # type: ignore[attr-defined]
    module.create = lambda **settings: settings  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aftersale_teashop", module)
    points = [EntryPoint("teashop", "aftersale_teashop", registry.GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    assert "teashop" in registry.platforms()
    assert registry.create("teashop", url="x") == {"url": "x"}


def test_a_stranger_cannot_take_the_place_of_what_is_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("woocommerce", "something_else", registry.GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    assert registry.settings_of("woocommerce").__module__ == "adapters.woocommerce"


def test_settings_hide_their_secrets_and_know_no_other_key() -> None:
    settings = registry.settings_of("woocommerce")
    assert "cs_1" not in repr(settings(**STORE))
    with pytest.raises(ValidationError, match="consumer_sekret"):
        settings(**STORE, consumer_sekret="x")


@pytest.mark.parametrize("empty", ["", "   "])
def test_an_empty_key_is_a_mistake_that_says_where_to_get_one(empty: str) -> None:
    with pytest.raises(ValidationError, match="REST API"):
        registry.settings_of("woocommerce")(**STORE | {"consumer_key": empty})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://shop.example.com/", "https://shop.example.com"),
        ("  https://Shop.Example.com/wp/ ", "https://shop.example.com/wp"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://localhost/Shop", "http://localhost/Shop"),
    ],
)
def test_an_address_is_kept_without_its_trailing_slash(given: str, kept: str) -> None:
    assert store_url(given) == kept


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        ("http://shop.example.com", "write https://"),
        ("http://10.0.0.5", "write https://"),
        ("http://127.0.0.1.example.com", "write https://"),
        ("shop.example.com", "write it like"),
        ("ftp://shop.example.com", "write it like"),
        ("https://ck_1:cs_1@shop.example.com", "take them out"),
        ("https://shop.example.com/?page=1", "write it like"),
        ("https://shop..example.com", "no such host name"),
    ],
)
def test_an_address_that_cannot_be_is_refused_with_the_cure(given: str, cure: str) -> None:
    with pytest.raises(ValidationError, match=cure):
        registry.settings_of("woocommerce")(**STORE | {"url": given})
    with pytest.raises(ValueError, match=cure):
        registry.create("woocommerce", **STORE | {"url": given})
