from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from corowatch.core.clock import Cron
from corowatch.core.events import Consumer, Event, Here, Target, Tick, rfc3339
from corowatch.core.keyed import ALL, Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.silence import check_expire, over, silence
from corowatch.core.standing import clock
from corowatch.core.values import AtLeast, FieldName, Seconds

State: TypeAlias = tuple[float, float, Event | None, Event | None]
"""Since when it is watched; the moment that is waited for, or was missed; the last event; what fires."""
ADDS = ("expected", "silent", "last")


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where an option has no use."""
    check_expire(options, "early", "within")


def standing(options: Mapping[str, Any], state: State, due: float | None) -> str:
    """By when the next must come."""
    return f"missed at {clock(state[1])}" if due is None else f"must come by {clock(due)}"


@node(adds=ADDS, check=check, standing=standing)
def expect(
    target: Target[Event],
    *,
    at: Annotated[Cron, "when it should come: minute, hour, day of the month, month, day of the week, as '0 3 * * *'"],
    within: Annotated[Seconds, "it may come so long after that moment"],
    early: Annotated[Seconds, "it may come so long before that moment"] = Seconds(0.0),
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key is expected, once it was seen"] = (),
    zone: Annotated[ZoneInfo | None, "whose clock it is (default: the host's)"] = None,
    max_keys: Annotated[int, "keys watched at most; beyond, the one longest silent goes, untold", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key silent for so long is forgotten (default: never)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[State]],
    counts: Counts[Literal["fired", "resolved", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Tell when no event of a key came at a time of the day or week; what comes is not passed on.

    A moment of the calendar is missed if no event of the key came from `early` before it until `within` after it. It
    fires when `within` is over: an event at that very moment comes too late. What goes on is the last event of the key,
    at that time, with `expected` (the moment), `silent` (seconds since the last event) and `last` (its time).

    After an event, the moment expected next is the first that is later by more than `early`. So it is after watching
    begins: without `by` with the first event or the first word of the time, so that it fires if nothing ever comes,
    too, with an empty text, without `last`; with `by` a key is watched from its first event on. Late events count as if
    they had not come.

    Then nothing more is told, however many moments are missed, until an event comes that would have been in time, or
    comes later: it goes on, resolved, with what was told, unless by then the moment after it is missed, too. At close
    nothing is sent. What is expected and what fires survive a restart, and the time between counts. A key that is
    evicted, or forgotten after `expire`, is told of no more, not as over either.

        expect: {at: '0 3 * * *', early: 10m, within: 2h, by: hostname}
    """
    keys: Keyed[State] = Keyed(memory, counts, here, by=by, max_keys=max_keys, expire=expire, lateness=lateness)
    try:
        while True:
            item = yield
            now = max(keys.now, item.when)
            for missing, deadline, (since, moment, last, _) in keys.due(now):
                told = {"expected": rfc3339(moment)}
                event = silence(keys.key(missing), told, last and Event.of(last), since, deadline)
                keys.amend(missing, (since, moment, last, event))
                counts["fired"] += 1
                target.send(event)
            if not isinstance(item, Event):
                keys.pass_time(now)
                if not by and keys.get(ALL) is None:
                    moment = at.after(now + early, zone)
                    keys.put(ALL, (now, moment, None, None), moment + within)
                continue
            if (name := keys.admit(item)) is None:
                continue
            since, moment, last, fired = keys.get(name) or (item.when, item.when, None, None)
            # Reading the calendar costs more than all the rest: only an event that is in time does it.
            following = at.after(item.when + early, zone) if item.when + early >= moment else moment
            if last is None or Event.of(last).when <= item.when:
                last = item
            if fired is None:
                keys.put(name, (since, following, last, None), following + within)
            elif following + within > keys.now:
                keys.put(name, (since, following, last, None), following + within)
                counts["resolved"] += 1
                target.send(over(item, Event.of(fired), ADDS))
            else:
                keys.put(name, (since, moment, last, fired))
    except GeneratorExit:
        return counts
