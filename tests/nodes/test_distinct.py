import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.coroutine import finish
from corowatch.core.events import Tick, rfc3339
from corowatch.core.memory import Memory
from corowatch.nodes.distinct import check, distinct
from corowatch.testing import Collect, line, restarted, texts


def send(node, *times_and_values, **fields):
    for time, value in times_and_values:
        node.send(line(f"{value} at {time:g}", at=time, place=int(time * 10), port=value, **fields))


def fired(out):
    return [event.at for event in out]


def test_it_fires_on_the_event_that_makes_it_so_many_different_values():
    out = Collect()
    node = distinct(out, of=("port",), at_least=3, within=60.0)

    send(node, (100, "22"), (110, "80"), (111, "80"), (120, "443"))

    assert [120] == fired(out)
    assert {"port": "443", "count": 3, "values": "22, 80, 443", "first": rfc3339(100), "last": rfc3339(120),
            "suppressed": 0} == out[0].fields
    assert 3 == out[0].count


def test_one_value_however_often_is_one():
    out = Collect()
    node = distinct(out, of=("port",), at_least=2, within=60.0)

    send(node, *((100 + n, "22") for n in range(50)))

    assert [] == out
    assert {"fired": 0, "suppressed": 0, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_the_span_is_inclusive():
    out = Collect()
    send(distinct(out, of=("port",), at_least=2, within=60.0), (100, "22"), (160, "80"))
    send(distinct(out, of=("port",), at_least=2, within=60.0), (100, "22"), (160.001, "80"))

    assert [160] == fired(out)


def test_a_value_counts_at_its_newest_time():
    """That which comes again is no new value, and yet makes it so many within the time."""
    out = Collect()
    node = distinct(out, of=("port",), at_least=2, within=10.0)

    send(node, (100, "22"), (111, "80"), (121, "22"))

    assert [121] == fired(out)
    assert "80, 22" == out[0].fields["values"]
    assert ["80 at 111"] == texts(out[0].past)


def test_an_older_line_does_not_take_a_value_back():
    out = Collect()
    node = distinct(out, of=("port",), at_least=2, within=10.0)

    send(node, (100, "22"), (98, "22"), (109, "80"))

    assert [109] == fired(out)
    assert (rfc3339(100), ["22 at 100"]) == (out[0].fields["first"], texts(out[0].past))


def test_of_one_time_the_line_that_came_last_is_the_newest():
    out = Collect()
    node = distinct(out, of=("port",), at_least=3, within=10.0)

    send(node, (100, "22"), (100, "80"), (100, "22"), (100, "443"))

    assert "80, 22, 443" == out[0].fields["values"]


def test_the_window_slides():
    out = Collect()
    node = distinct(out, of=("port",), at_least=3, within=10.0)

    send(node, (100, "a"), (109, "b"), (118, "c"), (120, "a"), (120.5, "b"))

    assert [120.5] == fired(out)
    assert "c, a, b" == out[0].fields["values"]


def test_after_firing_the_key_rests_with_an_empty_window_and_tells_of_it_when_it_fires_again():
    out = Collect()
    node = distinct(out, of=("port",), at_least=2, within=10.0)

    send(node, (100, "a"), (101, "b"), (102, "c"), (110.9, "d"), (111, "e"), (112, "e"), (113, "a"))

    assert [(101, 0), (113, 2)] == [(event.at, event.fields["suppressed"]) for event in out]
    assert {"fired": 2, "suppressed": 2, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_the_rest_may_be_longer_than_the_window_and_than_the_expiry():
    out = Collect()
    node = distinct(out, of=("port",), at_least=2, within=1.0, rest=100.0)

    send(node, (100, "a"), (100.5, "b"), (199, "a"), (199.5, "b"), (201, "a"), (201.5, "b"))

    assert [100.5, 201.5] == fired(out)


def test_what_came_while_it_rested_is_known_for_as_long_again():
    out = Collect()
    node = distinct(out, of=("port",), at_least=2, within=1.0, rest=100.0)

    send(node, (100, "a"), (100.5, "b"), (101, "c"), (300, "a"), (301, "b"))

    assert [(100.5, 0), (301, 1)] == [(event.at, event.fields["suppressed"]) for event in out]


def test_several_fields_are_one_value():
    out = Collect()
    node = distinct(out, of=("proto", "port"), at_least=3, within=60.0)

    for time, proto, port in ((100, "udp", "53"), (101, "tcp", "53"), (102, "tcp", "53"), (103, "tcp", "22")):
        node.send(line("x", at=time, proto=proto, port=port))

    assert [103] == fired(out)
    assert "udp 53, tcp 53, tcp 22" == out[0].fields["values"]


def test_where_one_field_ends_makes_a_difference():
    out = Collect()
    node = distinct(out, of=("a", "b"), at_least=2, within=60.0)

    node.send(line("x", at=100.0, a="1 2", b="3"))
    node.send(line("x", at=101.0, a="1", b="2 3"))

    assert [101] == fired(out)


def test_values_are_compared_as_they_are_shown():
    out = Collect()

    send(distinct(out, of=("port",), at_least=2, within=60.0), (100, 22), (101, "22"), (102, 22.0))

    assert [] == out


@pytest.mark.parametrize(("many", "told"), [
    (10, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"), (11, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …")])
def test_ten_values_are_told(many, told):
    out = Collect()

    send(distinct(out, of=("port",), at_least=many, within=60.0), *((100 + n, n) for n in range(many)))

    assert [told] == [event.fields["values"] for event in out]


def test_the_alert_can_show_the_newest_line_of_each_of_the_last_ten_values():
    out = Collect()
    node = distinct(out, of=("port",), at_least=20, within=60.0)

    send(node, *((100 + n, n % 19) for n in range(38)), (138, 19))

    assert [f"{n % 19} at {100 + n}" for n in range(29, 38)] == texts(out[0].past)


def test_nine_others_are_shown_where_the_one_that_fires_is_not_the_newest():
    out = Collect()
    node = distinct(out, of=("port",), at_least=12, within=60.0, lateness=10.0)

    send(node, *((150 + n, n) for n in range(11)), (150.5, "x"))

    assert ["x at 150.5"] == texts(out)
    assert [f"{n} at {150 + n}" for n in range(2, 11)] == texts(out[0].past)


def test_each_key_is_counted_alone_and_told():
    out = Collect()
    node = distinct(out, of=("port",), at_least=2, within=60.0, by=("ip",))

    send(node, (100, "22"), ip="a")
    send(node, (101, "80"), ip="b")
    send(node, (102, "80"), ip="a")

    assert [({"ip": "a"}, 102)] == [(event.key, event.at) for event in out]


def test_an_event_without_the_key_or_a_field_of_the_value_is_counted_and_not_used():
    out = Collect()
    node = distinct(out, of=("port", "proto"), at_least=2, within=60.0, by=("ip",))

    send(node, (100, "22"), proto="tcp", ip="a")
    send(node, (101, "80"), proto="tcp")
    send(node, (102, "80"), ip="a")

    assert [] == out
    assert {"fired": 0, "suppressed": 0, "unkeyed": 2, "late": 0, "evicted": 0} == finish(node)


def test_an_event_that_comes_too_late_is_counted_and_not_used():
    out = Collect()
    node = distinct(out, of=("port",), at_least=2, within=60.0, lateness=5.0)

    send(node, (100, "22"), (94.9, "80"))
    assert [] == out
    send(node, (95, "80"))

    assert ([95], "80, 22") == (fired(out), out[0].fields["values"])
    assert 1 == finish(node)["late"]


def test_beyond_max_keys_the_one_longest_untouched_goes():
    out = Collect()
    node = distinct(out, of=("port",), at_least=2, within=60.0, by=("ip",), max_keys=2)

    for n, ip in enumerate("abacab"):
        send(node, (100 + n, str(n)), ip=ip)

    assert [{"ip": "a"}] == [event.key for event in out]
    assert 2 == finish(node)["evicted"]


def test_a_key_untouched_for_long_leaves_no_trace():
    memory = Memory()
    node = distinct(Collect(), of=("port",), at_least=2, within=10.0, by=("ip",), memory=memory)

    send(node, (100, "22"), ip="a")
    node.send(Tick(120.0))
    assert 2 == len(memory)
    node.send(Tick(120.1))

    assert [""] == list(memory)


def test_fewer_values_are_kept_than_fire_and_lines_only_of_those_that_can_be_shown():
    memory = Memory()
    node = distinct(Collect(), of=("port",), at_least=20, within=18.0, memory=memory)

    send(node, *((100 + n, n) for n in range(1000)))

    seen = memory["{}"][2][0]
    assert [([str(n)], 100 + n) for n in range(981, 1000)] == [(value, time) for value, time, _ in seen]
    assert [False] * 9 + [True] * 10 == [kept is not None for *_, kept in seen]


def test_an_open_window_survives_the_process():
    out, memory = Collect(), Memory()
    send(distinct(out, of=("port",), at_least=3, within=60.0, memory=memory), (100, "a"), (110, "b"))

    send(distinct(out, of=("port",), at_least=3, within=60.0, memory=restarted(memory)), (115, "b"), (120, "c"))

    assert [120] == fired(out)
    assert ["a at 100", "b at 115"] == texts(out[0].past)


def test_a_half_full_window_is_no_finding():
    out = Collect()
    node = distinct(out, of=("port",), at_least=3, within=60.0)
    send(node, (100, "a"), (110, "b"))

    finish(node)

    assert [] == out


def test_a_value_that_cannot_differ_within_a_key_is_refused():
    with pytest.raises(ValueError, match="`of` names nothing but fields of `by`, which are the same in all events"):
        check({"of": ("ip",), "by": ("host", "ip")})
    check({"of": ("ip", "port"), "by": ("ip",)})


class Model:
    """Keeps all events of each key since it fired last, and looks through them all."""

    def __init__(self, at_least, within, rest, lateness):
        self.at_least, self.within, self.lateness = at_least, within, lateness
        self.silence = within if rest is None else rest
        self.expire = max(2 * within, 2 * self.silence)
        self.now = self.newest = 0
        self.events, self.until, self.suppressed, self.touched = {}, {}, {}, {}

    def passes(self, at):
        for key in [key for key, touched in self.touched.items() if touched + self.expire < at]:
            for table in (self.events, self.until, self.suppressed, self.touched):
                table.pop(key, None)

    def sees(self, at, key, value):
        """What it tells of an event, None if it does not fire."""
        if at < self.newest - self.lateness:
            return None
        self.newest, self.now = max(at, self.newest), max(at, self.now)
        self.passes(self.now)
        if value is None:
            return None
        self.touched[key] = self.now
        if at < self.until.get(key, 0):
            self.suppressed[key] = self.suppressed.get(key, 0) + 1
            return None
        events = self.events.setdefault(key, [])
        events.append((at, len(events), value))
        newest = sorted(max(event for event in events if event[2] == one) for one in {event[2] for event in events})
        newest = newest[-self.at_least:]
        if len(newest) < self.at_least or newest[-1][0] - newest[0][0] > self.within:
            return None
        self.events[key], self.until[key] = [], at + self.silence
        return (at, key, [one for *_, one in newest], rfc3339(newest[0][0]), rfc3339(newest[-1][0]),
                [f"{one} at {time:g}" for time, _, one in newest if one != value][-9:], self.suppressed.pop(key, 0))


def told(event):
    return (event.at, event.key["k"], event.fields["values"].split(", "), event.fields["first"],
            event.fields["last"], texts(event.past), event.fields["suppressed"])


@given(st.lists(st.tuples(st.integers(-4, 6), st.sampled_from(["a", "a", "a", "b", ""]),
                          st.sampled_from(["1", "2", "3", "4", "5", None])), max_size=60),
       st.integers(2, 4), st.integers(1, 12), st.one_of(st.none(), st.integers(1, 20)), st.integers(0, 5))
def test_it_does_what_a_list_of_all_events_would(items, at_least, within, rest, lateness):
    """A step without a key is a tick. The node is made anew from its memory, as JSON, before each item; what time a
    tick told is not remembered."""
    out, expected, memory = Collect(), [], Memory()
    model, now = Model(at_least, within, rest, lateness), 100.0

    for gap, key, value in items:
        now += gap
        memory = restarted(memory)
        node = distinct(out, of=("port",), at_least=at_least, within=float(within), rest=rest and float(rest),
                        by=("k",), lateness=float(lateness), memory=memory)
        if key:
            send(node, (now, value), k=key)
            expected.append(model.sees(now, key, value))
        else:
            node.send(Tick(now))
            model.passes(now)

    assert [one for one in expected if one] == list(map(told, out))
