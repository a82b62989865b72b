"""How a store's records look in its REST API."""

from __future__ import annotations

import html
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters.sandbox.woocommerce.records import (
    CURRENCIES,
    WC_VERSION,
    Coupon,
    Fulfillment,
    Meta,
    Note,
    Order,
    Product,
    Refund,
    Review,
    Store,
)

Json = dict[str, Any]

_ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def api(store: Store, path: str) -> str:
    """The address of something in the API."""
    return f"{store.url}/wp-json/wc/v3/{path}"


def local(store: Store, at: datetime | None) -> str | None:
    """A time on the site's wall clock, without zone."""
    return at.astimezone(store.zone).replace(tzinfo=None).isoformat() if at else None


def gmt(at: datetime | None) -> str | None:
    """A time in UTC, without a Z, as in all `*_gmt` fields."""
    return at.replace(tzinfo=None).isoformat() if at else None


def order(store: Store, it: Order) -> Json:
    """An order, whole."""
    path = f"orders/{it.id}"
    links: Json = {
        "self": _self(store, path, _ALL_METHODS),
        "collection": [{"href": api(store, "orders")}],
        "email_templates": [{"embeddable": True, "href": api(store, f"{path}/actions/email_templates")}],
    }
    if it.customer_id:
        links["customer"] = [{"href": api(store, f"customers/{it.customer_id}")}]
    return {
        "id": it.id,
        "parent_id": 0,
        "status": it.status,
        "currency": it.currency,
        "version": WC_VERSION,
        "prices_include_tax": False,
        "date_created": local(store, it.created),
        "date_modified": local(store, it.modified),
        "discount_total": "0.00",
        "discount_tax": "0.00",
        "shipping_total": _money(it.shipping_total),
        "shipping_tax": "0.00",
        "cart_tax": "0.00",
        "total": _money(it.total),
        "total_tax": "0.00",
        "customer_id": it.customer_id,
        "order_key": it.order_key,
        "billing": it.billing,
        "shipping": it.shipping,
        "payment_method": it.payment_method,
        "payment_method_title": it.payment_method_title,
        "transaction_id": it.transaction_id,
        "customer_ip_address": "",
        "customer_user_agent": "",
        "created_via": it.created_via,
        "customer_note": it.customer_note,
        "date_completed": local(store, it.completed),
        "date_paid": local(store, it.paid),
        "cart_hash": "",
        "number": it.number,
        "meta_data": _order_meta(store, it),
        "line_items": it.line_items,
        "tax_lines": [],
        "shipping_lines": it.shipping_lines,
        "fee_lines": [],
        "coupon_lines": it.coupon_lines,
        "refunds": [
            {"id": refund.id, "reason": refund.reason, "total": f"-{_money(refund.amount)}"} for refund in it.refunds
        ],
        "payment_url": f"{store.url}/checkout/order-pay/{it.id}/?pay_for_order=true&key={it.order_key}",
        "is_editable": it.status in ("pending", "on-hold", "auto-draft"),
        "needs_payment": it.needs_payment,
        "needs_processing": it.needs_processing,
        "date_created_gmt": gmt(it.created),
        "date_modified_gmt": gmt(it.modified),
        "date_completed_gmt": gmt(it.completed),
        "date_paid_gmt": gmt(it.paid),
        "currency_symbol": html.unescape(CURRENCIES[it.currency][1]),
        "_links": links,
    }


def note(store: Store, it: Note) -> Json:
    """A note."""
    return {
        "id": it.id,
        "author": it.author,
        "date_created": local(store, it.at),
        "date_created_gmt": gmt(it.at),
        "note": it.text,
        "customer_note": it.customer,
        "_links": _child_links(store, it.order_id, "notes", it.id),
    }


def review(store: Store, it: Review) -> Json:
    """A review, as the list has it: its text as paragraphs."""
    text = html.escape(it.text, quote=False).replace("\n", "<br />\n")
    path = f"products/reviews/{it.id}"
    return {
        "id": it.id,
        "date_created": local(store, it.at),
        "date_created_gmt": gmt(it.at),
        "product_id": it.product_id,
        "product_name": it.product_name,
        "product_permalink": f"{store.url}/product/{it.product_id}/",
        "status": it.status,
        "reviewer": it.name,
        "reviewer_email": it.email,
        "review": f"<p>{text}</p>\n",
        "rating": it.rating,
        "verified": False,
        "reviewer_avatar_urls": {},
        "_links": {
            "self": _self(store, path, _ALL_METHODS),
            "collection": [{"href": api(store, "products/reviews")}],
            "up": [{"href": api(store, f"products/{it.product_id}")}],
        },
    }


