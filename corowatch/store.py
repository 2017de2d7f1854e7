"""state.db: positions, Memory, totals and the outbox, committed together.

One turn of the pump is one transaction: after kill -9 the daemon goes on at a position whose memory and
alerts are exactly those stored. SQLite in WAL mode with `synchronous=FULL`: what is committed survives a
power cut, at the price of one fdatasync. All times are seconds since the epoch.

A database that is not ours, cannot be read or is newer is refused, before SQLite has touched it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from corowatch import memory_log
from corowatch.core.errors import StateLost, StateRefused
from corowatch.core.events import Alert
from corowatch.core.memory import Memory
from corowatch.core.retry import LONGEST
from corowatch.durable import network_file_system, sync_folder
from corowatch.upgrade import upgrade

APPLICATION_ID = 0x636F726F  # "coro"
VERSION = 6
MAX_ROWS, MAX_BYTES = 10_000, 64 << 20
"""Waiting for one sink; beyond, alerts of one node and key fold into one row."""
HANDFUL = 4 << 20
"""Bytes of rows that a courier takes at once; more would be a daemon's whole memory several times over."""
PATIENCE = 5.0
"""Seconds that a writer waits for another process to finish."""
KEEP_SECONDS, KEEP_ROWS = 30 * 86400.0, 100_000
"""How long, and how many, delivered rows are kept; refused ones likewise."""
RECOUNT = 1.0
"""Seconds between two counts of what waits: 64 MiB of it take some 30 ms."""

_SCHEMA = """
CREATE TABLE readers (step TEXT PRIMARY KEY, reader TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE positions (reader TEXT, key TEXT, state TEXT NOT NULL, PRIMARY KEY (reader, key)) WITHOUT ROWID;
CREATE TABLE nodes (node TEXT PRIMARY KEY, fingerprint TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE totals (role TEXT, name TEXT, counter TEXT, value INTEGER NOT NULL,
                     PRIMARY KEY (role, name, counter)) WITHOUT ROWID;
CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, id TEXT NOT NULL,
                     state TEXT NOT NULL DEFAULT 'waiting', family TEXT NOT NULL, body TEXT NOT NULL,
                     folded INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
                     due REAL NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '', done REAL, UNIQUE (sink, id));
CREATE INDEX outbox_waiting ON outbox (sink, state, seq);
CREATE INDEX outbox_delayed ON outbox (sink, family, seq) WHERE state = 'waiting' AND due > 0;
CREATE INDEX outbox_tried ON outbox (sink, family, seq) WHERE state = 'waiting' AND attempts > 0;
CREATE INDEX outbox_folded ON outbox (sink, family, seq) WHERE state = 'waiting' AND folded > 0;
""" + memory_log.SCHEMA

_UNSURE = {sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC}
_OF_THE_DISK = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_COMPANIONS = ("-wal", "-shm")
"""What SQLite keeps beside a database: https://www.sqlite.org/wal.html."""

# Built once, here: msgspec 0.22 prepares a type at its first use, and two couriers doing so at once end the process.
_ALERT = msgspec.json.Decoder(Alert)


_NEXT = """
SELECT * FROM outbox AS o WHERE sink = ? AND state = 'waiting' AND (due <= ? OR due > ?) AND NOT EXISTS (
    SELECT 1 FROM outbox AS e WHERE e.sink = o.sink AND e.state = 'waiting' AND e.due > 0 AND e.due > ? AND e.due <= ?
                              AND e.family = o.family AND e.seq < o.seq) ORDER BY seq LIMIT ?"""
_UNTRIED = _NEXT.replace("ORDER BY", """AND attempts = 0 AND NOT EXISTS (
    SELECT 1 FROM outbox AS e WHERE e.sink = o.sink AND e.state = 'waiting' AND e.attempts > 0
                              AND e.family = o.family AND e.seq < o.seq) ORDER BY""")


