import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.coroutine import finish
from corowatch.core.events import Tick, rfc3339
from corowatch.core.memory import Memory
from corowatch.core.pattern import Pattern
from corowatch.nodes.collect import check, collect
from corowatch.testing import Collect, line, restarted, texts

END = (Pattern("end$"),)


def send(node, *times_and_texts, **fields):
    for time, text in times_and_texts:
        node.send(line(text, at=time, place=int(time * 10), **fields))


def test_all_go_on_as_one_with_the_fields_of_all():
    out = Collect()
    node = collect(out, until=END, by=("id",))
    node.send(line("a", at=100.0, id="1", sender="eve", size=5))
    node.send(line("other", at=101.0, id="2"))
    node.send(line("b", at=102.0, id="1", size=7))
    node.send(line("end", at=103.0, id="1", status="sent"))

    assert ["end"] == texts(out)
    assert {"id": "1", "sender": "eve", "size": 7, "status": "sent", "count": 3, "first": rfc3339(100),
            "last": rfc3339(103), "complete": True} == out[0].fields
    assert ({"id": "1"}, 3, ["a", "b"], 103.0) == (out[0].key, out[0].count, texts(out[0].past), out[0].when)
    assert {"fired": 1, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_the_key_begins_anew():
    out = Collect()
    send(collect(out, until=END), (100, "a"), (101, "end"), (102, "end"), (103, "b"))

    assert [2, 1] == [event.count for event in out]


def test_when_the_time_is_over_they_go_on_incomplete():
    out = Collect()
    node = collect(out, until=END, within=10.0)
    send(node, (100, "a"), (105, "b"))
    node.send(Tick(109.9))
    assert [] == out
    node.send(Tick(115.0))

    assert [("b", 110.0, False, 2)] == [(one.text, one.when, one.fields["complete"], one.count) for one in out]


def test_one_that_comes_when_the_time_is_over_begins_anew():
    out = Collect()
    send(collect(out, until=END, within=10.0), (100, "a"), (110, "end"))

    assert [("a", False), ("end", True)] == [(one.text, one.fields["complete"]) for one in out]


def test_so_many_go_on_incomplete():
    out = Collect()
    send(collect(out, until=END, max_=3), (100, "a"), (101, "b"), (102, "c"), (103, "d"), (104, "e"), (105, "end"))

    assert [("c", False), ("end", True)] == [(one.text, one.fields["complete"]) for one in out]


def test_an_alert_shows_the_last_ten():
    out = Collect()
    send(collect(out, until=END), *((100 + n, str(n)) for n in range(20)), (120, "end"))

    assert [str(n) for n in range(11, 20)] == texts(out[0].past)


def test_out_of_order_the_times_are_still_the_first_and_the_last():
    out = Collect()
    send(collect(out, until=END), (100, "a"), (98, "b"), (99, "end"))
    assert (rfc3339(98), rfc3339(100)) == (out[0].fields["first"], out[0].fields["last"])


def test_what_comes_too_late_or_without_a_key_is_counted():
    node = collect(Collect(), until=END, by=("id",), max_keys=1)
    send(node, (100, "a"), (90, "b"), id="1")
    send(node, (100, "a"))
    send(node, (100, "a"), id="2")

    assert {"fired": 0, "unkeyed": 1, "late": 1, "evicted": 1} == finish(node)


def test_without_an_end_it_is_refused():
    with pytest.raises(ValueError, match="needs `until` or `within`"):
        check({"until": (), "within": None})
    check({"until": END, "within": None})
    check({"until": (), "within": 5.0})


items = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["a", "b", ""]), st.sampled_from(["x", "y", "end"]),
                           st.integers(-3, 0)), max_size=40)


@given(items, st.one_of(st.none(), st.integers(1, 12)), st.integers(1, 5), st.booleans())
def test_it_does_what_a_list_of_all_events_would(items, within, most, restart):
    """A gap without a key is a tick; an event may be older than the newest. Made anew from its memory before each."""
    out, model, memory, open_ = Collect(), [], Memory(), {}
    options = {"until": END, "within": within and float(within), "max_": most, "by": ("k",)}
    node, now = collect(out, memory=memory, **options), 100.0

    def over(at):
        for key, events in sorted(open_.items(), key=lambda one: one[1][0].at):
            if within and events[0].at + within <= at:
                model.append((key, [event.text for event in open_.pop(key)], events[0].at + within))

    for gap, key, text, back in items:
        now += gap
        if restart:
            finish(node)
            memory = restarted(memory)
            node = collect(out, memory=memory, **options)
        item = line(text, at=now + back, k=key) if key else Tick(now)
        node.send(item)
        over(item.at)
        if key:
            open_.setdefault(key, []).append(item)
            if text == "end" or len(open_[key]) == most:
                model.append((key, [event.text for event in open_.pop(key)], item.at))

    assert sorted(model) == sorted((one.key["k"], texts([*one.past, one]), one.when) for one in out)
