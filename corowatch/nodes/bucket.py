from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from corowatch.core.events import Consumer, Event, Fields, Here, Target, Tick, rfc3339
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.standing import clock, resting
from corowatch.core.values import AtLeast, FieldName, Seconds

EVIDENCE = 9
"""Earlier lines of a bucket that an alert shows; the triggering one is the tenth."""

ROUNDING = 1e-6
"""Seconds by which the difference of two times may be off: a rate of just one in `leak` must never overflow."""

State: TypeAlias = tuple[float, float, int, float, list[list[str]], float, int]
"""Level and when it was so; how many came since it was empty, and when the first did; values; rests until;
suppressed."""

EMPTY: State = (0.0, 0.0, 0, 0.0, [], 0.0, 0)


def standing(options: Mapping[str, Any], state: State, due: float | None) -> str:
    """How full a key's bucket is."""
    level, at, _, _, _, until, suppressed = state
    if until > at:
        return resting(until, suppressed)
    return f"{level:.3g} of {options['capacity']} at {clock(at)}"


@node(adds=("count", "first", "last", "suppressed"), standing=standing)
def bucket(
    target: Target[Event],
    *,
    capacity: Annotated[int, "so many events it holds", AtLeast(1)],
    leak: Annotated[Seconds, "in this time one event leaks out of it"],
    of: Annotated[tuple[FieldName, ...], "an event counts only if its values of these are not in it yet"] = (),
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each has its own bucket"] = (),
    rest: Annotated[Seconds | None, "silence of a key after it fired (default: `capacity` × `leak`)"] = None,
    max_keys: Annotated[int, "keys held at most; beyond, the one longest untouched goes", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key untouched for so long is forgotten (default: 2 × `rest`)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[State]],
    counts: Counts[Literal["fired", "suppressed", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Pass on the event by which a key's leaky bucket overflows: a burst, or a rate over one in `leak` that lasts.

    Each event fills it by one, and it leaks evenly, one in `leak`; an event is too much if the bucket holds more than
    `capacity` with it. What passes has `count` (how many events came since it was empty), `first` and `last` (times)
    and `suppressed`: how many came while the key rested before. An alert shows the last ten lines.

    It is empty when it has fired, and what comes while the key rests does not fill it. With `of`, an event does not
    fill it whose values are among the last `capacity` different ones since it was empty, and one that lacks a field is
    counted `unkeyed`. An event out of order counts as if it came at the newest time; one older than that by more than
    `lateness` is counted `late`. Beyond `max_keys` the key longest untouched goes with its bucket. Nothing is sent at
    close: levels and rests survive a restart, and they leak meanwhile.

        bucket: {capacity: 5, leak: 10s, by: ip}
    """
    full = capacity * leak
    silence = full if rest is None else rest
    # One at rest must not be forgotten before it has rested.
    keys: Keyed[State] = Keyed(memory, counts, here, by=by, max_keys=max_keys,
                               expire=max(expire or 2 * full, 2 * silence), lateness=lateness)
    try:
        while True:
            item = yield
            if not isinstance(item, Event):
                keys.pass_time(item.at)
                continue
            if (name := keys.admit(item)) is None or (value := keys.texts(item, of)) is None:
                continue
            level, at, count, first, values, until, suppressed = keys.get(name) or EMPTY
            when = item.when
            if when < until:
                counts["suppressed"] += 1
                keys.put(name, (level, at, count, first, values, until, suppressed + 1))
                continue
            level = max(0.0, level - max(0.0, when - at) / leak)
            if level <= ROUNDING / leak:
                level = 0.0
                count, first, values = 0, when, []
                keys.clear_lines(name)
            if of and value in values:
                keys.put(name, (level, max(at, when), count, first, values, until, suppressed))
                continue
            first, at = min(first, when), max(at, when)
            if level + 1 <= capacity + ROUNDING / leak:
                values = [*values, value][-capacity:] if of else []
                keys.put(name, (level + 1, at, count + 1, first, values, until, suppressed), line=item, most=EVIDENCE)
                continue
            counts["fired"] += 1
            told: Fields = {"count": count + 1, "first": rfc3339(first), "last": rfc3339(at), "suppressed": suppressed}
            event = item.having(told, key=keys.key(name), past=keys.lines(name), count=count + 1)
            keys.put(name, (0.0, at, 0, 0.0, [], at + silence, 0))
            keys.clear_lines(name)
            target.send(event)
    except GeneratorExit:
        return counts