class Row(NamedTuple):
    """One alert on its way to one sink."""

    seq: int
    sink: str
    id: str
    state: str
    family: str
    body: str
    folded: int
    attempts: int
    due: float
    why: str
    done: float | None

    def alert(self) -> Alert:
        """The alert as it was committed."""
        return _ALERT.decode(self.body)


class Change(NamedTuple):
    """A counter that grew: `role` is source, node or sink."""

    role: str
    name: str
    counter: str
    by: int


def connect(path: Path) -> sqlite3.Connection:
    """Open state.db for one thread. Transactions are begun and ended by hand."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def _said(error: Exception) -> str:
    """What an error says. SQLite asks for far too much memory where a damaged page tells it to."""
    return str(error) or "it asks for too much memory"


class _Transaction:
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK where anything is raised."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        # A deferred BEGIN that reads first cannot wait for another writer: SQLITE_BUSY_SNAPSHOT comes at once.
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if kind is None:
            try:
                self._connection.execute("COMMIT")
                return
            except sqlite3.Error as failed:
                self._rollback(failed)
                raise
        self._rollback(error)

    def _rollback(self, error: BaseException | None) -> None:
        """Undo what was not committed. Raises StateLost where it cannot be known whether it was."""
        code = getattr(error, "sqlite_errorcode", None)
        if code in _UNSURE:
            raise StateLost(str(error)) from error
        if code is not None and code & 0xFF in _DAMAGED:
            raise StateRefused(f"the state is damaged: {error}; move state.db, state.db-wal and state.db-shm away to "
                               "begin anew") from error
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


class _GoingLive(NamedTuple):
    """What a new graph changes in the state."""

    readers: Mapping[str, str]
    nodes: Mapping[str, str]
    positions: Mapping[str, Mapping[str, Any]]


class Store:
    """The state directory of one daemon. Raises StateRefused, with the reason, if it cannot be used as it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "state.db"
        self.writing = threading.Lock()
        """Held while this process writes: cheaper than SQLite's own waiting, which sleeps."""
        self._lock = _own(folder)
        try:
            self._db = self._opened()
            with self._sound():
                self._waiting = self._counted()
        except BaseException:
            os.close(self._lock)
            raise
        self._alerts: list[tuple[Alert, bytes, float]] = []
        self._going_live: _GoingLive | None = None
        self._recounted = 0.0
        self.in_flight: dict[str, frozenset[int]] = {}
        """Which rows each courier has in hand: they must not be folded into."""
        self.folding: set[str] = set()
        """Sinks whose alerts are being folded."""

    def _opened(self) -> sqlite3.Connection:
        fresh = not self.path.exists()
        if fresh:
            _refuse_orphans(self.path)
        else:
            examine(self.path)
        try:
            if fresh:
                # Under another name until it is whole: a first start that is cut off leaves nothing to be refused.
                new = self.path.with_name("state.db.new")
                new.unlink(missing_ok=True)
                os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                db = sqlite3.connect(new, isolation_level=None)
                db.executescript(f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION}; "
                                 f"BEGIN; {_SCHEMA} COMMIT;")
                db.close()
                new.rename(self.path)
                sync_folder(self.folder)
            db = connect(self.path)
            upgrade(db)
            db.execute("SELECT count(*) FROM positions").fetchone()
            db.execute("SELECT count(*) FROM readers").fetchone()
        except (sqlite3.Error, OSError, ValueError, TypeError, MemoryError) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            cure = "look after its disk, and start again" if code in _OF_THE_DISK else _away(self.path)
            raise StateRefused(f"{self.path} cannot be read: {_said(error)}; {cure}") from error
        return db

    # --- what was kept --------------------------------------------------------------------------------

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """Rows that nobody of us wrote are refused. What SQLite says of a damaged page need not even be UTF-8."""
        try:
            yield
        except (sqlite3.DatabaseError, ValueError, TypeError, MemoryError) as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            if isinstance(error, sqlite3.OperationalError) and code & 0xFF != sqlite3.SQLITE_ERROR:
                raise  # of a disk; not of columns that are missing, or (without a code) of a text that is not UTF-8
            raise StateRefused(f"{self.path} is damaged: {_said(error)}; {_away(self.path)}") from error

    def positions(self, reader: str, steps: Iterable[str]) -> dict[str, Any] | None:
        """The saved positions of a reader; None if neither it nor one of its steps has ever run.

        Steps whose source got other options take the positions of their former readers along, where these were of
        the same kind: a reader's name begins with it.
        """
        with self._sound():
            known = dict(self._db.execute("SELECT step, reader FROM readers"))
            kind = reader.partition(":")[0]
            former = {reader} if reader in known.values() else {
                known[step] for step in steps if step in known and known[step].partition(":")[0] == kind}
            if not former:
                return None
            return {key: json.loads(state) for one in sorted(former) for key, state in self._db.execute(
                "SELECT key, state FROM positions WHERE reader = ?", (one,))}

    def memory(self, node: str, fingerprint: str) -> Memory[Any]:
        """A node's Memory: what was kept, if its options are those of then; else empty."""
        with self._sound():
            return _memory(self._db, node, fingerprint)

    def totals(self) -> Iterator[tuple[str, str, str, int]]:
        """(role, name, counter, value) over all runs."""
        with self._sound():
            yield from self._db.execute("SELECT role, name, counter, value FROM totals")

    # --- what is kept ---------------------------------------------------------------------------------

    def put(self, alert: Alert, due: float = 0.0) -> None:
        """Take an alert for its sinks; it leaves once the turn is committed, and not before `due`."""
        self._alerts.append((alert, alert.as_json(), due))

    def complete(self, id_: str, after: list[str]) -> None:
        """Give an alert that is still waiting the lines after it, and let it leave. Raises sqlite3.Error."""
        with self.writing, _Transaction(self._db) as db:
            for seq, body in db.execute("SELECT seq, body FROM outbox WHERE id = ? AND state = 'waiting' AND due > 0 "
                                        "AND attempts = 0", (id_,)).fetchall():
                alert = _ALERT.decode(body)
                alert.after = after
                db.execute("UPDATE outbox SET body = ?, due = 0 WHERE seq = ?", (alert.as_json().decode(), seq))
            self._waiting = self._counted()

    @property
    def urgent(self) -> bool:
        """Whether something waits that should be committed at once: an alert, or a graph that goes live."""
        return bool(self._alerts or self._going_live)

    def go_live(self, readers: Mapping[str, str], nodes: Mapping[str, str],
                positions: Mapping[str, Mapping[str, Any]]) -> None:
        """A graph goes live, with the next commit: the reader of each step, each node's fingerprint, and where
        the new readers begin. The state of steps that are gone or changed goes; what a step's source counted
        goes on under its new reader."""
        self._going_live = _GoingLive(readers, nodes, positions)

    def _change_over(self, db: sqlite3.Connection, live: _GoingLive) -> None:
        former = dict(db.execute("SELECT step, reader FROM readers"))
        counted = {name for name, in db.execute("SELECT DISTINCT name FROM totals WHERE role = 'source'")}
        successors = {reader: former[step] for step, reader in live.readers.items()
                      if step in former and reader not in counted}
        db.executemany("INSERT INTO totals SELECT 'source', ?, counter, value FROM totals WHERE role = 'source' "
                       "AND name = ?", successors.items())
        old_nodes = dict(db.execute("SELECT node, fingerprint FROM nodes"))
        db.executemany("DELETE FROM memory WHERE node = ?",
                       [(node,) for node, print_ in old_nodes.items() if live.nodes.get(node) != print_])
        db.execute("DELETE FROM nodes")
        db.executemany("INSERT INTO nodes VALUES (?, ?)", live.nodes.items())
        db.execute("DELETE FROM readers")
        db.executemany("INSERT INTO readers VALUES (?, ?)", live.readers.items())
        for reader, saved in live.positions.items():
            db.execute("DELETE FROM positions WHERE reader = ?", (reader,))
            self._save(db, ((reader, key, state) for key, state in saved.items()))
        db.execute("DELETE FROM positions WHERE reader NOT IN (SELECT reader FROM readers)")

    def _save(self, db: sqlite3.Connection, positions: Iterable[tuple[str, str, Any]]) -> None:
        kept, gone = [], []
        for reader, key, state in positions:
            if state is None:
                gone.append((reader, key))
            else:
                kept.append((reader, key, json.dumps(state)))
        db.executemany("DELETE FROM positions WHERE reader = ? AND key = ?", gone)
        db.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", kept)

    def commit(self, positions: Iterable[tuple[str, str, Any]], memories: Iterable[tuple[str, Memory[Any]]],
               changes: Iterable[Change]) -> set[str]:
        """Write one turn, whole or not at all; gives the sinks that got something. Raises sqlite3.Error."""
        memories = list(memories)
        with self.writing:
            self._recount_if_full()
            waiting = {sink: list(counts) for sink, counts in self._waiting.items()}
            with _Transaction(self._db) as db:
                if self._going_live:
                    self._change_over(db, self._going_live)
                self._save(db, positions)
                logs = [memory_log.write(db, node, memory) for node, memory in memories]
                db.executemany("INSERT INTO totals VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = value + "
                               "excluded.value", changes)
                for alert, body, due in self._alerts:
                    for sink in alert.to:
                        self._insert(db, sink, alert, body, due, waiting.setdefault(sink, [0, 0]))
            self._waiting = waiting
        sinks = {sink for alert, _, _ in self._alerts for sink in alert.to}
        self._alerts.clear()
        self._going_live = None
        for (_, memory), (entries, stored) in zip(memories, logs, strict=True):
            memory.written(entries, stored)
        return sinks

    def _recount_if_full(self) -> None:
        """`corowatch outbox` may have made room, in a process of its own."""
        full = any(rows >= MAX_ROWS or size >= MAX_BYTES for rows, size in self._waiting.values())
        if full and self._alerts and time.monotonic() - self._recounted >= RECOUNT:
            self._waiting, self._recounted = self._counted(), time.monotonic()

    def _insert(self, db: sqlite3.Connection, sink: str, alert: Alert, body: bytes, due: float,
                waiting: list[int]) -> None:
        """Insert an alert for a sink, or fold it; `waiting` is [rows, bytes] and is kept up to date."""
        if waiting[0] >= 2 * MAX_ROWS or waiting[1] >= 2 * MAX_BYTES:
            alert = msgspec.structs.replace(alert, key={})  # keys that are ever new must not fill the disk
            body = alert.as_json()
        family = json.dumps([alert.flow, alert.node, alert.key])
        if waiting[0] >= MAX_ROWS or waiting[1] >= MAX_BYTES:
            self.folding.add(sink)
            if (grown := self._fold(db, sink, family, alert)) is not None:
                waiting[1] += grown
                return
        else:
            self.folding.discard(sink)
        done = db.execute("INSERT INTO outbox (sink, id, family, body, folded, due) VALUES (?, ?, ?, ?, ?, ?) ON "
                          "CONFLICT DO NOTHING", (sink, alert.id, family, body.decode(), sink in self.folding, due))
        waiting[0] += done.rowcount
        waiting[1] += done.rowcount * len(body)

    def _fold(self, db: sqlite3.Connection, sink: str, family: str, alert: Alert) -> int | None:
        """Add an alert to the row into which its family is folded, and give the bytes by which that grew; None if
        there is no such row, or it is in flight."""
        found = db.execute("SELECT seq, body FROM outbox WHERE sink = ? AND state = 'waiting' AND folded > 0 AND "
                           "family = ? ORDER BY seq DESC LIMIT 1", (sink, family)).fetchone()
        if found is None or found[0] in self.in_flight.get(sink, ()):
            return None
        seq, body = found
        first = _ALERT.decode(body)
        folded = int(first.fields.get("folded") or 1) + 1
        first.fields = {**alert.fields, "folded": folded}
        first.count += alert.count
        first.events = [*first.events[:1], *alert.events[-1:]]
        grown = first.as_json()
        db.execute("UPDATE outbox SET body = ?, folded = ? WHERE seq = ?", (grown.decode(), folded, seq))
        return len(grown) - len(body.encode())

    def waiting(self, sink: str) -> int:
        """Rows waiting for a sink; `corowatch outbox` may have changed them."""
        with self.writing:
            self._waiting = self._counted()
        return int(self._waiting.get(sink, (0, 0))[0])

    def _counted(self) -> dict[str, list[int]]:
        return {sink: [rows, int(size)] for sink, rows, size in self._db.execute(
            "SELECT sink, count(*), total(length(CAST(body AS BLOB))) FROM outbox WHERE state = 'waiting' "
            "GROUP BY sink")}

    def left(self, sink: str, size: int) -> None:
        """A row of `size` bytes no longer waits for `sink`. To be called with `writing` held."""
        waiting = self._waiting.setdefault(sink, [0, 0])
        waiting[0] -= 1
        waiting[1] -= size
        if waiting[0] < MAX_ROWS and waiting[1] < MAX_BYTES:
            self.folding.discard(sink)

    def prune(self, now: float) -> None:
        """Forget what was delivered or refused long ago, and count anew what waits: `corowatch outbox` may have
        changed it."""
        with self.writing, _Transaction(self._db) as db:
            db.executemany("DELETE FROM outbox WHERE state = ? AND (done < ? OR seq <= (SELECT seq FROM outbox "
                           "WHERE state = ? ORDER BY seq DESC LIMIT 1 OFFSET ?))",
                           [(state, now - KEEP_SECONDS, state, KEEP_ROWS) for state in ("delivered", "refused")])
            self._waiting = self._counted()

    def standing(self) -> dict[str, dict[str, int]]:
        """How many rows of each state there are for each sink."""
        told: dict[str, dict[str, int]] = {}
        with self._sound():
            for sink, state, rows in self._db.execute("SELECT sink, state, count(*) FROM outbox GROUP BY sink, state"):
                told.setdefault(sink, {})[state] = rows
        return told

    def close(self) -> None:
        """Let go of the database and the state directory."""
        self._db.close()
        os.close(self._lock)


