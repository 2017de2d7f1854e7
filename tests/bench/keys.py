"""What a key costs: `python -m tests.bench.keys [KEYS]`.

Of some kinds that keep state by key, with many keys: microseconds an event, and over `grep` alone; the same with a
commit for each thousand events; and the resident memory of a key, after one event and after nine. Best of three; each
kind in a process of its own.
"""

from __future__ import annotations

import gc
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from corowatch.core.events import Event
from corowatch.core.memory import Memory
from corowatch.core.pattern import Pattern
from corowatch.core.template import Template
from corowatch.nodes.absence import absence
from corowatch.nodes.bucket import bucket
from corowatch.nodes.dedupe import dedupe
from corowatch.nodes.distinct import distinct
from corowatch.nodes.grep import grep
from corowatch.nodes.pair import pair
from corowatch.nodes.threshold import threshold
from corowatch.store import Store
from corowatch.testing import ORIGIN

Make = Callable[..., Any]
NODES: dict[str, Make] = {
    "grep alone": lambda target, memory: grep(target, pattern=(Pattern("Failed"),)),
    "threshold": lambda target, memory: threshold(target, at_least=10, within=600.0, by=("ip",), max_keys=10**7,
                                                  memory=memory),
    "bucket": lambda target, memory: bucket(target, capacity=10, leak=60.0, by=("ip",), max_keys=10**7, memory=memory),
    "dedupe": lambda target, memory: dedupe(target, within=600.0, by=("ip",), max_keys=10**7, memory=memory),
    "distinct": lambda target, memory: distinct(target, of=("port",), at_least=20, within=600.0, by=("ip",),
                                                max_keys=10**7, memory=memory),
    "absence": lambda target, memory: absence(target, for_=600.0, by=("ip",), max_keys=10**7, memory=memory),
    "pair": lambda target, memory: pair(target, open=(Pattern("Failed"),), close=(Template("Accepted"),), within=600.0,
                                        by=("ip",), max_keys=10**7, memory=memory),
}


class Nothing:
    """A target that forgets."""

    def send(self, item: object) -> None:
        """Forget it."""


def events(keys: int, turn: int) -> Iterator[Event]:
    """One event a key."""
    for key in range(keys):
        ip = f"10.{key >> 16}.{(key >> 8) & 255}.{key & 255}"
        yield Event(ORIGIN, turn * keys + key, 1000.0 + turn + key * 1e-6,
                    f"Nov 22 10:00:00 web1 sshd[42]: Failed password for root from {ip} port {key % 60000} ssh2",
                    {"ip": ip, "user": "root", "port": turn})


def resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measured(make: Make, keys: int, folder: Path, *, commits: bool) -> tuple[float, list[float]]:
    """Seconds an event, and bytes a key after one turn and after nine."""
    memory: Memory[Any] = Memory()
    node, spent, sizes, store = make(Nothing(), memory), 0.0, [], Store(folder)
    gc.collect()
    before = resident()
    for turn in range(9):
        batch: list[Event] = []
        for event in events(keys, turn):
            batch.append(event)
            if len(batch) == 1000:
                began = time.perf_counter()
                for one in batch:
                    node.send(one)
                if commits:
                    store.commit([], [("f.node", memory)], [])
                spent += time.perf_counter() - began
                batch.clear()
                memory.written()
        if turn in (0, 8):
            gc.collect()
            sizes.append((resident() - before) / keys)
    store.close()
    return spent / keys / 9, sizes


def of_kind(name: str, keys: int) -> tuple[float, float, list[float]]:
    """Seconds an event, without commits and with, and bytes a key."""
    with tempfile.TemporaryDirectory() as folder:
        first, *others = [measured(NODES[name], keys, Path(folder) / f"{n}", commits=False) for n in range(3)]
        both, _ = measured(NODES[name], keys, Path(folder) / "c", commits=True)
    return min(first, *others)[0], both, first[1]


def main() -> None:
    """Print the table."""
    keys = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    print(f"{keys:,} keys{'':12}{'us an event':>12}{'over grep':>12}{'and commit':>12}"
          f"{'bytes a key: 1':>16}{'9 events':>10}")
    alone = committed = 0.0
    for name in NODES:
        with multiprocessing.get_context("spawn").Pool(1) as process:
            spent, both, sizes = process.apply(of_kind, (name, keys))
        if name == "grep alone":
            alone, committed = spent, both
        print(f"{name:24}{spent * 1e6:12.1f}{(spent - alone) * 1e6:12.1f}{(both - committed) * 1e6:12.1f}"
              f"{sizes[0]:16,.0f}{sizes[1]:10,.0f}", flush=True)


if __name__ == "__main__":
    main()
