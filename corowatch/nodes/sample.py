from collections.abc import Mapping
from typing import Annotated, Any, Literal

from corowatch.core.events import Consumer, Event, Here, Target, Tick
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.values import AtLeast, FieldName, Seconds


def standing(options: Mapping[str, Any], state: int, due: float | None) -> str:
    """How many are dropped yet."""
    return f"{state} more are dropped"


@node(standing=standing)
def sample(
    target: Target[Event],
    *,
    every: Annotated[int, "one of so many passes", AtLeast(1)],
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key is counted alone"] = (),
    max_keys: Annotated[int, "keys held at most; beyond, the one longest untouched goes", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key untouched for so long is forgotten (default: never)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[int]],
    counts: Counts[Literal["passed", "dropped", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Pass on one of every so many events of a key: the first, then each N-th after it.

    With 10 those are the first, the 11th, the 21st and so on, whatever the time between them. The count goes on
    after a restart.

        sample: {every: 100, by: status}
    """
    # A state is how many are to be dropped before the next passes.
    keys: Keyed[int] = Keyed(memory, counts, here, by=by, max_keys=max_keys, expire=expire, lateness=lateness)
    try:
        while True:
            item = yield
            if not isinstance(item, Event):
                keys.pass_time(item.at)
                continue
            if (name := keys.admit(item)) is None:
                continue
            if left := keys.get(name):
                keys.put(name, left - 1)
                counts["dropped"] += 1
            else:
                keys.put(name, every - 1)
                counts["passed"] += 1
                target.send(item.having({}, key=keys.key(name)))
    except GeneratorExit:
        return counts