_ASKED = "state IN ('waiting', 'refused') AND (:id IS NULL OR id = :id) AND (:sink IS NULL OR sink = :sink)"


class Outbox:
    """The outbox as a courier, or `corowatch outbox`, sees it: from its own thread or process."""

    def __init__(self, path: Path, store: Store | None = None) -> None:
        self._db = connect(path)
        self._store = store
        self._writing = store.writing if store else threading.Lock()

    def take(self, sink: str, now: float, limit: int = 1, besides: frozenset[int] = frozenset(), *,
             untried: bool = False) -> list[Row]:
        """The earliest rows that are due and have no earlier one of their family waiting; they are in flight then.

        At most `limit`, and `HANDFUL` bytes, of them; one, however large. None of `besides`, which are in flight too.
        `untried`: only such as were never tried, and none behind one of its family that was.
        What is due later than any wait is long was put off by a clock that was ahead: it is due now.
        """
        last, size = now + LONGEST, 0
        rows: list[Row] = []
        with self._writing:
            with closing(self._db.execute(_UNTRIED if untried else _NEXT, (
                    sink, now, last, now, last, limit + len(besides)))) as found:
                for row in starmap(Row, found):
                    if row.seq in besides or len(rows) == limit:
                        continue
                    size += len(row.body)
                    if rows and size > HANDFUL:
                        break
                    rows.append(row)
            if self._store:
                self._store.in_flight[sink] = besides.union(row.seq for row in rows)
            return rows

    def _landed(self, rows: Sequence[Row]) -> None:
        if self._store:
            for row in rows:
                self._store.in_flight[row.sink] = self._store.in_flight.get(row.sink, frozenset()) - {row.seq}

    def soonest(self, sink: str, now: float) -> float | None:
        """When the next row of a sink that is not due at `now` will be; None if there is none."""
        due: float | None = self._db.execute(
            "SELECT min(due) FROM outbox WHERE sink = ? AND state = 'waiting' AND due > ? AND due <= ?",
            (sink, now, now + LONGEST)).fetchone()[0]
        return due

    def delivered(self, rows: Sequence[Row], now: float) -> None:
        """The sink has them."""
        self._end(rows, "delivered", "", now)

    def refused(self, rows: Sequence[Row], why: str, now: float) -> None:
        """The sink will never take them: they are set aside."""
        self._end(rows, "refused", why, now)

    def _end(self, rows: Sequence[Row], state: str, why: str, now: float) -> None:
        with self._writing:
            with _Transaction(self._db) as db:
                db.executemany("UPDATE outbox SET state = ?, why = ?, done = ?, attempts = attempts + 1 WHERE seq = ?",
                               [(state, why, now, row.seq) for row in rows])
                db.executemany("INSERT INTO totals VALUES ('sink', ?, ?, ?) ON CONFLICT DO UPDATE SET "
                               "value = value + excluded.value",
                               [(sink, state, n) for sink, n in Counter(row.sink for row in rows).items()])
            if self._store:
                for row in rows:
                    self._store.left(row.sink, len(row.body.encode()))
            self._landed(rows)

    def later(self, rows: Sequence[Row], why: str, due: float, *, in_hand: bool = False) -> None:
        """They failed and are tried again at `due`; `in_hand`: as they are, so nothing may be folded into them."""
        with self._writing:
            with _Transaction(self._db) as db:
                db.executemany("UPDATE outbox SET attempts = attempts + 1, due = ?, why = ? WHERE seq = ?",
                               [(due, why, row.seq) for row in rows])
            if not in_hand:
                self._landed(rows)

    def rows(self, states: Iterable[str] = ("waiting", "refused")) -> list[Row]:
        """What is there, oldest first."""
        wanted = list(states)
        return [Row(*found) for found in self._db.execute(
            f"SELECT * FROM outbox WHERE state IN ({','.join('?' * len(wanted))}) ORDER BY seq", wanted)]  # noqa: S608

    def named(self, begins: str, sink: str | None = None) -> list[str]:
        """The ids of waiting and refused alerts, all or those of a sink, that begin so; where one is just this, it
        alone."""
        ids = [id_ for id_, in self._db.execute(
            f"SELECT DISTINCT id FROM outbox WHERE {_ASKED} AND substr(id, 1, :length) = :begins "  # noqa: S608
            "ORDER BY id", {"id": None, "sink": sink, "length": len(begins), "begins": begins})]
        return [begins] if begins in ids else ids

    def retry(self, id_: str | None, sink: str | None = None) -> int:
        """Try waiting and refused rows of an alert, of a sink, or of both, at once; gives how many."""
        with self._writing, _Transaction(self._db) as db:
            return db.execute(f"UPDATE outbox SET state = 'waiting', due = 0, done = NULL WHERE {_ASKED}",  # noqa: S608
                              {"id": id_, "sink": sink}).rowcount

    def retry_failed(self, sink: str) -> None:
        """Try what a sink did not take so far at once."""
        with self._writing, _Transaction(self._db) as db:
            db.execute("UPDATE outbox SET due = 0 WHERE sink = ? AND state = 'waiting' AND due > 0 AND attempts > 0",
                       (sink,))

    def drop(self, id_: str | None, sink: str | None = None) -> int:
        """Forget waiting and refused rows of an alert, of a sink, or of both; gives how many."""
        with self._writing, _Transaction(self._db) as db:
            return db.execute(f"DELETE FROM outbox WHERE {_ASKED}", {"id": id_, "sink": sink}).rowcount  # noqa: S608

    def close(self) -> None:
        self._db.close()