def refund(store: Store, order_id: int, it: Refund) -> Json:
    """A refund, as its order's list has it."""
    kind = {"id": it.id, "key": "_refund_type", "value": "full" if it.full else "partial"}
    return {
        "id": it.id,
        "date_created": local(store, it.at),
        "date_created_gmt": gmt(it.at),
        "amount": _money(it.amount),
        "reason": it.reason,
        "refunded_by": 1,
        "refunded_payment": False,
        "meta_data": [kind],
        "line_items": [],
        "shipping_lines": [],
        "tax_lines": [],
        "fee_lines": [],
        "_links": _child_links(store, order_id, "refunds", it.id),
    }


def fulfillment(store: Store, it: Fulfillment) -> Json:
    """A parcel. Its one date is local and has no GMT twin; its order's id is text."""
    return {
        "id": it.id,
        "entity_type": "WC_Order",
        "entity_id": str(it.order_id),
        "is_fulfilled": it.fulfilled,
        "status": "fulfilled" if it.fulfilled else "unfulfilled",
        "date_updated": f"{it.updated.astimezone(store.zone):%Y-%m-%d %H:%M:%S}",
        "meta_data": _metas(it.meta),
    }


def coupon(store: Store, it: Coupon) -> Json:
    """A coupon."""
    path = f"coupons/{it.id}"
    return {
        "id": it.id,
        "code": it.code,
        "amount": _money(it.amount),
        "status": "publish",
        "date_created": local(store, it.created),
        "date_created_gmt": gmt(it.created),
        "date_modified": local(store, it.created),
        "date_modified_gmt": gmt(it.created),
        "discount_type": it.discount_type,
        "description": it.settings.get("description", ""),
        "date_expires": local(store, it.expires),
        "date_expires_gmt": gmt(it.expires),
        "usage_count": 0,
        "individual_use": it.settings.get("individual_use", False),
        "product_ids": it.settings.get("product_ids", []),
        "excluded_product_ids": it.settings.get("excluded_product_ids", []),
        "usage_limit": it.settings.get("usage_limit"),
        "usage_limit_per_user": it.settings.get("usage_limit_per_user"),
        "limit_usage_to_x_items": None,
        "free_shipping": it.settings.get("free_shipping", False),
        "product_categories": [],
        "excluded_product_categories": [],
        "exclude_sale_items": False,
        "minimum_amount": _money(Decimal(it.settings.get("minimum_amount", "0"))),
        "maximum_amount": _money(Decimal(it.settings.get("maximum_amount", "0"))),
        "email_restrictions": it.settings.get("email_restrictions", []),
        "used_by": [],
        "meta_data": _metas(it.meta),
        "_links": {"self": _self(store, path, _ALL_METHODS), "collection": [{"href": api(store, "coupons")}]},
    }


def product(store: Store, it: Product) -> Json:
    """A simple product. Only what is published has an address that people would know."""
    slug = _slug(it.name)
    public = it.status == "publish"
    unset: Json = dict.fromkeys(
        ("date_on_sale_from", "date_on_sale_from_gmt", "date_on_sale_to", "date_on_sale_to_gmt")
    )
    return {
        "id": it.id,
        "name": it.name,
        "slug": slug if public else "",
        "permalink": f"{store.url}/product/{slug}/" if public else f"{store.url}/?post_type=product&p={it.id}",
        "date_created": local(store, it.created),
        "date_created_gmt": gmt(it.created),
        "date_modified": local(store, it.created),
        "date_modified_gmt": gmt(it.created),
        "type": "simple",
        "status": it.status,
        "featured": False,
        "catalog_visibility": "visible",
        "description": "",
        "short_description": "",
        "sku": it.sku,
        "price": _money(it.price),
        "regular_price": _money(it.price),
        "sale_price": "",
        **unset,
        "on_sale": False,
        "purchasable": True,
        "total_sales": 0,
        "virtual": False,
        "downloadable": False,
        "downloads": [],
        "download_limit": -1,
        "download_expiry": -1,
        "external_url": "",
        "button_text": "",
        "tax_status": "taxable",
        "tax_class": "",
        "manage_stock": False,
        "stock_quantity": None,
        "backorders": "no",
        "backorders_allowed": False,
        "backordered": False,
        "low_stock_amount": None,
        "sold_individually": False,
        "weight": "",
        "dimensions": {"length": "", "width": "", "height": ""},
        "shipping_required": True,
        "shipping_taxable": True,
        "shipping_class": "",
        "shipping_class_id": 0,
        "reviews_allowed": True,
        "average_rating": "0",
        "rating_count": 0,
        "upsell_ids": [],
        "cross_sell_ids": [],
        "parent_id": 0,
        "purchase_note": "",
        "categories": [_term(store, name) for name in it.categories],
        "brands": [],
        "tags": [_term(store, name) for name in it.tags],
        "images": [],
        "attributes": [],
        "default_attributes": [],
        "variations": [],
        "grouped_products": [],
        "menu_order": 0,
        "price_html": "",
        "related_ids": [],
        "meta_data": [],
        "stock_status": "instock",
        "has_options": False,
        "post_password": "",
        "global_unique_id": "",
        "permalink_template": f"{store.url}/product/%pagename%/",
        "generated_slug": slug,
        "_links": {
            "self": _self(store, f"products/{it.id}", _ALL_METHODS),
            "collection": [{"href": api(store, "products")}],
        },
    }


