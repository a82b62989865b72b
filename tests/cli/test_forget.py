"""`forget`, `export` and `suppression`: what a person may ask of a shop, and how the shop does it."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from adapters.sandbox.shopify import ShopifySandbox
from tests.cli.conftest import Desk, Result, Shop

MARIT = {"first_name": "Marit", "last_name": "Oksanen", "email": "marit@example.org", "phone": "050-555-0142"}


def bytes_on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*.db*"))


@pytest.fixture
def known(noted: Shop) -> Shop:
    """A shop with an order of Marit's."""
    noted.order(billing=MARIT)
    noted.type("run", "--once")
    return noted


# forget -------------------------------------------------------------------------------------------------------


def test_forget_shows_what_it_found_erases_it_and_says_so(known: Shop) -> None:
    result = known.type("forget", "Marit@Example.org", "--yes")
    assert result.code == 0
    assert "1 order, with all that is kept about them:\n  102 (tea)" in result.out
    assert "Erased." in result.out
    assert b"arit" not in bytes_on_disk(known.folder)
    assert [row["state"] for row in known.rows("history")] == ["done"], "what was done stays recorded"


def test_without_yes_and_with_nobody_to_ask_nothing_is_erased(known: Shop) -> None:
    for arguments in (["forget", "marit@example.org"], ["forget", "marit@example.org", "--json"]):
        result = known.type(*arguments)
        assert result.code == 2
        assert "nothing was erased" in result.err
    assert b"Marit" in bytes_on_disk(known.folder)


@pytest.mark.parametrize(("answer", "code", "stays"), [("y\n", 0, False), ("n\n", 2, True)])
def test_it_does_what_is_answered(known: Shop, answer: str, code: int, stays: bool) -> None:
    done = subprocess.run(
        known.command("forget", "marit@example.org"),
        cwd=known.folder,
        env=known.environment(),
        input=answer,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "Erase this for good?" in done.stdout) == (code, True)
    assert (b"Marit" in bytes_on_disk(known.folder)) == stays


def test_a_guests_order_that_only_the_phone_tells_is_named_as_such(known: Shop) -> None:
    known.order(billing={**MARIT, "email": ""})
    known.type("run", "--once")
    result = known.type("forget", "marit@example.org", "--yes")
    assert "103 (tea): made by a guest with the same phone" in result.out


def test_of_who_is_not_known_it_is_said_that_nothing_is_kept(known: Shop) -> None:
    result = known.type("forget", "nobody@example.org", "--yes")
    assert result.code == 0
    assert "nothing is kept of them here" in result.out
    known.order(billing={"email": "nobody@example.org", "first_name": "Ingrid"})
    known.type("run", "--once")
    assert b"Ingrid" not in bytes_on_disk(known.folder)


def test_as_json_it_names_the_orders_and_no_address(known: Shop) -> None:
    result = known.type("forget", "marit@example.org", "--yes", "--json")
    assert result.json == {"forgotten": [{"orders": [{"store": "tea", "order": "102"}], "by_phone": []}]}


def test_what_is_no_address_is_a_mistake_that_does_not_repeat_it(known: Shop) -> None:
    result = known.type("forget", "Marit Oksanen")
    assert (result.code, result.err) == (2, "this is neither an e-mail address nor a phone number\n")
    assert known.type("forget").code == 2
    assert known.type("forget", "marit@example.org", "--from", "list.txt").code == 2


def test_a_file_may_name_several_one_a_line(known: Shop) -> None:
    known.order(billing={"email": "ingrid@example.org", "first_name": "Ingrid"})
    known.type("run", "--once")
    known.write("list.txt", "# asked in May\nMARIT@example.org\n\ningrid@example.org\n")
    result = known.type("forget", "--from", "list.txt", "--yes")
    assert "person 2: " in result.out
    found = bytes_on_disk(known.folder)
    assert b"Marit" not in found
    assert b"Ingrid" not in found


def test_every_wrong_line_of_a_file_is_told_and_nobody_is_erased(known: Shop) -> None:
    known.write("list.txt", "marit@example.org\nMarit\n12\n")
    result = known.type("forget", "--from", "list.txt", "--yes")
    assert result.code == 2
    assert [line.partition(" ")[0] for line in result.lines] == ["list.txt:2:1:", "list.txt:3:1:"]
    assert b"Marit" in bytes_on_disk(known.folder)


