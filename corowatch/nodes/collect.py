from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from corowatch.core.events import Consumer, Event, Fields, Here, Target, Tick, rfc3339
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.pattern import Pattern
from corowatch.core.standing import clock
from corowatch.core.values import AtLeast, FieldName, Seconds

EVIDENCE = 9
"""Earlier lines that an alert shows; the last event is the tenth."""

State: TypeAlias = tuple[int, float, float, Event]
"""How many, times of the first and of the newest; the last, with the fields of all."""


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where nothing but `max` would ever end it."""
    if not options["until"] and options["within"] is None:
        raise ValueError("`collect` needs `until` or `within`, or it would gather without end")


def standing(options: Mapping[str, Any], state: State, due: float | None) -> str:
    """How much is gathered."""
    return f"{state[0]} gathered" + (f", passed on by {clock(due)}" if due else "")


@node(adds=("count", "first", "last", "complete"), check=check, standing=standing)
def collect(
    target: Target[Event],
    *,
    until: Annotated[tuple[Pattern, ...], "an event that matches is the last; any of a list"] = (),
    within: Annotated[Seconds | None, "so long after the first they go on, however many came"] = None,
    by: Annotated[tuple[FieldName, ...], "fields that make the key; the events of each are gathered alone"] = (),
    max_: Annotated[int, "when so many came they go on", AtLeast(1)] = 1000,
    max_keys: Annotated[int, "keys held at most; beyond, the one longest untouched goes, untold", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key untouched for so long is forgotten, untold (default: never)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[State]],
    counts: Counts[Literal["fired", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Gather the events of a key until one matches `until`, and pass them on as one: the last, with the fields of all.

    Of a field that several have, the last counts. Added are `count` (how many there are), `first` and `last` (times)
    and `complete`: false where `until` did not come, but the time was over, at `within` after the first, or `max` were
    gathered. An alert shows the last ten lines. Then the key begins anew.

    An event at the very moment when the time is over comes too late for those before, and begins anew. One older than
    the newest by more than `lateness` is counted `late`, one that lacks a field of `by` `unkeyed`. Nothing is sent at
    close: what is gathered survives a restart, and the time between counts.

        collect: {until: ': removed$', within: 1h, by: queue}
    """
    keys: Keyed[State] = Keyed(memory, counts, here, by=by, max_keys=max_keys, expire=expire, lateness=lateness)

    def send(name: str, state: State, tick: float = 0.0, *, complete: bool) -> None:
        count, first, newest, last = state
        past = keys.lines(name)[:-1]  # the last line is the event itself
        keys.forget(name)
        counts["fired"] += 1
        told: Fields = {"count": count, "first": rfc3339(first), "last": rfc3339(newest), "complete": complete}
        target.send(Event.of(last).having(told, key=keys.key(name), past=past, tick=tick, count=count))

    try:
        while True:
            item = yield
            at = item.when
            for name, deadline, state in keys.due(at):
                send(name, state, deadline, complete=False)
            if not isinstance(item, Event):
                keys.pass_time(at)
                continue
            if (key := keys.admit(item)) is None:
                continue
            state = gathered(keys.get(key), item)
            due = keys.deadline(key) if state[0] > 1 else at + within if within else None
            keys.put(key, state, due, line=item, most=EVIDENCE + 1)
            complete = any(pattern.test(item.text) for pattern in until)
            if complete or state[0] >= max_:
                send(key, state, complete=complete)
    except GeneratorExit:
        return counts


def gathered(before: State | None, event: Event) -> State:
    """What is gathered, with one more event."""
    when = event.when
    if before is None:
        return 1, when, when, event
    count, first, newest, last = before
    return count + 1, min(first, when), max(newest, when), event.having({**Event.of(last).fields, **event.fields})
