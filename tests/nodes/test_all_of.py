import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.coroutine import finish
from corowatch.core.events import Tick, rfc3339
from corowatch.core.memory import Memory
from corowatch.core.pattern import Pattern
from corowatch.nodes.all_of import Counted, all_of, check
from corowatch.testing import Collect, line, restarted, texts

NONE = {"fired": 0, "suppressed": 0, "unkeyed": 0, "late": 0, "evicted": 0}


def parts(**sources):
    return tuple(Counted(Pattern(source), at_least) for source, at_least in sources.items())


def send(node, *times_and_texts, **fields):
    for time, text in times_and_texts:
        node.send(line(text, at=time, place=int(time * 10), **fields))


def fired(out):
    return [event.at for event in out]


@pytest.mark.parametrize("order", ["aab", "aba", "baa", "axaxb", "bbaa"])
def test_it_fires_on_the_event_with_which_all_came_often_enough_in_any_order(order):
    out = Collect()
    node = all_of(out, of=parts(a=2, b=1), within=60.0)

    send(node, *((100 + n, text) for n, text in enumerate(order)))

    assert [99 + len(order)] == fired(out)
    assert NONE | {"fired": 1} == finish(node)


def test_it_tells_how_many_and_from_when_to_when():
    out = Collect()

    send(all_of(out, of=parts(a=2, b=1), within=60.0), (90, "a"), (100, "a"), (110, "a"), (120, "b"))

    assert {"count": 3, "first": rfc3339(100), "last": rfc3339(120), "suppressed": 0} == out[0].fields
    assert 3 == out[0].count


def test_the_span_of_all_of_them_is_inclusive():
    out = Collect()

    for last in (160, 160.001):
        send(all_of(out, of=parts(a=2, b=1), within=60.0), (100, "a"), (101, "a"), (last, "b"))

    assert [160] == fired(out)


def test_the_window_slides():
    out = Collect()

    send(all_of(out, of=parts(a=1, b=2), within=10.0), (100, "b"), (105, "a"), (111, "b"), (112, "b"))

    assert [(112, rfc3339(105))] == [(event.at, event.fields["first"]) for event in out]


def test_one_event_may_count_for_several():
    out = Collect()

    send(all_of(out, of=parts(a=1, b=1, c=2), within=10.0), (100, "ac"), (101, "bc"))

    assert [101] == fired(out)
    assert ["ac"] == texts(out[0].past)


def test_it_has_what_the_last_event_of_each_captured_its_own_first():
    out = Collect()
    node = all_of(out, of=(Counted(Pattern("disk (?P<disk>.)")), Counted(Pattern("fs (?P<fs>.) on (?P<where>.)")),
                           Counted(Pattern("(?P<where>.) end"))), within=10.0)

    send(node, (100, "disk a"), (101, "disk b"), (102, "fs c on x"), (103, "y end"))
    assert [("b", "c", "y")] == [tuple(map(out[0].fields.get, ("disk", "fs", "where")))]

    send(node, (120, "y end"), (121, "fs c on x"), (122, "disk a"))
    assert "y" == out[1].fields["where"]
    send(node, (140, "disk a"), (141, "y end"), (142, "fs c on x"))
    assert "x" == out[2].fields["where"]


def test_after_firing_the_key_rests_with_an_empty_window_and_tells_of_it_when_it_fires_again():
    out = Collect()
    node = all_of(out, of=parts(a=1, b=1), within=10.0)

    send(node, (100, "a"), (101, "b"), (102, "a"), (110.9, "b"), (111, "a"), (113, "b"), (123, "a"),
         (124, "b"))

    assert [(101, 0), (113, 2), (124, 0)] == [(event.at, event.fields["suppressed"]) for event in out]
    assert NONE | {"fired": 3, "suppressed": 2} == finish(node)


def test_the_rest_may_be_longer_than_the_expiry():
    out = Collect()
    node = all_of(out, of=parts(a=1, b=1), within=1.0, rest=100.0)

    send(node, (100, "a"), (100.5, "b"), (199, "a"), (199.5, "b"), (201, "a"), (201.5, "b"))

    assert [100.5, 201.5] == fired(out)


def test_each_key_is_counted_alone_and_told():
    out = Collect()
    node = all_of(out, of=(Counted(Pattern("(?P<k>.) a")), Counted(Pattern("(?P<k>.) b"))), within=60.0, by=("k",))

    send(node, (100, "x a"), (101, "y b"), (102, "x b"))

    assert [(102, {"k": "x"})] == [(event.at, event.key) for event in out]


def test_an_event_without_the_key_is_counted_and_not_used():
    node = all_of(Collect(), of=parts(a=1, b=1), within=60.0, by=("k",))

    send(node, (100, "a"), (101, "x"))

    assert NONE | {"unkeyed": 1} == finish(node)


def test_an_event_that_comes_too_late_is_counted_and_not_used():
    out = Collect()
    node = all_of(out, of=parts(a=1, b=1), within=60.0, lateness=5.0)

    send(node, (100, "a"), (94.9, "b"))
    assert [] == out
    send(node, (95, "b"))

    assert [95] == fired(out)
    assert (rfc3339(95), rfc3339(100)) == (out[0].fields["first"], out[0].fields["last"])
    assert 1 == finish(node)["late"]


def test_the_newest_lines_of_each_are_shown_ten_at_most():
    out = Collect()
    node = all_of(out, of=parts(a=20, b=2, c=1), within=60.0)

    send(node, (100, "b 1"), (101, "b 2"), *((102 + n, f"a {n}") for n in range(25)), (140, "c"))

    assert ["b 1", "b 2", "a 22", "a 23", "a 24"] == texts(out[0].past)


