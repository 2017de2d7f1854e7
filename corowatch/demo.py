"""A log that looks alive: a web shop on a bad day, for `corowatch demo`."""

from __future__ import annotations

import datetime
import os
import random
import signal
import threading
from pathlib import Path
from types import TracebackType

CONFIG = """\
flows:
  ssh-guessing:
    tail: {log}
    grep: 'Failed password for (?:invalid user )?(?P<user>\\S+) from (?P<ip>\\S+)'
    threshold: {{at_least: 5, within: 30s, by: ip}}
    alert: {{severity: critical, title: 'SSH guessing from {{ip}}: {{count}} tries, last user {{user}}'}}
  shop-errors:
    tail: {log}
    grep: {{pattern: 'shop\\[\\d+\\]: ERROR (?P<what>.*)', except: 'cart is empty'}}
    throttle: {{every: 10s, by: what}}
    alert: {{severity: error, title: 'shop: {{what}}'}}
  slow:
    tail: {log}
    grep: 'nginx: (?P<path>\\S+) took (?P<ms>[0-9]{{{{4,}}}}) ms'
    alert: {{title: '{{path}} took {{ms}} ms'}}
"""
CONFIG = CONFIG.replace("{{{{4,}}}}", "{{4,}}")


class Writer:
    """Writes such a log until it is left, or for `seconds`; then it asks the process to stop, as Ctrl-C would."""

    def __init__(self, path: Path, seconds: float | None) -> None:
        self._path = path
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write, name="demo", daemon=True)

    def __enter__(self) -> Writer:
        self._path.touch()
        return self

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _write(self) -> None:
        chance = random.Random()
        left = self._seconds if self._seconds is not None else float("inf")
        with self._path.open("a", buffering=1) as log:
            while left > 0 and not self._over.is_set():
                log.write(line(chance) + "\n")
                pause = chance.uniform(0.02, 0.2)
                left -= pause
                self._over.wait(pause)
        if not self._over.is_set():
            os.kill(os.getpid(), signal.SIGINT)


def line(chance: random.Random) -> str:
    """One line of a web shop's log, now."""
    head = f"{datetime.datetime.now():%b %e %H:%M:%S} web1 "
    roll = chance.random()
    if roll < 0.60:
        return head + f"nginx: {chance.choice(PAGES)} took {chance.randrange(2, 400)} ms"
    if roll < 0.72:
        return head + f"shop[{chance.randrange(800, 900)}]: INFO order {chance.randrange(10_000, 99_999)} paid"
    if roll < 0.80:
        return head + f"shop[812]: ERROR {chance.choice(ERRORS)}"
    if roll < 0.83:
        return head + f"nginx: {chance.choice(PAGES)} took {chance.randrange(1000, 9000)} ms"
    user, ip = chance.choice(USERS), chance.choice(("192.0.2.7", "192.0.2.7", "192.0.2.7", "198.51.100.23"))
    return head + f"sshd[4242]: Failed password for {user} from {ip} port {chance.randrange(30_000, 60_000)} ssh2"


PAGES = ("/", "/cart", "/checkout", "/search?q=mug", "/item/4711")
ERRORS = ("payment gateway timed out", "payment gateway timed out", "cart is empty", "no connection to the database")
USERS = ("root", "root", "admin", "invalid user oracle", "invalid user test")
