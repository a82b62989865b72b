"""A shop on a benchmark's store: a real config, real rules, a real state in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from connector.loading import Loaded, load
from connector.opening import open_client, spare_collector
from connector.shop import Shop

CONFIG = """
version: 1
timezone: Asia/Jerusalem
business_hours: {{ sun-thu: "09:00-18:00", fri: "09:00-13:00" }}
holidays: IL
stores:
  - id: bench
    url: {url}
    {keys}
"""

WOOCOMMERCE = """platform: woocommerce
    consumer_key: ck_bench
    consumer_secret: cs_bench"""
SHOPIFY = """platform: shopify
    access_token: shpat_bench"""

RULE = """
  - id: rule-{number}
    trigger: {trigger}
    wait: {number} hours
    send_between: business_hours
    conditions:
      order.total: {{ at_least: {number}0 }}
      order.billing.country: [IL, US, DE]
      order.payment_method: {{ not: cheque }}
    stop_if:
      order.status: [refunded, cancelled]
    actions:
      - add_note: "Rule {number} was here for {{{{ customer.first_name }}}}"
"""

TRIGGERS = ("order.placed", "order.paid", "order.completed", "order.delivered", "order.status:processing")


def now() -> datetime:
    """The time, aware and in UTC."""
    return datetime.now(UTC)


@contextmanager
def shop_on(url: str, rules: int = 20, keys: str = WOOCOMMERCE, more: str = "") -> Iterator[Shop]:
    """A shop that looks after the store at `url` by so many rules, and by `more`; `keys` are its platform and the way
    in.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder, "config.yaml")
        file.touch(mode=0o600)  # it holds keys
        file.write_text(CONFIG.format(url=url, keys=keys))
        texts = (RULE.format(number=number + 1, trigger=TRIGGERS[number % len(TRIGGERS)]) for number in range(rules))
        Path(folder, "rules").mkdir()
        Path(folder, "rules", "rules.yaml").write_text("version: 1\nrules:\n" + "".join(texts) + more)
        loaded = load(file, {})
        assert isinstance(loaded, Loaded), loaded
        client = open_client(loaded, now)
        spare_collector()
        try:
            yield client.shops[0]
        finally:
            client.close()
