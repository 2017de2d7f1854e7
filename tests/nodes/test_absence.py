import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.coroutine import finish
from corowatch.core.events import Origin, Tick, rfc3339
from corowatch.core.memory import Memory
from corowatch.core.text import Text
from corowatch.nodes.absence import absence, check
from corowatch.nodes.alert import alert
from corowatch.testing import Collect, line, restarted


def at(node, *times, **fields):
    for time in times:
        node.send(line(f"line of {time:g}", at=time, place=int(time * 10), **fields))


def told(out):
    return [(event.when, event.state) for event in out]


def test_it_fires_when_nothing_came_for_so_long():
    out = Collect()
    node = absence(out, for_=10.0, by=("ip",))

    at(node, 100, 105, ip="a")
    node.send(Tick(130.0))

    assert [(115, "firing")] == told(out)
    assert [("line of 105", 105, {"ip": "a"})] == [(event.text, event.at, event.key) for event in out]
    assert {"ip": "a", "count": 0, "silent": 10.0, "last": rfc3339(105)} == out[0].fields


@pytest.mark.parametrize(("gap", "states"), [(9.999, []), (10.0, ["firing", "resolved"])])
def test_an_event_at_the_deadline_comes_too_late(gap, states):
    out = Collect()

    at(absence(out, for_=10.0), 100, 100 + gap)

    assert states == [event.state for event in out]


def test_a_tick_at_the_deadline_is_enough():
    out = Collect()
    node = absence(out, for_=10.0)
    at(node, 100)

    node.send(Tick(109.999))
    assert [] == out
    node.send(Tick(110.0))

    assert [(110, "firing")] == told(out)


def test_what_comes_is_not_passed_on():
    out = Collect()

    at(absence(out, for_=10.0), 100, 101, 110)

    assert [] == out


