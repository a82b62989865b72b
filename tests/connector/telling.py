"""A shop's life in words that hold for both platforms, and what came of it, in words that can be compared.

`Both.tell` plays a story on a WooCommerce and on a Shopify store that follow the same rules, and finds the two accounts
alike. Where the platforms cannot tell a thing in the same way, it is told here in each one's own.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import ShopifySandbox
from adapters.sandbox.woocommerce import WooSandbox
from tests.conftest import MONDAY, World

ZONE = ZoneInfo("Asia/Jerusalem")

TRACKING = "_wc_shipment_tracking_items"
MUG = {"title": "Ceramic mug", "sku": "MUG-1", "product_id": 10, "price": "49.90"}
TEA = {"title": "Green tea", "sku": "TEA-1", "product_id": 11, "price": "30.00"}


class Store(Protocol):
    """A store in which things happen to orders, each called by a letter."""

    sandbox: Any

    def place(
        self, order: str, *, paid: bool, email: str | None, locale: str, items: Sequence[Mapping[str, str]]
    ) -> str:
        """The order comes in; gives its id."""

    def pay(self, order_id: str) -> None: ...

    def ship(self, order_id: str, number: str, items: slice) -> str:
        """A parcel leaves with these of its lines; gives the parcel's id."""

    def arrive(self, order_id: str, number: str) -> None:
        """The parcel arrives."""

    def refund(self, order_id: str, amount: str | None) -> None: ...

    def cancel(self, order_id: str) -> None: ...

    def mails(self) -> list[tuple[datetime, str, str]]:
        """When which order's customer was written what."""

    def note(self, order_id: str) -> str:
        """What stands on the order for the staff, after one another."""

    def tags(self, order_id: str) -> list[str]: ...


@dataclass
class Woo:
    """A WooCommerce store with a tracking plugin. Nobody tells of parcels that arrive: with the last, the merchant
    completes the order.
    """

    sandbox: WooSandbox
    parcels: dict[str, dict[str, bool]] = field(default_factory=dict)

    def place(
        self, order: str, *, paid: bool, email: str | None, locale: str, items: Sequence[Mapping[str, str]]
    ) -> str:
        named = [{**item, "name": item["title"]} for item in items]
        order_id = self.sandbox.add_order(
            status="processing" if paid else "pending",
            items=[{key: value for key, value in item.items() if key != "title"} for item in named],
            billing={"email": email or ""} | ({} if email else {"phone": ""}),
            shipping={"phone": ""},
            meta={"wpml_language": locale},
        )
        return str(order_id)

    def pay(self, order_id: str) -> None:
        self.sandbox.set_status(int(order_id), "processing")

    def ship(self, order_id: str, number: str, items: slice) -> str:
        parcels = self.parcels.setdefault(order_id, {})
        parcels[number] = False
        left = int(self.sandbox.now().timestamp())
        order = self.sandbox.order(int(order_id))
        listed = [dict(one) for meta in order.meta if meta.key == TRACKING for one in meta.value]
        listed.append({"tracking_id": number, "tracking_number": number, "date_shipped": str(left)})
        self.sandbox.set_meta(int(order_id), TRACKING, listed)
        return number

    def arrive(self, order_id: str, number: str) -> None:
        parcels = self.parcels[order_id]
        parcels[number] = True
        if all(parcels.values()):
            self.sandbox.set_status(int(order_id), "completed")

    def refund(self, order_id: str, amount: str | None) -> None:
        self.sandbox.refund(int(order_id), amount)

    def cancel(self, order_id: str) -> None:
        self.sandbox.set_status(int(order_id), "cancelled")

    def mails(self) -> list[tuple[datetime, str, str]]:
        return [(mail.at, str(mail.order_id), mail.body) for mail in self.sandbox.mails]

    def note(self, order_id: str) -> str:
        notes = [note.text for note in self.sandbox.notes(int(order_id)) if not note.customer]
        return "\n\n".join(note for note in notes if not note.startswith("Order status changed"))

    def tags(self, order_id: str) -> list[str]:
        meta = self.sandbox.order(int(order_id)).meta
        return [tag for each in meta if each.key == "aftersale_tags" for tag in each.value.split(", ")]