def test_of_many_patterns_the_last_lines_are_shown():
    out = Collect()
    letters = "abcdefghijkl"
    node = all_of(out, of=parts(**dict.fromkeys(letters, 1)), within=60.0)

    send(node, *((100 + n, letter) for n, letter in enumerate(letters)))

    assert list("cdefghijk") == texts(out[0].past)


def test_beyond_max_keys_the_one_longest_untouched_goes():
    out = Collect()
    node = all_of(out, of=parts(a=1, b=1), within=60.0, by=("k",), max_keys=2)

    for n, key in enumerate("xyxz"):
        send(node, (100 + n, "a"), k=key)
    send(node, (110, "b"), k="x")
    send(node, (111, "b"), k="y")

    assert [{"k": "x"}] == [event.key for event in out]
    assert 2 == finish(node)["evicted"]


def test_a_key_untouched_for_long_leaves_no_trace():
    memory = Memory()
    node = all_of(Collect(), of=parts(a=1, b=1), within=10.0, by=("k",), memory=memory)

    send(node, (100, "a"), k="x")
    node.send(Tick(120.0))
    assert 2 == len(memory)
    node.send(Tick(120.1))

    assert [""] == list(memory)


def test_what_is_kept_does_not_grow_with_what_comes():
    memory = Memory()
    node = all_of(Collect(), of=parts(a=3, b=1), within=10.0, memory=memory)

    send(node, *((100 + n / 100, "a") for n in range(1000)))

    assert [3, 0] == [len(times) for times, *_ in memory["{}"][2][0]]
    assert len(msgspec.json.encode(dict(memory))) < 400


def test_of_many_patterns_one_line_of_each_is_kept():
    memory = Memory()
    node = all_of(Collect(), of=parts(**dict.fromkeys("abcdefghijkl", 1)), within=10.0, memory=memory)

    send(node, *((100 + n / 100, "a") for n in range(100)))

    assert 1 == sum(len(lines) for *_, lines in memory["{}"][2][0])


def test_an_open_window_survives_the_process():
    out, memory = Collect(), Memory()
    send(all_of(out, of=parts(a=2, b=1), within=60.0, memory=memory), (100, "a"), (101, "b"))

    send(all_of(out, of=parts(a=2, b=1), within=60.0, memory=restarted(memory)), (102, "a"))

    assert [(102, ["a", "b"])] == [(event.at, texts(event.past)) for event in out]


def test_one_pattern_is_not_all_of_anything():
    with pytest.raises(ValueError, match="`of` needs two patterns at least"):
        check({"of": parts(a=2)})
    check({"of": parts(a=1, b=1)})


class Model:
    """Keeps all events of each key since it fired last, and looks through them all."""

    def __init__(self, wanted, within, rest, lateness):
        self.wanted, self.within, self.lateness = wanted, within, lateness
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
        if not any(letter in text for letter in self.wanted) or at < self.newest - self.lateness:
            return None
        self.newest, self.now = max(at, self.newest), max(at, self.now)
        self.passes(self.now)
        self.touched[key] = self.now
        if at < self.until.get(key, 0):
            self.suppressed[key] = self.suppressed.get(key, 0) + 1
            return None
        events = self.events.setdefault(key, [])
        events.append((at, len(events), text))
        newest = [sorted(one for one in events if letter in one[2])[-many:] for letter, many in self.wanted.items()]
        times = sorted(time for some in newest for time, *_ in some)
        if len(times) < sum(self.wanted.values()) or times[-1] - times[0] > self.within:
            return None
        shown = sorted({one for some in newest for one in some} - {events[-1]})
        self.events[key], self.until[key] = [], at + self.silence
        return (at, key, rfc3339(times[0]), rfc3339(times[-1]), sorted(one[2] for one in shown),
                self.suppressed.pop(key, 0))


@given(st.lists(st.tuples(st.integers(-3, 5), st.sampled_from(["k", "k", "k", "l"]),
                          st.sampled_from(["a", "b", "c", "ab", "bc", "x", ""])), max_size=60),
       st.dictionaries(st.sampled_from("abc"), st.integers(1, 3), min_size=2), st.integers(1, 15),
       st.one_of(st.none(), st.integers(1, 20)), st.integers(0, 5))
def test_it_does_what_a_list_of_all_events_would(items, wanted, within, rest, lateness):
    """A step without a text is a tick. The node is made anew from its memory, as JSON, before each item."""
    out, expected, memory = Collect(), [], Memory()
    model, now = Model(wanted, within, rest, lateness), 100.0

    for number, (gap, key, text) in enumerate(items):
        now += gap
        memory = restarted(memory)
        node = all_of(out, of=parts(**wanted), within=float(within), rest=rest and float(rest), by=("k",),
                      lateness=float(lateness), memory=memory)
        if text:
            send(node, (now, f"{text} {number}"), k=key)
            expected.append(model.sees(now, key, f"{text} {number}"))
        else:
            node.send(Tick(now))
            model.passes(now)

    assert [one for one in expected if one] == [
        (event.at, event.key["k"], event.fields["first"], event.fields["last"], sorted(texts(event.past)),
         event.fields["suppressed"]) for event in out]


def test_how_often_a_pattern_must_match_is_a_part_of_what_it_is():
    """A step that asks for more is another step: it does not go on with what was counted."""
    assert Counted(Pattern("a"), 2) == Counted(Pattern("a"), 2) != Counted(Pattern("a"), 3)
    assert repr(Counted(Pattern("a"), 2)) != repr(Counted(Pattern("a"), 3))