def test_it_fires_once_and_the_next_event_makes_it_over():
    out = Collect()
    node = absence(out, for_=10.0)

    at(node, 100)
    for tick in (110, 111, 150):
        node.send(Tick(tick))
    at(node, 170, 171)
    node.send(Tick(200.0))

    assert [(110, "firing"), (170, "resolved"), (181, "firing")] == told(out)
    assert ("line of 170", out[0].fields) == (out[1].text, out[1].fields)
    assert {"fired": 2, "resolved": 1, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_fewer_than_so_many_are_too_few():
    out = Collect()
    node = absence(out, for_=10.0, below=3)

    at(node, 100, 101, 102, 109.5)
    node.send(Tick(150.0))

    assert [(111, "firing")] == told(out)
    assert {"count": 2, "silent": 1.5, "last": rfc3339(109.5)} == out[0].fields


def test_until_enough_lie_within_it_is_not_over():
    out = Collect()
    node = absence(out, for_=10.0, below=3)

    at(node, 100, 120, 125, 130, 134.999)

    assert [(110, "firing"), (134.999, "resolved")] == told(out)


def test_of_several_events_at_one_moment_none_is_counted_once_it_is_too_old():
    out = Collect()
    node = absence(out, for_=10.0, below=3)

    at(node, 100, 100, 100, 104)
    node.send(Tick(110.0))

    assert [(110, 1)] == [(event.when, event.fields["count"]) for event in out]


# --- when nothing ever came -------------------------------------------------------------------------


def test_counting_begins_with_the_first_tick():
    out = Collect()
    node = absence(out, for_=10.0)

    for tick in (100, 105, 109, 110):
        node.send(Tick(tick))

    assert [(110, "firing")] == told(out)
    assert (Origin("", "", ""), "", {}) == (out[0].origin, out[0].text, out[0].key)
    assert {"count": 0, "silent": 10.0} == out[0].fields


def test_the_beginning_stands_for_the_events_that_did_not_come_yet():
    out = Collect()
    node = absence(out, for_=10.0, below=2)

    node.send(Tick(100.0))
    at(node, 104)
    node.send(Tick(110.0))

    assert [(110, {"count": 1, "silent": 6.0, "last": rfc3339(104)})] == [(event.when, event.fields) for event in out]


def test_a_line_from_before_the_beginning_is_told_as_the_last():
    out = Collect()
    node = absence(out, for_=10.0)

    node.send(Tick(100.0))
    at(node, 97)
    node.send(Tick(110.0))

    assert [(110, "line of 97", 13.0)] == [(event.when, event.text, event.fields["silent"]) for event in out]


def test_a_restart_does_not_begin_anew_and_the_time_between_counts():
    out, memory = Collect(), Memory()
    absence(out, for_=10.0, memory=memory).send(Tick(100.0))

    absence(out, for_=10.0, memory=restarted(memory)).send(Tick(150.0))

    assert [(110, "firing")] == told(out)


def test_by_keys_nothing_is_watched_that_was_never_seen():
    out = Collect()
    node = absence(out, for_=10.0, by=("ip",))

    node.send(Tick(100.0))
    node.send(Tick(200.0))

    assert [] == out


def test_what_never_came_can_be_told_and_be_over():
    out = Collect()
    alerts = alert(out, title=Text("nothing since {last}"))
    node = absence(alerts, for_=10.0)

    node.send(Tick(100.0))
    node.send(Tick(110.0))
    at(node, 125)

    assert ["nothing since ", "resolved: nothing since "] == [alert.title for alert in out]
    assert (out[0].id + ".r", 15.0) == (out[1].id, out[1].fields["duration"])


# --- keys -------------------------------------------------------------------------------------------


def test_each_key_is_watched_alone_and_all_are_told_in_the_order_of_their_deadlines():
    out = Collect()
    node = absence(out, for_=10.0, by=("ip",))

    for when, ip in ((100, "b"), (101, "a"), (108, "b"), (109, "")):
        node.send(line("x", at=when, **({"ip": ip} if ip else {})))
    node.send(Tick(150.0))
    at(node, 151, ip="b")

    assert [(111, "a", "firing"), (118, "b", "firing"), (151, "b", "resolved")] == [
        (event.when, event.key["ip"], event.state) for event in out]
    assert 1 == finish(node)["unkeyed"]


def test_beyond_max_keys_the_one_longest_silent_goes_untold():
    out = Collect()
    node = absence(out, for_=10.0, by=("ip",), max_keys=2)

    for n, ip in enumerate("abac"):
        at(node, 100 + n, ip=ip)
    node.send(Tick(150.0))

    assert ["a", "c"] == [event.key["ip"] for event in out]
    assert 1 == finish(node)["evicted"]


def test_that_it_fires_does_not_make_a_key_newer():
    out = Collect()
    node = absence(out, for_=10.0, by=("ip",), max_keys=2)

    at(node, 100, ip="a")
    at(node, 105, ip="b")
    at(node, 112, ip="c")
    at(node, 113, ip="a")

    assert [(110, "a", "firing")] == [(event.when, event.key["ip"], event.state) for event in out]
    assert 2 == finish(node)["evicted"]


def test_a_silent_key_is_not_forgotten_unless_so_said():
    out, memory = Collect(), Memory()
    node = absence(out, for_=10.0, by=("ip",), memory=memory)
    at(node, 100, ip="a")

    node.send(Tick(1e9))
    at(node, 1e9, ip="a")

    assert [(110, "firing"), (1e9, "resolved")] == told(out)


def test_a_key_that_is_silent_for_long_is_forgotten_after_it_was_told():
    out, memory = Collect(), Memory()
    node = absence(out, for_=10.0, by=("ip",), expire=60.0, memory=memory)

    at(node, 100, ip="a")
    node.send(Tick(160.0))
    assert 2 == len(memory)
    node.send(Tick(160.1))
    at(node, 165, ip="a")

    assert [(110, "firing")] == told(out)


def test_one_that_is_told_and_forgotten_at_the_same_moment_is_told():
    out = Collect()
    node = absence(out, for_=10.0, by=("ip",), expire=11.0)
    at(node, 100, ip="a")

    node.send(Tick(500.0))

    assert [(110, "firing")] == told(out)


@pytest.mark.parametrize(("options", "why"), [
    ({"for": 10.0, "by": (), "expire": 60.0}, "belongs to `by`"),
    ({"for": 10.0, "by": ("ip",), "expire": 10.0}, "must be longer than `for`")])
def test_an_option_without_a_use_is_refused(options, why):
    with pytest.raises(ValueError, match=why):
        check(options)


@pytest.mark.parametrize("options", [
    {"for": 10.0, "by": (), "expire": None}, {"for": 10.0, "by": ("ip",), "expire": 10.1}])
def test_options_that_go_together_are_right(options):
    check(options)


# --- out of order -----------------------------------------------------------------------------------


def test_an_event_that_comes_too_late_counts_as_if_it_had_not_come():
    out = Collect()
    node = absence(out, for_=10.0, by=("ip",), lateness=5.0)

    at(node, 100, ip="a")
    at(node, 109, ip="b")
    at(node, 103.9, ip="a")
    node.send(Tick(110.0))

    assert [(110, "a")] == [(event.when, event.key["ip"]) for event in out]
    assert 1 == finish(node)["late"]


def test_an_older_event_is_not_the_last():
    out = Collect()
    node = absence(out, for_=10.0, lateness=5.0)

    at(node, 100, 98)
    node.send(Tick(110.0))

    assert [(110, "line of 100")] == [(event.when, event.text) for event in out]


def test_of_two_at_one_moment_the_one_that_came_later_is_the_last():
    out = Collect()
    node = absence(out, for_=10.0)

    node.send(line("first", at=100.0))
    node.send(line("second", at=100.0))
    node.send(Tick(110.0))

    assert ["second"] == [event.text for event in out]


def test_one_that_is_read_after_it_fired_makes_it_over_at_once_and_not_before():
    out = Collect()
    node = absence(out, for_=10.0)

    at(node, 100)
    node.send(Tick(110.0))
    at(node, 109.5)
    node.send(Tick(119.4))
    assert [(110, "firing", 100), (110, "resolved", 109.5)] == [(event.when, event.state, event.at) for event in out]
    node.send(Tick(119.5))

    assert (119.5, "firing") == told(out)[2]


def test_lines_that_are_far_behind_the_time_make_it_fire_once_and_not_with_each():
    out = Collect()
    node = absence(out, for_=10.0)

    for second in range(20):
        at(node, 100 + second)
        node.send(Tick(3700.0 + second))

    assert ["firing"] == [event.state for event in out]


# --- ends -------------------------------------------------------------------------------------------


def test_at_the_close_nothing_is_sent():
    out = Collect()
    node = absence(out, for_=10.0)
    at(node, 100)

    assert {"fired": 0, "resolved": 0, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)
    assert [] == out


def test_what_fires_survives_the_process_and_is_over_in_the_next():
    out, memory = Collect(), Memory()
    node = absence(out, for_=10.0, by=("ip",), memory=memory)
    at(node, 100, ip="a")
    node.send(Tick(110.0))

    at(absence(out, for_=10.0, by=("ip",), memory=restarted(memory)), 125, ip="a")

    assert [(110, "firing"), (125, "resolved")] == told(out)
    assert ({"ip": "a"}, 10.0) == (out[1].key, out[1].fields["silent"])


ITEMS = st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["a", "b", ""])), max_size=40)
"""Seconds since the item before, and the key; without one it is a tick."""


