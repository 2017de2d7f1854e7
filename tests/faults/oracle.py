"""A web server outside the fault zone: it takes alerts and keeps them, or fails on demand.

    oracle.mode = "up"        204, and the alert is kept
                  "down"      503
                  "refuse"    400
                  "cut"       the alert is kept, and the connection closed before the answer
                  "silent"    the request is read, and never answered
                  "slow"      204 after `oracle.seconds`

`oracle.refuses` and `oracle.fails` may be set to functions: an alert of which they are true gets 400, or 503,
whatever the mode.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Oracle:
    """Keeps what it took: `got` in the order of arrival, repeats and all."""

    def __init__(self) -> None:
        self.mode, self.seconds = "up", 0.0
        self.refuses: Callable[[dict[str, Any]], bool] = lambda alert: False
        self.fails: Callable[[dict[str, Any]], bool] = lambda alert: False
        self.got: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        """The Idempotency-Key of each that was kept."""
        self.requests = 0
        self._over = threading.Event()
        oracle = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *told: object) -> None:
                pass

            def do_POST(self) -> None:
                alert = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                oracle.requests += 1
                mode = "refuse" if oracle.refuses(alert) else "down" if oracle.fails(alert) else oracle.mode
                if mode == "silent":
                    oracle._over.wait()
                if mode == "slow":
                    oracle._over.wait(oracle.seconds)
                if mode in ("up", "cut", "slow"):
                    oracle.keys.append(self.headers.get("Idempotency-Key"))
                    oracle.got.append(alert)
                if mode in ("cut", "silent"):
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response({"down": 503, "refuse": 400}.get(mode, 204))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def handle(self) -> None:
                with contextlib.suppress(OSError, ValueError):  # the daemon was killed, or we cut it off
                    super().handle()

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def ids(self, flow: str = "") -> Counter[str]:
        """How often each alert id was taken; of one flow if that is named."""
        return Counter(alert["id"] for alert in list(self.got) if not flow or alert["flow"] == flow)

    def end(self) -> None:
        self._over.set()
        self.http.shutdown()
        self.http.server_close()
