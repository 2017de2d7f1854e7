"""What is told of a key's state, by each kind, to people who ask why."""

import pytest

from corowatch.core.config import ConfigFile, load
from corowatch.core.events import Event, Origin, Tick
from corowatch.core.keyed import CLOCKS
from corowatch.core.memory import Memory
from corowatch.core.standing import clock, resting, so_far, span
from corowatch.core.table import Table, TableFile
from corowatch.discovery import discover
from corowatch.testing import Collect, line

T = 1_772_438_400.0  # 2026-03-02 08:00 UTC
RESTS = "rests until 2026-03-02 08:01:01Z, 1 suppressed"
FIRED = "fired, is over by 2026-03-02 08:01:32Z at the earliest; 1 came since"


def standing(kind, options, *items):
    """How every key stands once the items were sent."""
    text = f"flows: {{a: {{tail: /x, parse: kv, {kind}: {options}}}}}"
    nothing = lambda path: TableFile(path, (), lambda asked: Table(asked.read([])))  # noqa: E731
    step = load([ConfigFile("c.yaml", text)], discover(), table=nothing).steps[f"a.{kind}"]
    memory = Memory()
    consumer = step.kind.start(**{name: Collect() for name in step.kind.outlets}, **step.options,
                               **{step.kind.memory: memory})
    for item in items:
        consumer.send(item)
    return [step.kind.standing(step.options, row[2], row[1]) for name, row in memory.items()
            if name != CLOCKS and row[2] is not None]


def at(seconds, text="x", **fields):
    return line(text, T + seconds, int(seconds * 10), **fields)


