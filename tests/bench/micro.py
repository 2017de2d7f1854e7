"""What one of each costs: pip install '.[bench]', then python -m pytest tests/bench/micro.py."""

import pytest

from corowatch.core.coroutine import Broadcast
from corowatch.core.events import Event
from corowatch.core.graph import Inlet
from corowatch.core.kinds import Counts
from corowatch.core.pattern import Pattern
from corowatch.core.scan import Clock, scan
from corowatch.engines import EveryLine, NoCache, engine_for
from corowatch.nodes.grep import grep
from corowatch.store import Store
from corowatch.testing import ORIGIN, block, line

HIT = line("Nov 22 10:00:00 web1 sshd[42]: Failed password for root from 192.0.2.7 port 4242 ssh2", at=1.0)
MISS = line("Nov 22 10:00:00 web1 sshd[42]: Accepted publickey for deploy from 192.0.2.7 port 4242 ssh2", at=1.0)
BLOCK = block((MISS.text + "\n").encode() * 2000)


class Nothing:
    """A target that forgets."""

    def send(self, item: object) -> None:
        """Forget it."""


def test_event(benchmark):
    benchmark(lambda: Event(ORIGIN, 0, 1.0, "text"))


@pytest.mark.parametrize("event", [HIT, MISS], ids=["hit", "miss"])
@pytest.mark.parametrize("pattern", ["Failed password", r"Failed password for (?P<user>\S+) from (?P<ip>\S+)"])
def test_grep(benchmark, pattern, event):
    benchmark(grep(Nothing(), pattern=(Pattern(pattern),)).send, event)


def test_inlet(benchmark):
    def consumer():
        while True:
            yield

    def primed():
        made = consumer()
        next(made)
        return made

    benchmark(Inlet(primed, Counts(failed=0), lambda *_: None, lambda: 0.0).send, HIT)


@pytest.mark.parametrize("engine", ["scanner", "every line"])
def test_block_of_2000_lines_without_a_hit(benchmark, engine):
    pattern = Pattern("Failed password")
    found = engine_for([(pattern,)], NoCache()) if engine == "scanner" else EveryLine([(pattern,)])
    counts = Counts(lines=0, cut=0, skewed=0)
    consumer = grep(Broadcast([]), pattern=(pattern,))
    benchmark(scan([consumer], engine=found, clock=Clock("auto", counts), counts=counts).send, BLOCK)


def test_commit_of_one_position(benchmark, tmp_path):
    store = Store(tmp_path)
    numbers = iter(range(10**9))
    benchmark(lambda: store.commit([("reader", "key", {"offset": next(numbers)})], [], []))
