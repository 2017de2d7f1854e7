from itertools import combinations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.coroutine import finish
from corowatch.core.events import Tick, rfc3339
from corowatch.core.memory import Memory
from corowatch.core.pattern import Pattern
from corowatch.nodes.sequence import check, sequence
from corowatch.testing import Collect, line, restarted, texts

NONE = {"fired": 0, "suppressed": 0, "unkeyed": 0, "late": 0, "evicted": 0}


def steps(*sources):
    return tuple(map(Pattern, sources))


def send(node, *times_and_texts, **fields):
    for time, text in times_and_texts:
        node.send(line(text, at=time, place=int(time * 10), **fields))


def fired(out):
    return [event.at for event in out]


def test_it_fires_on_the_event_that_completes_it():
    out = Collect()
    node = sequence(out, steps=steps("new user (?P<user>.*)", "group (?P<group>.*)", "login"), within=60.0)

    send(node, (100, "new user carl"), (110, "something else"), (120, "group sudo"), (130, "login"))

    assert [("login", 130)] == [(event.text, event.at) for event in out]
    assert {"user": "carl", "group": "sudo", "first": rfc3339(100), "last": rfc3339(130),
            "suppressed": 0} == out[0].fields
    assert ["new user carl", "group sudo"] == texts(out[0].past)
    assert NONE | {"fired": 1} == finish(node)


@pytest.mark.parametrize("order", ["ba", "b", "a", "aa", "bba"])
def test_another_order_is_none(order):
    out = Collect()

    send(sequence(out, steps=steps("a", "b"), within=60.0), *((100 + n, text) for n, text in enumerate(order)))

    assert [] == out


def test_the_span_is_inclusive():
    out = Collect()

    for last in (160, 160.001):
        send(sequence(out, steps=steps("a", "b", "c"), within=60.0), (100, "a"), (101, "b"), (last, "c"))

    assert [160] == fired(out)


def test_of_a_step_that_came_more_than_once_that_counts_which_began_last():
    out = Collect()

    send(sequence(out, steps=steps("a", "b(?P<n>.)", "c"), within=10.0), (100, "a"), (105, "b1"), (108, "a"),
         (109, "b2"), (109.5, "a"), (118, "c"))

    assert [(118, rfc3339(108), "2", ["a", "b2"])] == [
        (event.at, event.fields["first"], event.fields["n"], texts(event.past)) for event in out]


def test_an_earlier_beginning_is_not_forgotten_before_a_later_one_goes_as_far():
    out = Collect()

    send(sequence(out, steps=steps("a", "b", "c"), within=10.0), (100, "a"), (101, "b"), (102, "a"), (110, "c"))

    assert [(110, rfc3339(100))] == [(event.at, event.fields["first"]) for event in out]


def test_what_was_too_slow_leaves_a_later_beginning_alone():
    out = Collect()

    send(sequence(out, steps=steps("a", "b", "c"), within=10.0), (100, "a"), (101, "b"), (105, "a"), (111, "c"),
         (112, "b"), (115, "c"))

    assert [(115, rfc3339(105))] == [(event.at, event.fields["first"]) for event in out]


def test_one_event_may_be_any_step_but_only_one_in_a_sequence():
    out = Collect()
    node = sequence(out, steps=steps("a", "a", "a"), within=60.0, rest=1.0)

    send(node, (100, "a"), (101, "a"), (102, "a"), (104, "a"), (105, "a"), (106, "a"))

    assert [102, 106] == fired(out)


def test_of_a_group_in_several_steps_that_match_a_line_the_first_steps_text_counts():
    out = Collect()
    node = sequence(out, steps=steps("(?P<x>a)", "(?P<x>b)(?P<y>c)"), within=60.0)

    send(node, (100, "a"), (101, "abc"))

    assert [("a", "c")] == [(event.fields["x"], event.fields["y"]) for event in out]


