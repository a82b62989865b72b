"""Whatever goes wrong with requests, each follow-up is done once, or a person is asked."""

from __future__ import annotations

import pytest

from torture import faults
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
