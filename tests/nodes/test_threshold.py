import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.coroutine import finish
from corowatch.core.errors import StateRefused
from corowatch.core.events import Tick, rfc3339
from corowatch.core.keyed import Row
from corowatch.core.memory import Memory
from corowatch.core.window import packed
from corowatch.nodes.threshold import Kept, check, standing, threshold
from corowatch.testing import Collect, line, restarted


def at(node, *times, **fields):
    for time in times:
        node.send(line(f"line of {time:g}", at=time, place=int(time * 10), **fields))


def fired(out):
    return [event.at for event in out]


def test_it_fires_on_the_event_that_makes_it_so_many():
    out = Collect()
    node = threshold(out, at_least=3, within=60.0)

    at(node, 100, 110, 120)

    assert [120] == fired(out)
    assert {"count": 3, "first": rfc3339(100), "last": rfc3339(120), "suppressed": 0} == out[0].fields


@pytest.mark.parametrize("window", [packed([40.0, 90.0, 100.0]), [40.0, 90.0, 100.0]])
def test_how_far_a_window_is_is_told_also_of_one_that_a_former_version_kept(window):
    assert "2 of 5 within 30s" == standing({"at_least": 5, "within": 30.0}, (window, 0.0, 0, None), None)


def test_the_span_is_inclusive():
    out = Collect()
    at(threshold(out, at_least=2, within=60.0), 100, 160)
    at(threshold(out, at_least=2, within=60.0), 100, 160.001)

    assert [160] == fired(out)


def test_the_window_slides():
    out = Collect()
    at(threshold(out, at_least=3, within=10.0), 100, 109, 118, 120, 120.5)

    assert [120.5] == fired(out)


def test_after_firing_the_key_rests_and_tells_of_it_when_it_fires_again():
    out = Collect()
    node = threshold(out, at_least=2, within=10.0)

    at(node, 100, 101, 102, 103, 110.9, 111, 112)

    assert [101, 112] == fired(out)
    assert [0, 3] == [event.fields["suppressed"] for event in out]
    assert {"fired": 2, "suppressed": 3, "resolved": 0, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_the_rest_may_be_longer_than_the_window_and_than_the_expiry():
    out = Collect()
    node = threshold(out, at_least=2, within=1.0, rest=100.0)

    at(node, 100, 100.5, 199, 199.5, 201, 201.5)

    assert [100.5, 201.5] == fired(out)


def test_the_rest_may_begin_anew_with_each_event():
    out = Collect()
    node = threshold(out, at_least=2, within=10.0, extend=True)

    at(node, 100, 101, 110, 119, 128.9, 138.9, 139)

    assert [101, 139] == fired(out)
    assert 3 == out[1].fields["suppressed"]


def test_a_late_event_does_not_cut_a_rest_short_that_begins_anew():
    out = Collect()
    node = threshold(out, at_least=2, within=10.0, extend=True)

    at(node, 100, 101, 105, 103, 114, 125, 126)

    assert [101, 126] == fired(out)
    assert 3 == out[1].fields["suppressed"]


def test_one_is_enough_if_so_said():
    out = Collect()
    at(threshold(out, at_least=1, within=1.0), 100, 100.5, 102)

    assert [100, 102] == fired(out)


def test_each_key_is_counted_alone_and_told():
    out = Collect()
    node = threshold(out, at_least=2, within=60.0, by=("ip",))

    for n, ip in enumerate("abba"):
        node.send(line("x", at=100.0 + n, ip=ip))
    node.send(line("no key", at=105.0))

    assert [{"ip": "b"}, {"ip": "a"}] == [event.key for event in out]
    assert 1 == finish(node)["unkeyed"]


def test_the_alert_can_show_the_last_ten_lines_of_the_window():
    out = Collect()
    node = threshold(out, at_least=20, within=60.0)

    at(node, *range(100, 120))

    assert [f"line of {n}" for n in range(110, 119)] == [line.text for line in out[0].past]


def test_an_event_that_comes_too_late_is_counted_and_not_used():
    out = Collect()
    node = threshold(out, at_least=2, within=60.0, lateness=5.0)

    at(node, 100, 94.9)
    assert [] == out
    at(node, 95)

    assert [95] == fired(out)
    assert 1 == finish(node)["late"]


def test_a_tick_makes_no_event_late():
    out = Collect()
    node = threshold(out, at_least=2, within=60.0)

    at(node, 100)
    node.send(Tick(130.0))
    at(node, 101)

    assert [101] == fired(out)


def test_beyond_max_keys_the_one_longest_untouched_goes():
    out = Collect()
    node = threshold(out, at_least=2, within=60.0, by=("ip",), max_keys=2)

    for n, ip in enumerate("abaca b".replace(" ", "")):
        node.send(line("x", at=100.0 + n, ip=ip))

    assert [{"ip": "a"}] == [event.key for event in out]
    assert {"evicted": 2, "fired": 1} == {k: v for k, v in finish(node).items() if k in ("evicted", "fired")}


def test_a_key_untouched_for_long_leaves_no_trace():
    memory = Memory()
    node = threshold(Collect(), at_least=2, within=10.0, by=("ip",), memory=memory)

    at(node, 100, ip="a")
    node.send(Tick(120.1))

    assert [""] == list(memory)


def test_an_open_window_survives_the_process():
    out, memory = Collect(), Memory()
    at(threshold(out, at_least=3, within=60.0, memory=memory), 100, 110)

    at(threshold(out, at_least=3, within=60.0, memory=restarted(memory)), 120)

    assert [120] == fired(out)
    assert ["line of 100", "line of 110"] == [line.text for line in out[0].past]


def test_a_window_that_ends_within_a_time_is_refused():
    memory = Memory({"{}": (100.0, None, (b"abc", 0.0, 0, None))})

    with pytest.raises(StateRefused, match="a window that ends within a time"):
        threshold(Collect(), at_least=3, within=60.0, memory=memory)


def test_a_half_full_window_is_no_finding():
    out = Collect()
    node = threshold(out, at_least=3, within=60.0)
    at(node, 100, 110)

    finish(node)

    assert [] == out


@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from("ab")), max_size=40), st.integers(1, 4),
       st.integers(1, 12), st.one_of(st.none(), st.integers(1, 20)), st.booleans())
