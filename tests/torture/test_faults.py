"""Whatever goes wrong with requests, each follow-up is done once, or a person is asked."""

from __future__ import annotations

import pytest

from adapters.channels.registry import channels, types_of
from torture import faults
from torture.letterboxes import LETTERBOXES, LINE_UPS, Trouble
from torture.stalls import STALLS


@pytest.mark.parametrize("dialect", STALLS)
def test_days_of_mixed_faults_leave_everything_done_once(dialect: str) -> None:
    count = faults.a_week(dialect, 1, days=1, often=0.4)
    assert count.is_clean, count.wrong


@pytest.mark.parametrize(
    ("dialect", "kind", "fault"),
    [
        ("woocommerce", "POST /wc/vN/orders/N/notes customer_note:true", ("reset", True)),
        ("woocommerce", "POST /wc/vN/orders/N/notes customer_note:true", ("502", True)),
        ("woocommerce", "GET /wc/vN/orders/N", ("wrong_json", False)),
        ("woocommerce", "GET /wc/vN/orders", ("empty_list", False)),
        ("woocommerce", "PUT /wc/vN/orders/N meta_data", ("429 later", False)),
        ("shopify", "InvoiceSend", ("reset", False)),
        ("shopify", "InvoiceSend", ("500", True)),
        ("shopify", "OrderNoteWrite", ("timeout", True)),
        ("shopify", "Claim", ("THROTTLED", True)),
    ],
)
def test_one_request_that_fails_thrice_leaves_everything_done_once(
    dialect: str, kind: str, fault: tuple[str, bool]
) -> None:
    count = faults.single(dialect, kind, fault, times=3)
    assert count.is_clean, count.wrong


@pytest.mark.parametrize(
    ("box", "trouble"),
    [
        ("email-smtp", ("DATA", ("451 4.7.1 later", False))),
        ("email-smtp", (".", ("close", False))),
        ("email-smtp", ("RCPT", ("550 5.1.1 no such mailbox", False))),
        ("sms-twilio", ("POST", ("reset", True))),
        ("sms-twilio", ("GET", ("503", False))),
        ("sms-http", ("POST", ("html", True))),
        ("whatsapp-cloud", ("POST", ("429 later", False))),
        ("webhook", ("POST", ("timeout", True))),
    ],
)
def test_a_channel_in_trouble_leaves_every_message_sent_once(box: str, trouble: Trouble) -> None:
    count = faults.channel("woocommerce", box, trouble, cycles=2)
    assert count.is_clean, count.wrong


def test_every_channel_that_can_be_configured_is_tried() -> None:
    assert {f"{channel}-{kind}" for channel in channels() for kind in types_of(channel)} <= set(LETTERBOXES)
    assert {name for boxes in LINE_UPS for name in boxes} == set(LETTERBOXES)
