from corowatch.core.coroutine import finish
from corowatch.core.events import Tick
from corowatch.core.memory import Memory
from corowatch.nodes.tally import tally
from corowatch.testing import Collect, line


def test_each_time_every_key_tells_its_count_and_begins_at_zero():
    out = Collect()
    node = tally(out, by=("status",), every=60.0)

    for second, status in [(100, "200"), (101, "500"), (102, "200"), (160, "200"), (161, "500"), (221, "200")]:
        node.send(line("x", at=float(second), status=status))
    node.send(Tick(400.0))

    assert [("200", 2), ("500", 1), ("200", 1), ("500", 1), ("200", 1)] == [
        (event.key["status"], event.fields["count"]) for event in out]


def test_without_every_it_only_counts_and_its_standing_is_told_at_close():
    out = Collect()
    node = tally(out, by=("status", "path"))

    for status, path in [("200", "/"), ("500", "/x"), ("200", "/")]:
        node.send(line("x", at=100.0, status=status, path=path))

    assert {"200 /": 2, "500 /x": 1} == finish(node)["standing"]
    assert [] == out


def test_an_event_without_its_field_is_counted_unkeyed():
    node = tally(Collect(), by=("status",))

    node.send(line("x", at=100.0))

    assert 1 == finish(node)["unkeyed"]


def test_the_standing_stays_for_the_next_run():
    memory = Memory()
    first = tally(Collect(), memory=memory)
    first.send(line("x", at=100.0))
    finish(first)

    second = tally(Collect(), memory=memory)
    second.send(line("x", at=10_000_000.0))

    assert {"": 2} == finish(second)["standing"]


def test_without_fields_to_count_by_all_are_one():
    out = Collect()
    node = tally(out, every=10.0)

    for second in range(5):
        node.send(line("x", at=100.0 + second))
    node.send(Tick(110.0))

    assert [5] == [event.fields["count"] for event in out]
    assert [110.0] == [event.when for event in out]
