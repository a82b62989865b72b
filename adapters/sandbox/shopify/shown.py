"""What the store keeps, as the API's objects: dicts by field name. What is dear to make is made when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from hashlib import sha256
from typing import Any

from adapters.sandbox.shopify.records import (
    APP_ID,
    Bulk,
    Checkout,
    Coupon,
    Customer,
    Entry,
    Fulfillment,
    Line,
    Metafield,
    Order,
    ParcelEvent,
    Refund,
    Return,
    Store,
    Transaction,
)
from adapters.sandbox.shopify.wire import decimal, gid, moment

Json = dict[str, Any]

_COUNTRIES = {"IL": "Israel", "GB": "United Kingdom", "US": "United States", "DE": "Germany"}


def order(store: Store, it: Order) -> Json:
    """An Order."""
    money = partial(bag, currency=it.currency)
    hidden = store.hides_people
    left = it.total - it.refunded
    return {
        "__typename": "Order",
        "id": gid("Order", it.id),
        "legacyResourceId": str(it.id),
        "name": it.name,
        "number": it.number,
        "app": {"id": gid("OrderApp", 580111), "name": "Online Store"},
        "createdAt": moment(it.created),
        "updatedAt": moment(it.updated),
        "processedAt": moment(it.processed),
        "cancelledAt": moment(it.cancelled),
        "cancelReason": it.cancel_reason,
        "closedAt": moment(it.closed),
        "closed": it.closed is not None,
        "confirmed": True,
        "edited": False,
        "test": it.test,
        "email": None if hidden else it.email,
        "phone": None if hidden else it.phone,
        "note": it.note,
        "tags": it.tags,
        "customAttributes": [{"key": key, "value": value} for key, value in it.attributes.items()],
        "customerLocale": it.locale,
        "sourceName": it.source_name,
        "currencyCode": it.currency,
        "presentmentCurrencyCode": it.currency,
        "canMarkAsPaid": may_be_paid(it),
        "canNotifyCustomer": it.email is not None,
        "hasTimelineComment": False,
        "displayFinancialStatus": it.financial_status,
        "displayFulfillmentStatus": fulfillment_status(it),
        "returnStatus": _return_status(it),
        "fullyPaid": it.financial_status not in ("PENDING", "AUTHORIZED", "EXPIRED", "VOIDED"),
        "unpaid": it.financial_status == "PENDING",
        "fulfillable": not it.on_hold and any(map(it.unsent, it.lines)),
        "refundable": left > 0,
        "requiresShipping": any(line.requires_shipping for line in it.lines),
        "paymentGatewayNames": [it.gateway],
        "discountCode": it.discount_codes[0] if it.discount_codes else None,
        "discountCodes": it.discount_codes,
        "paymentCollectionDetails": {"additionalPaymentCollectionUrl": _payment_url(store, it)},
        "statusPageUrl": f"https://{store.domain}/{store.shop_id}/orders/{sha256(it.name.encode()).hexdigest()[:32]}",
        "customer": partial(_perhaps, customer, store, it.customer),
        "shippingAddress": partial(_address, store, it, it.address),
        "billingAddress": partial(_address, store, it, it.address),
        "currentSubtotalLineItemsQuantity": sum(line.quantity - line.removed for line in it.lines),
        "subtotalLineItemsQuantity": sum(line.quantity for line in it.lines),
        "currentSubtotalPriceSet": partial(money, max(Decimal(0), it.subtotal - it.refunded)),
        "currentTotalPriceSet": partial(money, left),
        "originalTotalPriceSet": partial(money, it.total),
        "subtotalPriceSet": partial(money, it.subtotal),
        "totalPriceSet": partial(money, it.total),
        "totalOutstandingSet": partial(money, it.total if may_be_paid(it) else Decimal(0)),
        "totalReceivedSet": partial(money, _received(it)),
        "totalRefundedSet": partial(money, it.refunded),
        "totalShippingPriceSet": partial(money, it.shipping),
        "shippingLine": lambda: next(iter(_shipping(it)), None),
        "shippingLines": partial(_shipping, it),
        "lineItems": lambda: [line_item(store, it, line) for line in it.lines],
        "fulfillments": lambda: [fulfillment(store, it, parcel) for parcel in it.fulfillments],
        "refunds": lambda: [refund(store, it, given) for given in it.refunds],
        "returns": lambda: [returned(store, it, back) for back in it.returns],
        "transactions": lambda: [_transaction(it, moved) for moved in it.transactions],
        "metafields": lambda: [metafield(one) for one in it.metafields],
        "metafield": lambda: [metafield(one) for one in it.metafields],
        "events": lambda: [_entry(entry) for entry in it.timeline],
    }


def bag(amount: Decimal, currency: str) -> Json:
    """A MoneyBag: the store sells in one currency alone."""
    money = {"amount": decimal(amount), "currencyCode": currency}
    return {"shopMoney": money, "presentmentMoney": money}


def may_be_paid(it: Order) -> bool:
    """Whether money for the order is still to come."""
    return it.cancelled is None and it.financial_status in ("PENDING", "AUTHORIZED", "PARTIALLY_PAID")


def fulfillment_status(it: Order) -> str:
    """How far the goods are, by the parcels unless somebody said otherwise."""
    if it.fulfillment_status:
        return it.fulfillment_status
    if it.on_hold:
        return "ON_HOLD"
    if not any(map(it.sent, it.lines)):
        return "UNFULFILLED"
    return "PARTIALLY_FULFILLED" if any(map(it.unsent, it.lines)) else "FULFILLED"


def _payment_url(store: Store, it: Order) -> str | None:
    return f"https://{store.domain}/{store.shop_id}/order_payment/{it.id}" if may_be_paid(it) else None


def _return_status(it: Order) -> str:
    states = {back.status for back in it.returns}
    words = {"REQUESTED": "RETURN_REQUESTED", "OPEN": "IN_PROGRESS", "CLOSED": "RETURNED"}
    return next((word for state, word in words.items() if state in states), "NO_RETURN")


def _received(it: Order) -> Decimal:
    return sum((moved.amount for moved in it.transactions if moved.kind == "SALE"), Decimal(0))


def line_item(store: Store, it: Order, line: Line) -> Json:
    """A LineItem of an order."""
    money = partial(bag, currency=it.currency)
    return {
        **_goods(store, line, it.currency),
        "__typename": "LineItem",
        "id": gid("LineItem", line.id),
        "name": f"{line.title} - {line.variant_title}" if line.variant_title else line.title,
        "vendor": line.vendor,
        "currentQuantity": line.quantity - line.removed,
        "refundableQuantity": line.quantity - line.removed,
        "unfulfilledQuantity": it.unsent(line),
        "isGiftCard": False,
        "requiresShipping": line.requires_shipping,
        "discountedTotalSet": partial(money, line.total),
        "discountedUnitPriceSet": partial(money, line.price),
        "originalTotalSet": partial(money, line.total),
        "totalDiscountSet": partial(money, Decimal(0)),
    }


def _goods(store: Store, line: Line, currency: str) -> Json:
    return {
        "title": line.title,
        "variantTitle": line.variant_title,
        "sku": line.sku,
        "quantity": line.quantity,
        "customAttributes": [{"key": key, "value": value} for key, value in line.attributes.items()],
        "originalUnitPriceSet": partial(bag, line.price, currency),
        "product": partial(_product, store, line),
        "variant": partial(_variant, line),
    }


def _product(store: Store, line: Line) -> Json | None:
    if line.product_id is None:  # it was deleted since
        return None
    handle = "-".join(line.title.lower().split())
    return {
        "__typename": "Product",
        "id": gid("Product", line.product_id),
        "legacyResourceId": str(line.product_id),
        "handle": handle,
        "onlineStoreUrl": f"https://{store.domain}/products/{handle}",
        "category": partial(_category, line.category),
        "title": line.title,
        "productType": line.product_type,
        "vendor": line.vendor,
        "tags": line.product_tags,
    }


def _category(name: str | None) -> Json | None:
    if name is None:
        return None
    number = sha256(name.encode()).hexdigest()[:4]
    return {"__typename": "TaxonomyCategory", "id": gid("TaxonomyCategory", number), "name": name, "fullName": name}


def _variant(line: Line) -> Json | None:
    if line.product_id is None:
        return None
    return {
        "__typename": "ProductVariant",
        "id": gid("ProductVariant", line.product_id * 10 + 1),
        "legacyResourceId": str(line.product_id * 10 + 1),
        "sku": line.sku,
        "title": line.variant_title or "Default Title",
    }


def fulfillment(store: Store, it: Order, parcel: Fulfillment) -> Json:
    """A Fulfillment."""
    lines = {line.id: line for line in it.lines}
    tracked = parcel.number or parcel.company or parcel.url
    return {
        "__typename": "Fulfillment",
        "id": gid("Fulfillment", parcel.id),
        "legacyResourceId": str(parcel.id),
        "name": parcel.name,
        "status": parcel.status,
        "displayStatus": parcel.display,
        "createdAt": moment(parcel.created),
        "updatedAt": moment(parcel.updated),
        "inTransitAt": moment(parcel.in_transit),
        "deliveredAt": moment(parcel.delivered),
        "estimatedDeliveryAt": moment(parcel.estimated),
        "requiresShipping": any(lines[line_id].requires_shipping for line_id in parcel.items),
        "totalQuantity": sum(parcel.items.values()),
        "trackingInfo": [{"company": parcel.company, "number": parcel.number, "url": parcel.url}] if tracked else [],
        "events": lambda: [parcel_event(event) for event in parcel.events],
        "order": partial(order, store, it),
        "fulfillmentLineItems": lambda: [
            {
                "__typename": "FulfillmentLineItem",
                "id": gid("FulfillmentLineItem", f"{parcel.id}{place:03}"),
                "quantity": quantity,
                "lineItem": partial(line_item, store, it, lines[line_id]),
            }
            for place, (line_id, quantity) in enumerate(parcel.items.items())
        ],
    }


def parcel_event(event: ParcelEvent) -> Json:
    """A FulfillmentEvent."""
    return {
        "__typename": "FulfillmentEvent",
        "id": gid("FulfillmentEvent", event.id),
        "status": event.status,
        "happenedAt": moment(event.at),
        "createdAt": moment(event.at),
        "estimatedDeliveryAt": moment(event.estimated),
        "message": event.message,
    }


def refund(store: Store, it: Order, given: Refund) -> Json:
    """A Refund."""
    lines = {line.id: line for line in it.lines}
    return {
        "__typename": "Refund",
        "id": gid("Refund", given.id),
        "legacyResourceId": str(given.id),
        "note": given.note,
        "createdAt": moment(given.at),
        "processedAt": moment(given.at),
        "updatedAt": moment(given.at),
        "totalRefundedSet": bag(given.amount, it.currency),
        "order": partial(order, store, it),
        "refundLineItems": lambda: [
            {
                "id": gid("RefundLineItem", f"{given.id}{place:03}"),
                "quantity": quantity,
                "subtotalSet": bag(lines[line_id].price * quantity, it.currency),
                "lineItem": partial(line_item, store, it, lines[line_id]),
            }
            for place, (line_id, quantity) in enumerate(given.items.items())
        ],
    }


def returned(store: Store, it: Order, back: Return) -> Json:
    """A Return."""
    return {
        "__typename": "Return",
        "id": gid("Return", back.id),
        "name": back.name,
        "status": back.status,
        "createdAt": moment(back.created),
        "requestApprovedAt": moment(back.approved),
        "closedAt": moment(back.closed),
        "totalQuantity": back.quantity,
        "order": partial(order, store, it),
    }


def _transaction(it: Order, moved: Transaction) -> Json:
    return {
        "__typename": "OrderTransaction",
        "id": gid("OrderTransaction", moved.id),
        "kind": moved.kind,
        "status": "SUCCESS",
        "gateway": it.gateway,
        "test": it.test,
        "createdAt": moment(moved.at),
        "processedAt": moment(moved.at),
        "amountSet": bag(moved.amount, it.currency),
    }


def _shipping(it: Order) -> list[Json]:
    price = bag(it.shipping, it.currency)
    line = {"id": gid("ShippingLine", it.id), "title": "Courier", "code": "Courier", "source": "shopify"}
    prices = {"custom": False, "originalPriceSet": price, "discountedPriceSet": price}
    return [{**line, **prices}] if any(line.requires_shipping for line in it.lines) else []


def _entry(entry: Entry) -> Json:
    kind = "BasicEvent" if entry.author is None else "CommentEvent"
    return {
        "__typename": kind,
        "id": gid(kind, entry.id),
        "message": entry.message,
        "rawMessage": entry.message,
        "author": {"id": gid("StaffMember", 1), "name": entry.author},
        "createdAt": moment(entry.at),
        "criticalAlert": False,
        "attributeToApp": False,
    }


def metafield(it: Metafield) -> Json:
    """A Metafield of an order."""
    return {
        "__typename": "Metafield",
        "id": gid("Metafield", it.id),
        "legacyResourceId": str(it.id),
        "namespace": it.namespace,
        "key": it.key,
        "type": it.type,
        "value": it.value,
        "ownerType": "ORDER",
        "compareDigest": digest(it),
        "createdAt": moment(it.created),
        "updatedAt": moment(it.updated),
    }


def digest(it: Metafield) -> str:
    """What a metafield's `compareDigest` is now; it changes with the value and the type."""
    return sha256(f"{it.type}\0{it.value}".encode()).hexdigest()


