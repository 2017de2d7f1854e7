from corowatch.core.coroutine import finish
from corowatch.core.events import Tick
from corowatch.core.memory import Memory
from corowatch.nodes.throttle import throttle
from corowatch.testing import Collect, line, restarted


def at(node, *times, **fields):
    for time in times:
        node.send(line(f"line of {time:g}", at=time, **fields))


def told(out):
    return [(event.text, event.fields.get("held")) for event in out]


def test_the_first_passes_and_when_the_time_is_over_the_last_held_tells_how_many():
    out = Collect()
    node = throttle(out, every=60.0)

    at(node, 100, 110, 120)
    node.send(Tick(159.9))
    assert [("line of 100", None)] == told(out)
    node.send(Tick(160.0))

    assert [("line of 100", None), ("line of 120", 2)] == told(out)
    assert 160.0 == out[1].when


def test_that_starts_the_time_anew():
    out = Collect()
    node = throttle(out, every=60.0)

    at(node, 100, 110)
    node.send(Tick(160.0))
    at(node, 200)
    node.send(Tick(220.0))

    assert [("line of 100", None), ("line of 110", 1), ("line of 200", 1)] == told(out)


def test_if_none_was_held_the_key_is_free():
    out = Collect()
    node = throttle(out, every=60.0)

    at(node, 100)
    node.send(Tick(160.0))
    at(node, 161)

    assert [("line of 100", None), ("line of 161", None)] == told(out)


def test_without_ticks_the_events_own_time_does_the_same():
    """Reading a backlog gives what live running gave."""
    live, late = Collect(), Collect()
    node = throttle(live, every=60.0)
    for time in (100, 110, 300, 301, 500):
        for second in range(100, time):
            node.send(Tick(float(second)))
        at(node, time)
    backlog = throttle(late, every=60.0)

    at(backlog, 100, 110, 300, 301, 500)

    assert told(live) == told(late)
    assert [event.when for event in live] == [event.when for event in late]


def test_each_key_is_throttled_alone():
    out = Collect()
    node = throttle(out, every=60.0, by=("ip",))

    at(node, 100, 101, ip="a")
    at(node, 102, 103, ip="b")
    node.send(Tick(162.0))

    assert [({"ip": "a"}, None), ({"ip": "b"}, None), ({"ip": "a"}, 1), ({"ip": "b"}, 1)] == [
        (event.key, event.fields.get("held")) for event in out]


def test_at_close_each_key_tells_what_it_holds_and_is_free_next_time():
    out, memory = Collect(), Memory()
    node = throttle(out, every=60.0, memory=memory)
    at(node, 100, 110)

    assert {"held": 1, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)
    assert [("line of 100", None), ("line of 110", 1)] == told(out)

    at(throttle(out, every=60.0, memory=memory), 120)
    assert ("line of 120", None) == told(out)[-1]


def test_what_is_held_survives_kill_9():
    out, memory = Collect(), Memory()
    at(throttle(out, every=60.0, memory=memory), 100, 110)

    throttle(out, every=60.0, memory=restarted(memory)).send(Tick(160.0))

    assert [("line of 100", None), ("line of 110", 1)] == told(out)


def test_a_key_that_holds_much_has_one_deadline():
    """One entry an event would fill the memory in an hour."""
    from corowatch.core.events import Here
    from corowatch.core.holding import Holding
    from corowatch.core.keyed import Keyed

    keys = Keyed(Memory(), {}, Here(), by=(), max_keys=10, expire=None, lateness=5.0)
    holding = Holding(keys, 60.0)

    for n in range(1000):
        holding.passes("{}", line("x", at=100.0 + n / 1000))

    assert 1 == len(keys._due)


def test_the_released_event_is_not_late_for_the_next_step():
    from corowatch.nodes.threshold import threshold

    out = Collect()
    count = threshold(out, at_least=2, within=1000.0)
    node = throttle(count, every=60.0)

    at(node, 100, 101)
    node.send(Tick(160.0))

    assert [("line of 101", 1)] == told(out)


def test_what_is_told_at_close_is_of_now_and_not_of_a_time_to_come():
    out = Collect()
    node = throttle(out, every=3600.0)
    at(node, 100, 110)
    node.send(Tick(130.0))

    finish(node)

    assert [100.0, 130.0] == [event.when for event in out]