def redact(shop: str, **customer: object) -> str:
    return json.dumps({"shop_id": 1, "shop_domain": shop, "customer": customer, "orders_to_redact": [102]})


def test_a_platforms_redact_request_is_taken_for_its_own_shop(known: Shop) -> None:
    known.write("redact.json", redact("127.0.0.1", id=191167, email="marit@example.org", phone=None))
    assert known.type("forget", "--from", "redact.json", "--yes").code == 0
    assert b"Marit" not in bytes_on_disk(known.folder)


def test_a_redact_request_without_addresses_finds_its_orders_by_their_ids(known: Shop) -> None:
    known.write("redact.json", "[" + redact("127.0.0.1", id=191167) + "]")
    assert "102 (tea)" in known.type("forget", "--from", "redact.json", "--yes").out
    assert b"Marit" not in bytes_on_disk(known.folder)


def test_a_redact_request_as_shopify_sends_it_is_understood(desk: Desk) -> None:
    """The shape is that of Shopify's documentation, down to a phone without a country."""
    with ShopifySandbox() as store:
        shop = f"{{ id: mugs, platform: shopify, url: {store.url}, access_token: shpat_sandbox }}"
        desk.write("config.yaml", f"version: 1\nstores:\n  - {shop}\n")
        desk.rules("- {id: hello, trigger: order.placed, actions: [add_note: Hello]}")
        order = store.add_order(email="marit@example.org")
        desk.type("run", "--once")
        request = {
            "shop_id": 954889,
            "shop_domain": "127.0.0.1",
            "customer": {"id": 191167, "email": "marit@example.org", "phone": "555-625-1199"},
            "orders_to_redact": [order, 280263, 220458],
        }
        desk.write("redact.json", json.dumps(request))
        result = desk.type("forget", "--from", "redact.json", "--yes")
        assert result.code == 0, result.err
        desk.type("run", "--once")
    assert b"marit@example.org" not in bytes_on_disk(desk.folder)


def test_a_redact_request_of_another_shop_erases_nobody(known: Shop) -> None:
    known.write("redact.json", redact("mugs.myshopify.com", email="marit@example.org"))
    result = known.type("forget", "--from", "redact.json", "--yes")
    assert result.code == 2
    assert "none of the shops that this is about is in the configuration" in result.err
    assert b"Marit" in bytes_on_disk(known.folder)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ('{"shop_domain": "a.example.com", "customer": {"id": 1}, "orders_requested": []}', "see 'aftersale export'"),
        ('{"shop_domain": "a.example.com"}', "it names no shop and no customer"),
        ('{"shop_id": 954889, "shop_domain": "mugs.myshopify.com"}', "this asks to erase a whole shop"),
        ("{nonsense", "is no JSON from here on"),
        ("[]", "names nobody"),
        ("# nobody\n", "names nobody"),
    ],
)
def test_what_is_no_wish_to_erase_a_customer_is_refused_in_words(known: Shop, payload: str, said: str) -> None:
    known.write("redact.json", payload)
    result = known.type("forget", "--from", "redact.json", "--yes")
    assert result.code == 2
    assert said in result.err


def test_a_customer_of_a_shopify_store_is_forgotten_as_well(desk: Desk) -> None:
    with ShopifySandbox() as store:
        desk.write(
            "config.yaml",
            f"""
            version: 1
            stores:
              - {{ id: mugs, platform: shopify, url: {store.url}, access_token: shpat_sandbox }}
            """,
        )
        desk.rules("- {id: hello, trigger: order.placed, actions: [add_note: Hello]}")
        store.add_order(email="marit@example.org")
        assert desk.type("run", "--once").code == 0
        assert b"marit@example.org" in bytes_on_disk(desk.folder)
        assert desk.type("forget", "marit@example.org", "--yes").code == 0
        assert desk.type("run", "--once").code == 0
    assert b"marit@example.org" not in bytes_on_disk(desk.folder)


# Several clients ----------------------------------------------------------------------------------------------


