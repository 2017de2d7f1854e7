from math import ceil

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.coroutine import finish
from corowatch.core.events import Tick, rfc3339
from corowatch.core.memory import Memory
from corowatch.nodes.stats import adds, check, stats
from corowatch.testing import Collect, line, restarted, texts
from tests.judged import Model


def send(node, *times_and_numbers, **fields):
    for time, seconds in times_and_numbers:
        node.send(line(f"{seconds} at {time:g}", at=time, place=int(time * 10), seconds=seconds, **fields))


def told(out):
    return [(event.when, event.state) for event in out]


def judges(out, show, **options):
    return stats(out, of="seconds", show=(show,), **({"within": 60.0} | options))


def test_it_fires_on_the_event_by_which_the_figure_is_above():
    out = Collect()
    node = stats(out, of="seconds", show=("p75", "max", "avg"), above=2.0, within=60.0, at_least=4)

    send(node, (100, 1), (101, 1), (102, 3), (103, "1.5"), (104, "4.25"))

    assert ["4.25 at 104"] == texts(out)
    assert {"seconds": "4.25", "p75": 3.0, "max": 4.25, "avg": 2.15, "count": 5, "first": rfc3339(100),
            "last": rfc3339(104), "suppressed": 0} == out[0].fields
    assert (5, ["3 at 102"]) == (out[0].count, texts(out[0].past))


@pytest.mark.parametrize(("show", "bound", "not_yet", "then"), [
    ("min", {"above": 1.0}, [2, 0.5], [2, 3]), ("min", {"below": 1.0}, [2, 3], [2, 0.5]),
    ("max", {"above": 2.0}, [1, 1.5], [1, 3]), ("max", {"below": 2.0}, [1, 3], [1, 1.5]),
    ("sum", {"above": 3.0}, [1, 1.5], [2, 2]), ("sum", {"below": 3.0}, [2, 2], [1, 1.5]),
    ("avg", {"above": 2.0}, [1, 2], [1, 4]), ("avg", {"below": 2.0}, [1, 4], [1, 2]),
    ("median", {"above": 1.5}, [1, 4], [2, 4]), ("median", {"below": 1.5}, [2, 4], [1, 4])])
def test_each_figure_is_judged(show, bound, not_yet, then):
    calm, out = Collect(), Collect()

    send(judges(calm, show, **bound, at_least=2), *((100, number) for number in not_yet))
    send(judges(out, show, **bound, at_least=2), *((100, number) for number in then))

    assert ([], [f"{then[1]} at 100"]) == (calm, texts(out))


@pytest.mark.parametrize(("show", "numbers", "bound"), [
    ("avg", [1, 3], {"above": 2.0}), ("p50", [2, 3], {"above": 2.0}), ("p50", [2, 3], {"below": 2.0}),
    ("max", [2], {"above": 2.0}), ("min", [2], {"below": 2.0}), ("sum", [1, 1], {"above": 2.0})])
def test_just_so_much_is_not_beyond_the_bound(show, numbers, bound):
    out = Collect()

    send(judges(out, show, **bound, at_least=len(numbers)), *((100, number) for number in numbers))

    assert [] == out


def test_of_both_bounds_either_will_do():
    out = Collect()
    node = judges(out, "avg", above=10.0, below=2.0, rest=0.5)

    send(node, (100, 5), (101, 16), (102, 1))

    assert [101, 102] == [event.at for event in out]


@pytest.mark.parametrize(("show", "many"), [
    ("p95", 20), ("p5", 20), ("p99", 100), ("p99.9", 1000), ("median", 2), ("p75", 4), ("avg", 1)])
def test_without_a_word_as_many_are_judged_as_it_takes(show, many):
    """Of fewer than twenty, p95 is just the greatest."""
    out = Collect()

    send(judges(out, show, above=2.0), *((100, 9) for _ in range(many - 1)))
    assert [] == out
    send(judges(out, show, above=2.0), *((100, 9) for _ in range(many)))

    assert 1 == len(out)


def test_whether_it_fires_is_exact_however_many_there_are():
    """1.99 and 2.01 are in one bucket."""
    out = Collect()
    node = judges(out, "p90", above=2.0)

    send(node, *((100, 1.99) for _ in range(900)), *((100, 2.01) for _ in range(100)))
    assert [] == out
    send(node, (100, 2.01))

    assert [(1001, pytest.approx(2.01, rel=0.02))] == [(event.fields["count"], event.fields["p90"]) for event in out]


