"""Exact counts: what the daemon's state and sinks hold, against what the writers' ledgers say.

The config of `counting` has a flow `count` that counts each line under its writer and number, and a flow `each` that
alerts on every hundredth line, through a file sink. `tally` keeps what it counts in Memory, which is committed
together with the positions, so what is read here is what survives.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from .process import Daemon
from .writer import Writer

CHECK = '''\
"""Reads `name,seq,crc`: what is not whole is counted under `garbled`."""

import zlib


def numbered(target, digits):
    while True:
        event = yield
        body, _, crc = event.text.rpartition(",")
        w, _, seq = body.partition(",")
        if crc[:8] == f"{zlib.crc32(body.encode()):08x}" and not crc[8:].strip("."):
            target.send(event.having({"w": w, "seq": seq[:digits]}))
        else:
            target.send(event.having({"w": "garbled", "seq": event.text[:200]}))
'''


def counting(folder: Path, tail: str, *, every: str = "00", sinks: str = "", block: bool = False,
             more: str = "") -> str:
    """The text of a config that counts what `tail` (YAML of its options) reads, and writes check.py beside it.

    every  the last digits of the lines that give an alert: "00" each hundredth, "" all, "-" none
    sinks  YAML of the sinks, each indented by two; none: `out`, a file `alerts.jsonl` in the folder
    block  count ten lines in one: for millions of lines
    more   further flows, indented by two
    """
    (folder / "check.py").write_text(CHECK)
    sinks = sinks or f"  out: {{file: {folder}/alerts.jsonl}}\n"
    names = ", ".join(line.strip().partition(":")[0] for line in sinks.splitlines())
    return (
        f"flows:\n"
        f"  count:\n    tail: {tail}\n"
        f"    python: {{function: check.py:numbered, options: {{digits: {9 if block else 10}}}}}\n"
        f"    tally: {{by: [w, seq], max_keys: 10000000}}\n"
        f"  each:\n    tail: {tail}\n"
        f"    grep: '^(?P<w>[a-z]\\w*),(?P<seq>\\d*{every}),[0-9a-f]{{8}}'\n"
        f"    alert: {{to: [{names}], title: '{{w}},{{seq}}'}}\n"
        f"{more}sinks:\n{sinks}"
    )


class Count(NamedTuple):
    """What became of the ledgers' lines."""

    lost: int
    doubled: int
    strange: int
    """Lines that were counted and never written so: garbled, or of nobody."""


class Told(NamedTuple):
    """The figures of a row."""

    lost: int
    doubled: int
    alerts_lost: int
    alerts_doubled: int
    bytes_lost: int
    strange: int


CLEAN = Told(0, 0, 0, 0, 0, 0)


def tallied(daemon: Daemon, node: str = "count.tally") -> dict[tuple[str, str], int]:
    """(writer, number or block) → how often it was counted."""
    return {(key["w"], key["seq"]): count
            for key, count in ((json.loads(name), count) for name, count in counts(daemon.query, node).items())}


def counts(query: Callable[..., list[tuple[Any, ...]]], node: str) -> dict[str, int]:
    """Of a node of kind tally, how often each key was counted, as its log tells it."""
    known: dict[str, int] = {}
    for (chunk,) in query("SELECT hex(entries) FROM memory WHERE node = ? ORDER BY first", node):
        for entry in msgspec.msgpack.decode(bytes.fromhex(chunk)):
            if entry is not None and entry[0]:
                key, row, _ = entry
                known[key] = 0 if row is None else row[1][2][0]
    return {key: count for key, count in known.items() if count}


def seen(daemon: Daemon, node: str = "count.tally") -> int:
    """Lines counted so far, as far as it is committed."""
    return sum(counts(daemon.query, node).values())


def count(daemon: Daemon, *writers: Writer, block: bool = False) -> Count:
    """Compare what was counted with the ledgers."""
    digits = 9 if block else 10
    wanted = Counter((writer.name, f"{seq:010d}"[:digits]) for writer in writers for seq in writer.written)
    counted = Counter(tallied(daemon))
    strange = sum(n for key, n in counted.items() if key not in wanted)
    return Count(sum((wanted - counted).values()), sum((counted - wanted).values()) - strange, strange)


def missing(daemon: Daemon, writer: Writer, *, block: bool = False) -> list[int]:
    """The numbers that were written and not counted; with `block`, those of which not even one of their ten was."""
    counted = tallied(daemon)
    digits = 9 if block else 10
    return [seq for seq in writer.written if not counted.get((writer.name, f"{seq:010d}"[:digits]))]


QUIET = 12.0
"""Seconds without a further line after which nobody waits on: more than two searches for files take."""


def wait(daemon: Daemon, *writers: Writer, lost: int = 0, seconds: float = 60.0, quiet: float = QUIET) -> None:
    """Wait until as many lines are counted as were written, less `lost`; or until nothing has come for long, or the
    time is over, without a word: `count` judges."""
    wanted = sum(len(writer.written) for writer in writers) - lost
    before, changed = -1, time.monotonic()
    end = changed + seconds
    while (now := seen(daemon)) < wanted and daemon.alive and time.monotonic() < end:
        if now != before:
            before, changed = now, time.monotonic()
        if time.monotonic() - changed > quiet:
            return
        time.sleep(0.05)


def alerts(folder: Path, flow: str = "each") -> list[dict[str, Any]]:
    """What the file sink holds, in order; `flow`: of one only, "" of all."""
    path = folder / "alerts.jsonl"
    rows = path.read_bytes().rpartition(b"\n")[0].split(b"\n") if path.exists() else []
    told = [json.loads(row) for row in rows if row]
    return [one for one in told if not flow or one["flow"] == flow]


def losses(folder: Path) -> list[dict[str, Any]]:
    """The internal alerts that tell of a loss."""
    return [one for one in alerts(folder, "corowatch") if one["node"] == "lost"]


def against(got: Iterable[dict[str, Any]], *writers: Writer, every: int = 100) -> tuple[int, int]:
    """(AL, AD) of alerts on each `every`th line (0: on none): titles that never came, as often as their lines were
    written; deliveries beyond the first of an id."""
    got = list(got)
    wanted = Counter(f"{writer.name},{seq:010d}" for writer in writers for seq in writer.written
                     if every and seq % every == 0)
    titles = Counter({one["id"]: one["title"] for one in got}.values())
    return sum((wanted - titles).values()), len(got) - len({one["id"] for one in got})