@pytest.fixture
def clients(known: Shop) -> Shop:
    """Two clients of an agency, each with a state of its own, that know Marit."""
    for name in ("a", "b"):
        known.config(
            known.store.url, f"database: sqlite:///{name}.db\nrules: ../rules/*.yaml\n", name=f"all/{name}.yaml"
        )
    assert known.type("-c", "all", "run", "--once").code == 0
    return known


def test_in_a_folder_of_clients_all_of_them_forget(clients: Shop) -> None:
    result = clients.type("-c", "all", "forget", "marit@example.org", "--yes")
    assert result.out.startswith("a: 1 order")
    assert "b: 1 order" in result.out
    assert b"Marit" not in bytes_on_disk(clients.folder / "all")


def test_or_the_one_that_is_named(clients: Shop) -> None:
    assert clients.type("-c", "all", "forget", "marit@example.org", "--yes", "--client", "a").code == 0
    assert b"Marit" not in (clients.folder / "all" / "a.db").read_bytes()
    assert b"Marit" in bytes_on_disk(clients.folder / "all")
    assert clients.type("-c", "all", "forget", "x@example.org", "--yes", "--client", "c").code == 2


# export -------------------------------------------------------------------------------------------------------


def test_export_hands_over_all_that_is_kept(known: Shop) -> None:
    (kept,) = known.type("export", "MARIT@example.org", "--json").json["kept"]
    (order,) = kept["orders"]
    assert order["facts"]["customer"]["email"] == "marit@example.org"
    assert order["events"][0]["kind"] == "order.placed"
    assert [(row["rule"], row["action"], row["state"]) for row in order["actions"]] == [
        ("hello", "add_note", "done"),
        ("hello", "add_note", "pending"),
    ]
    assert kept["suppressions"] == []


def test_export_is_readable_and_goes_into_a_file_for_its_owner_alone(known: Shop) -> None:
    shown = known.type("export", "marit@example.org").out
    assert "Order 102 of tea" in shown
    assert "email: marit@example.org" in shown
    assert "hello, step 1: add_note, done" in shown
    known.type("export", "marit@example.org", "--to", "marit.json")
    file = known.folder / "marit.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["kept"][0]["orders"][0]["facts"]["number"] == "102"
    again = known.type("export", "marit@example.org", "--to", "marit.json")
    assert (again.code, "nothing is overwritten" in again.err) == (2, True)


def test_of_a_forgotten_person_export_has_what_is_left(known: Shop) -> None:
    known.type("forget", "marit@example.org", "--yes")
    (kept,) = known.type("export", "marit@example.org", "--json").json["kept"]
    (order,) = kept["orders"]
    assert (order["erased"], order["facts"]["customer"]) == ("forgotten", {})
    assert kept["suppressions"][0]["forgotten"] is True
    assert "Their personal data were erased" in known.type("export", "marit@example.org").out


def test_of_who_is_not_known_export_says_that_nothing_is_kept(known: Shop) -> None:
    assert known.type("export", "nobody@example.org").out == "Nothing is kept of them.\n"


# explain ------------------------------------------------------------------------------------------------------


def test_explain_says_why_somebody_gets_no_messages(known: Shop) -> None:
    known.type("suppression", "add", "marit@example.org")
    assert "No messages: this customer is on the suppression list since" in known.type("explain", "tea", "102").out
    known.type("forget", "marit@example.org", "--yes")
    result = known.type("explain", "tea", "102", "--json").json
    assert "was forgotten on" in result["unwritable"]["transactional"]


# suppression --------------------------------------------------------------------------------------------------


def listed(shop: Desk) -> list[tuple[str | None, str, str | None]]:
    rows = shop.type("suppression", "list", "--json").json
    return [(row["address"], row["purpose"], row["reason"]) for row in rows]


