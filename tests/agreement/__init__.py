"""How far patterns, formats and nodes agree with other projects' samples of real lines: `python -m tests.agreement`.

The samples are read from $COROWATCH_DATA, else from `shared/data` beside the project; nothing of them is part of
it. What is expected comes with the samples, or from a second reading that shares nothing with ours: `json` of the
standard library, `shlex`, plain splits. Each module tells what its sets compare.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from corowatch.core.config import ConfigFile, load
from corowatch.core.events import Alert
from corowatch.core.graph import Graph
from corowatch.core.memory import Memory
from corowatch.discovery import discover
from corowatch.testing import block

DATA = Path(os.environ.get("COROWATCH_DATA") or Path(__file__).parents[3] / "shared" / "data")
ENOUGH = 0.95
READ_AT = 1893456000.0
"""2030: when the lines of a config's run are read; later than any of them, so that no stamp lies ahead."""

REASONS = {
    r'^[^"]*("[^"]*"[^"]*)*"[^"]*$': "the line was cut inside a quote, and half an access log's line is none",
    r"^\w+ +\d+ [\d:]+ \S+ (syslogd \d| -- )": "what has neither a colon nor [pid] behind it is part of the message",
    r'^\{"log"[^\n]*\n': "a line of the case holds a newline itself, as none of a file can",
    r"^\w+ +\d+ [\d:]+ \S+ \S+:  ": "one blank ends the program's name; a second belongs to the message",
}
"""Why a format of ours differs from another reading, by a pattern of the line, and means to."""


class Miss(NamedTuple):
    line: str
    expected: object
    found: object
    why: str


@dataclass
class Share:
    """How many of `cases` agree, and which do not; `left_out` counts those that are none for us, by the reason."""

    name: str
    cases: int = 0
    misses: list[Miss] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def agree(self) -> float:
        return (self.cases - len(self.misses)) / self.cases if self.cases else 1.0

    def compare(self, line: str, expected: object, found: object, why: str = "") -> None:
        """`why`: the reason, should they differ."""
        self.cases += 1
        if expected != found:
            why = why or next((why for pattern, why in REASONS.items() if re.search(pattern, line)), "")
            self.misses.append(Miss(line, expected, found, why))


def records(name: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file; none if this half of the samples has no such file."""
    path = DATA / name
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        yield json.loads(line)


def lines_of(name: str) -> list[bytes]:
    """The lines of a log, as bytes without their ends."""
    return [raw.removesuffix(b"\r") for raw in (DATA / name).read_bytes().split(b"\n")]


def run(flows: Mapping[str, Any], data: bytes) -> tuple[list[Alert], Counter[str]]:
    """What a config of these flows makes of the data, in its graph as a daemon has it, scanner and all: alerts, and
    what its steps counted together."""
    found: list[Alert] = []
    failures: list[object] = []
    config = load([ConfigFile("c.yaml", json.dumps({"flows": flows}), "/")], discover())
    graph = Graph(config, put=found.append, memory=lambda *step: Memory(), report=failures.append, host="h", now=0.0)
    for feed in graph.feeds.values():
        feed.entry.send(block(data, at=READ_AT))
    counts: Counter[str] = Counter()
    for closed in graph.close():
        counts.update({name: count for name, count in (closed.goodbye or {}).items() if isinstance(count, int)})
    assert not failures, failures
    return found, counts
