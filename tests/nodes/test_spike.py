from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.coroutine import finish
from corowatch.core.events import Tick, rfc3339
from corowatch.core.memory import Memory
from corowatch.nodes.alert import alert
from corowatch.nodes.spike import adds, check, spike
from corowatch.testing import Collect, line, restarted, texts


def send(node, *times, **fields):
    for time in times:
        node.send(line(f"line of {time:g}", at=time, place=int(time * 10), **fields))


def steady(node, begin, end, every, **fields):
    send(node, *range(begin, end, every), **fields)


def told(out):
    return [(event.when, event.fields["direction"], event.fields["count"], event.fields["before"]) for event in out]


def test_it_fires_on_the_event_that_makes_it_so_many_times_as_much():
    out = Collect()
    node = spike(out, times=3.0, within=12.0, at_least=5)

    steady(node, 100, 136, 6)
    send(node, 136.1, 136.2, 136.3, 136.4, 136.5)

    assert [(136.5, "up", 6, 2)] == told(out)
    assert {"count": 6, "before": 2, "times": 3.0, "direction": "up", "suppressed": 0} == out[0].fields
    assert (6, ["line of 130", *(f"line of 136.{n}" for n in range(1, 5))]) == (out[0].count, texts(out[0].past))


def test_an_alert_shows_nine_lines_of_the_newer_window_before_the_one_that_fires():
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=12)

    steady(node, 100, 136, 6)
    send(node, *(136 + n / 100 for n in range(20)))

    assert [f"line of {136 + n / 100:g}" for n in range(1, 10)] == texts(out[0].past)


def test_lines_of_the_older_window_are_not_shown():
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=3)

    send(node, 100, 120, 130, 139, 140)

    assert [(140, ["line of 130", "line of 139"])] == [(event.at, texts(event.past)) for event in out]


def test_less_is_told_at_the_end_of_a_twelfth_with_the_last_event():
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=12, direction="down")

    steady(node, 100, 131, 1)
    node.send(Tick(136.999))
    assert [] == out
    node.send(Tick(137.0))

    assert [(137, "down", 6, 12)] == told(out)
    assert ("line of 130", 130, 0.5) == (out[0].text, out[0].at, out[0].fields["times"])


def test_an_event_may_be_what_passes_the_time():
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=12, direction="down")

    steady(node, 100, 131, 1)
    send(node, 150)

    assert [(137, "down", 6, 12)] == told(out)


@pytest.mark.parametrize(("direction", "directions"), [
    ("up", ["up"]), ("down", ["down"]), ("both", ["up", "down"])])
def test_what_is_told_is_more_or_less_or_both(direction, directions):
    out = Collect()
    node = spike(out, times=3.0, within=12.0, at_least=4, direction=direction, rest=1.0)

    steady(node, 100, 136, 6)
    send(node, *(136 + n / 10 for n in range(5)))
    node.send(Tick(300.0))

    assert directions == list(dict.fromkeys(event.fields["direction"] for event in out))


@pytest.mark.parametrize(("first", "fires"), [(99.999, True), (100, False)])
def test_nothing_is_told_before_both_windows_have_passed(first, fires):
    """They begin with the first whole twelfth after the first event: of 99.999 that is 100, and they end at 124."""
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=3)

    send(node, first, 123.1, 123.2, 123.3)

    assert fires is bool(out)


def test_from_nothing_to_so_many_is_a_spike_of_no_number_of_times():
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=3)

    send(node, 100, 140, 141, 142)

    assert {"count": 3, "before": 0, "direction": "up", "suppressed": 0} == out[0].fields


def test_to_nothing_is_less():
    out = Collect()
    node = spike(out, times=1e9, within=12.0, at_least=3, direction="down")

    send(node, 100, 124, 124, 125)
    node.send(Tick(500.0))

    assert [(138, "down", 0, 3)] == told(out)
    assert (0.0, 1) == (out[0].fields["times"], out[0].count)


def test_too_few_are_not_judged():
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=4, direction="both")

    send(node, 100, 140, 141, 142)
    node.send(Tick(500.0))

    assert [] == out


