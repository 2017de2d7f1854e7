"""Whatever stands in state.db, it is refused with its reason, or it works.

Four readers, each alone: the header, the whole database, a file's saved position, a node's memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from corowatch.core.clock import Cron
from corowatch.core.errors import StateRefused
from corowatch.core.events import Tick
from corowatch.core.expression import Expr
from corowatch.core.follow import Saved
from corowatch.core.memory import Memory
from corowatch.core.pattern import Pattern
from corowatch.core.template import Template
from corowatch.discovery import discover
from corowatch.nodes.all_of import Counted
from corowatch.store import Change, Store, examine
from corowatch.testing import Collect, line
from tests.fuzz.draw import Draw

SHM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
AT = 1_795_600_000.0
POSITION = {"path": "/var/log/a.log", "dev": 1, "ino": 2, "offset": 3, "marker": "00", "marker_bytes": 2,
            "stamped": [1, 2.0], "home": "/var/log/a.log"}
EVENT = {"origin": {"reader": "r", "key": "k", "file": "f"}, "place": 5, "at": AT, "text": "t", "fields": {}, "key": {},
         "past": [], "tick": 0.0, "count": 1}
LINE = ["r", "f", 5, AT, "t"]
# What each keyed node keeps of one key: options, and [touched, due, state].
NODES: dict[str, tuple[dict[str, Any], Any]] = {
    "threshold": ({"at_least": 2, "within": 60.0, "calm": 5.0}, [AT, AT + 3, [[AT], 0.0, 1, EVENT]]),
    "absence": ({"for_": 5.0}, [AT, AT + 3, [[AT], EVENT, EVENT]]),
    "expect": ({"at": Cron("* * * * *"), "within": 5.0}, [AT, AT + 3, [AT, AT - 2, EVENT, EVENT]]),
    "first_seen": ({"of": ("text",), "learn": 5.0}, [AT, None, AT]),
    "tally": ({"every": 5.0}, [AT, AT + 3, [7, EVENT]]),
    "throttle": ({"every": 5.0}, [AT, AT + 3, [2, EVENT]]),
    "dedupe": ({"within": 60.0}, [AT, None, AT]),
    "sample": ({"every": 3}, [AT, None, 2]),
    "distinct": ({"of": ("text",), "at_least": 2, "within": 60.0}, [AT, None, [[[["a"], AT, LINE]], 0.0, 1]]),
    "bucket": ({"capacity": 2, "leak": 60.0, "of": ("text",)}, [AT, None, [1.5, AT, 2, AT, [["a"]], 0.0, 1]]),
    "flag": ({"name": "f", "for_": 5.0}, [AT, AT + 5, [AT, AT + 5]]),
    "collect": ({"within": 5.0}, [AT, AT + 3, [2, AT, AT, EVENT]]),
    "ratio": ({"of": Expr("text == 't'"), "above": 0.1, "within": 60.0, "at_least": 2, "calm": 5.0},
              [AT, AT + 3, [[[AT, 2, 1]], AT, 0.0, 1, EVENT]]),
    "stats": ({"of": "offset", "show": ("p95", "avg"), "above": 2.0, "within": 60.0},
              [AT, AT + 3, [[[AT - 9, 2, 3.0, 1.0, 2.0, 1, 0, [[1.0, 2.0], 0, []]],
                              [AT, 2, 3.0, 1.0, 2.0, 1, 0, [[], 700, [1, 0, 1]]]], AT, 0.0, 1, EVENT]]),
    "spike": ({"times": 2.0, "within": 60.0, "at_least": 1, "direction": "both"},
              [AT, AT + 5, [[[AT - 90, 3, 0.0], [AT, 2, 0.0]], AT - 900, 0.0, 1, EVENT]]),
    "change": ({"of": ("text",)}, [AT, None, [["a"], AT]]),
    "pair": ({"open": (Pattern("t"),), "close": (Template("t {x}"),), "within": 5.0, "missing": True},
             [AT, AT + 3, [AT, {"x": "y"}, EVENT]]),
    "sequence": ({"steps": (Pattern("x"), Pattern("t")), "within": 60.0},
                 [AT, None, [[[AT, {"x": "y"}, [LINE]]], 0.0, 1]]),
    "all_of": ({"of": (Counted(Pattern("t"), 2), Counted(Pattern("t"))), "within": 60.0},
               [AT, None, [[[[AT], {"x": "y"}, [LINE]], [[], {}, []]], 0.0, 1]]),
    "alert": ({"throttle": 60.0}, [AT, AT + 3, [2, EVENT]]),
}
CLOCKS = [AT, AT, None]
SHELVES = {"alert": ("held/", "firing/"), "first_seen": ("seen/",)}
"""Of the nodes that keep more than one thing, what their keys begin with."""


def one(data: bytes) -> None:
    """The first byte says which reader."""
    draw = Draw(data)
    draw.one_of(READERS)(draw)


def header(draw: Draw) -> None:
    """What a database begins with."""
    with tempfile.TemporaryDirectory(dir=SHM) as folder:
        path = Path(folder, "state.db")
        path.write_bytes(draw.rest())
        refused(lambda: examine(path))


def database(draw: Draw) -> None:
    """A database with bytes written over, read as at a start and written once."""
    with tempfile.TemporaryDirectory(dir=SHM) as folder:
        path = Path(folder, "state.db")
        whole = bytearray(template())
        for _ in range(1 + draw.byte() % 4):
            at = draw.number(len(whole) - 1)
            piece = bytes(draw.byte() for _ in range(1 + draw.byte() % 16))
            whole[at:at + len(piece)] = piece
        path.write_bytes(whole[:len(whole) - draw.number(len(whole)) * (draw.byte() % 2)])
        refused(lambda: used(Path(folder)))


def used(folder: Path) -> None:
    store = Store(folder)
    try:
        store.positions("tail:1", ["flow.tail"])
        store.memory("flow.tally", "print")
        list(store.totals())
        store.standing()
        with contextlib.suppress(sqlite3.Error):  # the daemon pauses then, and says so
            store.commit([("tail:1", "life", POSITION)], [], [Change("node", "flow.tally", "fired", 1)])
    finally:
        store.close()


def position(draw: Draw) -> None:
    """A saved position: the JSON of a row."""
    plain = json_of(draw, POSITION)
    refused(lambda: Saved.of(plain))


def memory(draw: Draw) -> None:
    """A node's memory, from its first event to its close."""
    name = draw.one_of(sorted(NODES))
    options, row = NODES[name]
    saved = {}
    for shelf in SHELVES.get(name, ("",)):
        saved |= {f"{shelf}{{}}": json_of(draw, row), shelf: json_of(draw, CLOCKS) if draw.byte() % 2 else CLOCKS}
    refused(lambda: lived(name, options, saved))


