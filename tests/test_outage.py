"""A sink that is down while 100,000 alerts come: none lost, each key's in order, the memory flat."""

import collections
import contextlib
import json
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ALERTS, KEYS = 100_000, 50
SLACK = 24
"""Megabytes by which the daemon may grow between the first tenth and the end: SQLite's pages, what one batch takes; 10
to 17 were seen. The alerts themselves are some forty."""
CONFIG = """
flows:
  a:
    tail: {{paths: {log}, start: beginning}}
    grep: 'key=(?P<k>\\w+) n=(?P<n>\\d+)'
    alert: {{to: hook, title: '{{n}}', by: k}}
sinks:
  hook: {{webhook: '{url}'}}
"""


class Hook:
    """A server that answers 503 while it is down, and keeps what it takes while it is not."""

    def __init__(self):
        self.down, self.refusals, self.got = True, 0, []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *told):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.down:
                    hook.refusals += 1
                else:
                    hook.got.append(json.loads(body))
                self.send_response(503 if hook.down else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def waiting(state):
    """Alerts that wait, with those that were folded into others."""
    with contextlib.suppress(sqlite3.OperationalError), \
            contextlib.closing(sqlite3.connect(f"file:{state}/state.db?mode=ro", uri=True)) as db:
        return db.execute("SELECT total(max(folded, 1)) FROM outbox WHERE state = 'waiting'").fetchone()[0]
    return 0


def resident(pid):
    """Megabytes."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def until(true, seconds):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.1)
    assert true()


def test_a_hundred_thousand_alerts_outlast_a_sink_that_is_down(tmp_path):
    hook = Hook()
    log, state, config = tmp_path / "a.log", tmp_path / "state", tmp_path / "c.yaml"
    config.write_text(CONFIG.format(log=log, url=hook.url))
    lines = [f"key=k{n % KEYS} n={n}\n" for n in range(ALERTS)]
    log.write_text("".join(lines[:ALERTS // 10]))
    command = [sys.executable, "-m", "corowatch", "run", str(config), "--state-dir", str(state)]

    with open(tmp_path / "stderr", "ab") as said, \
            subprocess.Popen(command, stdout=said, stderr=said) as daemon:
        try:
            until(lambda: waiting(state) == ALERTS // 10, 60)
            before = resident(daemon.pid)
            with log.open("a") as more:
                more.writelines(lines[ALERTS // 10:])
            until(lambda: waiting(state) == ALERTS, 120)
            full = resident(daemon.pid)
            hook.down = False
            until(lambda: waiting(state) == 0, 240)
            after = resident(daemon.pid)
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(30) == 0
        finally:
            daemon.kill()

    got = [one for one in hook.got if one["flow"] == "a"]
    assert ALERTS == sum(one["count"] for one in got)
    assert len(got) == len({one["id"] for one in got})
    order = collections.defaultdict(list)
    for one in got:
        order[one["key"]["k"]].append(int(one["title"]))
    assert KEYS == len(order)
    assert all(numbers == sorted(numbers) for numbers in order.values())
    assert hook.refusals > 0
    assert max(full, after) - before < SLACK, (before, full, after)