def test_without_a_key_it_is_watched_from_the_first_word_of_the_time():
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=2)

    node.send(Tick(100.0))
    send(node, 124, 124.5)

    assert [(124.5, "up", 2, 0)] == told(out)


def test_with_a_key_it_is_watched_from_its_first_event_on():
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=2, by=("ip",))

    node.send(Tick(100.0))
    send(node, 124, 124.5, ip="a")
    assert [] == out
    send(node, 150, 150.5, ip="a")
    send(node, 150.5)

    assert [(150.5, {"ip": "a"})] == [(event.at, event.key) for event in out]
    assert 1 == finish(node)["unkeyed"]


def test_one_rise_is_told_once():
    """A hundred times as much from one moment on: after one window the older has of both."""
    out = Collect()
    node = spike(out, times=3.0, within=12.0, at_least=3)

    steady(node, 100, 160, 3)
    send(node, *(160 + n / 33 for n in range(2000)))

    assert 1 == len(out)


def test_it_tells_how_many_came_while_it_rested():
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=2, rest=3.0)

    send(node, 100, 140, 141, 142, 143.999, 144, 145)

    assert [(141, 0), (144, 2)] == [(event.at, event.fields["suppressed"]) for event in out]
    assert {"fired": 2, "suppressed": 3, "unkeyed": 0, "non_numeric": 0, "late": 0, "evicted": 0} == finish(node)


@pytest.mark.parametrize(("show", "older", "newer", "figures"), [
    ("avg", [1, 2], [2, 4], (3.0, 1.5)), ("sum", [1, 2], [2, 4], (6.0, 3.0)), ("max", [1, 2], [2, 4], (4.0, 2.0)),
    ("min", [1, 2], [2, 4], (2.0, 1.0))])
def test_figures_of_a_field_are_compared(show, older, newer, figures):
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=2, of="seconds", show=show)

    send(node, 100, seconds=1)
    for time, seconds in zip((125, 126, 140, 141), (*older, *newer), strict=True):
        send(node, time, seconds=seconds)

    assert [(141, *figures, 2.0, 2)] == [(event.at, event.fields[show], event.fields["before"], event.fields["times"],
                                          event.fields["count"]) for event in out]


@pytest.mark.parametrize("older", [[], [1], [0, 0], [-1, -1]])
def test_a_figure_of_too_few_or_of_nothing_is_not_compared(older):
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=2, of="seconds", direction="both")

    send(node, 100, seconds=1)
    for time, seconds in [*zip((125, 126), older, strict=False), (140, 9), (141, 9)]:
        send(node, time, seconds=seconds)

    assert [] == out


def test_what_is_no_number_is_counted_and_not_used():
    node = spike(Collect(), times=2.0, within=12.0, at_least=2, of="seconds", by=("ip",))

    send(node, 100, seconds="-", ip="a")
    send(node, 101, ip="a")
    send(node, 101, seconds=1)

    assert (2, 1) == itemgetter("non_numeric", "unkeyed")(finish(node))


def test_beyond_max_keys_the_one_longest_untouched_goes():
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=2, by=("ip",), max_keys=2)

    for time, ip in ((100, "a"), (101, "b"), (102, "a"), (103, "c"), (140, "b"), (141, "b"), (142, "a"), (143, "a")):
        send(node, time, ip=ip)

    assert [] == out
    assert 3 == finish(node)["evicted"]


def test_a_key_that_is_silent_is_waited_for_no_longer_than_it_takes():
    memory = Memory()
    node = spike(Collect(), times=2.0, within=12.0, at_least=2, direction="both", by=("ip",), memory=memory)

    send(node, 100, 130, ip="a")
    node.send(Tick(142.999))
    assert 143 == memory['{"ip": "a"}'][1]
    node.send(Tick(143.0))

    assert memory['{"ip": "a"}'][1] is None


