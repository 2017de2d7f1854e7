from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.clock import Cron
from corowatch.core.coroutine import finish
from corowatch.core.events import Origin, Tick, rfc3339
from corowatch.core.memory import Memory
from corowatch.core.text import Text
from corowatch.nodes.alert import alert
from corowatch.nodes.expect import check, expect
from corowatch.testing import Collect, line, restarted

MIDNIGHT = 1_772_409_600
"""2 March 2026, 00:00 UTC."""
UTC = ZoneInfo("UTC")
HOUR = 3600.0


def clock(hours, days=0):
    """A time of that day, or of one after it."""
    return MIDNIGHT + days * 86400 + hours * HOUR


def nightly(out, **options):
    """Expects something at three, from ten minutes before until two hours after."""
    given = {"at": Cron("0 3 * * *"), "early": 600.0, "within": 2 * HOUR, "zone": UTC, **options}
    return expect(out, **given)


def at(node, *times, **fields):
    for time in times:
        node.send(line(f"line of {time - MIDNIGHT:g}", at=float(time), **fields))


def told(out):
    return [(event.when, event.state) for event in out]


def test_it_fires_when_nothing_came_in_time():
    out = Collect()
    node = nightly(out, by=("host_",))

    at(node, clock(3.5), host_="a")
    node.send(Tick(clock(12, days=1)))

    assert [(clock(5, days=1), "firing")] == told(out)
    assert [("line of 12600", clock(3.5), {"host_": "a"})] == [(event.text, event.at, event.key) for event in out]
    assert {"host_": "a", "expected": rfc3339(clock(3, days=1)), "silent": 25.5 * HOUR,
            "last": rfc3339(clock(3.5))} == out[0].fields


@pytest.mark.parametrize(("came", "states"), [
    (clock(3) - 600.1, ["firing"]), (clock(3) - 600, []), (clock(3), []), (clock(5) - 0.1, []),
    (clock(5), ["firing", "resolved"])])
def test_at_both_edges(came, states):
    out = Collect()
    node = nightly(out)
    node.send(Tick(clock(1)))

    at(node, came)
    node.send(Tick(clock(6)))

    assert states == [event.state for event in out]


def test_what_comes_is_not_passed_on():
    out = Collect()

    at(nightly(out), *(clock(3.1, days=day) for day in range(5)))

    assert [] == out


def test_one_event_is_enough_for_all_moments_that_it_is_in_time_for():
    out = Collect()
    node = expect(out, at=Cron("0 * * * *"), within=2 * HOUR, zone=UTC)
    node.send(Tick(clock(0.5)))

    at(node, clock(2.5))
    node.send(Tick(clock(4.9)))
    assert [] == out
    node.send(Tick(clock(5)))

    assert [(clock(5), rfc3339(clock(3)))] == [(event.when, event.fields["expected"]) for event in out]


def test_it_fires_once_until_something_comes_however_late():
    out = Collect()
    node = nightly(out)

    node.send(Tick(clock(0)))
    for hour in range(1, 80):
        node.send(Tick(clock(hour)))
    at(node, clock(80.5))
    node.send(Tick(clock(101)))

    assert [(clock(5), "firing"), (clock(80.5), "resolved"), (clock(101), "firing")] == told(out)
    assert {"expected": rfc3339(clock(3)), "silent": 5 * HOUR} == out[1].fields
    assert ({"fired": 2, "resolved": 1, "unkeyed": 0, "late": 0, "evicted": 0}) == finish(node)


def test_days_of_the_week_and_zones_are_the_calendars():
    """On 29 March 2026 clocks in Berlin are put forward at two; three o'clock is at one, UTC."""
    out = Collect()
    node = expect(out, at=Cron("0 3 * * sat,sun"), within=60.0, zone=ZoneInfo("Europe/Berlin"))
    friday = datetime(2026, 3, 27, tzinfo=UTC).timestamp()

    node.send(Tick(friday))
    at(node, friday + 26.01 * HOUR)
    node.send(Tick(friday + 48 * HOUR))
    node.send(Tick(friday + 50 * HOUR))

    assert [(friday + 49 * HOUR + 60, "firing")] == told(out)


# --- when nothing ever came -------------------------------------------------------------------------


def test_watching_begins_with_the_first_tick():
    out = Collect()
    node = nightly(out)

    node.send(Tick(clock(1)))
    node.send(Tick(clock(5)))

    assert [(clock(5), "firing")] == told(out)
    assert (Origin("", "", ""), "", {}) == (out[0].origin, out[0].text, out[0].key)
    assert {"expected": rfc3339(clock(3)), "silent": 4 * HOUR} == out[0].fields


def test_a_moment_for_which_something_may_have_come_before_is_not_expected():
    out = Collect()
    node = nightly(out)

    node.send(Tick(clock(3) - 600))
    node.send(Tick(clock(28.9)))

    assert [] == out