def lived(name: str, options: dict[str, Any], saved: dict[str, Any]) -> None:
    kind = discover().node[name]
    try:
        kept = Memory(saved).proved(kind.remembers)
    except ValueError as error:  # as the graph has it
        raise StateRefused(str(error)) from error
    node = kind(Collect(), **options, memory=kept)
    with contextlib.suppress(OverflowError):  # of times beyond all calendars; the graph guards a node, and goes on
        node.send(line("t", at=AT + 1))
        if kind.takes_ticks:
            node.send(Tick(AT + 10))
        node.send(line("t", at=AT + 11))
        node.close()


def json_of(draw: Draw, usual: Any) -> Any:
    """Any JSON that the bytes spell; else `usual` with values changed."""
    if draw.byte() % 2:
        try:
            return json.loads(draw.rest().decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return usual
    return changed(draw, usual)


def changed(draw: Draw, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: changed(draw, one) for key, one in value.items() if draw.byte() % 32 != 1}
    if isinstance(value, list):
        return [changed(draw, one) for one in value if draw.byte() % 32 != 1]
    odd = (-1, 0, 1 << 70, 1e308, float("inf"), -0.0, "", "\x00", [], {}, None, True)
    return draw.one_of(odd) if draw.byte() % 8 == 1 else value


def refused(use: Callable[[], object]) -> None:
    """It works, or is refused; any other exception is a crash of the daemon."""
    with contextlib.suppress(StateRefused):
        use()


_TEMPLATE: list[bytes] = []


def template() -> bytes:
    """A small state.db as a daemon leaves it."""
    if not _TEMPLATE:
        folder = Path(tempfile.mkdtemp(dir=SHM))
        store = Store(folder)
        store.go_live({"flow.tail": "tail:1"}, {"flow.tally": "print"}, {})
        kept: Memory[Any] = Memory()
        kept["{}"] = [AT, None, [7, None]]
        store.commit([("tail:1", "life", POSITION)], [("flow.tally", kept)], [Change("node", "flow.tally", "fired", 1)])
        store.close()
        _TEMPLATE.append((folder / "state.db").read_bytes())
        shutil.rmtree(folder)
    return _TEMPLATE[0]


READERS = (header, database, position, memory)
SEEDS = [b"\0", b"\0" + template()[:100], b"\0SQLite format 3\0" + bytes(90), b"\1", b"\1\1\0\x40\3\0\0\0\0\0\0",
         b"\2\0", b"\2\1" + json.dumps(POSITION).encode(),
         *(bytes([3, number, 0]) for number in range(len(NODES))),
         *(bytes([3, number, 1]) + json.dumps(NODES[name][1]).encode() for number, name in enumerate(sorted(NODES)))]