def windows(events, begin, at, for_):
    """The events that lie within `for_` at a moment, if it was counted for so long: an event's own moment counts."""
    return None if at < begin + for_ else [when for when in events if at - for_ < when <= at]


@given(ITEMS, st.integers(1, 12), st.integers(1, 4), st.booleans())
def test_it_does_what_a_list_of_all_events_would(items, for_, below, keyed):
    """The node is made anew from its memory, as JSON, before each item. The model looks at every second."""
    out, model, memory = Collect(), [], Memory()
    now, seen, begin, firing = 100, {}, {}, set()

    def look(at, key):
        """Tell what is so at a second, before the events of that second."""
        inside = windows([when for when in seen.get(key, []) if when < at], begin[key], at, for_)
        if key not in firing and inside is not None and len(inside) < below:
            firing.add(key)
            last = max(seen.get(key, []), default=None)
            model.append((at, key, "firing", len(inside), at - (begin[key] if last is None else last), last))

    for gap, ip in items:
        memory = restarted(memory)
        node = absence(out, for_=float(for_), below=below, by=("ip",) if keyed else (), memory=memory)
        node.send(line("x", at=float(now + gap), ip=ip) if ip else Tick(float(now + gap)))
        for second in range(now + 1, now + gap + 1):
            for key in sorted(begin):
                look(second, key)
        now += gap
        key = ip if keyed else ""
        if ip or not keyed:
            begin.setdefault(key, now)
        if not ip:
            continue
        seen.setdefault(key, []).append(now)
        newest = seen[key][-below:]
        if key in firing and len(newest) == below and now - newest[0] < for_:
            firing.remove(key)
            model.append((now, key, "resolved", *next(row[3:] for row in model[::-1] if row[1:3] == (key, "firing"))))

    assert model == [
        (event.when, event.key.get("ip", ""), event.state, event.fields["count"], event.fields["silent"],
         event.fields.get("last") and event_time(event)) for event in out]


def event_time(event):
    """The second that an event tells as that of the last."""
    return next(second for second in range(100, 1000) if rfc3339(second) == event.fields["last"])


@given(st.lists(st.tuples(st.integers(-4, 8), st.sampled_from("ab")), max_size=40), st.integers(1, 12),
       st.integers(1, 4))
def test_events_out_of_order_are_counted_where_they_belong(items, for_, below):
    """The model asks of each key, at the time that the newest event of all tells, whether it is as the node says.

    A key whose first event is too old already is told of with the next item.
    """
    out, memory = Collect(), Memory()
    now, seen, begin, states = 0, {}, {}, {}

    for gap, ip in items:
        memory = restarted(memory)
        node = absence(out, for_=float(for_), below=below, by=("ip",), memory=memory)
        when = (now or 100) + gap
        node.send(line("x", at=float(when), ip=ip))
        now = max(now, when)
        known = [*seen]
        begin.setdefault(ip, when)
        seen.setdefault(ip, []).append(when)
        states |= {event.key["ip"]: event.state for event in out}
        for key in known:
            inside = windows(seen[key], begin[key], now, for_)
            few = inside is not None and len(inside) < below
            assert few == (states.get(key) == "firing"), (key, now)