def test_the_later_steps_text_is_told_where_both_capture_one():
    out = Collect()

    send(sequence(out, steps=steps("from (?P<ip>.*)", "to (?P<ip>.*)"), within=60.0), (100, "from a"), (101, "to b"))

    assert ["b"] == [event.fields["ip"] for event in out]


def test_after_firing_all_is_forgotten_and_the_key_rests_and_tells_of_it_when_it_fires_again():
    out = Collect()
    node = sequence(out, steps=steps("a", "b"), within=10.0)

    send(node, (99, "a"), (100, "a"), (101, "b"), (102, "b"), (103, "a"), (110.9, "a"), (111, "b"), (112, "a"),
         (113, "b"), (123, "a"), (124, "b"))

    assert [(101, 0), (113, 3), (124, 0)] == [(event.at, event.fields["suppressed"]) for event in out]
    assert NONE | {"fired": 3, "suppressed": 3} == finish(node)


def test_the_rest_may_be_longer_than_the_expiry():
    out = Collect()
    node = sequence(out, steps=steps("a", "b"), within=1.0, rest=100.0)

    send(node, (100, "a"), (100.5, "b"), (199, "a"), (199.5, "b"), (201, "a"), (201.5, "b"))

    assert [100.5, 201.5] == fired(out)


def test_each_key_has_sequences_of_its_own():
    out = Collect()
    node = sequence(out, steps=steps("new (?P<user>.)", "(?P<user>.) in"), within=60.0, by=("user",))

    send(node, (100, "new a"), (101, "b in"), (102, "new b"), (103, "a in"))

    assert [(103, {"user": "a"})] == [(event.at, event.key) for event in out]


def test_an_event_without_the_key_is_counted_and_not_used():
    out = Collect()
    node = sequence(out, steps=steps("a", "b"), within=60.0, by=("user",))

    send(node, (100, "a"))
    send(node, (101, "b"), user="x")
    send(node, (102, "c"))

    assert [] == out
    assert NONE | {"unkeyed": 1} == finish(node)


def test_events_count_in_the_order_in_which_they_come_but_for_those_too_late():
    out = Collect()
    node = sequence(out, steps=steps("a", "b"), within=60.0, lateness=5.0)

    send(node, (100, "a"), (94.9, "b"))
    assert [] == out
    send(node, (95, "b"))

    assert [95] == fired(out)
    assert [(rfc3339(95), rfc3339(100))] == [(event.fields["first"], event.fields["last"]) for event in out]
    assert 1 == finish(node)["late"]


def test_an_older_beginning_that_comes_later_is_not_the_last():
    out = Collect()

    send(sequence(out, steps=steps("a(?P<n>.)", "b"), within=60.0), (100, "a1"), (98, "a2"), (101, "b"))

    assert ["1"] == [event.fields["n"] for event in out]


def test_ten_lines_are_shown_at_most():
    out = Collect()
    node = sequence(out, steps=steps(*(f"^{n}$" for n in range(12))), within=60.0)

    send(node, *((100 + n, str(n)) for n in range(12)))

    assert [str(n) for n in range(2, 11)] == texts(out[0].past)


def test_beyond_max_keys_the_one_longest_untouched_goes():
    out = Collect()
    node = sequence(out, steps=steps("a", "b"), within=60.0, by=("k",), max_keys=2)

    for n, key in enumerate("xyxz"):
        send(node, (100 + n, "a"), k=key)
    for key in "yx":
        send(node, (110, "b"), k=key)

    assert [] == out
    assert 3 == finish(node)["evicted"]


def test_a_key_untouched_for_long_leaves_no_trace():
    memory = Memory()
    node = sequence(Collect(), steps=steps("a", "b"), within=10.0, by=("k",), memory=memory)

    send(node, (100, "a"), k="x")
    node.send(Tick(120.0))
    assert 2 == len(memory)
    node.send(Tick(120.1))

    assert [""] == list(memory)


