"""Logs of which every line is wanted: parsed, counted by a key, or asked for one field of its JSON."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .peers import Peer, Run, measured

LINES = 300_000
STATUSES = (200, 200, 200, 200, 304, 404, 500)
MTAIL = """\
counter hits by status
/" (?P<status>\\d{3}) \\S+ "/ {
  hits[$status]++
}
"""


@dataclass(frozen=True)
class Job:
    """What is done with each line of which log; `counted` finds in the summary how many lines it was done with."""

    name: str
    log: str
    steps: str
    counted: Callable[[dict[str, Any]], int]
    peer: str = ""


JOBS = [
    Job("access log: parse, count by status", "access", "parse: combined\n    tally: {by: status}",
        lambda nodes: int(nodes["a.parse"]["parsed"]), "mtail"),
    Job("access log: one cheap rule, count by status", "access",
        "grep: ' HTTP/1.1\" (?P<status>[0-9]+)'\n    tally: {by: status}",
        lambda nodes: int(nodes["a.grep"]["matched"])),
    Job("JSON: where on one field", "json", "parse: json\n    where: level == 'error'",
        lambda nodes: int(nodes["a.parse"]["parsed"])),
]


def build(folder: Path) -> None:
    """Write the logs, the same each time."""
    for name, lines in (("access", _access()), ("json", _json())):
        (folder / f"{name}.log").write_text("".join(lines))


def _access() -> Iterator[str]:
    chance = random.Random(1)
    for n in range(LINES):
        yield (f"192.0.2.{chance.randrange(255)} - - [22/Nov/2026:10:{n // 60_000:02}:{n // 1000 % 60:02} +0000] "
               f'"GET /item/{chance.randrange(300)} HTTP/1.1" {chance.choice(STATUSES)} {chance.randrange(9999)} '
               f'"-" "Mozilla/5.0 (X11; Linux x86_64)"\n')


def _json() -> Iterator[str]:
    chance = random.Random(2)
    for n in range(LINES):
        yield json.dumps({"ts": f"2026-11-22T10:{n // 60_000:02}:{n // 1000 % 60:02}Z", "msg": "request done",
                          "level": chance.choice(["info", "info", "info", "error"]), "path": f"/item/{n % 300}",
                          "status": chance.choice(STATUSES), "ms": chance.randrange(900),
                          "user": {"id": n, "name": "bob"}}) + "\n"


def mtail(log: Path, work: Path) -> Run:
    """Its count of the access log by status."""
    program = work / "status.mtail"
    program.write_text(MTAIL)

    def tell(said: bytes) -> int:
        return sum(int(one["Value"]["Value"]) for one in json.loads(said)["hits"][0]["LabelValues"])

    seconds, peak, said = measured(["mtail", "--one_shot", "--progs", str(program), "--logs", str(log)])
    return Run(seconds, peak, tell(said))


def rows(command: list[str], work: Path, peers: list[Peer]) -> Iterator[dict[str, Any]]:
    """What each job took, start and end of the process included, beside a peer that does the same."""
    there = {peer.name for peer in peers if peer.there}
    for number, job in enumerate(JOBS):
        state, config, log = work / f"dense{number}", work / f"dense{number}.yaml", work / f"{job.log}.log"
        config.write_text(f"flows:\n  a:\n    tail: {log}\n    {job.steps}\n")
        seconds, peak, _ = measured([*command, "run", str(config), "--once", "--state-dir", str(state)])
        count = job.counted(json.loads((state / "summary.json").read_text())["nodes"])
        theirs = mtail(log, work) if job.peer in there else None
        if count != LINES or (theirs and theirs.matched != LINES):
            sys.exit(f"{job.name}: {count} of {LINES} lines, {theirs and theirs.matched} by {job.peer}")
        yield {"job": job.name, "lines_per_second": round(LINES / seconds), "peak_mb": round(peak),
               "peer": job.peer if theirs else "", "ratio": round(theirs.seconds / seconds, 1) if theirs else ""}
    yield {"job": "JSON: json.loads alone", "lines_per_second": round(LINES / loads(work / "json.log")), "peak_mb": "",
           "peer": "", "ratio": ""}


def loads(log: Path) -> float:
    """Seconds that the standard library needs to read each line."""
    lines = log.read_bytes().splitlines()
    began = time.perf_counter()
    for line in lines:
        json.loads(line)
    return time.perf_counter() - began
