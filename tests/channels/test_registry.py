"""Channels: found by the file's name or by entry point, and configured in their own words."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from pydantic import BaseModel

from adapters.channels import registry
from tests.channels.providers import NOW


def test_each_file_with_a_channels_name_is_a_channel() -> None:
    assert {channel: registry.types_of(channel) for channel in registry.channels()} == {
        "email": ("smtp",),
        "sms": ("http", "twilio"),
        "whatsapp": ("cloud",),
    }


@pytest.mark.parametrize(("channel", "kind"), [(c, k) for c in registry.channels() for k in registry.types_of(c)])
def test_every_channel_describes_its_keys_and_allows_no_other(channel: str, kind: str) -> None:
    settings = registry.settings_of(channel, kind)
    assert settings.model_config["extra"] == "forbid"
    assert settings.model_config["hide_input_in_errors"]
    assert [name for name, field in settings.model_fields.items() if not field.description] == []


def test_what_there_is_not_gets_a_suggestion() -> None:
    with pytest.raises(registry.UnknownChannelError, match="no channel 'emial'; did you mean 'email'"):
        registry.types_of("emial")
    with pytest.raises(registry.UnknownChannelError, match=r"no type 'twillio' .*did you mean 'twilio'"):
        registry.settings_of("sms", "twillio")


def test_other_peoples_channels_are_found_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("aftersale_telegram")
    module.Settings = type("Settings", (BaseModel,), {"__annotations__": {"bot": str}})  # type: ignore[attr-defined]
    module.create = lambda settings, timeout, clock: settings.bot  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aftersale_telegram", module)
    points = [EntryPoint("telegram_bot", "aftersale_telegram", registry.GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    assert registry.types_of("telegram") == ("bot",)
    assert registry.create("telegram", "bot", clock=lambda: NOW, bot="tea") == "tea"


def test_a_stranger_cannot_take_the_place_of_what_is_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("email_smtp", "something_else", registry.GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    assert registry.settings_of("email", "smtp").__module__ == "adapters.channels.email_smtp"


def test_reading_a_config_does_not_load_what_only_sending_needs() -> None:
    code = (
        "import sys; from adapters.channels import registry\n"
        "[registry.settings_of(c, k).model_json_schema() for c in registry.channels() for k in registry.types_of(c)]\n"
        "print([name for name in ('requests', 'phonenumbers', 'css_inline', 'email_validator') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