class Glimpse:
    """What a daemon has committed by now, seen from another process that changes nothing. Raises StateRefused.

    From the first Memory on, all is of one moment: its lines are read later, and the daemon may have let them go.
    """

    def __init__(self, path: Path) -> None:
        examine(path)
        self._path = path
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)

    def memory(self, node: str, fingerprint: str) -> Memory[Any]:
        """A node's Memory, if its options are those that it runs with; else empty. Raises StateRefused."""
        if not self._db.in_transaction:
            self._db.execute("BEGIN")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version < VERSION:
            raise StateRefused(f"{self._path} was written by an older corowatch (format {version}, this one reads "
                               f"{VERSION}); it becomes one of today when the daemon starts anew")
        return _memory(self._db, node, fingerprint)

    def totals(self) -> Iterator[tuple[str, str, str, int]]:
        """(role, name, counter, value) over all runs."""
        yield from self._db.execute("SELECT role, name, counter, value FROM totals")

    def alert(self, id_: str) -> Alert | None:
        """An alert whose id begins so, delivered or not, as long as it is kept."""
        found = self._db.execute("SELECT body FROM outbox WHERE substr(id, 1, ?) = ? ORDER BY seq LIMIT 1",
                                 (len(id_), id_)).fetchone()
        return None if found is None else _ALERT.decode(found[0])

    def close(self) -> None:
        self._db.close()