def test_it_does_what_a_list_of_all_events_would(gaps, at_least, within, rest, extend):
    out, model = Collect(), []
    node = threshold(out, at_least=at_least, within=float(within), rest=rest and float(rest), extend=extend, by=("k",))
    silence = within if rest is None else rest
    now, windows, until = 100.0, {}, {}

    for gap, key in gaps:
        now += gap
        node.send(line("x", at=now, k=key))
        if now < until.get(key, 0):
            until[key] = now + silence if extend else until[key]
            continue
        windows.setdefault(key, []).append(now)
        newest = windows[key][-at_least:]
        if len(newest) == at_least and newest[-1] - newest[0] <= within:
            model.append((now, key))
            windows[key], until[key] = [], now + silence

    assert model == [(event.at, event.key["k"]) for event in out]


# --- until it is calm -------------------------------------------------------------------------------


def test_it_is_over_when_nothing_came_for_so_long():
    out = Collect()
    node = threshold(out, at_least=2, within=10.0, calm=30.0, by=("ip",))

    at(node, 100, 101, 110, 125, ip="a")
    node.send(Tick(154.9))
    assert ["firing"] == [event.state for event in out]
    node.send(Tick(200.0))

    assert [("firing", 101, 101), ("resolved", 101, 155)] == [(event.state, event.at, event.when) for event in out]
    assert ({"ip": "a"}, 2) == (out[1].key, out[1].fields["suppressed"])
    assert {"fired": 1, "resolved": 1, "suppressed": 2} == {
        name: count for name, count in finish(node).items() if count}


def test_so_many_events_may_still_come():
    out = Collect()
    node = threshold(out, at_least=3, within=10.0, calm=10.0, at_most=1)

    at(node, 100, 101, 102, 105, 108, 111, 119, 130)

    assert [(102, "firing"), (118, "resolved")] == [(event.when, event.state) for event in out]