def test_what_is_kept_does_not_grow_with_what_comes():
    memory = Memory()
    node = sequence(Collect(), steps=steps("a", "b", "c"), within=10.0, memory=memory)

    send(node, *((100 + n / 100, "ab"[n % 2]) for n in range(1000)))

    assert [1, 2] == [len(chain[2]) for chain in memory["{}"][2][0]]
    assert len(msgspec.json.encode(dict(memory))) < 400


def test_what_has_begun_survives_the_process():
    out, memory = Collect(), Memory()
    send(sequence(out, steps=steps("a", "b", "c"), within=60.0, memory=memory), (100, "a"), (101, "b"))

    send(sequence(out, steps=steps("a", "b", "c"), within=60.0, memory=restarted(memory)), (102, "c"))

    assert [(102, ["a", "b"])] == [(event.at, texts(event.past)) for event in out]


def test_one_step_is_no_sequence():
    with pytest.raises(ValueError, match="a sequence has two steps at least"):
        check({"steps": steps("a")})
    check({"steps": steps("a", "b")})


class Model:
    """Keeps all events of each key since it fired last, and tries all ways through them."""

    def __init__(self, sources, within, rest, lateness):
        self.sources, self.within, self.lateness = sources, within, lateness
        self.silence = within if rest is None else rest
        self.expire = max(2 * within, 2 * self.silence)
        self.now = self.newest = 0
        self.events, self.until, self.suppressed, self.touched = {}, {}, {}, {}

    def passes(self, at):
        for key in [key for key, touched in self.touched.items() if touched + self.expire < at]:
            for table in (self.events, self.until, self.suppressed, self.touched):
                table.pop(key, None)

    def sees(self, at, key, text):
        """What it tells of an event, None if it does not fire."""
        if not any(source in text for source in self.sources) or at < self.newest - self.lateness:
            return None
        self.newest, self.now = max(at, self.newest), max(at, self.now)
        self.passes(self.now)
        self.touched[key] = self.now
        if at < self.until.get(key, 0):
            self.suppressed[key] = self.suppressed.get(key, 0) + 1
            return None
        events = self.events.setdefault(key, [])
        events.append((at, text))
        ways = [(*way, (at, text)) for way in combinations(events[:-1], len(self.sources) - 1)]
        ways = [way for way in ways if at - way[0][0] <= self.within
                and all(source in text for source, (_, text) in zip(self.sources, way, strict=True))]
        if not ways:
            return None
        best = max(ways, key=lambda way: (way[0][0], [events.index(one) for one in way[::-1]]))
        self.events[key], self.until[key] = [], at + self.silence
        return at, key, rfc3339(min(best[0][0], at)), [text for _, text in best[:-1]], self.suppressed.pop(key, 0)


@given(st.lists(st.tuples(st.integers(-3, 5), st.sampled_from(["k", "k", "k", "l"]),
                          st.sampled_from(["a", "b", "c", "ab", "bc", "abc", "x", ""])), max_size=40),
       st.sampled_from(["ab", "abc", "aba", "aab"]), st.integers(1, 15), st.one_of(st.none(), st.integers(1, 20)),
       st.integers(0, 5))
def test_it_does_what_a_list_of_all_events_would(items, sources, within, rest, lateness):
    """A step without a text is a tick. The node is made anew from its memory, as JSON, before each item."""
    out, expected, memory = Collect(), [], Memory()
    model, now = Model(sources, within, rest, lateness), 100.0

    for number, (gap, key, text) in enumerate(items):
        now += gap
        memory = restarted(memory)
        node = sequence(out, steps=steps(*sources), within=float(within), rest=rest and float(rest), by=("k",),
                        lateness=float(lateness), memory=memory)
        if text:
            send(node, (now, f"{text} {number}"), k=key)
            expected.append(model.sees(now, key, f"{text} {number}"))
        else:
            node.send(Tick(now))
            model.passes(now)

    assert [one for one in expected if one] == [
        (event.at, event.key["k"], event.fields["first"], texts(event.past), event.fields["suppressed"])
        for event in out]
