"""With a real HTTP server on loopback, which answers as the test says."""

import json
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from corowatch.core.errors import Undelivered
from corowatch.core.events import Alert, Delivery
from corowatch.core.text import Text
from corowatch.sinks.webhook import webhook

ALERT = Alert(id="a1b2", flow="f", node="alert", title="disk\u00a0full", severity="error",
              at="2026-11-22T10:00:00+00:00", fields={"ip": "192.0.2.7", "evil": "x\r\nX-Injected: 1"}, count=5)


class Server:
    """Answers each request with the next of `answers`: a status, or a status and headers, or a function."""

    def __init__(self, context=None):
        self.answers, self.got, self.connections = [], [], set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *told):
                pass

            def handle_one_request(self):
                server.connections.add(self.client_address)
                super().handle_one_request()

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.got.append((self.command, self.path, self.headers, body))
                answer = server.answers.pop(0) if server.answers else 200
                if callable(answer):
                    answer(self)
                    return
                status, headers, text = answer if isinstance(answer, tuple) else (answer, {}, "said so")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_PUT = do_POST  # noqa: N815 - the base class calls it so

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        if context:
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.host = f"localhost:{self.http.server_port}"
        self.url = f"http{'s' if context else ''}://{self.host}/hook"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


def undelivered(sink, alert=ALERT):
    with pytest.raises(Undelivered) as raised:
        sink.send(alert)
    return raised.value


def test_the_alert_is_the_body_and_its_id_the_key_of_repetition(server):
    delivery = Delivery()

    webhook(url=server.url, delivery=delivery).send(ALERT)

    (method, path, headers, body), = server.got
    assert ("POST", "/hook", json.loads(ALERT.as_json())) == (method, path, json.loads(body))
    assert ("a1b2", "application/json") == (headers["Idempotency-Key"], headers["Content-Type"])
    assert "200 OK: said so" == delivery.said


def test_a_body_of_its_own_is_a_mapping_whose_texts_name_fields(server):
    body = {"text": Text("{severity}: {title} from {ip}"), "tags": [Text("{flow}"), 7], "deep": {"n": Text("{count}")}}

    webhook(url=server.url, method="PUT", body=body, headers={"X-Title": Text("{title}")}).send(ALERT)

    (method, _, headers, sent), = server.got
    assert "PUT" == method
    assert {"text": "error: disk\u00a0full from 192.0.2.7", "tags": ["f", 7], "deep": {"n": "5"}} == json.loads(sent)
    assert "disk\\xa0full" == headers["X-Title"]


def test_a_line_cannot_add_a_header(server):
    webhook(url=server.url, headers={"X-Evil": Text("{evil}")}).send(ALERT)

    headers = server.got[0][2]
    assert "x\\r\\nX-Injected: 1" == headers["X-Evil"]
    assert "X-Injected" not in headers


def test_the_connection_is_kept(server):
    sink = webhook(url=server.url)

    for _ in range(3):
        sink.send(ALERT)

    assert (3, 1) == (len(server.got), len(server.connections))


@pytest.mark.parametrize(("status", "permanent"), [
    (400, True), (401, True), (404, True), (410, True), (408, False), (425, False), (429, False), (500, False),
    (503, False), (302, False)])
def test_replies_that_mean_never_are_refusals_and_others_are_tried_again(server, status, permanent):
    server.answers = [(status, {"Location": "/other"}, "no")]

    error = undelivered(webhook(url=server.url))

    assert permanent is error.permanent
    assert error.why.startswith(f"{server.host} answered {status} ")
    assert error.why.endswith(": no")
    assert 1 == len(server.got)


@pytest.mark.parametrize(("told", "least", "most"), [
    ("7", 7.0, 7.0), ("soon", 0.0, 0.0), ("", 0.0, 0.0), ("Fri, 01 Jan 2100 00:00:00 GMT", 1e9, 1e10),
    ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0, 0.0)])
def test_a_server_that_asks_for_time_gets_it(server, told, least, most):
    server.answers = [(429, {"Retry-After": told}, "")]

    assert least <= undelivered(webhook(url=server.url)).after <= most


def test_a_server_that_hangs_is_left_after_the_timeout(server):
    over = threading.Event()
    server.answers = [lambda handler: over.wait(20.0)]
    began = time.monotonic()

    error = undelivered(webhook(url=server.url, timeout=0.2))
    over.set()

    assert (f"{server.host}: no answer in time", False) == (error.why, error.permanent)
    assert time.monotonic() - began < 10.0


def test_an_answer_without_end_is_not_read_to_it(server):
    def flood(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(b"x" * 1_000_000)

    server.answers = [flood]
    delivery = Delivery()
    server.http.handle_error = lambda request, address: None  # it is cut off while it writes

    webhook(url=server.url, delivery=delivery).send(ALERT)

    assert len(delivery.said) < 1000


def test_of_a_page_for_browsers_the_status_is_told(server):
    server.answers = [(501, {"Content-Type": "text/html;charset=utf-8"}, "<!DOCTYPE HTML>\n<html>"),
                      (501, {}, "one\n  line")]
    sink = webhook(url=server.url)

    assert f"{server.host} answered 501 Not Implemented" == undelivered(sink).why
    assert f"{server.host} answered 501 Not Implemented: one line" == undelivered(webhook(url=server.url)).why


def test_what_it_answers_is_made_safe(server):
    server.answers = [(400, {}, "\x1b[31mred")]

    assert f"{server.host} answered 400 Bad Request: \\x1b[31mred" == undelivered(webhook(url=server.url)).why


def test_a_server_that_is_not_there_is_told_without_the_address():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        url = f"http://{host}/T0KEN?secret=hunter2"

        error = undelivered(webhook(url=url))

    assert (f"{host}: Connection refused", False) == (error.why, error.permanent)


def test_certificates_are_verified(monkeypatch, tmp_path):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    secure = Server(context)
    try:
        error = undelivered(webhook(url=secure.url))
        assert error.why.startswith(f"{secure.host}: its certificate is not trusted: ")
        assert [] == secure.got

        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        webhook(url=secure.url).send(ALERT)

        assert 1 == len(secure.got)
    finally:
        secure.close()


def test_an_address_that_a_server_repeats_is_not_told_and_words_are_left_alone():
    server = Server()
    try:
        server.answers = [(404, {}, "no /hook/T0KEN?key=K3Y3K3Y3 here, e")]

        error = undelivered(webhook(url=f"{server.url}/T0KEN?key=K3Y3K3Y3"))

        assert f"{server.host} answered 404 Not Found: no … here, e" == error.why
    finally:
        server.close()


def test_headers_of_ones_own_stand_once_and_the_key_of_repetition_is_the_alerts(server):
    webhook(url=server.url, headers={"content-type": Text("text/x"), "idempotency-key": Text("mine")}).send(ALERT)

    told = [(name.lower(), value) for name, value in server.got[0][2].items()]
    assert [("content-type", "text/x")] == [one for one in told if one[0] == "content-type"]
    assert [("idempotency-key", "a1b2")] == [one for one in told if one[0] == "idempotency-key"]


@pytest.mark.parametrize(("headers", "want"), [
    ({}, "Basic d2F0Y2g6cEBzcw=="), ({"authorization": Text("Bearer x")}, "Bearer x")])  # watch:p@ss
def test_the_login_of_an_address_is_sent_unless_a_header_says_otherwise(server, headers, want):
    webhook(url=server.url.replace("//", "//watch:p%40ss@"), headers=headers).send(ALERT)

    assert [want] == server.got[0][2].get_all("Authorization")
