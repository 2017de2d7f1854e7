"""Where Memory is kept: a log of entries in state.db, a chunk of them a row.

    Memory.turn ─▶ write ─▶ rows ─▶ read ─▶ Memory.load
         ▲                   │ │
         └── Memory.renew ◀──┘ └──▶ line, when an alert shows it

A row for each key would cost a page of the disk for each that changed; a turn of the log is written in one piece.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from typing import Any, TypeAlias

import msgspec

from corowatch.core.events import Evidence
from corowatch.core.memory import Entry, Memory

SCHEMA = "CREATE TABLE memory (node TEXT, first INTEGER, entries BLOB NOT NULL, PRIMARY KEY (node, first));"
"""`first`: the number of the first entry of a chunk; between chunks, numbers may be missing. A table with a rowid, for
rows of more than a kilobyte cost three times as much where they stand in an index."""
CHUNK = 32
"""Entries of a row. One line that an alert shows costs the decoding of so many."""

Chunk: TypeAlias = tuple[str, int, bytes]
"""A row."""
_ENTRIES = msgspec.msgpack.Decoder(list[Entry])
_EVIDENCE = msgspec.msgpack.Decoder(Evidence)


def empty(db: sqlite3.Connection, node: str) -> Memory[Any]:
    """The Memory of a node that knows nothing; it reads its lines from `db` as long as it lives."""
    return Memory(recall=partial(line, db, node))


def read(db: sqlite3.Connection, node: str) -> Memory[Any]:
    """All that a node knows. Raises ValueError and sqlite3.Error."""
    memory = empty(db, node)
    for first, chunk in db.execute("SELECT first, entries FROM memory WHERE node = ? ORDER BY first", (node,)):
        memory.load(first, _ENTRIES.decode(chunk))
        memory.stored += len(chunk)
    return memory


def line(db: sqlite3.Connection, node: str, number: int) -> Evidence | None:
    """The line of an entry; None if it is not there, or cannot be read: an alert without it is better than none."""
    try:
        found = db.execute("SELECT first, entries FROM memory WHERE node = ? AND first <= ? ORDER BY first DESC "
                           "LIMIT 1", (node, number)).fetchone()
        if found is None:
            return None
        entries = _ENTRIES.decode(found[1])
        entry = entries[number - found[0]] if number - found[0] < len(entries) else None
        return _EVIDENCE.decode(entry[2]) if entry is not None and len(entry[2]) > 1 else None
    except (sqlite3.Error, ValueError):
        return None


def write(db: sqlite3.Connection, node: str, memory: Memory[Any]) -> tuple[int, int]:
    """Add what changed, within a transaction; how many entries, and how large the log is then, in bytes, is to be told
    to `memory.written` once that is durable."""
    stored, wasteful = memory.stored, memory.wasteful
    entries, rows = _turn(node, memory)
    if wasteful:
        stored -= _shorten(db, node, memory, 2 * _bytes(rows))
        entries, rows = _turn(node, memory)
    db.executemany("INSERT INTO memory VALUES (?, ?, ?)", rows)
    return entries, stored + _bytes(rows)


def _turn(node: str, memory: Memory[Any]) -> tuple[int, list[Chunk]]:
    """How many entries a turn has, and its chunks but for those of which all is void: of a busy key, most lines are."""
    begin, entries = memory.turn()
    return len(entries), [(node, begin + at, msgspec.msgpack.encode(part)) for at in range(0, len(entries), CHUNK)
                          if any(part := entries[at:at + CHUNK])]


def _bytes(rows: list[Chunk]) -> int:
    return sum(len(chunk) for *_, chunk in rows)


def _shorten(db: sqlite3.Connection, node: str, memory: Memory[Any], least: int) -> int:
    """Let the eldest chunks of the log go, `least` bytes of them; gives how many went.

    Of twice as many as are added, so much is void that the log shrinks, whatever the size of its chunks.
    """
    gone, last = 0, -1
    with closing(db.execute("SELECT first, entries FROM memory WHERE node = ? ORDER BY first", (node,))) as eldest:
        for last, chunk in eldest:
            memory.renew(last, _ENTRIES.decode(chunk))
            gone += len(chunk)
            if gone >= least:
                break
    db.execute("DELETE FROM memory WHERE node = ? AND first <= ?", (node, last))
    return gone