def _perhaps(show: Any, store: Store, it: Any) -> Json | None:
    return None if it is None else show(store, it)


def customer(store: Store, it: Customer) -> Json:
    """A Customer; of those whose data are hidden, neither name nor address."""
    hidden = store.hides_people
    name = " ".join(part for part in (it.first_name, it.last_name) if part)
    return {
        "__typename": "Customer",
        "id": gid("Customer", it.id),
        "legacyResourceId": str(it.id),
        "firstName": None if hidden else it.first_name,
        "lastName": None if hidden else it.last_name,
        "displayName": "" if hidden else name or it.email or it.phone or "",
        "locale": it.locale,
        "note": None,
        "state": "DISABLED",
        "tags": it.tags,
        "createdAt": moment(it.created),
        "updatedAt": moment(it.updated),
        "numberOfOrders": str(len(it.orders)),
        "amountSpent": {
            "amount": decimal(sum((order.total - order.refunded for order in it.orders), Decimal(0))),
            "currencyCode": store.currency,
        },
        "defaultEmailAddress": None
        if hidden or not it.email
        else {
            "emailAddress": it.email,
            "marketingState": it.email_consent.state,
            "marketingOptInLevel": it.email_consent.level,
            "marketingUpdatedAt": moment(it.email_consent.at),
            "marketingUnsubscribeUrl": f"https://{store.domain}/account/unsubscribe/{it.id}",
            "validFormat": "@" in it.email,
        },
        "defaultPhoneNumber": None
        if hidden or not it.phone
        else {
            "phoneNumber": it.phone,
            "marketingState": it.sms_consent.state,
            "marketingOptInLevel": it.sms_consent.level,
            "marketingUpdatedAt": moment(it.sms_consent.at),
        },
    }


