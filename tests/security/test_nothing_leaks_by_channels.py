"""As `test_nothing_leaks`, by every channel, on every database: sent, refused, held, exported, suppressed, erased."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import sqlalchemy as sa

from adapters.sandbox.clock import MovableClock
from adapters.sandbox.server import Loopback, Request, Response
from adapters.sandbox.woocommerce import WooSandbox
from connector.store.database import open_database
from connector.store.tables import metadata
from tests.channels.mail_server import RESET, USUAL, MailServer, mail_server
from tests.channels.providers import ACCOUNT, NOW, CloudProvider, GatewayProvider, TwilioProvider
from tests.monitor import Monitor, listening
from tests.security.watched import MARKS, PERSON, SECRETS, Watched, people_in, secrets_in

pytestmark = pytest.mark.every_database

CONFIG = """
version: 1
database: {database}
staff: [ "json://staff:${{STAFF_PASSWORD}}@127.0.0.1:9" ]
heartbeat: {heartbeat}/${{HEARTBEAT}}
webhook_secret: ${{WEBHOOK_SECRET}}
metrics: {{ port: {port} }}
unsubscribe: https://tea.example.com/stop
stores:
  - {{ id: tea, platform: woocommerce, url: "{tea}", consumer_key: "${{TEA_KEY}}", consumer_secret: "${{TEA_SECRET}}" }}
channels:
  email: {{ type: smtp, url: "smtp://shop:${{CHANNEL_TOKEN}}@127.0.0.1:{smtp}", from: tal@tea.example.com }}
  whatsapp:
    type: cloud
    url: {cloud}
    phone_number_id: "1055501234"
    api_version: v23.0
    access_token: ${{CHANNEL_TOKEN}}
  sms: {sms}
"""
TWILIO = (
    '{{ type: twilio, url: "{url}", account_sid: {account}, auth_token: "${{CHANNEL_TOKEN}}", from: "+15005550006" }}'
)
GATEWAY = (
    '{{ type: http, url: "{url}/send?account=7", headers: {{ X-Api-Key: "${{CHANNEL_TOKEN}}" }}, '
    'fields: {{ to: "{{{{ to }}}}", message: "{{{{ text }}}}" }}, success: {{ status: 200 }} }}'
)
RULES = """
version: 1
rules:
  - id: mail
    trigger: order.placed
    conditions: { customer.last_name: { contains: by email } }
    actions: [ { send: { template: hello, via: email } } ]
  - id: text
    trigger: order.placed
    conditions: { customer.last_name: { contains: by sms } }
    actions: [ { send: { template: hello, via: sms } } ]
  - id: chat
    trigger: order.placed
    conditions: { customer.last_name: { contains: by whatsapp } }
    actions: [ { send: { template: hello, via: whatsapp } } ]
  - { id: call, trigger: order.placed, actions: [ { call_webhook: WEBHOOK } ] }
  - { id: staff, trigger: order.placed, actions: [ { notify_staff: "{{ customer.first_name }}" } ] }
