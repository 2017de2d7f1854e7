import pytest

from corowatch.core.coroutine import finish
from corowatch.core.events import Tick
from corowatch.core.memory import Memory
from corowatch.nodes.dedupe import dedupe
from corowatch.testing import Collect, line, restarted


def at(node, *times, text="x", **fields):
    for time in times:
        node.send(line(text, at=time, **fields))


def told(out):
    return [(event.text, event.at) for event in out]


def test_the_first_of_equal_texts_passes():
    out = Collect()
    node = dedupe(out, within=60.0)

    at(node, 100, 101, text="a")
    at(node, 102, 103, text="b")

    assert [("a", 100), ("b", 102)] == told(out)
    assert {"dropped": 2, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_the_time_runs_from_the_one_that_passed_and_repetitions_do_not_prolong_it():
    out = Collect()

    at(dedupe(out, within=60.0), 100, 130, 160, 161, 190, 221, 222)

    assert [("x", 100), ("x", 161), ("x", 222)] == told(out)


def test_the_time_is_inclusive():
    out = Collect()

    at(dedupe(out, within=60.0), 100, 160, 160.001)

    assert [("x", 100), ("x", 160.001)] == told(out)


def test_values_of_a_field_can_be_compared_instead():
    out = Collect()
    node = dedupe(out, within=60.0, of="user")

    at(node, 100, text="a", user="eve")
    at(node, 101, text="b", user="eve")
    at(node, 102, text="c", user="bob")
    at(node, 103, text="d")

    assert [("a", 100), ("c", 102)] == told(out)
    assert {"dropped": 1, "unkeyed": 1, "late": 0, "evicted": 0} == finish(node)


def test_each_key_is_compared_alone():
    out = Collect()
    node = dedupe(out, within=60.0, by=("ip",))

    at(node, 100, 101, ip="a")
    at(node, 102, 103, ip="b")

    assert [({"ip": "a"}, 100), ({"ip": "b"}, 102)] == [(event.key, event.at) for event in out]


@pytest.mark.parametrize(("fields", "counter"), [({}, "unkeyed"), ({"ip": "a"}, "late")])
def test_what_has_no_key_or_comes_too_late_is_counted_and_does_not_pass(fields, counter):
    out = Collect()
    node = dedupe(out, within=60.0, by=("ip",))

    at(node, 100, ip="a")
    at(node, 90, text="y", **fields)
    at(node, 101, text="z")

    assert [("x", 100)] == told(out)
    assert finish(node)[counter]


def test_what_passed_is_known_after_kill_9():
    out, memory = Collect(), Memory()
    at(dedupe(out, within=60.0, memory=memory), 100)

    at(dedupe(out, within=60.0, memory=restarted(memory)), 110, 161)

    assert [("x", 100), ("x", 161)] == told(out)


def test_a_text_unseen_for_long_is_forgotten():
    memory = Memory()
    node = dedupe(Collect(), within=60.0, memory=memory)

    at(node, 100)
    node.send(Tick(220.1))

    assert {""} == set(memory)


def test_it_holds_so_many_texts_and_a_repetition_counts_as_seen():
    out = Collect()
    node = dedupe(out, within=60.0, max_keys=2)

    for second, text in enumerate("abacab"):
        at(node, 100 + second, text=text)

    assert ["a", "b", "c", "b"] == [event.text for event in out]
    assert 2 == finish(node)["evicted"]


def test_a_long_text_costs_no_more_memory_than_a_short_one():
    memory = Memory()

    at(dedupe(Collect(), within=60.0, memory=memory), 100, text="x" * 65536)

    assert max(map(len, memory)) < 100