def test_addresses_are_put_on_the_list_and_taken_off(desk: Desk, noted: Shop) -> None:
    assert noted.type("suppression", "list").out == "Nobody is on the suppression list.\n"
    noted.type("suppression", "add", "Marit@example.org", "+972 50 555 0142", "--reason", "asked by phone")
    noted.type("suppression", "add", "ingrid@example.org", "--purpose", "marketing")
    assert sorted(listed(noted), key=str) == [
        ("+972 50 555 0142", "everything", "asked by phone"),
        ("Marit@example.org", "everything", "asked by phone"),
        ("ingrid@example.org", "marketing", None),
    ]
    assert noted.type("suppression", "remove", "marit@EXAMPLE.org", "ingrid@example.org").code == 0
    assert [row[0] for row in listed(noted)] == ["+972 50 555 0142"]
    assert noted.type("suppression", "remove", "marit@example.org").code == 2


def test_the_list_may_begin_before_the_first_run(shop: Shop) -> None:
    shop.rules('- {id: hello, trigger: order.placed, actions: [send: "Hello"]}')
    assert shop.type("suppression", "add", "marit@example.org").code == 0
    shop.begin()
    shop.order(billing=MARIT)
    shop.type("run", "--once")
    assert shop.store.mails == []
    assert "on the suppression list" in shop.rows("history")[0]["reason"]


def test_the_forgotten_stand_on_it_without_their_address_and_stay_when_they_are_added(known: Shop) -> None:
    known.type("suppression", "add", "marit@example.org")
    known.type("forget", "marit@example.org", "--yes")
    assert {row[0] for row in listed(known)} == {None}
    assert known.type("suppression", "list").out == "1 address forgotten, as hashes alone.\n"
    result = known.type("suppression", "add", "marit@example.org")
    assert "0 addresses put on; 1 were there for good, as forgotten" in result.out
    assert b"marit@" not in bytes_on_disk(known.folder)
    assert known.type("suppression", "remove", "marit@example.org").code == 0
    assert listed(known) == []


def test_the_list_goes_out_and_comes_in_as_csv_and_no_cell_is_a_formula(noted: Shop) -> None:
    noted.type("suppression", "add", "+972505550142", "--reason", "=HYPERLINK(1)")
    assert noted.type("suppression", "export", "list.csv").code == 0
    head, row = (noted.folder / "list.csv").read_text().splitlines()
    assert head == "address,purpose,reason,since"
    assert row.startswith("'+972505550142,everything,'=HYPERLINK(1),")
    noted.type("suppression", "remove", "+972505550142")
    assert noted.type("suppression", "import", "list.csv").code == 0
    assert listed(noted) == [("+972505550142", "everything", "=HYPERLINK(1)")]
    assert noted.type("suppression", "export", "list.csv").code == 2


@pytest.mark.parametrize(
    "text",
    [
        "marit@example.org\n",
        "Name;E-Mail\nMarit;marit@example.org\n",
        "\ufeffemail,purpose\nmarit@example.org,everything\n",
    ],
)
def test_lists_of_other_programs_are_understood(noted: Shop, text: str) -> None:
    noted.write("list.csv", text)
    assert noted.type("suppression", "import", "list.csv").code == 0
    assert listed(noted) == [("marit@example.org", "everything", None)]


def test_every_wrong_line_of_a_csv_is_told_and_none_is_taken(noted: Shop) -> None:
    noted.write("list.csv", "email,purpose\nmarit@example.org,\nMarit,\nx@example.org,news\n")
    result = noted.type("suppression", "import", "list.csv")
    assert [line.partition(" ")[0] for line in result.lines] == ["list.csv:3:1:", "list.csv:4:1:"]
    assert listed(noted) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("add",),
        ("import",),
        ("list", "x@example.org"),
        ("remove", "x@example.org", "--reason", "why"),
        ("export", "a", "b"),
    ],
)
def test_wrong_usage_is_a_mistake_in_words(noted: Shop, arguments: tuple[str, ...]) -> None:
    result: Result = noted.type("suppression", *arguments)
    assert result.code == 2
    assert "suppression" in result.err


@pytest.mark.parametrize(("span", "said"), [("a while", "write it like '2 years'"), ("30 days", "at least 90 days")])
def test_a_time_to_keep_data_for_that_cannot_be_is_a_mistake(noted: Shop, span: str, said: str) -> None:
    noted.config(noted.store.url, f"keep_for: {span}\n")
    result = noted.type("check")
    assert result.code == 2
    assert said in result.err