def test_what_is_no_number_is_counted_and_not_used():
    out = Collect()
    node = judges(out, "sum", above=0.0)

    send(node, (100, "-"), (101, None), (102, True), (103, 1e300), (104, "0.1, 0.2"))
    node.send(line("no field", at=105.0))

    assert [] == out
    assert {"fired": 0, "resolved": 0, "suppressed": 0, "unkeyed": 0, "non_numeric": 6,
            "late": 0, "evicted": 0} == finish(node)


def test_a_sum_is_shown_by_all_its_lines():
    out = Collect()

    send(judges(out, "sum", above=3.0), (100, 1), (101, 2), (102, 1))

    assert [["1 at 100", "2 at 101"]] == [texts(event.past) for event in out]


def test_with_calm_it_is_over_when_for_so_long_no_event_was_out_of_bounds():
    out = Collect()
    node = judges(out, "max", above=2.0, within=12.0, calm=30.0)

    send(node, (100, 3), (110, 1), (125, 1))
    node.send(Tick(200.0))

    assert [(100, "firing"), (140, "resolved")] == told(out)
    assert (3.0, 2) == (out[1].fields["max"], out[1].fields["suppressed"])


def test_each_key_is_judged_alone_and_told():
    out = Collect()
    node = judges(out, "sum", above=2.0, by=("path",))

    send(node, (100, 2), path="a")
    send(node, (101, 2), path="b")
    send(node, (102, 1), path="a")

    assert [({"path": "a"}, 102)] == [(event.key, event.at) for event in out]


def test_a_row_has_so_many_samples_and_no_more():
    memory = Memory()
    node = judges(Collect(), "p95", above=1e6, memory=memory)

    send(node, *((100 + n / 50, 1 + n % 1000) for n in range(6000)))

    assert 12 == len(memory["{}"][2][0])
    assert len(msgspec.json.encode(memory["{}"])) < 10_000


def test_every_so_often_figures_are_told_with_the_last_event():
    out = Collect()
    node = stats(out, of="seconds", show=("p50", "max"), every=60.0, by=("path",))

    send(node, (100, 1), (101, 5), path="a")
    send(node, (110, 7), path="b")
    send(node, (120, 3), (119, 2), path="a")
    node.send(Tick(159.999))
    assert [] == out
    node.send(Tick(160.0))
    send(node, (170, 9), path="a")
    node.send(Tick(400.0))

    assert [(160, "a", 2.0, 5.0, 4, "2 at 119"), (170, "b", 7.0, 7.0, 1, "7 at 110"),
            (230, "a", 9.0, 9.0, 1, "9 at 170")] == [
                (event.when, event.key["path"], event.fields["p50"], event.fields["max"], event.count, event.text)
                for event in out]
    assert {"seconds": 2, "path": "a", "p50": 2.0, "max": 5.0, "count": 4, "first": rfc3339(100),
            "last": rfc3339(120)} == out[0].fields
    assert {"fired": 3, "resolved": 0, "suppressed": 0, "unkeyed": 0, "non_numeric": 0,
            "late": 0, "evicted": 0} == finish(node)


def test_a_report_leaves_out_what_others_do():
    out = Collect()
    node = stats(out, of="seconds", show=("max",), every=60.0, by=("path",), max_keys=1, lateness=5.0)

    send(node, (100, 1), path="a")
    send(node, (94, 9), (100, "-"), path="a")
    send(node, (100, 9))
    send(node, (101, 2), path="b")
    node.send(Tick(200.0))

    assert [("b", 2.0)] == [(event.key["path"], event.fields["max"]) for event in out]
    assert {"fired": 1, "resolved": 0, "suppressed": 0, "unkeyed": 1, "non_numeric": 1,
            "late": 1, "evicted": 1} == finish(node)


def test_nothing_is_told_at_close():
    out = Collect()
    node = stats(out, of="seconds", show=("max",), every=60.0)
    send(node, (100, 1))

    finish(node)

    assert [] == out


NONE = dict.fromkeys(("within", "above", "below", "at_least", "every", "rest", "calm", "expire"))


@pytest.mark.parametrize(("options", "why"), [
    ({}, "it needs `within` and a bound, or `every`"),
    ({"within": 60.0}, "it needs a bound, `above` or `below`"),
    ({"within": 60.0, "above": 1.0, "below": 2.0},
     "`below` must not be more than `above`, or every figure is out of bounds"),
    ({"every": 60.0, "within": 60.0}, "`within` has no use beside `every`, which tells all figures, right or wrong"),
    ({"every": 60.0, "above": 0.0}, "`above` has no use beside `every`, which tells all figures, right or wrong"),
])
def test_options_that_do_not_go_together_are_refused(options, why):
    with pytest.raises(ValueError) as refused:
        check(NONE | options)

    assert why == str(refused.value)


