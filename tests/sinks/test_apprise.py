"""With a real HTTP server on loopback, to which Apprise's own json:// leads."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from corowatch.core.errors import Undelivered
from corowatch.core.events import Alert, Delivery
from corowatch.discovery import discover

kind = discover().sink["apprise"]


def alert(title, severity="error"):
    return Alert(id=title, flow="f", node="alert", title=title, severity=severity,
                 at="2026-11-22T10:00:00.000000+00:00", events=[{"text": title}])


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *told):
            pass

        def do_POST(self):
            self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(self.server.status)
            self.end_headers()

    made = HTTPServer(("127.0.0.1", 0), Handler)
    made.got, made.status = [], 200
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_all_that_wait_are_one_message_of_the_worst(server):
    delivery = Delivery()
    sink = kind.start(url=f"json://user:hunter2@127.0.0.1:{server.server_port}/", delivery=delivery)

    sink.send((alert("disk full", "warning"), alert("disk gone", "critical")))

    sent, = server.got
    assert ("[critical] 2 alerts: disk gone", "failure") == (sent["title"], sent["type"])
    assert sent["message"].startswith("disk full\n")
    assert "JSON took it" == delivery.said


def test_a_log_cannot_call_a_whole_channel(server):
    sink = kind.start(url=f"json://127.0.0.1:{server.server_port}/")

    sink.send((alert("@everyone <!channel> ops@example.org <3"),))

    assert server.got[0]["title"].endswith("@\u200beveryone <\u200b!channel> ops@example.org <3")


def test_a_service_that_fails_is_tried_again_and_no_secret_is_told(server):
    server.status = 500
    sink = kind.start(url=f"json://user:hunter2@127.0.0.1:{server.server_port}/s3cret")

    with pytest.raises(Undelivered) as raised:
        sink.send((alert("disk full"),))

    assert not raised.value.permanent
    assert raised.value.why.startswith("JSON: Failed to send JSON")
    assert "error=500" in raised.value.why
    assert not {"hunter2", "s3cret"} & set(raised.value.why.replace("/", " ").replace(":", " ").split())


def test_a_url_that_apprise_does_not_know_is_told_without_it():
    with pytest.raises(Undelivered) as raised:
        kind.start(url="nosuch://hunter2@x")

    assert "Apprise does not know a URL of this kind, or something is missing in it" == raised.value.why
