"""With a real SMTP server on loopback."""

import email
import email.policy
import json
import socket
import ssl

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from corowatch.core.errors import Undelivered
from corowatch.core.events import Alert, Delivery
from corowatch.discovery import discover

kind = discover().sink["email"]


def alert(id_="a1b2", title="disk full", severity="error", **more):
    return Alert(id=id_, flow="f", node="alert", title=title, severity=severity, at="2026-11-22T10:00:00.000000+00:00",
                 host="web1", events=[{"text": "kernel: disk full\x1b[2J"}], **more)


class AnyPort(Controller):
    """A controller that takes a free port."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Office:
    """An SMTP server: `refuse` maps a recipient to what is answered, `answer` is what the message gets."""

    def __init__(self, **options):
        self.got, self.refuse, self.answer, self.logins = [], {}, "250 OK: queued as 42", []
        if options.pop("logins", False):
            options |= {"authenticator": self.login, "auth_required": True}
        self.controller = AnyPort(self, hostname="127.0.0.1", port=0, server_hostname="test", **options)
        self.controller.start()
        self.port = self.controller.port

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.answer.startswith("250"):
            self.got.append((envelope.rcpt_tos, envelope.content))
        return self.answer

    def login(self, server, session, envelope, mechanism, data):
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"hunter2", handled=False)

    def mails(self):
        return [email.message_from_bytes(content, policy=email.policy.default) for _, content in self.got]

    def sink(self, *to, **options):
        return kind.start(to=to or ("ops@example.org",), server=f"localhost:{self.port}",
                          **{"from": "watch@web1.example.org", **options})

    def close(self):
        self.controller.stop(no_assert=True)


@pytest.fixture
def office():
    made = Office()
    yield made
    made.close()


def said(mail):
    return mail.get_content().replace("\r\n", "\n")


def undelivered(sink, *alerts):
    with pytest.raises(Undelivered) as raised:
        sink.send(alerts or (alert(),))
    return raised.value


def test_one_alert_is_one_mail_and_its_id_the_mails(office):
    delivery = Delivery()

    office.sink(delivery=delivery).send((alert(fields={"ip": "192.0.2.7"}, before=["one"], after=["two"]),))

    mail, = office.mails()
    assert ["[error] disk full", "watch@web1.example.org", "ops@example.org", "<a1b2@web1.example.org>",
            "auto-generated"] == [mail[name] for name in ("Subject", "From", "To", "Message-ID", "Auto-Submitted")]
    assert """\
