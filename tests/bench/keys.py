"""What a key costs: `python -m tests.bench.keys [KEYS]`.

Of some kinds that keep state by key, with many keys: microseconds to make an event and send it, as in the pump each
is sent when it is made, and over the same with `grep` alone; with the commit after each thousand events, too; and the
resident memory of a key, after one event and after nine, where a node like it had a thousand keys before. Best of
three; each kind in a process of its own. The second table has the keys in random order.
"""

from __future__ import annotations

import gc
import multiprocessing
import random
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from corowatch import memory_log
from corowatch.__main__ import YOUNG
from corowatch.core.events import Event
from corowatch.core.pattern import Pattern
from corowatch.core.template import Template
from corowatch.nodes.absence import absence
from corowatch.nodes.bucket import bucket
from corowatch.nodes.dedupe import dedupe
from corowatch.nodes.distinct import distinct
from corowatch.nodes.grep import grep
from corowatch.nodes.pair import pair
from corowatch.nodes.threshold import threshold
from corowatch.store import Store, connect
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


def events(keys: int, turn: int, *, mixed: bool) -> Iterator[Event]:
    """One event a key."""
    order = array("I", range(keys))
    if mixed:
        random.Random(turn).shuffle(order)
    for at, key in enumerate(order):
        ip = f"10.{key >> 16}.{(key >> 8) & 255}.{key & 255}"
        yield Event(ORIGIN, turn * keys + at, 1000.0 + turn + at * 1e-6,
                    f"Nov 22 10:00:00 web1 sshd[42]: Failed password for root from {ip} port {key % 60000} ssh2",
                    {"ip": ip, "user": "root", "port": turn})


def resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measured(make: Make, keys: int, folder: Path, *, mixed: bool) -> tuple[float, float, list[float]]:
    """Seconds an event, without the commits and with them, and bytes a key after one turn and after nine."""
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])  # as the command does
    store = Store(folder)
    memory, other = (memory_log.empty(connect(store.path), name) for name in ("f.node", "f.other"))
    node, sent, committed, sizes = make(Nothing(), memory), 0.0, 0.0, []
    warm = make(Nothing(), other)
    for turn in range(100):  # what the database holds of pages, and a turn of events, is no key's
        for event in events(1000, turn, mixed=mixed):
            warm.send(event)
        store.commit([], [("f.other", other)], [])
    gc.collect()
    before = resident()
    for turn in range(9):
        coming = events(keys, turn, mixed=mixed)
        for _ in range(0, keys, 1000):
            began = time.perf_counter()
            for event in islice(coming, 1000):
                node.send(event)
            middle = time.perf_counter()
            store.commit([], [("f.node", memory)], [])
            sent, committed = sent + middle - began, committed + time.perf_counter() - began
        if turn in (0, 8):
            gc.collect()
            sizes.append((resident() - before) / keys)
    store.close()
    return sent / keys / 9, committed / keys / 9, sizes


def of_kind(name: str, keys: int, mixed: bool) -> tuple[float, float, list[float]]:
    """Seconds an event, without commits and with, and bytes a key."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [measured(NODES[name], keys, Path(folder) / f"{n}", mixed=mixed) for n in range(3)]
    return min(run[0] for run in runs), min(run[1] for run in runs), runs[0][2]


def main() -> None:
    """Print the tables."""
    keys = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for mixed in (False, True):
        print(f"{keys:,} keys{', mixed' if mixed else '':12}{'us an event':>12}{'over grep':>12}{'and commit':>12}"
              f"{'bytes a key: 1':>16}{'9 events':>10}")
        alone = both = 0.0
        for name in sys.argv[2:] or NODES:
            with multiprocessing.get_context("spawn").Pool(1) as process:
                sent, committed, sizes = process.apply(of_kind, (name, keys, mixed))
            if not alone:
                alone, both = sent, committed
            print(f"{name:24}{sent * 1e6:12.1f}{(sent - alone) * 1e6:12.1f}{(committed - both) * 1e6:12.1f}"
                  f"{sizes[0]:16,.0f}{sizes[1]:10,.0f}", flush=True)


if __name__ == "__main__":
    main()