def test_a_restart_does_not_begin_anew_and_the_time_between_counts():
    out, memory = Collect(), Memory()
    nightly(out, memory=memory).send(Tick(clock(1)))

    nightly(out, memory=restarted(memory)).send(Tick(clock(20)))

    assert [(clock(5), "firing")] == told(out)


def test_by_keys_nothing_is_expected_that_was_never_seen():
    out = Collect()
    node = nightly(out, by=("host_",))

    node.send(Tick(clock(1)))
    node.send(Tick(clock(6)))

    assert [] == out


def test_what_never_came_can_be_told_and_be_over():
    out = Collect()
    node = nightly(alert(out, title=Text("nothing at {expected}")))

    node.send(Tick(clock(1)))
    node.send(Tick(clock(5)))
    at(node, clock(6))

    told = f"nothing at {rfc3339(clock(3))}"
    assert [told, f"resolved: {told}"] == [alert.title for alert in out]
    assert (out[0].id + ".r", HOUR) == (out[1].id, out[1].fields["duration"])


# --- keys -------------------------------------------------------------------------------------------


def test_each_key_is_expected_alone():
    out = Collect()
    node = nightly(out, by=("host_",))

    for day in range(3):
        for host in ("a", "b") if day != 1 else ("a",):
            at(node, clock(3.2, days=day), host_=host)
    node.send(line("x", at=clock(4, days=2)))

    assert [("b", clock(5, days=1), "firing"), ("b", clock(3.2, days=2), "resolved")] == [
        (event.key["host_"], event.when, event.state) for event in out]
    assert 1 == finish(node)["unkeyed"]


def test_beyond_max_keys_the_one_longest_silent_goes_untold():
    out = Collect()
    node = nightly(out, by=("host_",), max_keys=2)

    for n, host in enumerate("abac"):
        at(node, clock(3) + n, host_=host)
    node.send(Tick(clock(30)))

    assert ["a", "c"] == [event.key["host_"] for event in out]
    assert 1 == finish(node)["evicted"]


def test_a_key_that_is_silent_for_long_is_forgotten_after_it_was_told():
    out, memory = Collect(), Memory()
    node = nightly(out, by=("host_",), expire=40 * HOUR, memory=memory)

    at(node, clock(3), host_="a")
    node.send(Tick(clock(43)))
    assert 2 == len(memory)
    node.send(Tick(clock(43) + 1))
    at(node, clock(44), host_="a")

    assert [(clock(29), "firing")] == told(out)


@pytest.mark.parametrize(("options", "why"), [
    ({"by": (), "expire": 9e9}, "`expire` belongs to `by`"),
    ({"by": ("host_",), "expire": 70.0}, "longer than `early` and `within` together,")])
def test_an_option_without_a_use_is_refused(options, why):
    with pytest.raises(ValueError, match=why):
        check({"early": 10.0, "within": 60.0, **options})


@pytest.mark.parametrize("options", [{"by": (), "expire": None}, {"by": ("host_",), "expire": 70.1}])
def test_options_that_go_together_are_right(options):
    check({"early": 10.0, "within": 60.0, **options})


# --- out of order -----------------------------------------------------------------------------------


def test_an_event_that_comes_too_late_counts_as_if_it_had_not_come():
    out = Collect()
    node = nightly(out, by=("host_",), lateness=5.0)

    at(node, clock(1), host_="a")
    at(node, clock(3), host_="b")
    at(node, clock(3) - 5.1, host_="a")
    node.send(Tick(clock(6)))

    assert ["a"] == [event.key["host_"] for event in out]
    assert 1 == finish(node)["late"]


def test_one_that_is_read_after_it_fired_makes_it_over_at_once_and_not_before():
    out = Collect()
    node = nightly(out)
    node.send(Tick(clock(1)))

    node.send(Tick(clock(5)))
    at(node, clock(5) - 1)

    assert [(clock(5), "firing", clock(1)), (clock(5), "resolved", clock(5) - 1)] == [
        (event.when, event.state, event.at) for event in out]


def test_one_that_was_too_early_does_not_make_it_over_but_is_told_as_the_last():
    out = Collect()
    node = nightly(out)
    node.send(Tick(clock(1)))

    node.send(Tick(clock(5)))
    at(node, clock(2.5))

    assert [(clock(5), "firing")] == told(out)


def test_lines_that_are_far_behind_the_time_make_it_fire_once_and_not_with_each():
    out = Collect()
    node = nightly(out)
    node.send(Tick(clock(1)))

    for day in range(20):
        at(node, clock(3.1, days=day))
        node.send(Tick(clock(12, days=40)))

    assert ["firing"] == [event.state for event in out]


def test_an_older_event_is_not_the_last():
    out = Collect()
    node = nightly(out)

    at(node, clock(3), clock(3) - 4)
    node.send(Tick(clock(29)))

    assert ["line of 10800"] == [event.text for event in out]


# --- ends -------------------------------------------------------------------------------------------


