import pytest

from corowatch.core.coroutine import finish
from corowatch.core.events import Tick
from corowatch.core.memory import Memory
from corowatch.nodes.sample import sample
from corowatch.testing import Collect, line, restarted


def at(node, *times, **fields):
    for time in times:
        node.send(line("x", at=time, **fields))


@pytest.mark.parametrize(("every", "passed"), [(1, [1, 2, 3, 4, 5, 6, 7]), (2, [1, 3, 5, 7]), (3, [1, 4, 7]), (9, [1])])
def test_the_first_passes_and_then_each_nth_after_it(every, passed):
    out = Collect()

    at(sample(out, every=every), *range(1, 8))

    assert passed == [event.at for event in out]


def test_what_passed_and_what_did_not_is_counted():
    node = sample(Collect(), every=3)

    at(node, *range(7))

    assert {"passed": 3, "dropped": 4, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_each_key_is_counted_alone():
    out = Collect()
    node = sample(out, every=2, by=("status",))

    for second, status in enumerate(["200", "500", "200", "500", "200"]):
        at(node, 100 + second, status=status)
    at(node, 105)

    assert [(100, {"status": "200"}), (101, {"status": "500"}), (104, {"status": "200"})] == [
        (event.at, event.key) for event in out]
    assert 1 == finish(node)["unkeyed"]


def test_the_count_goes_on_after_kill_9():
    out, memory = Collect(), Memory()
    at(sample(out, every=3, memory=memory), 1, 2)

    at(sample(out, every=3, memory=restarted(memory)), 3, 4)

    assert [1, 4] == [event.at for event in out]


def test_a_key_untouched_for_long_begins_anew():
    out = Collect()
    node = sample(out, every=3, expire=60.0)

    at(node, 100, 101)
    node.send(Tick(161.1))
    at(node, 162)

    assert [100, 162] == [event.at for event in out]
