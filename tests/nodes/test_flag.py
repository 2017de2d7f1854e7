"""`flag` and those that ask for it: `when`, `unless`, `unflag`."""

from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.coroutine import finish
from corowatch.core.events import Tick
from corowatch.core.flags import Flags
from corowatch.core.memory import Memory
from corowatch.nodes.flag import KEPT, flag
from corowatch.nodes.unflag import unflag
from corowatch.nodes.unless import unless
from corowatch.nodes.when import when
from corowatch.testing import Collect, line, restarted, texts


def at(node, *times, **fields):
    for time in times:
        node.send(line(f"{time:g}", at=time, **fields))


def test_what_comes_while_it_is_set_passes_when_and_the_rest_passes_unless():
    out, yes, no, flags = Collect(), Collect(), Collect(), Flags()
    sets = flag(out, name="f", for_=10.0, flags=flags)
    asks, asks_not = when(yes, flag="f", flags=flags), unless(no, flag="f", flags=flags)

    for node in (asks, asks_not):
        at(node, 99)
    at(sets, 100)
    for node in (asks, asks_not):
        at(node, 99.9, 100, 109.9, 110)

    assert ["100"] == texts(out)
    assert ["100", "109.9"] == texts(yes)
    assert ["99", "99.9", "110"] == texts(no)
    assert {"matched": 2, "unkeyed": 0} == finish(asks)
    assert {"matched": 3, "unkeyed": 0} == finish(asks_not)
    assert {"set": 1, "unkeyed": 0, "late": 0, "evicted": 0} == finish(sets)


def test_each_key_has_its_own_whatever_its_fields_are_called():
    yes, flags = Collect(), Flags()
    sets = flag(Collect(), name="f", by=("ip", "port"), flags=flags)
    asks = when(yes, flag="f", by=("source", "number"), flags=flags)
    at(sets, 100, ip="a", port=22)
    at(sets, 100, ip="b")
    at(asks, 101, source="a", number="22")
    at(asks, 102, source="b", number="22")
    at(asks, 103, source="a")

    assert ["101"] == texts(yes)
    assert {"matched": 1, "unkeyed": 1} == finish(asks)
    assert 1 == finish(sets)["unkeyed"]


def test_without_for_it_is_set_until_it_is_taken_down():
    yes, passed, flags = Collect(), Collect(), Flags()
    sets, takes = flag(Collect(), name="f", by=("ip",), flags=flags), unflag(passed, flag="f", by=("ip",), flags=flags)
    asks = when(yes, flag="f", by=("ip",), flags=flags)
    at(sets, 100, ip="a")
    sets.send(Tick(1e9))
    at(asks, 1e9, ip="a")
    at(takes, 1e9, 1e9 + 1, ip="a")
    at(takes, 1e9 + 1)
    at(asks, 1e9 + 2, ip="a")

    assert (["1e+09"], 2) == (texts(yes), len(passed))
    assert {"cleared": 1, "unkeyed": 1} == finish(takes)


def test_another_event_sets_it_for_longer():
    yes, flags = Collect(), Flags()
    sets = flag(Collect(), name="f", for_=10.0, flags=flags)
    asks = when(yes, flag="f", flags=flags)
    at(sets, 101, 105, 100.5)
    at(asks, 100.4, 100.5, 114.9, 115)

    assert ["100.5", "114.9"] == texts(yes)


def test_several_may_set_one_and_it_goes_with_who_set_it():
    yes, flags = Collect(), Flags()
    first, second = (flag(Collect(), name="f", flags=flags) for _ in range(2))
    asks = when(yes, flag="f", flags=flags)
    at(first, 100)
    at(asks, 101)
    first.close()
    at(asks, 102)
    at(second, 103)
    at(asks, 104)

    assert ["101", "104"] == texts(yes)


def test_nobody_may_set_it():
    no = Collect()
    at(unless(no, flag="f", flags=Flags()), 100)
    at(unflag(no, flag="f", flags=Flags()), 100)
    at(unless(no, flag="f", by=("ip",)), 100)

    assert 2 == len(no)


def test_of_too_many_keys_the_one_set_longest_ago_is_set_no_more():
    yes, flags = Collect(), Flags()
    sets = flag(Collect(), name="f", by=("ip",), max_keys=1, flags=flags)
    asks = when(yes, flag="f", by=("ip",), flags=flags)
    at(sets, 100, ip="a")
    at(sets, 101, ip="b")
    at(sets, 90, ip="c")
    at(asks, 102, ip="a")
    at(asks, 103, ip="b")

    assert ["103"] == texts(yes)
    assert {"set": 2, "unkeyed": 0, "late": 1, "evicted": 1} == finish(sets)


steps = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["set", "take", "ask", "tick"]), st.sampled_from("ab"),
                           st.integers(-2, 0)), max_size=40)


@given(steps, st.one_of(st.none(), st.integers(1, 9)), st.booleans())
def test_it_is_what_a_list_of_all_that_happened_tells(steps, lasts, restart):
    """Set over and over, it is one span from the first on, as long as it does not end between."""
    yes, flags, memory, spans, model, now = Collect(), Flags(), Memory(), {}, [], 100.0
    options = {"name": "f", "by": ("k",), "for_": lasts and float(lasts), "flags": flags}
    sets = flag(Collect(), memory=memory, **options)
    asks, takes = when(yes, flag="f", by=("k",), flags=flags), unflag(Collect(), flag="f", by=("k",), flags=flags)
    for gap, what, key, back in steps:
        now += gap
        if restart:
            sets.close()
            memory = restarted(memory)
            sets = flag(Collect(), memory=memory, **options)
        time = now + back
        if what == "tick":
            sets.send(Tick(now))
            continue
        event = line("x", at=time, k=key)
        {"set": sets, "take": takes, "ask": asks}[what].send(event)
        if what == "set":
            start, end = spans.get(key, (time, 0.0))
            if end <= time:
                start = end = time
            spans[key] = min(start, time), max(end, time + lasts) if lasts else float("inf")
        elif what == "take":
            spans.pop(key, None)
        elif key in spans and spans[key][0] <= time < spans[key][1]:
            model.append((time, key))

    assert model == [(event.at, event.fields["k"]) for event in yes]


def test_what_is_over_is_known_for_a_day_to_those_who_read_what_is_old_and_then_not_kept():
    memory, flags, passed = Memory(), Flags(), Collect()
    sets = flag(Collect(), name="f", for_=10.0, memory=memory, flags=flags)
    asks = when(passed, flag="f", flags=flags)
    at(sets, 100)

    sets.send(Tick(110.0 + KEPT - 1.0))
    at(asks, 99, 105, 110)
    sets.send(Tick(110.0 + KEPT))
    at(asks, 106)

    assert ["105"] == texts(passed)
    assert "[]" not in memory


def test_one_that_is_set_again_when_it_is_over_is_not_set_in_between():
    flags, passed = Flags(), Collect()
    sets = flag(Collect(), name="f", for_=10.0, flags=flags)
    at(sets, 100, 120)

    at(when(passed, flag="f", flags=flags), 115, 125)

    assert ["125"] == texts(passed)
