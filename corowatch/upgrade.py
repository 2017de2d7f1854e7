"""What makes a state.db of a former format one of today's, a format at a time; positions, outbox and totals stay."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import msgspec
from msgspec import Raw

from corowatch import memory_log
from corowatch.core.events import Event, Evidence
from corowatch.core.memory import NIL, PAIR, Entry, Memory

_FROM_1 = """
CREATE INDEX outbox_tried ON outbox (sink, family, seq) WHERE state = 'waiting' AND attempts > 0;
UPDATE memory SET value = json_insert(value, '$[#]', NULL) WHERE key = '' AND json_array_length(value) = 2;
PRAGMA user_version=2;
"""
"""Clocks got a third place."""
_FROM_2 = """
CREATE TABLE memory_of_3 (node TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (node, key));
INSERT INTO memory_of_3 SELECT node, key, value FROM memory;
DROP TABLE memory;
ALTER TABLE memory_of_3 RENAME TO memory;
PRAGMA user_version=3;
"""
"""`memory` got a rowid."""
_ENTRIES = msgspec.msgpack.Decoder(list[Entry])
_RECORD = tuple[bytes | list[int], Raw]
"""The numbers of the lines that led to a value, and the value."""


def upgrade(db: sqlite3.Connection) -> None:
    """Bring a database to the format of today, whole or not at all. Raises sqlite3.Error and ValueError."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    for former, changes in ((1, _FROM_1), (2, _FROM_2)):
        if version <= former:
            db.executescript(f"BEGIN IMMEDIATE; {changes} COMMIT;")
    if version <= 5:
        db.execute("BEGIN IMMEDIATE")
        try:
            (_from_3 if version <= 3 else _from_4_and_5)(db)
            db.execute("PRAGMA user_version=6")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # what SQLite cannot write it undoes by itself
                db.execute("ROLLBACK")
            raise
        # Who looks at the header alone is told of it, also after a kill: a former corowatch would take it for its own.
        db.execute("PRAGMA wal_checkpoint").fetchall()


def _from_3(db: sqlite3.Connection) -> None:
    """`memory`, which had a row of JSON for each key, becomes a log; lines stand beside the states, not in them."""
    memories: dict[str, Memory[Any]] = {}
    for node, key, value in db.execute("SELECT node, key, value FROM memory"):
        memory = memories.setdefault(node, Memory())
        row, lines = _parted(value)
        memory[key] = row
        for line in lines:
            memory.put(key, row, line, len(lines))
    db.execute("DROP TABLE memory")
    db.execute(memory_log.SCHEMA)
    for node, memory in memories.items():
        memory_log.write(db, node, memory)


def _from_4_and_5(db: sqlite3.Connection) -> None:
    """The numbers of lines, where they are packed, got a byte less. Where they are not they are when they are next
    written, and so are times."""
    for rowid, in db.execute("SELECT rowid FROM memory").fetchall():
        chunk, = db.execute("SELECT entries FROM memory WHERE rowid = ?", (rowid,)).fetchone()
        entries = [entry and (entry[0], _narrower(entry[1]), entry[2]) for entry in _ENTRIES.decode(chunk)]
        db.execute("UPDATE memory SET entries = ? WHERE rowid = ?", (msgspec.msgpack.encode(entries), rowid))


def _narrower(value: Raw) -> Raw:
    """What is known under a key: msgpack, or JSON in a text of bytes where a number has no place in that."""
    if value == NIL:
        return value
    if bytes(value)[0] == PAIR:
        return Raw(msgspec.msgpack.encode(_fewer(*msgspec.msgpack.decode(value, type=_RECORD))))
    text = msgspec.json.encode(_fewer(*msgspec.json.decode(msgspec.msgpack.decode(value, type=bytes), type=_RECORD)))
    return Raw(msgspec.msgpack.encode(text))


def _fewer(lines: bytes | list[int], known: Raw) -> tuple[bytes | list[int], Raw]:
    if isinstance(lines, bytes):
        lines = b"".join(lines[at:at + 5] for at in range(0, len(lines), 6))
    return lines, known


def _parted(value: str) -> tuple[Any, list[Evidence]]:
    """A row without its lines, and these; of a kind that is not ours, it only looks as if it had any."""
    row = json.loads(value)
    try:
        return row, _lines_of(row)
    except msgspec.ValidationError:
        return json.loads(value), []


def _lines_of(row: Any) -> list[Evidence]:
    """Take the lines out of a row: of `threshold`, `spike`, `ratio`, `stats`, `bucket` and `collect`, which can be told
    by where lists stand in them."""
    found = row[2] if isinstance(row, list) and len(row) == 3 else None
    state: list[Any] = found if isinstance(found, list) else []
    lists = [isinstance(part, list) for part in state]
    match lists:
        case [True, True, False, False, _] | [True, False, True, False, False, _]:
            lines = state.pop(lists.index(True, 1))
        case [False, False, False, False, True, True, False, False]:
            lines = state.pop(5)
        case [False, False, False, _, True]:  # the last event's line is kept, too, since
            lines = [*state.pop(4), Event.of(state[3]).evidence()]
        case _:
            lines = []
    return msgspec.convert(lines, list[Evidence])