def _memory(db: sqlite3.Connection, node: str, fingerprint: str) -> Memory[Any]:
    row = db.execute("SELECT fingerprint FROM nodes WHERE node = ?", (node,)).fetchone()
    return memory_log.read(db, node) if row == (fingerprint,) else memory_log.empty(db, node)


def _own(folder: Path) -> int:
    """Take the state directory for this process, made if it is not there; gives the locked descriptor."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if network := network_file_system(folder):
            raise StateRefused(f"the state directory {folder} is on {network}; give it one on a disk of this machine "
                               "with --state-dir")
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateRefused(f"the state directory {folder} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(lock, 20, 0).decode(errors="replace").strip()
        os.close(lock)
        raise StateRefused(f"the state directory {folder} is in use by process {owner or '?'}; "
                           "give this one its own with --state-dir") from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def owner(folder: Path) -> int | None:
    """The process that owns a state directory; None if none does."""
    try:
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        told = os.pread(lock, 20, 0).decode(errors="replace").strip()
        return int(told) if told.isdigit() else None
    finally:
        os.close(lock)
    return None


def _refuse_orphans(path: Path) -> None:
    """SQLite would replay the log of a database that was moved away into the fresh one of its name."""
    left = [path.name + end for end in _COMPANIONS if path.with_name(path.name + end).exists()]
    if left:
        raise StateRefused(f"{path.parent} holds {' and '.join(left)} without {path.name}: what a killed corowatch "
                           f"wrote last; put {path.name} back, or move away what is left of it, to begin anew")


def _away(path: Path) -> str:
    return f"move it away, and {' and '.join(path.name + end for end in _COMPANIONS)} with it, to begin anew"


def examine(path: Path) -> None:
    """Look at a database's header, by hand: SQLite would replay a log before it told us anything.

    Format: https://www.sqlite.org/fileformat.html, offsets 60 (user version) and 68 (application id).
    """
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise StateRefused(f"{path} cannot be read: {error.strerror}") from error
    away = _away(path)
    if len(header) < 100 or not header.startswith(b"SQLite format 3\x00"):
        raise StateRefused(f"{path} is damaged or no state of corowatch; {away}")
    version, = struct.unpack(">I", header[60:64])
    application, = struct.unpack(">I", header[68:72])
    if application != APPLICATION_ID:
        raise StateRefused(f"{path} is another program's database; {away}")
    if version > VERSION:
        raise StateRefused(f"{path} was written by a newer corowatch (format {version}, this one knows {VERSION}); "
                           "run that one, or give another --state-dir")


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file so that a reader sees the old or the new, never a part."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        fresh.write_bytes(data)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