def _term(store: Store, name: str) -> Json:
    number = store.term_ids.setdefault(name, 15 + len(store.term_ids))
    return {"id": number, "name": html.escape(name, quote=False), "slug": _slug(name)}


def _slug(name: str) -> str:
    return "-".join(name.lower().split())


def currency(store: Store) -> Json:
    """The store's currency; the symbol is HTML."""
    name, symbol = CURRENCIES[store.currency]
    links = {
        "self": _self(store, f"data/currencies/{store.currency}", ["GET"]),
        "collection": [{"href": api(store, "data/currencies")}],
    }
    return {"code": store.currency, "name": name, "symbol": symbol, "_links": links}


def system_status(store: Store) -> Json:
    """What tells one installation from another, and what it runs on."""
    orders = "OrdersTableDataStore" if store.hpos else "WC_Order_Data_Store_CPT"
    return {
        "environment": {
            "home_url": store.home or store.url,
            "site_url": store.url,
            "store_id": store.store_id,
            "version": WC_VERSION,
            "wp_version": "6.9.5",
            "wp_multisite": False,
            "language": "en_US",
            "php_version": "8.2.36",
            "default_timezone": "UTC",
        },
        "database": {"wc_database_version": WC_VERSION, "database_prefix": "wp_"},
        "active_plugins": [
            {"plugin": "woocommerce/woocommerce.php", "name": "WooCommerce", "version": WC_VERSION},
        ],
        "inactive_plugins": [],
        "settings": {
            "api_enabled": False,
            "force_ssl": False,
            "currency": store.currency,
            "currency_symbol": CURRENCIES[store.currency][1],
            "number_of_decimals": 2,
            "order_datastore": orders,
            "HPOS_enabled": store.hpos,
            "enabled_features": ["fulfillments"] if store.fulfillments else [],
        },
        "security": {"secure_connection": False, "hide_errors": True},
    }


def site(store: Store, routes: Iterable[str]) -> Json:
    """What `/wp-json/` says to anyone. `gmt_offset` is in hours, a whole number where it can be."""
    shift = store.now().astimezone(store.zone).utcoffset()
    hours = shift.total_seconds() / 3600 if shift else 0.0
    return {
        "name": store.name,
        "description": "",
        "url": store.url,
        "home": store.home or store.url,
        "gmt_offset": int(hours) if hours.is_integer() else hours,
        "timezone_string": store.zone.key,
        "namespaces": ["oembed/1.0", "wc/v1", "wc/v2", "wc/v3", "wp/v2"],
        "authentication": [],
        "routes": {route: {"namespace": "wc/v3"} for route in routes},
        "_links": {"help": [{"href": "https://developer.wordpress.org/rest-api/"}]},
    }


def _self(store: Store, path: str, allow: list[str]) -> list[Json]:
    return [{"href": api(store, path), "targetHints": {"allow": allow}}]


def _child_links(store: Store, order_id: int, kind: str, child_id: int) -> Json:
    path = f"orders/{order_id}/{kind}"
    return {
        "self": _self(store, f"{path}/{child_id}", ["GET", "DELETE"]),
        "collection": [{"href": api(store, path)}],
        "up": [{"href": api(store, f"orders/{order_id}")}],
    }


def _order_meta(store: Store, it: Order) -> list[Json]:
    # The index that HPOS reads custom fields from is by key; posts give them by id.
    return _metas(sorted(it.meta, key=lambda meta: (meta.key, meta.id)) if store.hpos else it.meta)


def _metas(entries: Iterable[Meta]) -> list[Json]:
    return [{"id": meta.id, "key": meta.key, "value": meta.value} for meta in entries]


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"