def _address(store: Store, it: Order | Checkout, fields: Mapping[str, str | None] | None) -> Json | None:
    if fields is None:
        return None
    person = {} if store.hides_people else fields
    name = " ".join(part for part in (person.get("first_name"), person.get("last_name")) if part)
    country = fields.get("country")
    return {
        "__typename": "MailingAddress",
        "id": gid("MailingAddress", f"{it.id}?model_name=Address"),
        "firstName": person.get("first_name"),
        "lastName": person.get("last_name"),
        "name": name or None,
        "company": person.get("company"),
        "address1": person.get("address1"),
        "address2": person.get("address2"),
        "city": fields.get("city"),
        "province": fields.get("province"),
        "provinceCode": None,
        "zip": fields.get("zip"),
        "country": _COUNTRIES.get(country, country) if country else None,
        "countryCodeV2": country,
        "phone": person.get("phone"),
    }


def checkout(store: Store, it: Checkout) -> Json:
    """An AbandonedCheckout."""
    money = partial(bag, it.total, it.currency)
    return {
        "__typename": "AbandonedCheckout",
        "id": gid("AbandonedCheckout", it.id),
        "name": f"#{it.id}",
        "abandonedCheckoutUrl": f"https://{store.domain}/{store.shop_id}/checkouts/ac/{it.id}/recover",
        "createdAt": moment(it.created),
        "updatedAt": moment(it.updated),
        "completedAt": moment(it.completed),
        "note": it.note,
        "discountCodes": [],
        "customAttributes": [],
        "customer": partial(_perhaps, customer, store, it.customer),
        "shippingAddress": partial(_address, store, it, it.address),
        "billingAddress": partial(_address, store, it, it.address),
        "subtotalPriceSet": money,
        "totalPriceSet": money,
        "lineItems": lambda: [
            {
                **_goods(store, line, it.currency),
                "__typename": "AbandonedCheckoutLineItem",
                "id": gid("AbandonedCheckoutLineItem", line.id),
                "originalTotalPriceSet": partial(bag, line.total, it.currency),
                "discountedTotalPriceSet": partial(bag, line.total, it.currency),
            }
            for line in it.lines
        ],
    }


