from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.coroutine import finish
from corowatch.core.events import Tick, rfc3339
from corowatch.core.memory import Memory
from corowatch.nodes.change import change, check
from corowatch.testing import Collect, line, restarted


def send(node, *times_and_values, **fields):
    for time, value in times_and_values:
        node.send(line("x", at=time, state=value, **fields))


def told(out):
    return [(event.at, event.fields["was"], event.fields["since"]) for event in out]


def test_it_passes_on_the_event_whose_value_is_another_than_the_last():
    out = Collect()
    node = change(out, of=("state",))

    send(node, (100, "up"), (101, "up"), (102, "down"), (103, "down"), (104, "up"))

    assert [(102, "up", rfc3339(100)), (104, "down", rfc3339(102))] == told(out)
    assert {"state": "down", "was": "up", "since": rfc3339(100)} == out[0].fields
    assert {"changed": 2, "same": 2, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_the_first_value_is_only_learnt():
    out = Collect()
    node = change(out, of=("state",))

    send(node, (100, "down"))

    assert [] == out
    assert {"changed": 0, "same": 0, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_an_empty_value_is_a_value():
    out = Collect()

    send(change(out, of=("state",)), (100, ""), (101, "up"), (102, ""))

    assert [(101, "", rfc3339(100)), (102, "up", rfc3339(101))] == told(out)


def test_values_are_compared_as_they_are_shown():
    out = Collect()

    send(change(out, of=("state",)), (100, 5), (101, "5"), (102, 5.0), (103, True), (104, "true"))

    assert [(103, "5", rfc3339(100))] == told(out)


def test_one_of_several_fields_is_enough_and_all_are_told():
    out = Collect()
    node = change(out, of=("state", "role"))

    send(node, (100, "up"), (101, "up"), role="primary")
    send(node, (102, "up"), role="standby")
    send(node, (103, "down"), role="standby")

    assert [(102, "up, primary", rfc3339(100)), (103, "up, standby", rfc3339(102))] == told(out)


def test_where_one_field_ends_makes_a_difference():
    out = Collect()
    node = change(out, of=("a", "b"))

    node.send(line("x", at=100.0, a="1, 2", b="3"))
    node.send(line("x", at=101.0, a="1", b="2, 3"))

    assert [(101, "1, 2, 3", rfc3339(100))] == told(out)


def test_each_key_has_a_value_of_its_own_and_is_told():
    out = Collect()
    node = change(out, of=("state",), by=("ip",))

    send(node, (100, "up"), ip="a")
    send(node, (101, "down"), ip="b")
    send(node, (102, "up"), (103, "down"), ip="a")

    assert [({"ip": "a"}, 103)] == [(event.key, event.at) for event in out]


def test_an_event_without_the_key_or_a_field_of_the_value_is_counted_and_changes_nothing():
    out = Collect()
    node = change(out, of=("state", "role"), by=("ip",))

    send(node, (100, "up"), ip="a", role="x")
    send(node, (101, "down"), ip="a")
    send(node, (102, "down"), role="x")
    send(node, (103, "up"), ip="a", role="x")

    assert [] == out
    assert {"changed": 0, "same": 1, "unkeyed": 2, "late": 0, "evicted": 0} == finish(node)


def test_an_event_that_comes_too_late_is_counted_and_changes_nothing():
    out = Collect()
    node = change(out, of=("state",), lateness=5.0)

    send(node, (100, "up"), (94.9, "down"), (101, "up"))
    assert [] == out
    assert 1 == finish(node)["late"]


def test_the_last_is_the_one_that_came_last_whatever_its_time():
    out = Collect()

    send(change(out, of=("state",), lateness=5.0), (100, "up"), (95, "down"), (101, "down"), (102, "up"))

    assert [(95, "up", rfc3339(100)), (102, "down", rfc3339(95))] == told(out)


def test_a_tick_makes_no_event_late():
    out = Collect()
    node = change(out, of=("state",))

    send(node, (100, "up"))
    node.send(Tick(130.0))
    send(node, (101, "down"))

    assert [101] == [event.at for event in out]


@pytest.mark.parametrize(("at", "passes"), [(160, [160]), (160.001, [])])
def test_a_key_unseen_for_longer_than_expire_is_learnt_anew(at, passes):
    out = Collect()
    node = change(out, of=("state",), expire=60.0)

    send(node, (40, "up"), (100, "up"), (at, "down"))

    assert passes == [event.at for event in out]


def test_without_expire_nothing_is_forgotten():
    out = Collect()
    node = change(out, of=("state",))

    send(node, (100, "up"))
    node.send(Tick(1e9))
    send(node, (1e9, "down"))

    assert [(1e9, "up", rfc3339(100))] == told(out)


def test_a_key_that_is_forgotten_leaves_no_trace():
    memory = Memory()
    node = change(Collect(), of=("state",), by=("ip",), expire=60.0, memory=memory)

    send(node, (100, "up"), ip="a")
    node.send(Tick(160.1))

    assert [""] == list(memory)


def test_beyond_max_keys_the_one_longest_untouched_is_forgotten():
    out = Collect()
    node = change(out, of=("state",), by=("ip",), max_keys=2)

    for n, (ip, state) in enumerate([("a", "up"), ("b", "up"), ("a", "up"), ("c", "up"), ("b", "down"), ("a", "x")]):
        send(node, (100 + n, state), ip=ip)

    assert [] == out
    assert {"changed": 0, "same": 1, "unkeyed": 0, "late": 0, "evicted": 3} == finish(node)


def test_values_survive_the_process():
    out, memory = Collect(), Memory()
    first = change(out, of=("state",), memory=memory)
    send(first, (100, "up"))
    finish(first)

    send(change(out, of=("state",), memory=restarted(memory)), (200, "up"), (201, "down"))

    assert [(201, "up", rfc3339(100))] == told(out)


def test_a_value_that_cannot_change_within_a_key_is_refused():
    with pytest.raises(ValueError, match="`of` names nothing but fields of `by`, which are the same in all events"):
        check({"of": ("ip",), "by": ("host", "ip")})
    check({"of": ("ip", "state"), "by": ("ip",)})


@given(st.lists(st.tuples(st.integers(-4, 6), st.sampled_from(["a", "b", ""]), st.sampled_from(["1", "2", None])),
                max_size=60), st.one_of(st.none(), st.integers(1, 12)), st.integers(0, 5))
def test_it_does_what_a_list_of_all_events_would(items, expire, lateness):
    """A step without a key is a tick. The node is made anew from its memory, as JSON, before each item; what time a
    tick told is not remembered."""
    out, expected, memory = Collect(), [], Memory()
    now, newest, clock, known = 100.0, 0.0, 0.0, {}

    def forget(at):
        for key in [key for key, events in known.items() if expire and events[-1][0] + expire < at]:
            del known[key]

    for gap, key, value in items:
        now += gap
        memory = restarted(memory)
        node = change(out, of=("state",), by=("k",), expire=expire and float(expire), lateness=float(lateness),
                      memory=memory)
        if not key:
            node.send(Tick(now))
            forget(now)
            continue
        send(node, (now, value), k=key)
        if now < newest - lateness:
            continue
        newest, clock = max(now, newest), max(now, clock)
        forget(clock)
        if value is None:
            continue
        events = known.setdefault(key, [])
        if events and events[-1][2] != value:
            was = events[-1][2]
            *_, (_, since, _) = takewhile(lambda one, was=was: one[2] == was, reversed(events))
            expected.append((now, was, rfc3339(since)))
        events.append((clock, now, value))

    assert expected == told(out)