def test_options_that_go_together_are_not_refused():
    check(NONE | {"within": 60.0, "above": 0.0})
    check(NONE | {"every": 60.0})


@pytest.mark.parametrize(("every", "more"), [(None, ("suppressed",)), (60.0, ())])
def test_what_it_adds_has_the_figures_names(every, more):
    assert ("p95", "max", "count", "first", "last", *more) == tuple(adds({"show": ("p95", "max"), "every": every}))


def figure(name, numbers):
    numbers = sorted(numbers)
    if name in ("p50", "p90"):
        return numbers[ceil(len(numbers) * int(name[1:]) / 100) - 1]
    return {"min": min, "max": max, "sum": sum, "avg": lambda numbers: sum(numbers) / len(numbers)}[name](numbers)


steps = st.lists(st.tuples(st.integers(-4, 8), st.sampled_from(["a", "a", "a", "b", ""]),
                           st.sampled_from([0.25, 1, 2, 3, 4, 8, -2, "-"]), st.sampled_from([1, 1, 1, 70])),
                 max_size=40)


@given(steps, st.sampled_from(["p50", "p90", "min", "max", "sum", "avg"]), st.sampled_from([12, 24, 30]),
       st.integers(1, 5), st.sampled_from([None, 1, 2, 3]), st.sampled_from([None, 0.5, 1]),
       st.one_of(st.none(), st.integers(1, 40)), st.one_of(st.none(), st.integers(1, 20)), st.integers(0, 20))
def test_it_does_what_a_list_of_all_events_would(items, show, within, at_least, above, below, rest, calm, lateness):
    """A step without a key is a tick; some events come 70 times at once. The node is made anew from its memory, as
    JSON, before each item; what time a tick told is not remembered."""
    above = 2 if above is None and below is None else above

    def beyond(number):
        return (above is not None and number > above) or (below is not None and number < below)

    model = Model(lambda numbers: beyond(figure(show, numbers)), lambda number: show == "sum" or beyond(number),
                  within=within, at_least=at_least, rest=rest, calm=calm, lateness=lateness)
    out, memory, now = Collect(), Memory(), 1000

    for gap, key, seconds, times in items:
        now += gap
        for _ in range(times):
            memory = restarted(memory)
            node = stats(out, of="seconds", show=(show,), above=above, below=below, within=float(within),
                         at_least=at_least, by=("k",), rest=rest and float(rest), calm=calm and float(calm),
                         lateness=float(lateness), memory=memory)
            if key:
                send(node, (now, seconds), k=key)
                model.sees(now, key, None if seconds == "-" else seconds, f"{seconds} at {now}")
            else:
                node.send(Tick(now))
                model.tick(now)

    assert [(when, key, state, pytest.approx(figure(show, numbers), rel=1e-5 if exact(show, numbers) else 0.02),
             len(numbers), *rest) for when, key, state, numbers, *rest in model.told] == [
        (event.when, event.key["k"], event.state, event.fields[show], event.fields["count"], event.fields["first"],
         event.fields["last"], texts(event.past), event.fields["suppressed"]) for event in out]


def exact(show, numbers):
    return not show.startswith("p") or len(numbers) <= 64


@given(steps, st.integers(1, 20), st.integers(0, 20))
def test_a_report_tells_what_a_list_of_all_events_would(items, every, lateness):
    out, memory, now, newest = Collect(), Memory(), 1000, 0
    kept, expected = {}, []

    for gap, key, seconds, _ in items:
        now += gap
        memory = restarted(memory)
        node = stats(out, of="seconds", show=("p90", "sum"), every=float(every), by=("k",), lateness=float(lateness),
                     memory=memory)
        for due, name in sorted((begun + every, name) for name, (begun, _) in kept.items() if begun + every <= now):
            numbers = [number for _, number in kept.pop(name)[1]]
            expected.append((due, name, figure("p90", numbers), sum(numbers), len(numbers)))
        if key:
            send(node, (now, seconds), k=key)
            if now >= newest - lateness:
                newest = max(now, newest)
                if seconds != "-":
                    kept.setdefault(key, (now, []))[1].append((now, seconds))
        else:
            node.send(Tick(now))

    assert expected == [(event.when, event.key["k"], event.fields["p90"], event.fields["sum"], event.fields["count"])
                        for event in out]