disk full
  2026-11-22 10:00:00 UTC, error, f.alert
  ip: 192.0.2.7
    one
  > kernel: disk full\\x1b[2J
    two

--\x20
corowatch on web1
""" == said(mail)
    assert "250 OK: queued as 42" == delivery.said


def test_all_that_wait_are_one_mail_of_the_worst(office):
    office.sink().send((alert("1", "a"), alert("2", "b", "critical"), alert("3", "c", "info")))

    mail, = office.mails()
    assert "[critical] 3 alerts: b" == mail["Subject"]
    assert ["a", "b", "c"] == [text.splitlines()[0] for text in said(mail).split("\n\n")[:3]]
    assert not mail.is_multipart()


def test_a_storm_is_counted_in_the_text_and_whole_in_what_is_attached(office):
    alerts = tuple(alert(str(n), f"t{n}") for n in range(1000))

    office.sink().send(alerts)

    mail, = office.mails()
    text, attached = mail.iter_parts()
    assert "and 950 more:\n  950 of f.alert\n" in said(text)
    assert [one.id for one in alerts] == [json.loads(row)["id"] for row in attached.get_content().splitlines()]
    assert "alerts.jsonl" == attached.get_filename()


def test_the_same_alerts_make_the_same_id_and_others_another(office):
    for alerts in [("1", "2"), ("1", "2"), ("1", "3")]:
        office.sink().send(tuple(map(alert, alerts)))

    first, second, third = [mail["Message-ID"] for mail in office.mails()]
    assert first == second != third


def test_text_of_a_log_adds_no_header_and_does_not_end_the_mail(office):
    office.sink().send((alert(title="x\r\nBcc: evil@example.org\r\n\r\n.\r\nMAIL FROM:<e>", fields={
        "user": "\r\n.\r\nQUIT", "long": "é" * 5000}),))

    mail, = office.mails()
    assert [["ops@example.org"]] == [to for to, _ in office.got]
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("[error] x\\r\\nBcc: evil")
    assert "  user: \\r\\n.\\r\\nQUIT\n" in said(mail)
    assert all(len(row) < 999 and row.isascii() for row in office.got[0][1].split(b"\r\n"))


@pytest.mark.parametrize(("answer", "permanent"), [("554 spam", True), ("452 full", False), ("421 later", False)])
def test_5xx_is_a_refusal_and_4xx_is_tried_again(office, answer, permanent):
    office.answer = answer

    error = undelivered(office.sink())

    assert (f"localhost:{office.port}: {answer}", permanent) == (error.why, error.permanent)


def test_a_recipient_that_has_it_is_not_sent_it_again(office):
    delivery = Delivery()
    office.refuse = {"bert@example.org": "450 greylisted"}
    error = undelivered(office.sink("anna@example.org", "Bert <bert@example.org>", delivery=delivery))
    assert ("bert@example.org: 450 greylisted", False) == (error.why, error.permanent)

    office.refuse.clear()
    office.sink("anna@example.org", "Bert <bert@example.org>", delivery=delivery).send((alert(),))

    assert [["anna@example.org"], ["bert@example.org"]] == [to for to, _ in office.got]
    assert "anna@example.org, Bert <bert@example.org>" == office.mails()[1]["To"]


def test_a_recipient_that_is_refused_for_good_is_told(office):
    office.refuse = {"bert@example.org": "550 no such user"}

    error = undelivered(office.sink("anna@example.org", "bert@example.org"))

    assert ("bert@example.org: 550 no such user", True) == (error.why, error.permanent)
    assert [["anna@example.org"]] == [to for to, _ in office.got]


@pytest.mark.parametrize(("full", "sender"), [
    ("web1.example.org", "corowatch@web1.example.org"), ("localhost", "corowatch@web1"),
    ("localhost.localdomain", "corowatch@web1")])
def test_without_a_sender_it_is_this_machine(office, monkeypatch, full, sender):
    monkeypatch.setattr(socket, "getfqdn", lambda: full)
    monkeypatch.setattr(socket, "gethostname", lambda: "web1")

    office.sink(**{"from": None}).send((alert(),))

    assert sender == office.mails()[0]["From"]


@pytest.fixture
def trusted(monkeypatch, tmp_path):
    """A server's context whose certificate this machine trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.mark.parametrize("password", ["hunter2", "wrong"])
def test_a_login_is_made_when_the_connection_is_secure_and_a_wrong_password_loses_nothing(trusted, password):
    office = Office(tls_context=trusted, require_starttls=True, logins=True)
    try:
        sink = office.sink(tls="starttls", user="me", password=password)
        if password == "wrong":
            error = undelivered(sink)
            assert not error.permanent
            assert error.why.startswith(f"localhost:{office.port}: 535 ")
            assert "wrong" not in error.why
        else:
            sink.send((alert(),))
            assert 1 == len(office.got)
        assert [("me", password)] == office.logins[:1]
    finally:
        office.close()


def test_a_connection_may_be_secure_from_the_first_byte(trusted):
    office = Office(ssl_context=trusted)
    try:
        office.sink(tls="tls").send((alert(),))

        assert 1 == len(office.got)
    finally:
        office.close()


def test_a_certificate_that_nobody_vouches_for_is_refused(trusted, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    office = Office(tls_context=trusted)
    try:
        error = undelivered(office.sink(tls="starttls"))

        assert "certificate verify failed" in error.why.lower()
        assert ([], False) == (office.got, error.permanent)
    finally:
        office.close()


def test_a_server_that_offers_no_security_gets_no_password(office):
    error = undelivered(office.sink(tls="starttls", user="me", password="hunter2"))

    assert (f"localhost:{office.port}: STARTTLS extension not supported by server.", False) == (
        error.why, error.permanent)


def test_a_server_that_is_not_there_is_tried_again():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        error = undelivered(kind.start(to=("ops@example.org",), server=f"127.0.0.1:{port}"))

    assert (f"127.0.0.1:{port}: Connection refused", False) == (error.why, error.permanent)
