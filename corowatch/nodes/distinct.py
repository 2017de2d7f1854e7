from bisect import bisect
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from corowatch.core.events import Consumer, Event, Evidence, Fields, Here, Target, Tick, rfc3339
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.standing import resting, so_far
from corowatch.core.values import AtLeast, FieldName, Seconds

EVIDENCE = 9
"""Earlier lines that an alert shows; the triggering one is the tenth."""
TOLD = 10
"""Values that `values` tells."""

Seen: TypeAlias = tuple[list[str], float, Evidence | None]
"""A value, its newest time, and the line of that time, if it can still be shown."""
State: TypeAlias = tuple[list[Seen], float, int]
"""Values, oldest first; rests until; suppressed."""


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where no two values can differ."""
    if set(options["of"]) <= set(options["by"]):
        raise ValueError("`of` names nothing but fields of `by`, which are the same in all events of a key")


def standing(options: Mapping[str, Any], state: State, due: float | None) -> str:
    """How many values there are."""
    seen, until, suppressed = state
    return so_far(len(seen), options["at_least"], options["within"]) if seen else resting(until, suppressed)


@node(adds=("count", "values", "first", "last", "suppressed"), check=check, standing=standing)
def distinct(
    target: Target[Event],
    *,
    of: Annotated[tuple[FieldName, ...], "fields that make the value"],
    at_least: Annotated[int, "so many different values", AtLeast(2)],
    within: Annotated[Seconds, "the newest of them span at most this, inclusive"],
    by: Annotated[tuple[FieldName, ...], "fields that make the key; the values of each key are counted alone"] = (),
    rest: Annotated[Seconds | None, "silence of a key after it fired (default: `within`)"] = None,
    max_keys: Annotated[int, "keys held at most; beyond, the one longest untouched goes", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key untouched for so long is forgotten (default: 2 × `within`)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[State]],
    counts: Counts[Literal["fired", "suppressed", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Pass on the event that makes it `at_least` different values of a key `within` a time; then the key rests.

    A value counts at its newest time, so one that comes again may be what fires; times that span just `within` still
    count. What passes has `count`, `values` (the first ten, that seen longest ago first, then "…"), `first` and `last`
    (times) and `suppressed`: how many events came while the key rested before. An alert shows the newest line of each
    value, ten at most.

    The window empties when it fires, and what comes while the key rests opens none. An event that has not all fields
    `of` is counted `unkeyed`; one older than the newest by more than `lateness` is counted `late`. Beyond `max_keys`
    the key longest untouched goes with its window. Nothing is sent at close: open windows and rests survive a restart.

        distinct: {of: path, at_least: 20, within: 1m, by: ip}
    """
    silence = within if rest is None else rest
    # One at rest must not be forgotten before it has rested.
    keys: Keyed[State] = Keyed(memory, counts, here, by=by, max_keys=max_keys,
                               expire=max(expire or 2 * within, 2 * silence), lateness=lateness)
    try:
        while True:
            item = yield
            if not isinstance(item, Event):
                keys.pass_time(item.at)
                continue
            if (name := keys.admit(item)) is None:
                continue
            if (value := keys.texts(item, of)) is None:
                continue
            seen, until, suppressed = keys.get(name) or ([], 0.0, 0)
            if item.when < until:
                counts["suppressed"] += 1
                keys.put(name, (seen, until, suppressed + 1))
                continue
            seen = window(seen, value, item, within)
            if len(seen) < at_least:
                keys.put(name, (seen, until, suppressed))
                continue
            counts["fired"] += 1
            keys.put(name, ([], item.when + silence, 0))
            told: Fields = {"count": at_least, "values": listed(seen), "first": rfc3339(seen[0][1]),
                    "last": rfc3339(seen[-1][1]), "suppressed": suppressed}
            past = [Evidence.of(line) for other, _, line in seen if other != value and line is not None]
            target.send(item.having(told, key=keys.key(name), past=tuple(past[-EVIDENCE:]), count=at_least))
    except GeneratorExit:
        return counts


def window(seen: list[Seen], value: list[str], event: Event, within: float) -> list[Seen]:
    """`seen` with the value of `event`, and without what is older than the newest by more than `within`.

    That can never count again: a value's newest time does not go back.
    """
    when = event.when
    if any(other == value and time > when for other, time, _ in seen):
        return seen
    rest = [one for one in seen if one[0] != value]
    rest.insert(bisect(rest, when, key=lambda one: one[1]), (value, when, event.evidence()))
    newest = rest[-1][1]
    kept = [one for one in rest if newest - one[1] <= within]
    # Of the newest ten: the one that came now and nine others. A line that has left them never comes back.
    lines = len(kept) - EVIDENCE - 1
    return [(other, time, line if place >= lines else None) for place, (other, time, line) in enumerate(kept)]


def listed(seen: list[Seen]) -> str:
    """The values as a text; those of several fields stand side by side."""
    told = [" ".join(value) for value, *_ in seen[:TOLD]]
    return ", ".join([*told, "…"] if len(seen) > TOLD else told)
