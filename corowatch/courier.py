"""One thread a sink: outbox row → sink coroutine → delivered, later, or refused.

A sink is a coroutine too. Its connection is a local variable inside a `with`, so a failure ends it and
closes the connection, and the next attempt begins with a fresh one. One message is in flight at a time, of one
alert or, where the sink makes one of many, of all that wait, and nothing else is sent before it is noted what became
of it: only a crash between the sink's acceptance and our note repeats that one, with the same id.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from corowatch.core.config import SinkUse
from corowatch.core.coroutine import finish
from corowatch.core.errors import StateLost, StateRefused, Undelivered
from corowatch.core.events import Alert, Delivery
from corowatch.core.retry import LONGEST, wait_before
from corowatch.store import Outbox, Row, Store

LOOK = 2.0
"""Seconds between two looks at the outbox without being woken: `corowatch outbox retry` is another process."""
MOST = 10_000
"""Alerts that one message takes at most."""
PARTLY = 4 * 3600.0
"""Seconds after which a message that only some of its recipients take is set aside; greylisting takes less."""
HOPELESS = 3
"""Refusals or failures in a row after which it may be the address, or the sink, and not the alerts."""
PROBES = 5
"""Alerts from anywhere in a refused message that are then tried by themselves."""

Told = Callable[..., None]
"""`told(event, sink=…, …)`: `alert.delivered`, `alert.delayed` or `alert.refused`, for log and pump."""


class _Partly(msgspec.Struct):
    """A message that some of its recipients have, and others do not yet."""

    rows: list[Row]
    since: float
    done: set[str] = msgspec.field(default_factory=set)
    attempts: int = 0
    again: float = 0.0


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
        self._rests_until = 0.0  # on the steady clock
        self._pace: float = use.options[use.kind.pace] if use.kind.pace else 0.0
        self._hurry = threading.Event()
        self._anew = threading.Event()
        self._delivery = Delivery()
        self._partly: list[_Partly] = []
        self._again: _Partly | None = None
        """Which of these is in hand."""
        self._retried = False  # the last message was one of these
        self._untried = False  # the last message was one that was never tried, for others failed
        self._unnoted: Callable[[], None] | None = None
        """Writes what became of the last message, where that has failed so far."""
        self._stuck = False
        self._suspects = 0
        """So many of the next alerts were refused together; one of them may be bad, or the address."""
        self._most = MOST
        """Alerts that the next message takes: of suspects half, to find the bad one."""
        self._refusals = 0
        """In a row."""
        self._after = after  # whose alert in hand must be done first
        self._thread = threading.Thread(target=self._run, name=f"sink {use.name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something was committed for this sink."""
        self._inbox.put(None)

    def clock_was_set(self) -> None:
        """What waits until a time may wait for long now: it is tried at once."""
        self._anew.set()
        self.wake()

    def hurry(self) -> None:
        """The end is near: send what waits without keeping a pace."""
        self._hurry.set()
        if not self.failures:
            self._rests_until = 0.0
        self.wake()

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

    def _try_at_once(self, outbox: Outbox) -> None:
        """Who starts the daemon, or mends a sink, wants to see whether it works."""
        try:
            outbox.retry_failed(self.name)
        except Exception as error:  # noqa: BLE001 - then it is tried when it is due
            self._tell_failed(error)

    def _run(self) -> None:
        if self._after:
            self._after._thread.join()
            self._after = None
        outbox = Outbox(self._store.path, self._store)
        try:
            self._try_at_once(outbox)
            while not self._stop.is_set():
                try:
                    self._catch_up()
                    if self._anew.is_set():
                        self._anew.clear()
                        self._try_at_once(outbox)
                    if rows := self._next(outbox):
                        self._deliver(outbox, rows)
                    else:
                        self._wait(outbox)
                    self._stuck = False
                except Exception as error:  # noqa: BLE001 - the thread must outlive a full disk
                    self._tell_failed(error)
                    self._stop.wait(LOOK)
            try:
                self._catch_up()
            except Exception as error:  # noqa: BLE001
                self._tell_failed(error)
        finally:
            self._let_go()
            outbox.close()

    def _tell_failed(self, error: Exception) -> None:
        """Once, until it goes on: a full disk must not fill the log. Nothing goes on with a state that is lost."""
        if isinstance(error, StateLost | StateRefused):
            self._told("state.lost", error=error)
            self._stop.set()
            return
        if not self._stuck:
            self._told("sink.failed", sink=self.name, why=f"{type(error).__name__}: {error}")
        self._stuck = True

    def _note(self, write: Callable[[], None]) -> None:
        """Write what became of the message in hand; if that fails, it is tried again before anything is sent."""
        self._unnoted = write
        self._catch_up()

    def _catch_up(self) -> None:
        if self._unnoted:
            self._unnoted()
            self._unnoted = None

    def _next(self, outbox: Outbox) -> list[Row]:
        """What is to be sent now: one alert, or as one message all that wait, where the sink makes one of many."""
        now = time.monotonic()
        if now < self._rests_until:
            return []
        again = next((one for one in self._partly if one.again <= now), None)
        rows: list[Row] = []
        if again is None or self._retried:  # they take turns with new ones, so that neither waits for all of the other
            besides = frozenset(row.seq for one in self._partly for row in one.rows)
            most = self._most if self.use.kind.batches else 1
            self._untried = self.failures > 0 and not self._untried
            if self._untried:  # what fails on and on takes turns with what was never tried
                rows = outbox.take(self.name, time.time(), most, besides, untried=True)
            rows = rows or outbox.take(self.name, time.time(), most, besides)
        self._again = None if rows else again
        self._retried = self._again is not None
        self._delivery.done = set(self._again.done) if self._again else set()
        return self._again.rows if self._again else rows

    def _wait(self, outbox: Outbox) -> None:
        now = time.time()
        due = outbox.soonest(self.name, now)
        pause = LOOK if due is None else min(LOOK, due - now)
        for again in (self._rests_until, *(one.again for one in self._partly)):
            if (rests := again - time.monotonic()) > 0:
                pause = min(pause, rests)
        try:
            self._inbox.get(timeout=max(pause, 0.001))
            while True:
                self._inbox.get_nowait()
        except queue.Empty:
            return

    def _deliver(self, outbox: Outbox, rows: list[Row]) -> None:
        try:
            self._send(rows)
        except Exception as error:  # noqa: BLE001 - whatever a sink raises, the alert is kept
            self._sink = None  # it ended with the exception, and closed what it had open
            self._fail(outbox, rows, error)
            return
        self._forget_partly()
        self._refusals = 0
        self._cleared(len(rows))
        self._rest()
        failures, self.failures = self.failures, 0
        at = time.time()

        def delivered() -> None:
            outbox.delivered(rows, at)
            if failures:
                self._told("sink.recovered", sink=self.name, after_attempts=failures)
            for row in rows:
                self._told("alert.delivered", sink=self.name, id=row.id, said=self._delivery.said)

        self._note(delivered)

    def _rest(self) -> None:
        """Somebody got a message; the next keeps the pace."""
        if not self._hurry.is_set():
            self._rests_until = time.monotonic() + self._pace

    def _send(self, rows: list[Row]) -> None:
        if self._sink is None:
            self._sink = _started(self.use, self._delivery)
        self._delivery.said = ""
        alerts = tuple(row.alert() for row in rows)
        self._sink.send(alerts if self.use.kind.batches else alerts[0])

    def _fail(self, outbox: Outbox, rows: list[Row], error: Exception) -> None:
        why = error.why if isinstance(error, Undelivered) else f"{type(error).__name__}: {error}"
        permanent = isinstance(error, Undelivered) and error.permanent
        after = min(error.after, LONGEST) if isinstance(error, Undelivered) else 0.0
        if self._delivery.done.difference(self._again.done if self._again else ()):
            self._rest()
        if self._delivery.done and not permanent:
            self._partly_failed(outbox, rows, why, after)
        elif not permanent:
            self._delay(outbox, rows, why, after)
        elif len(rows) > 1 and not self._delivery.done:
            self._suspects = self._suspects or len(rows)  # one bad alert must not take the others with it
            self._most = len(rows) // 2
            if self._refusals >= HOPELESS:
                self._probe(outbox, rows, why)
        else:
            self._forget_partly()
            self._refusals += 1
            self._cleared(len(rows))
            self._refuse(outbox, rows, why)

    def _probe(self, outbox: Outbox, rows: list[Row], why: str) -> None:
        """So many were refused in a row that it may be the address: if a few from anywhere are refused too, all are."""
        left = list(rows)
        for row in random.sample(rows, min(PROBES, len(rows))):
            refusals = self._refusals
            left.remove(row)
            self._deliver(outbox, [row])
            if self._refusals <= refusals:
                return
        self._cleared(len(left))
        self._refuse(outbox, left, why)

    def _cleared(self, rows: int) -> None:
        """So many of the suspects are dealt with; the rest may go together."""
        self._suspects = max(0, self._suspects - rows)
        self._most = self._suspects or MOST

    def _forget_partly(self) -> None:
        if self._again:
            self._partly.remove(self._again)
            self._again = None

    def _partly_failed(self, outbox: Outbox, rows: list[Row], why: str, after: float) -> None:
        """Some of its recipients have it: it goes to the others later, and other alerts go on meanwhile."""
        now = time.monotonic()
        if self._again is None:
            self._again = _Partly(rows, now)
            self._partly.append(self._again)
        partly = self._again
        partly.done = set(self._delivery.done)
        partly.attempts += 1
        partly.again = now + max(after, wait_before(partly.attempts, random.random()))
        if now - partly.since >= PARTLY:
            self._forget_partly()
            self._refuse(outbox, rows, why)
        else:
            self._note_delay(outbox, rows, why, due=0.0, in_hand=True)

    def _refuse(self, outbox: Outbox, rows: list[Row], why: str) -> None:
        at = time.time()

        def refused() -> None:
            outbox.refused(rows, why, at)
            for row in rows:
                self._told("alert.refused", sink=self.name, id=row.id, why=why)

        self._note(refused)

    def _delay(self, outbox: Outbox, rows: list[Row], why: str, after: float) -> None:
        """Both wait: the alert by its own failures, so that a bad one does not hold up the rest, and the sink."""
        self.failures += 1
        due = time.time() + max(after, wait_before(rows[0].attempts + 1, random.random()))
        if self.failures > HOPELESS or after:
            rest = wait_before(max(1, self.failures - 2 * HOPELESS), random.random())
            self._rests_until = time.monotonic() + max(after, rest)
        self._note_delay(outbox, rows, why, due=due)

    def _note_delay(self, outbox: Outbox, rows: list[Row], why: str, *, due: float, in_hand: bool = False) -> None:
        def delayed() -> None:
            outbox.later(rows, why, due, in_hand=in_hand)
            for row in rows:
                self._told("alert.delayed", sink=self.name, id=row.id, why=why, attempts=row.attempts + 1)

        self._note(delayed)

    def _let_go(self) -> None:
        if self._sink is not None:
            try:
                finish(self._sink)
            except Exception as error:  # noqa: BLE001
                self._told("sink.failed", sink=self.name, why=f"{type(error).__name__}: {error}")
            self._sink = None


def send_one(use: SinkUse, alert: Alert) -> str:
    """Send an alert through a sink, here and now; gives what the other side said. Raises what the sink raises."""
    delivery = Delivery()
    sink = _started(use, delivery)
    sink.send((alert,) if use.kind.batches else alert)
    finish(sink)
    return delivery.said


def _started(use: SinkUse, delivery: Delivery) -> Any:
    handed = {use.kind.delivery: delivery} if use.kind.delivery else {}
    return use.kind.start(**use.options, **handed)