@dataclass
class Shopify:
    """A Shopify store. Carriers tell of parcels, and do not move the order's date of change by it."""

    sandbox: ShopifySandbox
    parcels: dict[str, str] = field(default_factory=dict)

    def place(
        self, order: str, *, paid: bool, email: str | None, locale: str, items: Sequence[Mapping[str, str]]
    ) -> str:
        buyer = {"email": email, "locale": locale} if email else None
        return self.sandbox.add_order(paid=paid, customer=buyer, locale=locale, items=items)

    def pay(self, order_id: str) -> None:
        self.sandbox.pay(order_id)

    def ship(self, order_id: str, number: str, items: slice) -> str:
        lines = dict.fromkeys(self.sandbox.line_ids(order_id)[items], 1)
        self.parcels[number] = self.sandbox.fulfill(order_id, lines, tracking_number=number)
        return self.parcels[number]

    def arrive(self, order_id: str, number: str) -> None:
        self.sandbox.carrier(order_id, self.parcels[number], "DELIVERED")

    def refund(self, order_id: str, amount: str | None) -> None:
        self.sandbox.refund(order_id, amount)

    def cancel(self, order_id: str) -> None:
        self.sandbox.cancel(order_id)

    def mails(self) -> list[tuple[datetime, str, str]]:
        return [
            (mail.at, mail.order_id.rpartition("/")[2], mail.custom_message or "") for mail in self.sandbox.invoices
        ]

    def note(self, order_id: str) -> str:
        return self.sandbox.note(order_id) or ""

    def tags(self, order_id: str) -> list[str]:
        return self.sandbox.tags(order_id)


@dataclass(frozen=True)
class Account:
    """What came of a story. Orders and parcels go by their letters, times by the store's clock, like `06-01 12:00`."""

    mailed: list[str]
    told: list[str]
    notes: dict[str, str]
    tags: dict[str, list[str]]
    coupons: list[str]
    followups: list[str]


@dataclass
class Life:
    """A store that is looked after, and what happens in it. Aftersale comes by after each happening, and when
    something is due."""

    store: Store
    world: World
    names: dict[str, str] = field(default_factory=dict)
    """The letters of orders and parcels, by their ids and numbers."""

    def place(
        self,
        order: str = "A",
        *,
        paid: bool = True,
        email: str | None = "noa@example.com",
        locale: str = "en",
        items: Sequence[Mapping[str, str]] = (MUG,),
    ) -> None:
        order_id = self.store.place(order, paid=paid, email=email, locale=locale, items=items)
        self.names[order_id] = order
        self.world.run()

    def pay(self, order: str = "A") -> None:
        self.store.pay(self.id_of(order))
        self.world.run()

    def ship(self, order: str = "A", parcel: str = "parcel-1", items: slice = slice(None)) -> None:
        """A parcel leaves, with some of the order's lines."""
        parcel_id = self.store.ship(self.id_of(order), parcel, items)
        self.names[parcel_id] = parcel
        self.world.run()

    def arrive(self, order: str = "A", parcel: str = "parcel-1") -> None:
        self.store.arrive(self.id_of(order), parcel)
        self.world.run()

    def refund(self, order: str = "A", amount: str | None = None) -> None:
        self.store.refund(self.id_of(order), amount)
        self.world.run()

    def cancel(self, order: str = "A") -> None:
        self.store.cancel(self.id_of(order))
        self.world.run()

    def go_down(self) -> None:
        """The store is out of reach from now on; Aftersale goes on trying."""
        self.store.sandbox.stop()

    def come_back(self) -> None:
        self.store.sandbox.start()

    def rules(self, text: str) -> None:
        """The merchant edits the rules."""
        self.world.rules(text)

    def until(self, moment: str) -> None:
        """Time passes until this moment (`06-04 16:00`) on the store's clock."""
        end = local(moment)
        assert end > self.world.clock()
        # Carriers' news are looked for every hour; whatever is due is done on the minute.
        looks = [timedelta(hours=1)] * 2
        while (now := self.world.clock()) < end:
            due = [row.due_at for row in self.world.rows("pending") if row.due_at > now]
            self.world.clock.now = min(end, now + (looks.pop() if looks else timedelta(hours=8)), *due)
            self.world.run()

    def id_of(self, order: str) -> str:
        return next(order_id for order_id, name in self.names.items() if name == order)

    def account(self) -> Account:
        ids = [order_id for order_id, name in self.names.items() if not name.startswith("parcel")]
        return Account(
            mailed=[
                f"{_at(at)} {self.names[order_id]}: {self._plain(text)}" for at, order_id, text in self.store.mails()
            ],
            told=[self._plain(f"{title} {body}" if title not in body else body) for title, body in self.world.told],
            notes={self.names[each]: self._plain(self.store.note(each)) for each in ids if self.store.note(each)},
            tags={self.names[each]: tags for each in ids if (tags := self.store.tags(each))},
            coupons=[_coupon(each) for each in self.store.sandbox.coupons.values()],
            followups=sorted(
                self._plain(
                    f"{row.rule} {row.subject} step {row.step} {row.action} {row.kind}: {row.state} {_at(row.at)} "
                    f"{row.reason or ''}"
                )
                for row in self.world.rows()
            ),
        )

    def _plain(self, text: str) -> str:
        """A text as it is read: without markup, and without what a store calls its orders and coupons."""
        text = html.unescape(re.sub(r"<[^>]+>", " ", text))
        known = dict(self.names)
        if isinstance(self.store, Shopify):
            known |= {
                str(self.store.sandbox.order(each).number): known[each]
                for each in known
                if each.isdigit() and not known[each].startswith("parcel")
            }
        for code in self.store.sandbox.coupons:
            text = re.sub(re.escape(code), "COUPON", text, flags=re.IGNORECASE)
        for shown, name in known.items():
            text = re.sub(rf"#?\b{re.escape(shown)}\b", name, text)
        # A customer's name in the state is made with a secret of that state.
        return " ".join(re.sub(r"\bcustomer:[0-9a-f]{32}\b", "customer", text).split())