def test_after_it_was_calm_it_may_fire_again():
    out = Collect()
    node = threshold(out, at_least=2, within=10.0, calm=5.0)

    at(node, 100, 101, 110, 111)
    node.send(Tick(120.0))

    assert [(101, "firing"), (106, "resolved"), (111, "firing"), (116, "resolved")] == [
        (event.when, event.state) for event in out]


def test_what_is_not_over_at_the_close_is_not_told_as_over():
    out = Collect()
    node = threshold(out, at_least=1, within=10.0, calm=5.0)
    at(node, 100)

    finish(node)

    assert ["firing"] == [event.state for event in out]


def test_without_calm_nothing_is_ever_over():
    out = Collect()
    node = threshold(out, at_least=1, within=10.0)
    at(node, 100)
    node.send(Tick(1000.0))

    assert [""] == [event.state for event in out]


@pytest.mark.parametrize(("options", "why"), [
    ({"calm": None, "rest": None, "at_most": 1}, "belongs to `calm`"),
    ({"calm": 5.0, "rest": None, "at_most": 2}, "must be less than `at_least`"),
    ({"calm": 5.0, "rest": None, "extend": True, "at_most": 0}, "`extend` has no use beside `calm`"),
    ({"calm": 5.0, "rest": 5.0, "at_most": 0}, "`rest` has no use beside `calm`")])
def test_an_option_without_a_use_is_refused(options, why):
    with pytest.raises(ValueError, match=why):
        check({"at_least": 2, "extend": False, **options})


@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["a", "b", ""])), max_size=40), st.integers(1, 4),
       st.integers(1, 12), st.integers(1, 12), st.integers(0, 3))
def test_until_calm_it_does_what_a_list_of_all_events_would(gaps, at_least, within, calm, at_most):
    """A gap without a key is a tick. The node is made anew from its memory, as JSON, before each item."""
    out, model, memory = Collect(), [], Memory()
    now, windows, firing = 100.0, {}, {}

    def over(at):
        """When each key that fires was calm by `at`: the first of these moments at which few enough had come."""
        for key, (fired, times) in list(firing.items()):
            for moment in sorted([fired + calm, *(time + calm for time in times)]):
                if moment <= at and sum(moment - calm < time for time in times) <= at_most:
                    del firing[key]
                    yield moment, key, "resolved"
                    break

    for gap, key in gaps:
        now += gap
        memory = restarted(memory)
        node = threshold(out, at_least=at_least, within=float(within), calm=float(calm), at_most=at_most, by=("k",),
                         expire=1000.0, memory=memory)
        node.send(line("x", at=now, k=key) if key else Tick(now))
        model += sorted(over(now))
        if not key:
            continue
        if key in firing:
            firing[key][1].append(now)
            continue
        windows.setdefault(key, []).append(now)
        newest = windows[key][-at_least:]
        if len(newest) == at_least and newest[-1] - newest[0] <= within:
            model.append((now, key, "firing"))
            windows[key], firing[key] = [], (now, [])

    assert model == [(event.when, event.key["k"], event.state) for event in out]


def test_a_key_takes_thirteen_bytes_for_each_event_of_its_window_and_few_beside_them():
    name = '{"ip": "192.0.2.1"}'
    memory = Memory().proved(Row[Kept])
    node = threshold(Collect(), at_least=10, within=600.0, by=("ip",), memory=memory)

    sizes = []
    for time in range(9):
        at(node, 1000.0 + time, ip="192.0.2.1")
        memory.noted()  # so that it is packed, and read again
        sizes.append(sys.getsizeof(memory._packed[name]))

    # A number of five bytes for the log, when it was touched, and what tells of what kind each is; so for its clocks.
    assert len(name) + 9 * (8 + 5) + 25 + 28 == memory.size
    # It grows once, and then has room until it fires.
    assert [80, *8 * [176]] == sizes
