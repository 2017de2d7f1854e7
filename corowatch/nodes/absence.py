from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from corowatch.core.events import Consumer, Event, Here, Target, Tick
from corowatch.core.keyed import ALL, Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.silence import check_expire, over, silence
from corowatch.core.standing import clock
from corowatch.core.values import AtLeast, FieldName, Seconds

State: TypeAlias = tuple[list[float], Event | None, Event | None]
"""Times of the newest `below` events, oldest first; the last event; what fired and is not over.

When counting begins, that moment stands for each of those that did not come yet: so the first is always the one whose
age decides.
"""
ADDS = ("count", "silent", "last")


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where an option has no use."""
    check_expire(options, "for")


def standing(options: Mapping[str, Any], state: State, due: float | None) -> str:
    """By when the next must come."""
    return "silent, and told" if due is None else f"the next must come by {clock(due)}"


@node(adds=ADDS, check=check, standing=standing)
def absence(
    target: Target[Event],
    *,
    for_: Annotated[Seconds, "it is looked back so far"],
    below: Annotated[int, "fewer events than this are too few", AtLeast(1)] = 1,
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key is watched alone, once it was seen"] = (),
    max_keys: Annotated[int, "keys watched at most; beyond, the one longest silent goes, untold", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key silent for so long is forgotten (default: never)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[State]],
    counts: Counts[Literal["fired", "resolved", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Tell when fewer than `below` events of a key came within a time; what comes is not passed on.

    It fires at the moment when the newest `below` events no longer all lie within `for`: with one, at the last event
    plus `for`. An event at that very moment comes too late, and so does one that is read when the moment is over,
    whatever time it tells: that resolves what was told. What goes on is the last event of the key, at that moment, with
    `count` (how many came within `for`), `silent` (seconds since the last) and `last` (its time).

    Without `by`, counting begins with the first event or the first word of the time, so that it fires if nothing ever
    comes, too: with an empty text, without `last`, and `silent` counts from that beginning. With `by`, a key is watched
    from its first event on. Late events count as if they had not come.

    Then nothing more is told until enough came again: the event after which `below` lie within `for` goes on, resolved,
    with what was told. At close nothing is sent. What was counted, when that began and what fires survive a restart,
    and the time between counts. A key that is evicted or forgotten is told of no more, not as over either.

        absence: {for: 10m, by: hostname}
    """
    keys: Keyed[State] = Keyed(memory, counts, here, by=by, max_keys=max_keys, expire=expire, lateness=lateness)
    try:
        while True:
            item = yield
            at = max(keys.now, item.when)
            for silent, deadline, (times, last, _) in keys.due(at):
                told = {"count": sum(time > times[0] for time in times)}
                event = silence(keys.key(silent), told, last and Event.of(last), times[0], deadline)
                keys.amend(silent, (times, last, event))
                counts["fired"] += 1
                target.send(event)
            if not isinstance(item, Event):
                keys.pass_time(at)
                if not by and keys.get(ALL) is None:
                    keys.put(ALL, ([at] * below, None, None), at + for_)
                continue
            if (name := keys.admit(item)) is None:
                continue
            times, last, fired = keys.get(name) or ([item.when] * below, None, None)
            times = sorted([*times, item.when])[-below:]
            if last is None or Event.of(last).when <= item.when:
                last = item
            if fired is None:
                keys.put(name, (times, last, None), times[0] + for_)
            elif times[0] + for_ > keys.now:
                keys.put(name, (times, last, None), times[0] + for_)
                counts["resolved"] += 1
                target.send(over(item, Event.of(fired), ADDS))
            else:
                keys.put(name, (times, last, fired))
    except GeneratorExit:
        return counts
