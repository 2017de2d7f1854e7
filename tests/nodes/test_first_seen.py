from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.coroutine import finish
from corowatch.core.events import Event
from corowatch.core.memory import Memory
from corowatch.nodes.first_seen import first_seen
from corowatch.testing import Collect, line, restarted


def at(node, *times, **fields):
    for time in times:
        node.send(line(f"line of {time:g}", at=time, **fields))


def passed(out):
    return [event.at for event in out]


def test_the_first_event_with_a_value_passes():
    out = Collect()
    node = first_seen(out, of=("user",))

    at(node, 100, 101, user="eve")
    at(node, 102, 103, user="bob")
    at(node, 104, user="eve")

    assert [(100, {"user": "eve"}), (102, {"user": "bob"})] == [(event.at, event.key) for event in out]
    assert [{"user": "eve"}, {"user": "bob"}] == [event.fields for event in out]
    assert {"passed": 2, "known": 3, "learnt": 0, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_a_value_is_known_for_so_long_inclusive_and_each_sighting_renews_that():
    out = Collect()

    at(first_seen(out, of=("user",), remember=60.0), 100, 160, 220, 280.001, user="eve")

    assert [100, 280.001] == passed(out)


def test_it_is_remembered_for_thirty_days_unless_otherwise_said():
    day = 86400.0
    out = Collect()

    at(first_seen(out, of=("user",)), 100, 100 + 30 * day, 101 + 60 * day, user="eve")

    assert [100, 101 + 60 * day] == passed(out)


def test_several_fields_are_one_value():
    out = Collect()
    node = first_seen(out, of=("user", "ip"))

    at(node, 100, user="eve", ip="a")
    at(node, 101, user="eve", ip="b")
    at(node, 102, user="bob", ip="a")
    at(node, 103, user="eve", ip="a")

    assert [100, 101, 102] == passed(out)


def test_each_key_knows_its_own_values_and_the_event_has_both_for_its_key():
    out = Collect()
    node = first_seen(out, of=("user",), by=("machine",))

    at(node, 100, 101, user="eve", machine="web1")
    at(node, 102, 103, user="eve", machine="web2")

    assert [(100, {"user": "eve", "machine": "web1"}), (102, {"user": "eve", "machine": "web2"})] == [
        (event.at, event.key) for event in out]


def test_what_only_looks_equal_is_another_value_and_a_number_is_what_it_shows():
    out = Collect()
    node = first_seen(out, of=("a", "b"))

    at(node, 100, a="x y", b="z")
    at(node, 101, a="x", b="y z")
    at(node, 102, a="1", b="z")
    at(node, 103, a=1, b="z")

    assert [100, 101, 102] == passed(out)


@pytest.mark.parametrize(("when", "fields", "counter"), [
    (100.5, {"user": "bob"}, "unkeyed"), (100.5, {"ip": "a"}, "unkeyed"), (94.9, {"user": "bob", "ip": "a"}, "late")])
def test_what_lacks_a_field_or_comes_too_late_is_counted_and_teaches_nothing(when, fields, counter):
    out = Collect()
    node = first_seen(out, of=("user",), by=("ip",))

    at(node, 100, user="eve", ip="a")
    at(node, when, **fields)
    at(node, 101, user="bob", ip="a")

    assert [100, 101] == passed(out)
    assert 1 == finish(node)[counter]


def test_an_older_event_does_not_shorten_the_time():
    out = Collect()

    at(first_seen(out, of=("user",), remember=60.0, lateness=5.0), 100, 95, 160, user="eve")

    assert [100] == passed(out)


def test_the_first_that_is_read_passes_though_an_older_one_follows():
    out = Collect()

    at(first_seen(out, of=("user",), lateness=5.0), 100, 95, user="eve")

    assert [100] == passed(out)


def test_only_events_make_others_old():
    """Whatever the clock says: a log whose lines are read hours later gives the same answer."""
    assert {Event} == first_seen.consumes


# --- learning ---------------------------------------------------------------------------------------


def test_while_it_learns_nothing_passes():
    out = Collect()
    node = first_seen(out, of=("user",), learn=60.0)

    at(node, 100, 110, user="eve")
    at(node, 159.999, user="bob")
    at(node, 160, user="ann")
    at(node, 161, user="eve")
    at(node, 162, user="bob")

    assert [160] == passed(out)
    assert {"passed": 1, "known": 3, "learnt": 2, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_learning_begins_with_the_first_event_that_has_the_fields():
    out = Collect()
    node = first_seen(out, of=("user",), learn=60.0)

    at(node, 60)
    at(node, 100, user="eve")
    at(node, 159, user="bob")

    assert [] == out


def test_a_restart_does_not_begin_to_learn_anew():
    out, memory = Collect(), Memory()
    at(first_seen(out, of=("user",), learn=60.0, memory=memory), 100, user="eve")

    at(first_seen(out, of=("user",), learn=60.0, memory=restarted(memory)), 160, user="bob")

    assert [160] == passed(out)


def test_when_learning_began_is_not_forgotten_with_the_values():
    out, memory = Collect(), Memory()
    node = first_seen(out, of=("user",), learn=60.0, remember=10.0, max_keys=1, memory=memory)

    at(node, 100, user="eve")
    at(node, 1000, 1000.5, user="bob")

    assert {"began", "seen/"} < set(memory)
    assert [1000] == passed(out)


# --- memory -----------------------------------------------------------------------------------------


def test_what_was_seen_is_known_after_kill_9():
    out, memory = Collect(), Memory()
    at(first_seen(out, of=("user",), remember=60.0, memory=memory), 100, user="eve")

    at(first_seen(out, of=("user",), remember=60.0, memory=restarted(memory)), 160, 221, user="eve")

    assert [100, 221] == passed(out)


def test_a_value_unseen_for_long_leaves_no_trace():
    memory = Memory()
    node = first_seen(Collect(), of=("user",), remember=60.0, lateness=5.0, memory=memory)

    at(node, 100, user="eve")
    at(node, 165, user="bob")
    assert 3 == len(memory)
    at(node, 165.1, user="bob")

    assert 2 == len(memory)


def test_it_holds_so_many_values_and_the_one_longest_unseen_goes():
    out = Collect()
    node = first_seen(out, of=("user",), max_keys=2)

    for second, user in enumerate("abacab"):
        at(node, 100 + second, user=user)

    assert ["a", "b", "c", "b"] == [event.fields["user"] for event in out]
    assert 2 == finish(node)["evicted"]


def test_a_long_value_costs_no_more_memory_than_a_short_one():
    out, memory = Collect(), Memory()

    at(first_seen(out, of=("path",), memory=memory), 100, path="é\ud800" * 30000)

    assert [100] == passed(out)
    assert max(map(len, memory)) < 100


def test_at_the_close_nothing_is_sent():
    out = Collect()
    node = first_seen(out, of=("user",), learn=60.0)
    at(node, 100, user="eve")

    finish(node)

    assert [] == out


@given(st.lists(st.tuples(st.integers(-7, 8), st.sampled_from("abc"), st.sampled_from("xy")),
                max_size=40),
       st.integers(1, 12), st.one_of(st.none(), st.integers(1, 20)))
def test_it_does_what_a_list_of_all_events_would(items, remember, learn):
    """The node is made anew from its memory, as JSON, before each item."""
    out, model, memory = Collect(), [], Memory()
    now, seen, counts = 100, [], dict.fromkeys(["passed", "known", "learnt", "late"], 0)
    told = dict(counts)

    for gap, user, machine in items:
        memory = restarted(memory)
        node = first_seen(out, of=("user",), by=("machine",), remember=float(remember), learn=learn and float(learn),
                          memory=memory)
        when = now + gap
        now = max(now, when)
        node.send(line("x", at=float(when), user=user, machine=machine))
        told = {name: told[name] + count for name, count in finish(node).items() if name in told}
        if seen and when < max(other for other, *_ in seen) - 5:
            counts["late"] += 1
            continue
        sightings = [other for other, *who in seen if who == [user, machine]]
        seen.append((when, user, machine))
        if any(when - other <= remember for other in sightings):
            counts["known"] += 1
        elif learn is not None and when - seen[0][0] < learn:
            counts["learnt"] += 1
        else:
            counts["passed"] += 1
            model.append((when, {"user": user, "machine": machine}))

    assert model == [(event.at, event.key) for event in out]
    assert counts == told


def test_a_value_is_known_that_was_kept_as_a_number():
    old = blake2b(b'{"status": 404, "machine": "a"}', digest_size=16).hexdigest()
    memory = Memory({f"seen/{old}": (100.0, None, 100.0)})
    out = Collect()

    node = first_seen(out, of=("status", "machine"), memory=memory)
    at(node, 101, status=404, machine="a")
    at(node, 102, status="404", machine="a")
    at(node, 103, status=404, machine="b")

    assert [103] == passed(out)
