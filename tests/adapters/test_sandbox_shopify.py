"""The sandbox store against what is known of Shopify: its schema, its costs, its refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.resources import files
from typing import Any

import pytest
import requests
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    execute_sync,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
    parse,
)

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.shopify import SCOPES, VERSIONS, ShopifySandbox, runs
from adapters.sandbox.shopify.execute import Call, Info, run
from adapters.sandbox.shopify.schema import schema as living_schema
from tests.schemas import schema as official

NOON = datetime(2026, 11, 10, 8, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

PAGE = """
query Page($first: Int!, $after: String, $query: String) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    pageInfo { hasNextPage endCursor } nodes { legacyResourceId }
  }
}
"""
CLAIM = """
mutation Claim($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) {
    metafields { namespace key value compareDigest } userErrors { field message code elementIndex }
  }
}
"""
NOTE = """
mutation Note($input: OrderInput!) { orderUpdate(input: $input) { order { note updatedAt } userErrors { message } } }
"""
COUPON = """
mutation Coupon($basicCodeDiscount: DiscountCodeBasicInput!) {
  discountCodeBasicCreate(basicCodeDiscount: $basicCodeDiscount) {
    codeDiscountNode { id } userErrors { field message code }
  }
}
"""
BULK = """
mutation Bulk($query: String!, $grouped: Boolean!) {
  bulkOperationRunQuery(query: $query, groupObjects: $grouped) {
    bulkOperation { id status } userErrors { message code }
  }
}
"""
POLL = "query Poll($id: ID!) { bulkOperation(id: $id) { status errorCode objectCount url } }"


class Client:
    """Posts documents to the sandbox."""

    def __init__(self, shop: ShopifySandbox) -> None:
        self.shop = shop
        self.token = shop.access_token
        self.session = requests.Session()

    def post(self, document: str, version: str = "2026-10", **variables: Any) -> requests.Response:
        return self.session.post(
            f"{self.shop.url}/admin/api/{version}/graphql.json",
            json={"query": document, "variables": variables},
            headers={"X-Shopify-Access-Token": self.token},
            timeout=5,
            allow_redirects=False,
        )

    def said(self, document: str, **variables: Any) -> dict[str, Any]:
        response = self.post(document, **variables)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def data(self, document: str, **variables: Any) -> dict[str, Any]:
        said = self.said(document, **variables)
        assert "errors" not in said, said
        return dict(said["data"])

    def code(self, document: str, **variables: Any) -> str:
        return str(self.said(document, **variables)["errors"][0]["extensions"]["code"])

    def ids(self, query: str | None = None) -> list[str]:
        nodes = self.data(PAGE, first=250, query=query)["orders"]["nodes"]
        return [node["legacyResourceId"] for node in nodes]

    def order(self, order_id: str, fields: str) -> dict[str, Any]:
        found = self.data(f"query One($id: ID!) {{ order(id: $id) {{ {fields} }} }}", id=gid(order_id))
        return dict(found["order"])

    def claim(self, order_id: str, value: str = "1", **more: Any) -> dict[str, Any]:
        one = {"ownerId": gid(order_id), "namespace": "$app", "key": "done", "type": "single_line_text_field"}
        return dict(self.data(CLAIM, metafields=[{**one, "value": value, **more}])["metafieldsSet"])

    def token_from(self, secret: str) -> requests.Response:
        form = {"grant_type": "client_credentials", "client_id": self.shop.client_id, "client_secret": secret}
        return self.session.post(f"{self.shop.url}/admin/oauth/access_token", data=form, timeout=5)


def gid(number: str, kind: str = "Order") -> str:
    return f"gid://shopify/{kind}/{number}"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOON)


@pytest.fixture
def shop(clock: MovableClock) -> Iterator[ShopifySandbox]:
    with ShopifySandbox(clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
def client(shop: ShopifySandbox) -> Client:
    return Client(shop)


# The schema


def own_schema() -> GraphQLSchema:
    return build_schema(files("adapters.sandbox.shopify").joinpath("schema.graphql").read_text("utf-8"))


def differences(own: GraphQLSchema, theirs: GraphQLSchema) -> Iterator[str]:
    for name, kind in own.type_map.items():
        other: Any = theirs.type_map.get(name)
        if name.startswith("__"):
            continue
        if other is None or type(other) is not type(kind):
            yield f"{name} is missing or of another kind"
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            yield from strays(name, {each.name for each in kind.interfaces}, {each.name for each in other.interfaces})
            yield from strays(name, kind.fields, other.fields)
            for field_name in kind.fields.keys() & other.fields.keys():
                yield from field_differences(f"{name}.{field_name}", kind.fields[field_name], other.fields[field_name])
        elif isinstance(kind, GraphQLInputObjectType):
            yield from strays(name, kind.fields, other.fields)
            yield from types_differ(name, kind.fields, other.fields)
            needed = {each for each, field in other.fields.items() if is_required_input_field(field)}
            yield from (f"{name} leaves out {each}" for each in needed - kind.fields.keys())
        elif isinstance(kind, GraphQLEnumType):
            yield from strays(name, kind.values, other.values)
        elif isinstance(kind, GraphQLUnionType):
            yield from strays(name, {each.name for each in kind.types}, {each.name for each in other.types})


def strays(place: str, own: Any, theirs: Any) -> Iterator[str]:
    yield from (f"{place}: {name} is not in the official schema" for name in set(own) - set(theirs))


def types_differ(place: str, own: Any, theirs: Any) -> Iterator[str]:
    both = own.keys() & theirs.keys()
    yield from (f"{place}.{name} has another type" for name in both if str(own[name].type) != str(theirs[name].type))


def field_differences(place: str, own: GraphQLField, theirs: GraphQLField) -> Iterator[str]:
    if str(own.type) != str(theirs.type):
        yield f"{place} is {own.type}, officially {theirs.type}"
    yield from strays(place, own.args, theirs.args)
    yield from types_differ(place, own.args, theirs.args)
    needed = {name for name, argument in theirs.args.items() if is_required_argument(argument)}
    yield from (f"{place} leaves out {name}" for name in needed - own.args.keys())


@pytest.mark.parametrize("version", VERSIONS)
def test_the_schema_is_a_part_of_the_official_one(version: str) -> None:
    assert list(differences(own_schema(), official(version))) == []


def everything(schema: GraphQLSchema, kind: Any, depth: int) -> str:
    """A selection of all that a type has, as deep as that."""
    if isinstance(kind, GraphQLUnionType):
        return (
            "{ __typename " + " ".join(f"... on {each} {everything(schema, each, depth)}" for each in kind.types) + "}"
        )
    parts = ["__typename"]
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        args = {"first": "(first: 5)", "key": '(namespace: "$app", key: "done")'}
        given = next((text for arg, text in args.items() if arg in field.args and name != "metafields"), "")
        given = "(first: 5)" if name == "metafields" else given
        if is_leaf_type(inner):
            parts.append(name + given)
        elif depth:
            parts.append(f"{name}{given} {everything(schema, inner, depth - 1)}")
    return "{ " + " ".join(parts) + " }"


def test_every_field_of_every_object_has_an_answer(clock: MovableClock) -> None:
    with ShopifySandbox(clock=clock, restore_rate=None) as shop:
        order = full_order(shop)
        checkout = shop.add_checkout()
        client = Client(shop)
        client.claim(order)
        schema = own_schema()
        for kind, number in {"Order": order, "AbandonedCheckout": checkout}.items():
            found: Any = schema.type_map[kind]
            selection = everything(schema, found, 4)
            # Far too dear for the API, and so a run without its gate.
            assert answered(shop, f'{{ node(id: "{gid(number, kind)}") {{ ... on {kind} {selection} }} }}')
        for name in ("shop", "currentAppInstallation", "publicApiVersions"):
            assert schema.query_type is not None
            inner: Any = get_named_type(schema.query_type.fields[name].type)
            assert answered(shop, f"{{ {name} {everything(schema, inner, 3)} }}")


def answered(shop: ShopifySandbox, document: str) -> dict[str, Any]:
    result = run(living_schema(), parse(document), Call(shop._store), {}, None)
    assert result.errors == ()
    assert result.data is not None
    return result.data


def full_order(shop: ShopifySandbox) -> str:
    order = shop.add_order(
        items=[{"title": "Mug", "sku": "M", "product_id": 1}, {"title": "Cup", "quantity": 2}], tags=["b", "A"]
    )
    parcel = shop.fulfill(order, {shop.line_ids(order)[0]: 1}, company="Post", tracking_number="RR1")
    shop.carrier(order, parcel, "IN_TRANSIT")
    shop.carrier(order, parcel, "DELIVERED")
    shop.refund(order, items={shop.line_ids(order)[1]: 1})
    shop.request_return(order)
    return order


def test_the_walk_over_the_data_gives_what_graphql_core_gives(shop: ShopifySandbox) -> None:
    order = full_order(shop)
    document = f"""
      {{ node(id: "{gid(order)}") {{ ...Some ... on Order {{ name customer {{ id }} customer {{ displayName }} }} }} }}
      fragment Some on Order {{ __typename mine: name tags fulfillments(first: 1) {{
        events(first: 1, reverse: true) {{ pageInfo {{ hasNextPage }} edges {{ node {{ status }} }} }} }} }}
    """

    bare = own_schema()
    for name, kind in bare.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            for field_name, field in kind.fields.items():
                living: Any = living_schema().type_map[name]
                field.resolve = bridged(living.fields[field_name].resolve)
    theirs = execute_sync(bare, parse(document), context_value=Call(shop._store), field_resolver=plain)
    assert theirs.errors is None
    assert answered(shop, document) == theirs.data


def plain(source: Any, info: Any, **args: Any) -> Any:
    value = source[info.field_name]
    return value() if callable(value) else value


def bridged(own: Any) -> Any:
    def resolve(source: Any, info: Any, **args: Any) -> Any:
        return own(source, Info(info.schema, info.context, info.field_name, info.return_type), **args)

    return resolve if own else None


def test_an_unknown_field_is_told_as_shopify_tells_it(client: Client) -> None:
    said = client.said("{ shop { motto } }")
    assert "data" not in said
    assert said["errors"][0]["message"] == "Field 'motto' doesn't exist on type 'Shop'"
    assert said["errors"][0]["extensions"]["code"] == "undefinedField"


# Walking through orders


def test_orders_come_in_the_order_of_their_changes(shop: ShopifySandbox, client: Client, clock: MovableClock) -> None:
    first, second = shop.add_order(), shop.add_order()
    clock.advance(MINUTE)
    shop.edit(first, tags=["seen"])
    assert client.ids() == [second, first]
    assert client.ids(f"updated_at:>='{clock():%Y-%m-%dT%H:%M:%SZ}' AND created_at:>'2026-01-01'") == [first]
    assert client.ids("-tag:seen") == [second]


def test_pages_stay_good_while_orders_are_edited(shop: ShopifySandbox, client: Client, clock: MovableClock) -> None:
    orders = [shop.add_order() for _ in range(4)]
    page = client.data(PAGE, first=2)["orders"]
    clock.advance(MINUTE)
    shop.edit(orders[0], tags=["late"])
    rest = client.data(PAGE, first=10, after=page["pageInfo"]["endCursor"])["orders"]
    assert [node["legacyResourceId"] for node in rest["nodes"]] == [orders[2], orders[3], orders[0]]
    assert not rest["pageInfo"]["hasNextPage"]


def test_an_unknown_search_field_is_ignored_with_a_warning(shop: ShopifySandbox, client: Client) -> None:
    order = shop.add_order()
    said = client.said(PAGE, first=1, query="updatd_at:>='2030-01-01'")
    assert said["data"]["orders"]["nodes"] == [{"legacyResourceId": order}]
    assert said["extensions"]["search"][0]["warnings"][0]["code"] == "invalid_field"


def test_without_a_scope_for_it_only_sixty_days_are_seen(shop: ShopifySandbox, client: Client) -> None:
    old = shop.add_order(created_at=NOON - timedelta(days=61))
    new = shop.add_order()
    shop.set_scopes(*(scope for scope in SCOPES if scope != "read_all_orders"))
    assert client.ids() == [new]
    found = client.data("query Some($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[gid(old), gid(new)])
    assert found["nodes"] == [None, {"id": gid(new)}]


def test_lines_beyond_a_page_are_had_by_their_cursor(shop: ShopifySandbox, client: Client) -> None:
    order = shop.add_order(items=[{"title": f"Tea {number}"} for number in range(5)])
    lines = "lineItems(first: 3%s) { pageInfo { hasNextPage endCursor } nodes { title } }"
    page = client.order(order, lines % "")["lineItems"]
    rest = client.order(order, lines % f', after: "{page["pageInfo"]["endCursor"]}"')["lineItems"]
    assert [node["title"] for node in page["nodes"] + rest["nodes"]] == [f"Tea {number}" for number in range(5)]


def test_a_carrier_does_not_move_the_order(shop: ShopifySandbox, client: Client, clock: MovableClock) -> None:
    order = shop.add_order()
    parcel = shop.fulfill(order)
    clock.advance(MINUTE)
    shop.carrier(order, parcel, "DELIVERED")
    fields = "updatedAt displayFulfillmentStatus fulfillments { displayStatus deliveredAt }"
    assert client.order(order, fields) == {
        "updatedAt": "2026-11-10T08:00:00Z",
        "displayFulfillmentStatus": "FULFILLED",
        "fulfillments": [{"displayStatus": "DELIVERED", "deliveredAt": "2026-11-10T08:01:00Z"}],
    }


def test_words_that_the_schema_does_not_know_are_shown_all_the_same(shop: ShopifySandbox, client: Client) -> None:
    order = shop.add_order(fulfillment_status="FULFILLMENT_NOT_REQUIRED")
    shop.carrier(order, shop.fulfill(order), "RETURN_TO_SENDER")
    shown = client.order(order, "displayFulfillmentStatus fulfillments { displayStatus }")
    assert shown["displayFulfillmentStatus"] == "FULFILLMENT_NOT_REQUIRED"
    assert shown["fulfillments"] == [{"displayStatus": "RETURN_TO_SENDER"}]


def test_a_story_of_money(shop: ShopifySandbox, client: Client) -> None:
    order = shop.add_order(paid=False)
    states = [client.order(order, "displayFinancialStatus")]
    shop.pay(order)
    shop.refund(order, "10")
    states.append(client.order(order, "displayFinancialStatus"))
    shop.refund(order)
    states.append(client.order(order, "displayFinancialStatus"))
    assert [state["displayFinancialStatus"] for state in states] == ["PENDING", "PARTIALLY_REFUNDED", "REFUNDED"]
    assert (
        client.order(order, "totalPriceSet { shopMoney { amount } }")["totalPriceSet"]["shopMoney"]["amount"] == "74.9"
    )


def test_protected_data_come_back_empty(shop: ShopifySandbox, client: Client) -> None:
    order = shop.add_order()
    shop.protect_data()
    fields = "email customer { firstName defaultEmailAddress { emailAddress } } shippingAddress { name city }"
    assert client.order(order, fields) == {
        "email": None,
        "customer": {"firstName": None, "defaultEmailAddress": None},
        "shippingAddress": {"name": None, "city": "Haifa"},
    }


def test_abandoned_checkouts_are_found_by_their_last_change(
    shop: ShopifySandbox, client: Client, clock: MovableClock
) -> None:
    left, bought = shop.add_checkout(), shop.add_checkout()
    clock.advance(MINUTE)
    shop.complete_checkout(bought)
    query = "query Left($query: String) { abandonedCheckouts(first: 5, query: $query) { nodes { id completedAt } } }"
    found = client.data(query, query="updated_at:>'2026-11-10T08:00:00Z'")["abandonedCheckouts"]["nodes"]
    assert found == [{"id": gid(bought, "AbandonedCheckout"), "completedAt": "2026-11-10T08:01:00Z"}]
    assert len(client.data(query)["abandonedCheckouts"]["nodes"]) == 2, left


# Writing


def test_a_claim_is_made_once(shop: ShopifySandbox, client: Client) -> None:
    order = shop.add_order()
    first = client.claim(order, compareDigest=None)
    second = client.claim(order, "2", compareDigest=None)
    assert first["metafields"][0]["namespace"] == "app--17"
    assert (second["metafields"], second["userErrors"][0]["code"]) == (None, "STALE_OBJECT")
    known = first["metafields"][0]["compareDigest"]
    assert client.claim(order, "3", compareDigest=known)["userErrors"] == []
    assert client.claim(order, "4", compareDigest=known)["userErrors"][0]["code"] == "STALE_OBJECT"
    assert client.order(order, 'metafield(namespace: "$app", key: "done") { value }')["metafield"] == {"value": "3"}


def test_many_claims_at_once_have_one_winner(shop: ShopifySandbox) -> None:
    order = shop.add_order()
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda each: Client(shop).claim(order, str(each + 1), compareDigest=None), range(8)))
    assert sum(answer["userErrors"] == [] for answer in done) == 1


def test_a_note_is_replaced_whole(shop: ShopifySandbox, client: Client, clock: MovableClock) -> None:
    order = shop.add_order(note="Ring twice")
    clock.advance(MINUTE)
    done = client.data(NOTE, input={"id": gid(order), "note": "Thanked"})["orderUpdate"]
    assert done["order"] == {"note": "Thanked", "updatedAt": "2026-11-10T08:01:00Z"}
    assert client.data(NOTE, input={"id": gid(order), "note": "x" * 5001})["orderUpdate"]["userErrors"]
    assert shop.note(order) == "Thanked"


def test_somebody_may_edit_right_before_a_write(shop: ShopifySandbox, client: Client) -> None:
    order = shop.add_order()
    shop.before_next("Note", lambda: shop.edit(order, note="Ring twice", tags=["vip"]))
    client.data(NOTE, input={"id": gid(order), "note": "Thanked"})
    assert (shop.note(order), shop.tags(order)) == ("Thanked", ["vip"])


def test_tags_add_up_whatever_their_case(shop: ShopifySandbox, client: Client) -> None:
    order = shop.add_order(tags=["Late"])
    tags = "mutation Tags($id: ID!, $tags: [String!]!) { tagsAdd(id: $id, tags: $tags) { userErrors { message } } }"
    client.data(tags, id=gid(order), tags=["late", "asked"])
    assert shop.tags(order) == ["asked", "Late"]


def test_a_coupon_code_exists_once(shop: ShopifySandbox, client: Client) -> None:
    coupon = {
        "title": "Thanks",
        "code": "THX-1",
        "startsAt": "2026-11-01T00:00:00Z",
        "usageLimit": 1,
        "context": {"all": "ALL"},
        "customerGets": {"value": {"percentage": 0.1}, "items": {"all": True}},
    }
    assert client.data(COUPON, basicCodeDiscount=coupon)["discountCodeBasicCreate"]["userErrors"] == []
    again = client.data(COUPON, basicCodeDiscount={**coupon, "code": "thx-1"})["discountCodeBasicCreate"]
    assert again["userErrors"][0]["code"] == "TAKEN"
    assert shop.coupons["thx-1"].percent == 10
    find = (
        'query Find { codeDiscountNodeByCode(code: "Thx-1") { codeDiscount { ... on DiscountCodeBasic { status } } } }'
    )
    assert client.data(find)["codeDiscountNodeByCode"] == {"codeDiscount": {"status": "ACTIVE"}}


def test_an_invoice_is_mailed_to_the_customer(shop: ShopifySandbox, client: Client) -> None:
    order, guest = shop.add_order(), shop.add_order(customer=None)
    send = """mutation Send($id: ID!, $email: EmailInput) {
      orderInvoiceSend(id: $id, email: $email) { userErrors { code } } }"""
    client.data(send, id=gid(order), email={"subject": "Thanks", "customMessage": "It is on its way."})
    refused = client.data(send, id=gid(guest))["orderInvoiceSend"]["userErrors"]
    assert refused == [{"code": "ORDER_INVOICE_SEND_UNSUCCESSFUL"}]
    assert [(mail.to, mail.custom_message) for mail in shop.invoices] == [
        ("customer1001@example.com", "It is on its way.")
    ]


def test_a_workflow_gets_its_payload(shop: ShopifySandbox, client: Client) -> None:
    start = """mutation Start($handle: String!, $payload: JSON!) {
      flowTriggerReceive(handle: $handle, payload: $payload) { userErrors { message } } }"""
    client.data(start, handle="message", payload={"Order": 7, "text": "Hello"})
    assert [(flow.handle, flow.payload["text"]) for flow in shop.flows] == [("message", "Hello")]


def test_an_order_is_cancelled_a_little_later(shop: ShopifySandbox, client: Client) -> None:
    order = shop.add_order()
    cancel = """mutation Cancel($orderId: ID!) {
      orderCancel(orderId: $orderId, reason: OTHER, restock: true, refundMethod: {originalPaymentMethodsRefund: true}) {
        job { id done } orderCancelUserErrors { code } } }"""
    started = client.data(cancel, orderId=gid(order))["orderCancel"]
    assert started["job"]["done"] is False
    assert shop.order(order).cancelled is None
    assert client.order(order, "cancelledAt displayFinancialStatus") == {
        "cancelledAt": "2026-11-10T08:00:00Z",
        "displayFinancialStatus": "REFUNDED",
    }
    again = client.data(cancel, orderId=gid(order))["orderCancel"]
    assert (again["job"], again["orderCancelUserErrors"]) == (None, [{"code": "INVALID"}])


# In bulk


@pytest.mark.parametrize("grouped", [True, False])
def test_a_bulk_operation_ends_in_a_file(shop: ShopifySandbox, client: Client, grouped: bool) -> None:
    orders = [shop.add_order(items=[{"title": "Tea"}, {"title": "Cup"}]) for _ in range(2)]
    query = "{ orders { edges { node { id lineItems { edges { node { id title } } } } } } }"
    started = client.data(BULK, query=query, grouped=grouped)["bulkOperationRunQuery"]
    assert client.data(BULK, query=query, grouped=True)["bulkOperationRunQuery"]["userErrors"][0]["code"] == (
        "OPERATION_IN_PROGRESS"
    )
    polls = [client.data(POLL, id=started["bulkOperation"]["id"])["bulkOperation"] for _ in range(2)]
    assert [poll["status"] for poll in polls] == ["RUNNING", "COMPLETED"]
    rows = [json.loads(line) for line in requests.get(polls[1]["url"], timeout=5).text.splitlines()]
    assert [row["__parentId"] for row in rows if "title" in row] == [gid(each) for each in orders for _ in range(2)]
    assert ("title" in rows[1]) is grouped
    assert polls[1]["objectCount"] == "6"


def test_a_connection_within_a_list_cannot_be_had_in_bulk(client: Client) -> None:
    query = "{ orders { edges { node { id fulfillments { events { edges { node { id } } } } } } } }"
    refused = client.data(BULK, query=query, grouped=False)["bulkOperationRunQuery"]
    assert refused["userErrors"][0]["code"] == "INVALID"
    assert "within a list" in refused["userErrors"][0]["message"]


def test_a_bulk_operation_without_the_scope_for_it_fails(shop: ShopifySandbox, client: Client) -> None:
    shop.add_order()
    shop.set_scopes("read_orders")
    query = "{ orders { edges { node { id customer { id } } } } }"
    started = client.data(BULK, query=query, grouped=True)["bulkOperationRunQuery"]["bulkOperation"]
    polls = [client.data(POLL, id=started["id"])["bulkOperation"] for _ in range(2)]
    assert (polls[1]["status"], polls[1]["errorCode"], polls[1]["url"]) == ("FAILED", "ACCESS_DENIED", None)


# Costs


def test_what_is_asked_for_is_charged_by_what_came(shop: ShopifySandbox, client: Client) -> None:
    shop.add_order()
    cost = client.said(PAGE, first=250)["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (13, 3)
    assert cost["throttleStatus"] == {"maximumAvailable": 2000, "currentlyAvailable": 1997, "restoreRate": 100}
    assert (shop.requests[-1].operation, shop.requests[-1].cost) == ("Page", 13)
    assert shop.requests[-1].variables == {"first": 250}


def test_an_empty_bucket_throttles_until_it_has_filled(clock: MovableClock) -> None:
    with ShopifySandbox(clock=clock, restore_rate=1) as shop:
        client, order = Client(shop), shop.add_order()
        client.claim(order)
        client.claim(order)
        assert client.code(CLAIM, metafields=[]) == "THROTTLED"
        assert "data" not in client.said(CLAIM, metafields=[])
        clock.advance(timedelta(seconds=10))
        assert client.claim(order)["userErrors"] == []


def test_one_query_costs_a_thousand_at_most(client: Client) -> None:
    inner = "lineItems(first: 250) { nodes { id product { id } variant { id } } }"
    document = f"query Dear {{ orders(first: 250) {{ nodes {{ {inner} a: {inner} b: {inner} }} }} }}"
    assert client.code(document) == "MAX_COST_EXCEEDED"


# Access


def test_a_wrong_token_is_told_so(shop: ShopifySandbox, client: Client) -> None:
    client.token = "shpat_wrong"
    response = client.post("{ shop { id } }")
    assert response.status_code == 401
    assert response.json()["errors"].startswith("[API] Invalid API key or access token")


def test_a_token_of_client_credentials_ends_after_a_day(
    shop: ShopifySandbox, client: Client, clock: MovableClock
) -> None:
    assert client.token_from("wrong").status_code == 401
    answer = client.token_from(shop.client_secret).json()
    client.token = answer["access_token"]
    assert client.data("{ shop { id } }")
    clock.advance(timedelta(seconds=answer["expires_in"]))
    assert client.post("{ shop { id } }").status_code == 401


def test_a_revoked_token_lets_nobody_in(shop: ShopifySandbox, client: Client) -> None:
    shop.revoke_token()
    assert client.post("{ shop { id } }").status_code == 401
    client.token = client.token_from(shop.client_secret).json()["access_token"]
    assert client.post("{ shop { id } }").status_code == 200


def test_a_missing_scope_denies_its_fields_alone(shop: ShopifySandbox, client: Client) -> None:
    order = shop.add_order()
    shop.set_scopes("read_orders")
    said = client.said("query One($id: ID!) { order(id: $id) { name customer { id } } }", id=gid(order))
    assert said["data"]["order"] == {"name": "#1001", "customer": None}
    assert said["errors"][0]["path"] == ["order", "customer"]
    assert said["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
    assert "read_customers" in said["errors"][0]["message"]
    assert client.code(NOTE, input={"id": gid(order), "note": "x"}) == "ACCESS_DENIED"


def test_what_is_denied_deep_down_takes_only_its_own_node_along(shop: ShopifySandbox, client: Client) -> None:
    order, checkout = shop.add_order(), shop.add_checkout()
    shop.set_scopes("read_orders")
    document = """query Some($ids: [ID!]!) { nodes(ids: $ids) {
      id ... on Order { returns(first: 1) { nodes { id } } } } }"""
    said = client.said(document, ids=[gid(order), gid(checkout, "AbandonedCheckout")])
    assert said["data"]["nodes"] == [None, {"id": gid(checkout, "AbandonedCheckout")}]
    assert said["errors"][0]["path"] == ["nodes", 0, "returns"]


def test_versions_are_known_by_their_paths(client: Client) -> None:
    assert client.post("{ shop { id } }", "2026-07").headers["X-Shopify-API-Version"] == "2026-07"
    assert client.post("{ shop { id } }", "2025-01").headers["X-Shopify-API-Version"] == "2026-04"
    assert client.post("{ shop { id } }", "2031-01").status_code == 404
    assert client.post("{ shop { id } }", "latest").status_code == 404


def test_another_store_under_the_same_address_has_another_id(shop: ShopifySandbox, client: Client) -> None:
    before = client.data("{ shop { id myshopifyDomain ianaTimezone } }")["shop"]
    shop.become_another_store()
    after = client.data("{ shop { id myshopifyDomain ianaTimezone } }")["shop"]
    assert before["ianaTimezone"] == after["ianaTimezone"] == "Asia/Jerusalem"
    assert before["id"] != after["id"]
    assert before["myshopifyDomain"] != after["myshopifyDomain"]


def test_the_date_is_that_of_the_stores_clock(shop: ShopifySandbox, client: Client) -> None:
    shop.skew = timedelta(minutes=-3)
    assert parsedate_to_datetime(client.post("{ shop { id } }").headers["Date"]) == NOON - 3 * MINUTE


# Trouble


@pytest.mark.parametrize("status", ["401", "402", "403", "404", "423", "429", "430", "500", "502", "503"])
def test_a_store_can_answer_by_a_bare_status(shop: ShopifySandbox, client: Client, status: str) -> None:
    shop.fail_next(status)
    assert client.post("{ shop { id } }").status_code == int(status)
    assert client.post("{ shop { id } }").status_code == 200


@pytest.mark.parametrize("code", ["THROTTLED", "INTERNAL_SERVER_ERROR"])
def test_an_error_can_come_with_status_200(shop: ShopifySandbox, client: Client, code: str) -> None:
    shop.fail_next(code)
    assert client.code("{ shop { id } }") == code


def test_a_write_can_be_done_and_its_answer_lost(shop: ShopifySandbox, client: Client) -> None:
    order = shop.add_order()
    shop.fail_next("reset", match=runs("Note"), after_commit=True)
    assert client.data("{ shop { id } }")
    with pytest.raises(requests.ConnectionError):
        client.post(NOTE, input={"id": gid(order), "note": "Thanked"})
    assert shop.note(order) == "Thanked"


def test_a_mutation_can_be_refused_inside_status_200(shop: ShopifySandbox, client: Client) -> None:
    order = shop.add_order()
    shop.fail_next("userErrors")
    refused = client.data(NOTE, input={"id": gid(order), "note": "x"})["orderUpdate"]
    assert refused == {"order": None, "userErrors": [{"message": "The store refuses to do this."}]}
    assert shop.note(order) is None


def test_a_fault_can_hide_every_order(shop: ShopifySandbox, client: Client) -> None:
    shop.add_order()
    shop.fail_next("empty_list")
    assert client.ids() == []


def test_a_redirect_leads_to_another_domain(shop: ShopifySandbox, client: Client) -> None:
    shop.fail_next("redirect")
    assert client.post("{ shop { id } }").headers["Location"].startswith("https://another-shop.example.com/")


def test_a_store_that_was_closed_opens_where_it_was(shop: ShopifySandbox, client: Client) -> None:
    order = shop.add_order()
    url = shop.url
    shop.stop()
    with pytest.raises(requests.ConnectionError):
        client.post("{ shop { id } }")
    shop.start()
    assert (shop.url, client.ids()) == (url, [order])