@pytest.mark.parametrize(("told", "kind", "options", "items"), [
    ("2 of 3 within 1m", "threshold", "{at_least: 3, within: 1m}", [at(0), at(59)]),
    ("1 of 3 within 1m", "threshold", "{at_least: 3, within: 1m}", [at(0), at(61)]),
    (RESTS, "threshold", "{at_least: 2, within: 1m}", [at(0), at(1), at(2)]),
    (FIRED, "threshold", "{at_least: 2, within: 1m, calm: 90s}", [at(0), at(1), at(2)]),
    ("the next must come by 2026-03-02 08:01:05Z", "absence", "{for: 1m}", [at(5)]),
    ("silent, and told", "absence", "{for: 1m}", [at(5), Tick(T + 66)]),
    ("1 of 1, 0 of 2 within 1m", "all_of", "{of: [a, {pattern: b, at_least: 2}], within: 1m}", [at(0, "a")]),
    (RESTS, "all_of", "{of: [a, b], within: 1m}", [at(0, "a"), at(1, "b"), at(2, "b")]),
    ("2 of 5 at 2026-03-02 08:00:00Z", "bucket", "{capacity: 5, leak: 10s}", [at(0), at(0)]),
    (RESTS, "bucket", "{capacity: 1, leak: 10s, rest: 1m}", [at(0), at(1), at(2)]),
    ("up since 2026-03-02 08:00:00Z", "change", "{of: state}", [at(0, state="up"), at(1, state="up")]),
    ("2 gathered", "collect", "{until: end}", [at(0), at(1)]),
    ("1 gathered, passed on by 2026-03-02 08:01:00Z", "collect", "{until: end, within: 1m}", [at(0)]),
    ("others like it are dropped until 2026-03-02 08:01:00Z", "dedupe", "{within: 1m}", [at(0)]),
    ("1 of 2 within 1m", "distinct", "{of: n, at_least: 2, within: 1m}", [at(0, n=1), at(1, n=1)]),
    (RESTS, "distinct", "{of: n, at_least: 2, within: 1m}", [at(0, n=1), at(1, n=2), at(2, n=3)]),
    ("must come by 2026-03-02 09:10:00Z", "expect", "{at: '0 * * * *', within: 10m, zone: UTC}", [at(60)]),
    ("missed at 2026-03-02 09:00:00Z", "expect", "{at: '0 * * * *', within: 10m, zone: UTC}",
     [at(60), Tick(T + 4300)]),
    ("known, seen last 2026-03-02 08:00:01Z", "first_seen", "{of: n}", [at(0, n=1), at(1, n=1)]),
    ("open since 2026-03-02 08:00:00Z, must end by 2026-03-02 08:01:00Z", "pair",
     "{open: begin, close: end, within: 1m, missing: true}", [at(0, "begin")]),
    ("open since 2026-03-02 08:00:00Z, missing since 2026-03-02 08:01:00Z", "pair",
     "{open: begin, close: end, within: 1m, missing: true}", [at(0, "begin"), Tick(T + 61)]),
    ("open since 2026-03-02 08:00:00Z", "pair", "{open: begin, close: end}", [at(0, "begin")]),
    ("the disk <*> failed: 2 lines, the last 2026-03-02 08:00:01Z", "unexpected", "x.templates",
     [at(0, "the disk sda failed"), at(1, "the disk sdb failed")]),
    ("3 more are dropped", "sample", "{every: 5}", [at(0), at(1)]),
    ("2 of 3 steps", "sequence", "{steps: [a, b, c], within: 1m}", [at(0, "a"), at(1, "b")]),
    (RESTS, "sequence", "{steps: [a, b], within: 1m}", [at(0, "a"), at(1, "b"), at(3, "a")]),
    ("2 in both windows", "spike", "{within: 1m, times: 3, at_least: 2}", [at(0), at(1)]),
    ("2 so far, told at 2026-03-02 08:01:00Z", "tally", "{every: 1m}", [at(0), at(1)]),
    ("1 so far", "tally", "{by: n}", [at(0, n=1)]),
    ("1 held until 2026-03-02 08:01:00Z", "throttle", "{every: 1m}", [at(0), at(1)]),
    ("set until 2026-03-02 08:01:00Z", "flag", "{name: f, for: 1m}", [at(0)]),
    ("set until it is taken down", "flag", "f", [at(0)]),
    ("1 counted", "ratio", "{of: bad == 1, within: 1m, at_least: 2, above: 50%}", [at(0, bad=1)]),
    (RESTS, "ratio", "{of: bad == 1, within: 1m, at_least: 2, above: 50%}", [at(n, bad=1) for n in range(3)]),
    (FIRED, "ratio", "{of: bad == 1, within: 1m, at_least: 2, above: 50%, calm: 90s}",
     [at(n, bad=1) for n in range(3)]),
    ("2 counted, told at 2026-03-02 08:01:00Z", "stats", "{of: n, show: avg, every: 1m}", [at(0, n=1), at(1, n=2)]),
])
def test_a_key_is_told_in_a_few_words(told, kind, options, items):
    assert [told] == standing(kind, options, *items)


def test_after_a_spike_it_is_told_how_long_it_rests():
    few = [at(60 * n) for n in range(3)]
    many = [at(180 + n / 10) for n in range(30)]

    (told,) = standing("spike", "{within: 1m, times: 3, at_least: 4}", *few, *many)

    assert "rests until 2026-03-02 08:05" in told


def test_an_alert_that_waits_to_be_over_is_told_as_firing():
    event = Event(Origin("r", "k", "f"), 0, T, "x")

    assert "firing" == discover().node["alert"].standing({}, (1, event), None)


@pytest.mark.parametrize(("seconds", "told"), [
    (0.0, "0s"), (0.25, "0.25s"), (90.0, "1m30s"), (3600.0, "1h"), (93784.5, "1d2h3m4.5s"), (-5.0, "-5s"),
])
def test_a_time_is_told_as_people_write_it(seconds, told):
    assert told == span(seconds)


def test_moments_and_windows():
    assert "2026-03-02 08:00:00Z" == clock(1772438400.7)
    assert "rests until 2026-03-02 08:00:00Z, 3 suppressed" == resting(1772438400.0, 3)
    assert "4 of 5 within 1m" == so_far(4, 5, 60.0)