def test_the_calendar_is_read_for_events_that_are_in_time_only():
    class Counted(Cron):
        read = 0

        def after(self, at, zone):
            self.read += 1
            return super().after(at, zone)

    cron = Counted("0 3 * * *")
    node = nightly(Collect(), at=cron)

    at(node, *(clock(3) + second for second in range(60)))

    assert 1 == cron.read


def test_at_the_close_nothing_is_sent():
    out = Collect()
    node = nightly(out)
    at(node, clock(1))

    assert {"fired": 0, "resolved": 0, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)
    assert [] == out


def test_what_fires_survives_the_process_and_is_over_in_the_next():
    out, memory = Collect(), Memory()
    node = nightly(out, by=("host_",), memory=memory)
    at(node, clock(1), host_="a")
    node.send(Tick(clock(5)))

    at(nightly(out, by=("host_",), memory=restarted(memory)), clock(6), host_="a")

    assert [(clock(5), "firing"), (clock(6), "resolved")] == told(out)
    assert ({"host_": "a"}, 4 * HOUR) == (out[1].key, out[1].fields["silent"])


# --- against a list of all events -------------------------------------------------------------------

THIRD = 20
"""Seconds of a step of the model, of which a minute has three."""
ITEMS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["a", "b", ""])), max_size=40)
"""Steps since the item before, and the key; without one it is a tick."""
MINUTES = st.sets(st.integers(0, 59), min_size=1, max_size=30)
SPANS = st.integers(1, 12), st.integers(0, 9)


def calendar(minutes):
    return Cron(f"{','.join(map(str, sorted(minutes)))} * * * *")


def missed(moment, minutes, seen, since, within, early):
    """Whether a moment is one of the calendar, was watched for, and nothing came for it."""
    return moment % 60 == 0 and moment // 60 % 60 in minutes and moment > since + early and not any(
        moment - early <= when < moment + within for when in seen)


@given(ITEMS, MINUTES, *SPANS, st.booleans())
def test_it_does_what_a_list_of_all_events_would(items, minutes, within, early, keyed):
    """The node is made anew from its memory, as JSON, before each item. The model looks at every third of a minute."""
    out, model, memory, cron = Collect(), [], Memory(), calendar(minutes)
    within, early = within * THIRD, early * THIRD
    now, seen, begin, firing = MIDNIGHT, {}, {}, {}

    def look(at, key):
        """Tell what is so at a moment, before the events of that moment."""
        moment, came = at - within, seen.get(key, [])
        if key not in firing and missed(moment, minutes, came, begin[key], within, early):
            firing[key] = moment, at - max(came, default=begin[key]), max(came, default=None)
            model.append((at, key, "firing", *firing[key]))

    for gap, host in items:
        memory = restarted(memory)
        node = expect(out, at=cron, within=float(within), early=float(early), by=("ip",) if keyed else (), zone=UTC,
                      memory=memory)
        then = now + gap * THIRD
        node.send(line("x", at=float(then), ip=host) if host else Tick(float(then)))
        for step in range(now + THIRD, then + 1, THIRD):
            for key in sorted(begin):
                look(step, key)
        now = then
        key = host if keyed else ""
        if host or not keyed:
            begin.setdefault(key, now)
        if not host:
            continue
        seen.setdefault(key, []).append(now)
        if key in firing:
            model.append((now, key, "resolved", *firing.pop(key)))

    assert [(when, key, state, rfc3339(moment), silent, last and rfc3339(last))
            for when, key, state, moment, silent, last in model] == [
        (event.when, event.key.get("ip", ""), event.state, event.fields["expected"], event.fields["silent"],
         event.fields.get("last")) for event in out]


@given(st.lists(st.tuples(st.integers(-4, 12), st.sampled_from("ab")), max_size=40), MINUTES, *SPANS)
def test_events_out_of_order_count_where_they_belong(items, minutes, within, early):
    """Those older than the newest by more than `lateness` do not count; of the others, all that were read by then.

    The model asks of each key, at the time of the newest event, whether a moment after its last event was missed.
    """
    out, memory, cron = Collect(), Memory(), calendar(minutes)
    within, early = within * THIRD, early * THIRD
    now, seen, begin, states = 0, {}, {}, {}

    for gap, host in items:
        memory = restarted(memory)
        node = expect(out, at=cron, within=float(within), early=float(early), by=("ip",), zone=UTC, memory=memory,
                      lateness=2.0 * THIRD)
        when = (now or MIDNIGHT) + gap * THIRD
        node.send(line("x", at=float(when), ip=host))
        known = [*seen]
        if when >= now - 2 * THIRD:
            begin.setdefault(host, when)
            seen.setdefault(host, []).append(when)
        now = max(now, when)
        states |= {event.key["ip"]: event.state for event in out}
        for key in known:
            moments = range((max(seen[key]) + early) // 60 * 60 + 60, now - within + 1, 60)
            is_missed = any(missed(moment, minutes, seen[key], begin[key], within, early) for moment in moments)
            assert is_missed == (states.get(key) == "firing"), (key, now)
