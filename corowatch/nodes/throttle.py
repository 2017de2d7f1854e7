from typing import Annotated, Literal

from corowatch.core.events import Consumer, Event, Here, Target, Tick
from corowatch.core.holding import Held, Holding, standing
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.values import AtLeast, FieldName, Seconds


@node(adds=("held",), standing=standing)
def throttle(
    target: Target[Event],
    *,
    every: Annotated[Seconds, "one event of a key in this time"],
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key is throttled alone"] = (),
    max_keys: Annotated[int, "keys held at most; beyond, the one longest untouched goes", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key untouched for so long is forgotten (default: 2 × `every`)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[Held]],
    counts: Counts[Literal["held", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Pass on the first event of a key, hold back the others, and when `every` is over tell how many.

    What is told is the last event held, with `held` = how many; it starts the time anew. If none was
    held the key is free again. At close each key tells what it holds. Beyond `max_keys` the key longest
    untouched goes with what it holds, of which is told no more.

        throttle: {every: 1h, by: host}
    """
    keys: Keyed[Held] = Keyed(memory, counts, here, by=by, max_keys=max_keys,
                             expire=max(expire or 2 * every, 2 * every), lateness=lateness)
    holding = Holding(keys, every)
    try:
        while True:
            item = yield
            for name, last in holding.over(item.when):
                target.send(last.having({}, key=keys.key(name)))
            if not isinstance(item, Event) or (name_ := keys.admit(item)) is None:
                continue
            if holding.passes(name_, item):
                target.send(item.having({}, key=keys.key(name_)))
            else:
                counts["held"] += 1
    except GeneratorExit:
        for name, last in holding.rest():
            target.send(last.having({}, key=keys.key(name)))
        return counts
