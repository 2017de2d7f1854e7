from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.coroutine import finish
from corowatch.core.events import Tick, rfc3339
from corowatch.core.memory import Memory
from corowatch.nodes.bucket import bucket
from corowatch.testing import Collect, line, restarted, texts


def send(node, *times, **fields):
    for time in times:
        node.send(line(f"at {time:g}", at=time, place=int(time * 10), **fields))


def fired(out):
    return [event.at for event in out]


def test_it_fires_on_the_event_by_which_it_overflows():
    out = Collect()
    send(bucket(out, capacity=2, leak=10.0, by=("ip",)), 100, 101, 102, ip="a")

    assert [102] == fired(out)
    assert {"ip": "a", "count": 3, "first": rfc3339(100), "last": rfc3339(102), "suppressed": 0} == out[0].fields
    assert ({"ip": "a"}, 3, ["at 100", "at 101"]) == (out[0].key, out[0].count, texts(out[0].past))


def test_what_leaks_as_fast_as_it_comes_never_overflows():
    out = Collect()
    node = bucket(out, capacity=1, leak=10.0)
    send(node, *range(100, 300, 10))

    assert [] == out
    assert {"fired": 0, "suppressed": 0, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_a_rate_that_is_a_little_more_overflows_in_the_end():
    out = Collect()
    send(bucket(out, capacity=3, leak=10.0), *range(100, 300, 8))

    # After n events it holds n - 0.8 (n - 1), which is more than three with the twelfth.
    assert [100 + 11 * 8] == fired(out)[:1]
    assert (12, ["at 116"]) == (out[0].count, texts(out[0].past)[:1])


def test_it_leaks_evenly():
    out = Collect()
    send(bucket(out, capacity=1, leak=10.0), 100, 110)
    assert [] == out
    send(bucket(out, capacity=1, leak=10.0), 100, 109.9)
    assert [109.9] == fired(out)


def test_it_is_empty_after_it_fired_and_the_key_rests_until_it_would_have_been():
    out = Collect()
    send(bucket(out, capacity=2, leak=10.0), 100, 101, 102, 103, 121.9, 122, 123, 124)

    assert [(102, 0), (124, 2)] == [(event.at, event.fields["suppressed"]) for event in out]


def test_it_rests_as_long_as_it_is_told_to():
    out = Collect()
    send(bucket(out, capacity=1, leak=1.0, rest=100.0), 100, 100.1, 150, 150.1, 200.1, 200.2)
    assert [100.1, 200.2] == fired(out)
    send(bucket(out, capacity=1, leak=1.0, rest=0.01), 300, 300.1, 300.2, 300.3)
    assert [100.1, 200.2, 300.1, 300.3] == fired(out)


def test_of_the_same_value_only_the_first_fills_it():
    out = Collect()
    node = bucket(out, capacity=2, leak=10.0, of=("path",))
    for time, path in ((100, "a"), (101, "a"), (102, "b"), (103, "b"), (104, "c")):
        node.send(line(path, at=time, path=path))
    node.send(line("x", at=105.0))

    assert [104] == fired(out)
    assert (3, ["a", "b"]) == (out[0].count, texts(out[0].past))
    assert {"fired": 1, "suppressed": 0, "unkeyed": 1, "late": 0, "evicted": 0} == finish(node)


def test_a_value_that_left_with_all_others_counts_again():
    out = Collect()
    node = bucket(out, capacity=1, leak=10.0, of=("path",))
    for time, path in ((100, "a"), (110, "a"), (111, "b")):
        node.send(line(path, at=time, path=path))

    assert [111] == fired(out)


def test_an_event_out_of_order_counts_as_if_it_came_at_the_newest_time():
    out = Collect()
    node = bucket(out, capacity=2, leak=1.0)
    send(node, 100, 98, 99.9)
    assert [99.9] == fired(out)
    assert {"count": 3, "first": rfc3339(98), "last": rfc3339(100), "suppressed": 0} == out[0].fields
    send(node, 110, 104)
    assert 1 == finish(node)["late"]


def test_no_rounding_makes_a_rate_of_just_one_in_its_leak_overflow():
    out = Collect()
    node = bucket(out, capacity=3, leak=0.1)
    send(node, 1.76e9, 1.76e9, *(1.76e9 + number / 10 for number in range(5000)))

    assert [] == out


def test_no_rounding_keeps_a_bucket_from_being_empty():
    out = Collect()
    node = bucket(out, capacity=1, leak=0.1)
    send(node, *(1.76e9 + number / 10 for number in range(500)), 1.76e9 + 49.91)

    assert 2 == out[0].count


def test_it_rests_from_the_newest_time_on():
    out = Collect()
    node = bucket(out, capacity=2, leak=10.0)
    send(node, 100, 101, 99, 120)

    assert [99] == fired(out)
    assert 1 == finish(node)["suppressed"]


def test_a_value_that_comes_late_and_again_does_not_set_its_time_back():
    out = Collect()
    node = bucket(out, capacity=2, leak=1.0, of=("path",))
    for time, path in ((100, "a"), (99, "a"), (100.5, "b"), (100.6, "c")):
        send(node, time, path=path)

    assert [100.6] == fired(out)


def test_a_value_counts_again_when_as_many_others_came_as_it_holds():
    out = Collect()
    node = bucket(out, capacity=2, leak=1.0, of=("path",))
    for time, path in ((100, "a"), (100.9, "b"), (101.8, "c"), (102, "a"), (102.05, "d")):
        send(node, time, path=path)

    assert [102.05] == fired(out)


def test_of_too_many_keys_the_one_longest_untouched_loses_its_bucket():
    out = Collect()
    node = bucket(out, capacity=1, leak=10.0, by=("ip",), max_keys=2)
    for time, ip in ((100, "a"), (101, "b"), (102, "c"), (103, "a"), (104, "c")):
        node.send(line("x", at=time, ip=ip))

    assert [104] == fired(out)
    assert 2 == finish(node)["evicted"]


def naive(items, *, capacity, leak, of, rest, lateness=5.0):
    """The times at which it fires, and with which count: everything since it was empty, anew for each event."""
    told, state, newest = [], {}, 0.0
    for item in items:
        if isinstance(item, Tick):
            continue
        if item.at < newest - lateness:
            continue
        newest = max(newest, item.at)
        key = item.fields["ip"]
        events, until = state.get(key, ([], -1.0))
        if item.at < until:
            continue
        events = [*events, item]
        level, count, values, at = Fraction(0), 0, [], 0.0  # exact: thirds of a second must add up
        for event in events:
            level = max(Fraction(0), level - Fraction(max(0.0, event.at - at)) / Fraction(leak))
            at = max(at, event.at)
            if not level:
                count, values = 0, []
            if not (of and event.fields["path"] in values):
                level, count, values = level + 1, count + 1, [*values, event.fields["path"]][-capacity:]
        if level > capacity:
            told.append((item.at, key, count))
            state[key] = [], at + (capacity * leak if rest is None else rest)
        else:
            state[key] = events, until
    return told


events = st.builds(lambda at, ip, path: line("x", at=at, ip=ip, path=path), st.integers(0, 60).map(float),
                   st.sampled_from("ab"), st.sampled_from("xyz"))
items = st.lists(events | st.builds(Tick, st.integers(0, 60).map(float)), max_size=40).map(
    lambda found: sorted(found, key=lambda item: item.at // 4))


@given(items, st.integers(1, 3), st.sampled_from([1.0, 4.0, 30.0]), st.booleans(), st.sampled_from([None, 1.0, 20.0]),
       st.booleans())
def test_it_is_what_a_list_of_all_events_tells_with_restarts_before_each(items, capacity, leak, of, rest, restart):
    out, memory = Collect(), Memory()
    options = {"capacity": capacity, "leak": leak, "of": ("path",) if of else (), "rest": rest, "by": ("ip",),
               "expire": 1000.0}
    node = bucket(out, memory=memory, **options)
    for item in items:
        if restart:
            finish(node)
            memory = restarted(memory)
            node = bucket(out, memory=memory, **options)
        node.send(item)

    assert naive(items, capacity=capacity, leak=leak, of=of, rest=rest) == [
        (event.at, event.key["ip"], event.count) for event in out]
