"""WhatsApp: approved templates alone, and Meta's own errors."""

from __future__ import annotations

import msgspec
import pytest

from adapters.channels.base import OptedOut, PutOff
from adapters.errors import AdapterError, AuthFailed, RateLimited, Rejected, Unavailable, UnknownOutcome
from tests.channels.providers import KEY, CloudProvider, as_json


def test_a_message_is_a_template_with_its_values() -> None:
    with CloudProvider() as provider:
        assert provider.channel.send(provider.message) == "wamid.1"
        (sent,) = provider.sent
    assert (sent["to"], sent["type"], sent["biz_opaque_callback_data"]) == ("+972502345678", "template", KEY)
    assert sent["template"] == {
        "name": "on_its_way",
        "language": {"code": "he"},
        "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "שרה"}, {"type": "text", "text": "two lines"}]}
        ],
    }


def test_a_template_without_values_has_no_components() -> None:
    with CloudProvider() as provider:
        provider.channel.send(msgspec.structs.replace(provider.message, parameters=(), locale="pt-BR"))
        assert provider.sent[0]["template"] == {"name": "on_its_way", "language": {"code": "pt_BR"}}


@pytest.mark.parametrize(
    ("change", "says"),
    [({"template": None}, "takes no free text"), ({"parameters": ("Sara", " \n ")}, "value number 2 is empty")],
)
def test_what_meta_could_only_refuse_is_not_sent(change: dict[str, object], says: str) -> None:
    with CloudProvider() as provider:
        with pytest.raises(Rejected, match=says):
            provider.channel.send(msgspec.structs.replace(provider.message, **change))
        assert provider.requests == []


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (190, AuthFailed),
        (10, AuthFailed),
        (200, AuthFailed),
        (131031, AuthFailed),
        (133010, AuthFailed),
        (4, RateLimited),
        (80007, RateLimited),
        (130429, RateLimited),
        (131056, PutOff),
        (131057, Unavailable),
        (131026, Rejected),
        (131050, OptedOut),
        (132001, Rejected),
        (131009, Rejected),
        (131000, UnknownOutcome),
    ],
)
def test_meta_tells_by_its_code_what_a_400_means(code: int, error: type[AdapterError]) -> None:
    refusal = {"error": {"message": "(#1) +972502345678", "code": code, "error_data": {"details": "+972502345678"}}}
    with CloudProvider() as provider:
        provider.answer = lambda request: as_json(400, refusal)  # type: ignore[method-assign]
        with pytest.raises(AdapterError) as caught:
            provider.channel.send(provider.message)
    assert type(caught.value) is error
    assert str(code) in str(caught.value)
    assert "502345678" not in str(caught.value)


def test_a_code_in_an_answer_of_500_is_still_an_unknown_outcome() -> None:
    with CloudProvider() as provider:
        provider.answer = lambda request: as_json(500, {"error": {"code": 131026}})  # type: ignore[method-assign]
        with pytest.raises(UnknownOutcome):
            provider.channel.send(provider.message)
