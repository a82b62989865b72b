"""Every document that we send Shopify, held against the official schemas of all versions that we support."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    IntValueNode,
    NoDeprecatedCustomRule,
    OperationDefinitionNode,
    Visitor,
    get_named_type,
    parse,
    print_ast,
    validate,
    visit,
)

from adapters.shopify import complete
from tests.schemas import VERSIONS, schema

QUERIES = Path(complete.__file__).parent / "queries"
DOCUMENTS = {path.stem: parse(path.read_text(encoding="utf-8")) for path in sorted(QUERIES.iterdir())}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_is_valid(version: str) -> None:
    found = {
        f"{name}.graphql: {error.message}"
        for name, document in DOCUMENTS.items()
        for error in validate(schema(version), document)
    }
    assert found == set()


def test_nothing_deprecated_is_asked_for_where_every_version_has_what_replaces_it() -> None:
    schemas = [schema(version) for version in VERSIONS]
    found = {
        f"{name}.graphql: {error.message}"
        for name, document in DOCUMENTS.items()
        for error in validate(schemas[-1], document, [NoDeprecatedCustomRule])
        if all(is_replaced(each, error.message) for each in schemas)
    }
    assert found == set()


def is_replaced(known: GraphQLSchema, complaint: str) -> bool:
    """Whether this schema has what a complaint says to use instead; also where it does not say."""
    told = re.search(r"The field (\w+)\.\w+ is deprecated.*?`([\w.]+)`", complaint, re.DOTALL)
    if told is None:
        return True
    at = known.get_type(told[1])
    for name in told[2].split("."):
        field = getattr(at, "fields", {}).get(name)
        if field is None:
            return False
        at = get_named_type(field.type)
    return True


def test_a_deprecated_field_without_a_replacement_in_an_older_version_is_let_pass() -> None:
    complaint = "The field CustomerPhoneNumber.marketingState is deprecated. Use `smsMarketingConsent.state` instead."
    assert [is_replaced(schema(version), complaint) for version in VERSIONS] == [False, False, True]


def test_every_document_has_one_operation_named_like_its_file() -> None:
    named = {name: operations(document) for name, document in DOCUMENTS.items()}
    assert named == {name: [name.title().replace("_", "")] for name in DOCUMENTS}


def operations(document: DocumentNode) -> list[str]:
    return [
        each.name.value if each.name else ""
        for each in document.definitions
        if isinstance(each, OperationDefinitionNode)
    ]


def test_what_several_documents_ask_for_alike_is_the_same_in_all() -> None:
    told: dict[str, set[str]] = defaultdict(set)
    for document in DOCUMENTS.values():
        for each in document.definitions:
            if isinstance(each, FragmentDefinitionNode):
                told[each.name.value].add(print_ast(each))
    assert {name for name, texts in told.items() if len(texts) > 1} == set()


def test_the_lengths_asked_for_are_those_that_tell_whether_there_may_be_more() -> None:
    asked = lengths(DOCUMENTS["orders"])
    assert asked["fulfillments"] == complete.FULFILLMENTS
    assert asked["refunds"] == complete.REFUNDS
    assert asked["transactions"] == complete.TRANSACTIONS


def lengths(document: DocumentNode) -> dict[str, int]:
    """What `first` is of each field that has one in a document's text."""
    found: dict[str, int] = {}

    class Lengths(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            for argument in node.arguments or ():
                if argument.name.value == "first" and isinstance(argument.value, IntValueNode):
                    found[node.name.value] = int(argument.value.value)

    visit(document, Lengths())
    return found


def test_parcels_that_are_read_anew_are_told_as_on_a_page() -> None:
    (anew,) = (
        each for each in DOCUMENTS["order_fulfillments"].definitions if isinstance(each, OperationDefinitionNode)
    )
    told = re.findall(r"\w+", print_ast(anew))
    assert [name for name in fields("orders", "ParcelFields") if name not in told] == []


def test_a_bulk_operation_asks_for_all_that_a_page_has_of_an_order() -> None:
    assert fields("bulk_orders", "BulkOrderFields") == fields("orders", "OrderFields")


def fields(document: str, fragment: str) -> list[str]:
    (asked,) = (
        each
        for each in DOCUMENTS[document].definitions
        if isinstance(each, FragmentDefinitionNode) and each.name.value == fragment
    )
    return [each.name.value for each in asked.selection_set.selections if isinstance(each, FieldNode)]


def test_a_bulk_operation_takes_no_variables_and_holds_no_connection_within_a_list() -> None:
    text = print_ast(DOCUMENTS["bulk_orders"])
    assert "$" not in text
    assert "events" not in text
    assert "fulfillmentLineItems" not in text