"""
TEMPLATE = """---
subject: Dear {{ customer.first_name }}
whatsapp: { template: on_its_way, parameters: ["{{ customer.first_name }}", "{{ order.number }}"] }
---
Hello {{ customer.first_name }} {{ customer.last_name }}, of {{ order.customer_note }}
"""


@dataclass
class Street:
    """A store, a provider of each channel, and the folder from which its customers are written to."""

    watched: Watched
    database: str
    tea: WooSandbox
    mail: MailServer
    cloud: CloudProvider
    twilio: TwilioProvider
    gateway: GatewayProvider
    monitor: Monitor
    service: Loopback
    calls: list[Request]
    emails: list[str] = field(default_factory=list)

    def config(self, sms: str) -> None:
        urls = {"account": ACCOUNT, "url": (self.twilio if sms is TWILIO else self.gateway).loopback.url}
        text = CONFIG.format(
            database=self.database,
            heartbeat=self.monitor.url,
            port=free_port(),
            tea=self.tea.url,
            smtp=self.mail.port,
            cloud=self.cloud.loopback.url,
            sms=sms.format(**urls),
        )
        (self.watched.folder / "config.yaml").write_text(text)

    def order(self) -> str:
        """A customer orders for each channel, as nobody gets two messages within an hour; gives the last number."""
        number = 0
        for channel in ("email", "sms", "whatsapp"):
            self.emails.append(f"markedmail{len(self.emails)}@example.com")
            person = {**PERSON, "last_name": f"Markedova by {channel}", "email": self.emails[-1]}
            person["phone"] = f"+9725023456{len(self.emails):02}"
            number = self.tea.add_order(billing=person, shipping=person, customer_note="Markednote, please")
        return str(number)

    def run(self, *commands: list[str]) -> None:
        self.watched.run(*commands)

    def kept(self) -> str:
        """Every value in the database."""
        url = self.database.replace("sqlite:///", f"sqlite:///{self.watched.folder}/")
        opened = open_database(url)
        with opened.read() as connection:
            rows = [tuple(row) for table in metadata.sorted_tables for row in connection.execute(sa.select(table))]
        opened.close()
        return "\n".join(v.decode() if isinstance(v, bytes) else str(v) for row in rows for v in row)

    def asked(self) -> str:
        """The addresses of all requests that went out, but for what only Twilio makes necessary."""
        requests = [*self.tea.requests, *self.cloud.requests, *self.gateway.requests, *self.calls]
        requests += [each for each in self.twilio.requests if each.method != "GET"]
        return "\n".join(f"{each.path}?{each.query}" for each in requests)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def with_password(database: str) -> str:
    """The same, with a password: the embedded PostgreSQL asks for none, and is told one all the same."""
    return database.replace("://postgres:@", "://postgres:${DATABASE_PASSWORD}@")


@pytest.fixture
def street(tmp_path: Path, database: str) -> Iterator[Street]:
    calls: list[Request] = []

    def answer(request: Request) -> Response:
        calls.append(request)
        return Response(204, b"", ())

    with ExitStack() as stack:
        tea = stack.enter_context(WooSandbox())
        tea.add_key(SECRETS["TEA_KEY"], SECRETS["TEA_SECRET"], "read_write")
        service = Loopback(answer, lambda query: dict(parse_qsl(query)), MovableClock(NOW))
        service.start()
        stack.callback(service.stop)
        providers = CloudProvider(), TwilioProvider(), GatewayProvider()
        cloud, twilio, gateway = (stack.enter_context(each) for each in providers)  # type: ignore[attr-defined]
        mail, monitor = stack.enter_context(mail_server()), stack.enter_context(listening())
        street = Street(Watched(tmp_path), database, tea, mail, cloud, twilio, gateway, monitor, service, calls)
        for folder, name, text in (
            ("rules", "rules.yaml", RULES.replace("WEBHOOK", f"'{service.url}/hook'")),
            ("templates/hello", "en.md", TEMPLATE),
        ):
            (tmp_path / folder).mkdir(parents=True)
            (tmp_path / folder / name).write_text(text)
        yield street


def tell(street: Street) -> None:
    """All goes well; then nothing does; then people ask for what is theirs."""
    street.config(TWILIO)
    street.run(["check"], ["check", "--online"], ["run", "--once"])
    street.order()
    street.run(["run", "--once"])
    street.config(GATEWAY)
    street.order()
    street.run(["run", "--once"])
    _nothing_goes_well(street)
    number = street.order()
    street.run(
        ["history"], ["history", "--json"], ["pending"], ["status"], ["status", "--json"], ["explain", "tea", number],
        ["pause"], ["resume"], ["settle", "1", "--sent"], ["approve", "mail"], ["look", _port(street)],
    )  # fmt: skip
    _people_ask(street)


def _port(street: Street) -> str:
    text = (street.watched.folder / "config.yaml").read_text()
    return text.partition("port: ")[2].partition(" ")[0]


def _nothing_goes_well(street: Street) -> None:
    quoted = f"{PERSON['email']} {SECRETS['CHANNEL_TOKEN']}"
    street.mail.replies.update({"RCPT": f"550 5.7.1 {quoted}"})
    for provider in (street.cloud, street.gateway, street.twilio):
        provider.fail("401")
    street.order()
    street.run(["run", "--once"], ["check", "--online"])
    street.mail.replies.update(USUAL | {".": RESET, "AUTH": f"235 {quoted}"})
    for provider in (street.cloud, street.gateway, street.twilio):
        provider.faults.clear()
        provider.fail("reset", after_commit=True)
    street.config(TWILIO)
    street.order()
    street.run(["run", "--once"])
    street.mail.replies.update(USUAL | {"AUTH": f"535 5.7.8 {quoted}"})
    for provider in (street.cloud, street.gateway, street.twilio):
        provider.faults.clear()
    street.run(["run", "--once"], ["check", "--online"], ["status"])
    street.mail.replies.update(USUAL)


def _people_ask(street: Street) -> None:
    folder, email, phone = street.watched.folder, street.emails[0], "+972502345601"
    (folder / "list.csv").write_text(f"email,purpose\n{email},\n")
    (folder / "wrong.csv").write_text(f"email,purpose\n{PERSON['last_name']},\n{email},news\n")
    (folder / "redact.json").write_text(
        json.dumps({"shop_domain": "127.0.0.1", "customer": {"email": email}, "data_request": {"id": 1}})
    )
    street.run(
        ["suppression", "add", email, phone, "--reason", f"{PERSON['first_name']} asked by phone"],
        ["suppression", "add", PERSON["last_name"]],
        ["suppression", "list"],
        ["suppression", "list", "--json"],
        ["suppression", "import", "list.csv"],
        ["suppression", "import", "wrong.csv"],
        ["suppression", "export", "-"],
        ["suppression", "remove", "somebody@example.org"],
        ["run", "--once"],
        ["suppression", "remove", email, phone],
        ["export", email],
        ["export", email, "--json"],
        ["export", PERSON["first_name"]],
        ["forget", PERSON["first_name"], "--yes"],
        ["forget", "--from", "redact.json", "--yes"],
    )
    (folder / "list.txt").write_text("\n".join(street.emails[1:]))
    street.run(["forget", email, "--yes"], ["forget", "--from", "list.txt", "--yes"])
    for file in ("list.csv", "wrong.csv", "redact.json", "list.txt"):
        (folder / file).unlink()
    street.run(["run", "--once"], ["status"], ["look", _port(street)])


def test_with_every_channel_nothing_leaks_and_the_forgotten_are_gone(street: Street) -> None:
    street.database = with_password(street.database)
    tell(street)
    street.database = street.database.replace("${DATABASE_PASSWORD}", SECRETS["DATABASE_PASSWORD"])
    said, shown = "".join(street.watched.said), "".join(street.watched.results)
    # It went as it should, or what follows would prove nothing.
    name = PERSON["first_name"]
    assert any(name.encode() in mail for _, _, mail in street.mail.mails)
    assert any(name in each["body"] for each in street.twilio.sent)
    assert any(name in each["message"] for each in street.gateway.sent)
    assert any(name in json.dumps(each) for each in street.cloud.sent)
    assert any(name.encode() in each.body for each in street.calls)
    assert street.monitor.beats
    for word in ("a way out is in trouble", "outcome unknown", "refused by a channel"):
        assert word in said, word
    pages = "\n".join(line for line in shown.splitlines() if line.startswith(("aftersale_", '{"healthy"')))
    assert "aftersale_channel_failures_in_a_row" in pages
    assert name in shown, "who asks is answered"
    # No key anywhere, and no customer in a log, an error, a metric, an address or an argument.
    assert secrets_in(said + shown) == []
    assert people_in(said) == []
    assert people_in(pages) == []
    assert people_in(street.asked()) == []
    assert (secrets_in("".join(street.watched.arguments)), people_in("".join(street.watched.arguments))) == ([], [])
    assert street.watched.files_with_secrets() == []
    assert secrets_in(street.kept()) == []
    # And of who was forgotten nothing is left: in no row, nor on the disk.
    assert people_in(street.kept()) == []
    bytes_left = b"".join(file.read_bytes() for file in street.watched.folder.rglob("*.db*"))
    assert [mark for mark in MARKS if mark.encode() in bytes_left] == []