def coupon(store: Store, it: Coupon) -> Json:
    """A DiscountCodeNode with the code in it."""
    now = store.now()
    status = "SCHEDULED" if it.starts > now else "EXPIRED" if it.ends and it.ends <= now else "ACTIVE"
    off = f"{it.percent:f}%" if it.percent is not None else f"{it.amount or 0} {store.currency}"
    return {
        "__typename": "DiscountCodeNode",
        "id": gid("DiscountCodeNode", it.id),
        "codeDiscount": {
            "__typename": "DiscountCodeBasic",
            "title": it.title,
            "status": status,
            "summary": f"{off} off entire order",
            "usageLimit": it.usage_limit,
            "asyncUsageCount": 0,
            "appliesOncePerCustomer": it.once_per_customer,
            "startsAt": moment(it.starts),
            "endsAt": moment(it.ends),
            "createdAt": moment(it.created),
            "updatedAt": moment(it.created),
            "codes": [{"id": gid("DiscountRedeemCode", it.id), "code": it.code, "asyncUsageCount": 0}],
        },
    }


def bulk(store: Store, it: Bulk) -> Json:
    """A BulkOperation; a run that found nothing has no file."""
    done = it.status == "COMPLETED" and bool(it.lines)
    return {
        "__typename": "BulkOperation",
        "id": gid("BulkOperation", it.id),
        "type": "QUERY",
        "query": it.query,
        "status": it.status,
        "errorCode": it.error,
        "createdAt": moment(it.created),
        "completedAt": moment(it.completed),
        "objectCount": str(it.objects),
        "rootObjectCount": str(it.roots),
        "fileSize": str(len(it.lines)) if done else None,
        "url": f"{store.url}/bulk/{it.id}.jsonl" if done else None,
        "partialDataUrl": None,
    }


def shop(store: Store) -> Json:
    """The Shop."""
    return {
        "__typename": "Shop",
        "id": gid("Shop", store.shop_id),
        "name": store.name,
        "email": store.email,
        "contactEmail": store.email,
        "myshopifyDomain": store.domain,
        "url": f"https://{store.domain}",
        "primaryDomain": {"id": gid("Domain", store.shop_id), "host": store.domain, "url": f"https://{store.domain}"},
        "ianaTimezone": store.zone.key,
        "currencyCode": store.currency,
        "plan": {"publicDisplayName": "Basic", "partnerDevelopment": False, "shopifyPlus": False},
    }


def installation(store: Store) -> Json:
    """The AppInstallation that every token stands for."""
    return {
        "__typename": "AppInstallation",
        "id": gid("AppInstallation", APP_ID),
        "app": {"id": gid("App", APP_ID), "title": "Follow-ups", "handle": "follow-ups"},
        "accessScopes": [
            {"handle": scope, "description": scope.replace("_", " ").capitalize()} for scope in store.scopes
        ],
    }