def test_a_key_that_is_not_judged_yet_or_rests_is_not_looked_at_before_it_is():
    memory = Memory()
    node = spike(Collect(), times=2.0, within=12.0, at_least=2, direction="both", by=("ip",), rest=20.5, memory=memory)

    send(node, 100, ip="a")
    assert 125 == memory['{"ip": "a"}'][1]
    send(node, 118, 119, ip="a")
    node.send(Tick(130.0))
    assert 131 == memory['{"ip": "a"}'][1]
    node.send(Tick(132.0))

    assert 153 == memory['{"ip": "a"}'][1]


def test_a_key_untouched_for_long_is_forgotten_if_that_is_wanted():
    """That it is looked at is no touch."""
    memory = Memory()
    node = spike(Collect(), times=2.0, within=12.0, at_least=2, direction="down", by=("ip",), expire=24.0,
                 memory=memory)

    send(node, 100, 113, ip="a")
    for tick in (125.0, 126.0, 137.0):
        node.send(Tick(tick))
    assert 2 == len(memory)
    node.send(Tick(137.001))

    assert [""] == list(memory)


def test_an_older_event_counts_and_takes_nothing_back():
    """At 141 it was not so; the one of 128 makes it so, and that is found at the next end of a twelfth."""
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=3, direction="down", lateness=30.0)

    send(node, 100, 126, 127, 140)
    node.send(Tick(141.0))
    send(node, 128)
    node.send(Tick(150.0))

    assert [(142, "down", 1, 3)] == told(out)
    assert ["line of 128"] == texts(out)


def test_the_alert_of_less_is_the_same_after_a_restart():
    ids = []
    for restart in (False, True):
        out, memory = Collect(), Memory()
        node = spike(alert(out), times=2.0, within=12.0, at_least=3, direction="down", memory=memory)
        send(node, 100, 124, 124, 125)
        if restart:
            node = spike(alert(out), times=2.0, within=12.0, at_least=3, direction="down", memory=restarted(memory))
        node.send(Tick(200.0))
        ids.append([(one.id, one.at) for one in out])

    assert [rfc3339(138)] == [at for _, at in ids[0]]
    assert ids[0] == ids[1]


def test_nothing_is_told_at_close():
    out = Collect()
    node = spike(out, times=2.0, within=12.0, at_least=2, direction="both")
    send(node, 100, 110, 111, 112)

    finish(node)

    assert [] == out


OPTIONS = {"times": 3.0, "within": 60.0, "by": ("ip",), "expire": None}


@pytest.mark.parametrize(("options", "why"), [
    ({"times": 1.0}, "`times` must be more than 1, or what stays the same is a spike"),
    ({"by": (), "expire": 600.0}, "`expire` belongs to `by`: what is watched as a whole is never forgotten"),
    ({"expire": 119.0}, "`expire` must be twice `within` at least, or a key is forgotten before it is compared"),
])
def test_options_that_do_not_go_together_are_refused(options, why):
    with pytest.raises(ValueError) as refused:
        check(OPTIONS | options)

    assert why == str(refused.value)


def test_options_that_go_together_are_not_refused():
    check(OPTIONS)
    check(OPTIONS | {"times": 1.1, "expire": 120.0})


def test_a_figure_is_a_field_under_its_name():
    assert {"count", "before", "times", "direction", "suppressed"} == set(adds({"of": None, "show": "avg"}))
    assert {"count", "before", "times", "direction", "suppressed", "avg"} == set(adds({"of": "x", "show": "avg"}))


FIGURES = {"avg": lambda numbers: sum(numbers) / len(numbers), "sum": sum, "min": min, "max": max}


