"""One thread a sink: outbox row → sink coroutine → delivered, later, or refused.

A sink is a coroutine too. Its connection is a local variable inside a `with`, so a failure ends it and
closes the connection, and the next attempt begins with a fresh one. One alert is in flight at a time: a
crash between the sink's acceptance and our mark repeats that one, with the same id.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from corowatch.core.config import SinkUse
from corowatch.core.coroutine import finish
from corowatch.core.errors import Undelivered
from corowatch.core.retry import wait_before
from corowatch.store import Outbox, Row, Store

LOOK = 2.0
"""Seconds between two looks at the outbox without being woken: `corowatch outbox retry` is another process."""

Told = Callable[..., None]
"""`told(event, sink=…, …)`: `alert.delivered`, `alert.delayed` or `alert.refused`, for log and pump."""


class Courier:
    """Delivers what the outbox holds for one sink."""

    def __init__(self, use: SinkUse, store: Store, told: Told, after: Courier | None = None) -> None:
        self.name = use.name
        self.use = use
        self._store = store
        self._told = told
        self._inbox: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._sink: Any = None
        self.failures = 0
        """Attempts that failed since the last success."""
        self._rests_until = 0.0
        self._after = after  # whose alert in hand must be done first
        self._thread = threading.Thread(target=self._run, name=f"sink {use.name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something was committed for this sink."""
        self._inbox.put(None)

    def stop(self) -> None:
        """End after the alert in hand."""
        self._stop.set()
        self.wake()

    def join(self, until: float) -> bool:
        """Wait for the end, at most until `until` (monotonic seconds); whether it came."""
        self._thread.join(max(0.0, until - time.monotonic()))
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    # --- in its own thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        if self._after:
            self._after._thread.join()
            self._after = None
        outbox = Outbox(self._store.path, self._store)
        try:
            while not self._stop.is_set():
                try:
                    row = outbox.next(self.name, time.time()) if time.time() >= self._rests_until else None
                    if row is not None:
                        self._deliver(outbox, row)
                    else:
                        self._wait(outbox)
                except Exception as error:  # noqa: BLE001 - the thread must outlive a full disk
                    self._told("sink.failed", sink=self.name, why=f"{type(error).__name__}: {error}")
                    self._stop.wait(LOOK)
        finally:
            self._let_go()
            outbox.close()

    def _wait(self, outbox: Outbox) -> None:
        now = time.time()
        due = outbox.soonest(self.name, now)
        pause = LOOK if due is None else min(LOOK, max(due, self._rests_until) - now)
        try:
            self._inbox.get(timeout=max(pause, 0.001))
            while True:
                self._inbox.get_nowait()
        except queue.Empty:
            return

    def _deliver(self, outbox: Outbox, row: Row) -> None:
        try:
            if self._sink is None:
                self._sink = self.use.kind.start(**self.use.options)
            self._sink.send(row.alert())
        except Exception as error:  # noqa: BLE001 - whatever a sink raises, the alert is kept
            self._sink = None  # it ended with the exception, and closed what it had open
            why = error.why if isinstance(error, Undelivered) else f"{type(error).__name__}: {error}"
            if isinstance(error, Undelivered) and error.permanent:
                outbox.refused(row, why, time.time())
                self._told("alert.refused", sink=self.name, id=row.id, why=why)
            else:
                self._delay(outbox, row, why)
            return
        outbox.delivered(row, time.time())
        if self.failures:
            self._told("sink.recovered", sink=self.name, after_attempts=self.failures)
        self.failures = 0
        self._told("alert.delivered", sink=self.name, id=row.id)

    def _delay(self, outbox: Outbox, row: Row, why: str) -> None:
        """Both wait: the alert by its own failures, so that a bad one does not hold up the rest, and the sink."""
        self.failures += 1
        now = time.time()
        outbox.later(row, why, now + wait_before(row.attempts + 1, random.random()))
        if self.failures > 1:
            self._rests_until = now + wait_before(self.failures - 1, random.random())
        self._told("alert.delayed", sink=self.name, id=row.id, why=why, attempts=row.attempts + 1)

    def _let_go(self) -> None:
        if self._sink is not None:
            try:
                finish(self._sink)
            except Exception as error:  # noqa: BLE001
                self._told("sink.failed", sink=self.name, why=f"{type(error).__name__}: {error}")
            self._sink = None