@dataclass
class Both:
    """Two stores under the same rules and templates, begun at the same moment: Monday, 1 June, noon in the store."""

    folder: Path
    stores: tuple[Store, Store]
    clocks: tuple[MovableClock, MovableClock]
    rules: str = ""
    extra: str = ""
    """What else stands in the config."""
    templates: dict[tuple[str, str], str] = field(default_factory=dict)
    before: Callable[[Life], None] = lambda life: None
    """What happened before the store was looked after."""
    lives: list[Life] = field(default_factory=list)

    def begin(self, moment: str) -> None:
        """Have all stories begin at this moment on the stores' clocks."""
        for clock in self.clocks:
            clock.now = local(moment)

    def tell(self, story: Callable[[Life], None]) -> Account:
        """Play the story on each store; gives what came of it, which is the same for both."""
        accounts = [self._play(story, store, clock) for store, clock in zip(self.stores, self.clocks, strict=True)]
        assert accounts[0] == accounts[1]
        return accounts[0]

    def tell_apart(self, story: Callable[[Life], None]) -> tuple[Account, Account]:
        """As `tell`, for a story of which WooCommerce (the first) cannot tell as much as Shopify."""
        woo, shopify = [self._play(story, *each) for each in zip(self.stores, self.clocks, strict=True)]
        return woo, shopify

    def _play(self, story: Callable[[Life], None], store: Store, clock: MovableClock) -> Account:
        folder = self.folder / type(store).__name__.lower()
        folder.mkdir()
        make = world_on_shopify if isinstance(store, Shopify) else World
        world = make(folder, store.sandbox, clock)
        world.extra = self.extra
        for (name, locale), text in self.templates.items():
            world.template(name, locale, text)
        life = Life(store, world)
        self.lives.append(life)
        self.before(life)
        world.rules(self.rules)
        world.run()
        story(life)
        return life.account()

    def close(self) -> None:
        for life in self.lives:
            life.world.close()


def both_stores(folder: Path) -> Both:
    """The two stores, not open yet."""
    clocks = (MovableClock(MONDAY), MovableClock(MONDAY))
    stores = (Woo(WooSandbox(clock=clocks[0])), Shopify(ShopifySandbox(clock=clocks[1], restore_rate=None)))
    return Both(folder, stores, clocks)


def world_on_shopify(folder: Path, store: ShopifySandbox, clock: MovableClock, messages: str = "invoice") -> World:
    """A world around a store on Shopify; `messages` are the config's `platform_messages` and what belongs to them."""

    def edit(config: str) -> str:
        config = config.replace("platform: woocommerce", "platform: shopify")
        config = config.replace("consumer_key: ck_sandbox", "access_token: shpat_sandbox")
        return config.replace("consumer_secret: cs_sandbox", f"platform_messages: {messages}")

    # What is asked of the store in a story is asked through what both kinds of it have.
    return World(folder, cast(Any, store), clock, edit=edit)


def _coupon(coupon: Any) -> str:
    value = coupon.percent if hasattr(coupon, "percent") else coupon.amount
    ends = coupon.ends if hasattr(coupon, "ends") else coupon.expires
    return f"{Decimal(value).normalize():f}% until {_at(ends) if ends else 'ever'}"


def local(moment: str) -> datetime:
    """A moment of 2026, like `06-04 16:00`, on the stores' clocks."""
    return datetime.fromisoformat(f"2026-{moment}").replace(tzinfo=ZONE).astimezone(UTC)


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(ZONE):%m-%d %H:%M}"