class Model:
    """Keeps all events of each key, and looks through them all; times are whole seconds."""

    def __init__(self, times, within, at_least, direction, figure, rest, lateness):
        self.times, self.within, self.at_least, self.figure = times, within, at_least, figure
        self.direction, self.lateness = direction, lateness
        self.silence = 2 * within if rest is None else rest
        self.newest = 0
        self.keys, self.told = {}, []

    def pane(self, at):
        return at * 12 // self.within

    def of(self, numbers):
        return FIGURES[self.figure](numbers) if self.figure else len(numbers)

    def compared(self, one, end):
        if self.pane(one["since"]) > end - 24:
            return None
        return ([number for at, number, _ in one["events"] if end - 12 < self.pane(at) <= end],
                [number for at, number, _ in one["events"] if end - 24 < self.pane(at) <= end - 12])

    def much(self, much, little):
        if len(much) < self.at_least:
            return False
        if self.figure and (len(little) < self.at_least or self.of(little) <= 0):
            return False
        return self.of(much) >= self.times * self.of(little)

    def passes(self, at):
        while True:
            due = [(one["next"], key) for key, one in self.keys.items()
                   if one["next"] is not None and (one["next"] + 1) * self.within <= at * 12]
            if not due:
                return
            end, key = min(due)
            one, ends = self.keys[key], (end + 1) * self.within / 12
            found = self.compared(one, end)
            if ends < one["until"]:
                found = None
            one["next"] = end + 1
            if found and self.much(found[1], found[0]):
                self.tell(ends, key, "down", found, one, None)
            elif found and not found[0]:
                one["next"] = None

    def tell(self, when, key, direction, found, one, end):
        now, before = found
        lines = [text for at, _, text in one["lines"][-10:-1] if self.pane(at) > end - 12] if end else []
        self.told.append((when, key, direction, len(now), pytest.approx(self.of(before) if before else 0, rel=1e-5),
                          one["last"], lines, one["suppressed"]))
        one["until"], one["suppressed"] = when + self.silence, 0
        if end:
            one["lines"] = []

    def begins(self, at, key):
        return self.keys.setdefault(key, {"since": at, "events": [], "lines": [], "until": 0, "suppressed": 0,
                                          "next": None, "last": ""})

    def sees(self, at, key, number, text):
        self.passes(at)
        if at < self.newest - self.lateness:
            return
        self.newest = max(at, self.newest)
        if number is None:
            return
        one = self.begins(at, key)
        one["events"].append((at, number, text))
        one["lines"].append((at, number, text))
        one["last"] = text
        end = max(self.pane(at) for at, *_ in one["events"])
        if self.direction != "up" and one["next"] is None:
            one["next"] = end
        if at < one["until"]:
            one["suppressed"] += 1
            return
        found = self.compared(one, end)
        if self.direction != "down" and found and self.much(*found):
            self.tell(at, key, "up", found, one, end)


@given(st.lists(st.tuples(st.integers(-4, 14), st.sampled_from(["a", "a", "a", "b", ""]),
                          st.sampled_from([1, 2, 3, 8, 0.5, -1, "-"]), st.integers(1, 4)), max_size=40),
       st.sampled_from([1.5, 2.0, 3.0]), st.sampled_from([12, 24, 30]), st.integers(1, 3),
       st.sampled_from(["up", "down", "both"]), st.sampled_from([None, None, "avg", "sum", "min", "max"]),
       st.one_of(st.none(), st.integers(1, 40)), st.integers(0, 20), st.booleans())
def test_it_does_what_a_list_of_all_events_would(items, times, within, at_least, direction, figure, rest, lateness,
                                                 keyed):
    """A step without a key is a tick; some events come several times. The node is made anew from its memory, as JSON,
    before each item; what time a tick told is not remembered."""
    model = Model(times, within, at_least, direction, figure, rest, lateness)
    out, memory, now = Collect(), Memory(), 1000

    for gap, key, number, many in items:
        now += gap
        for _ in range(many):
            memory = restarted(memory)
            node = spike(out, times=times, within=float(within), at_least=at_least, direction=direction,
                         of=figure and "x", show=figure or "avg", by=("k",) if keyed else (),
                         rest=rest and float(rest), lateness=float(lateness), memory=memory)
            if key:
                send(node, now, k=key, x=number)
                model.sees(now, key if keyed else None, None if figure and number == "-" else number,
                           f"line of {now}")
            else:
                node.send(Tick(now))
                model.passes(now)
                if not keyed:
                    model.begins(now, None)

    assert model.told == [
        (event.when, event.key.get("k"), event.fields["direction"], event.fields["count"], event.fields["before"],
         event.text, texts(event.past), event.fields["suppressed"]) for event in out]
