from collections.abc import Mapping
from typing import Annotated, Any, Literal

from corowatch.core.events import Consumer, Event, Here, Target, Tick
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.standing import clock
from corowatch.core.values import AtLeast, FieldName, Seconds


def standing(options: Mapping[str, Any], state: tuple[int, Event | None], due: float | None) -> str:
    """How many there are."""
    return f"{state[0]} so far" + (f", told at {clock(due)}" if due else "")


@node(adds=("count",), standing=standing, sends_with="every")
def tally(
    target: Target[Event],
    *,
    by: Annotated[tuple[FieldName, ...], "fields to count by; without any, all are counted in one"] = (),
    every: Annotated[Seconds | None, "tell each key's count after this time, then begin at zero"] = None,
    max_keys: Annotated[int, "keys held at most; beyond, the one longest untouched goes", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key untouched for so long is forgotten (default: never)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[tuple[int, Event | None]]],
    counts: Counts[Literal["fired", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Count events by fields, for log and summary; with `every`, tell each key's `count` every so often.

    Then the last event of a key goes on with the `count` since its first. Without, nothing goes on, and no alert behind
    it ever comes: the standing is told at close, and stays for the next run. Beyond `max_keys` the key
    longest untouched goes with its count.

        tally: {by: [status, path], every: 1h}
    """
    # A state is (count, last event); without `every` nobody will ask for the event.
    keys: Keyed[tuple[int, Event | None]] = Keyed(
        memory, counts, here, by=by, max_keys=max_keys,
        expire=max(expire, every) if expire and every else expire, lateness=lateness)
    try:
        while True:
            item = yield
            for told, deadline, (count, last) in keys.due(item.when):
                keys.forget(told)
                counts["fired"] += 1
                target.send(Event.of(last).having({"count": count}, key=keys.key(told), tick=deadline,
                                                   count=count))
            if not isinstance(item, Event):
                keys.pass_time(item.at)
                continue
            if (name := keys.admit(item)) is None:
                continue
            count, _ = keys.get(name) or (0, None)
            if every is None:
                keys.put(name, (count + 1, None))
            else:
                keys.put(name, (count + 1, item), keys.deadline(name) if count else item.when + every)
    except GeneratorExit:
        standing = {" ".join(map(str, keys.key(name).values())): (keys.get(name) or (0,))[0] for name in keys}
        return {**counts, "standing": dict(sorted(standing.items(), key=lambda one: -one[1]))}
