from collections.abc import Mapping
from hashlib import blake2b
from typing import Annotated, Any, Literal

from corowatch.core.events import Consumer, Event, Here, Target
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.standing import clock
from corowatch.core.values import AtLeast, FieldName, Seconds

BEGAN = "began"


def standing(options: Mapping[str, Any], state: float, due: float | None) -> str:
    """When it was seen last."""
    return f"known, seen last {clock(state)}"


@node(standing=standing)
def first_seen(
    target: Target[Event],
    *,
    of: Annotated[tuple[FieldName, ...], "fields whose values, taken together, are new or known"],
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key knows its own values"] = (),
    remember: Annotated[Seconds, "a value is known for so long, inclusive, since last seen"] = Seconds(30 * 86400.0),
    learn: Annotated[Seconds | None, "for so long after the first event values are learnt and nothing is told"] = None,
    max_keys: Annotated[int, "values held at most; beyond, the one longest unseen goes", AtLeast(1)] = 100_000,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[float]],
    counts: Counts[Literal["passed", "known", "learnt", "unkeyed", "late", "evicted"]],
) -> Consumer[Event]:
    """Pass on the first event with a value, and drop those with values that are known.

    A value is what the fields `of` hold together, for each key by itself. Every sighting renews the time for which it
    is known; at the end of that time, `remember` after the last one, it still is. One that is seen later is new again,
    as is one that had to go for others. The event's key is made of both, `of` and `by`.

    With `learn` nothing passes until so long after the first event that has the fields; at the end of that time it
    does. A late event passes never and teaches nothing, nor does one that lacks a field, which is counted `unkeyed`.
    At close nothing is sent. What is known, and when learning began, is known again after a restart.

        first_seen: {of: user, by: hostname, learn: 1d}
    """
    # A state is when a value was last seen; it stands under the digest of its name, for a value may be long. What is
    # forgotten no event can ask for: one that is older would be late. So the time of ticks has no say in what is new.
    keys: Keyed[float] = Keyed(memory.shelf("seen"), counts, here, by=(*of, *by), max_keys=max_keys,
                               expire=remember + lateness, lateness=lateness)
    try:
        while True:
            event = yield
            if (name := keys.admit(event)) is None:
                continue
            when = event.when
            if learn is not None and BEGAN not in memory:
                memory[BEGAN] = (when, None, None)
            own = digest(name)
            seen = keys.get(own)
            if seen is None:  # not under its digest, nor under that which one with a number once had
                seen = keys.get(digest(keys.former_name(event)))
            keys.put(own, when if seen is None else max(seen, when))
            if seen is not None and when - seen <= remember:
                counts["known"] += 1
            elif learn is not None and when - memory[BEGAN][0] < learn:
                counts["learnt"] += 1
            else:
                counts["passed"] += 1
                target.send(event.having({}, key=keys.key(name)))
    except GeneratorExit:
        return counts


def digest(name: str) -> str:
    """What stands for the name of a key."""
    return blake2b(name.encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()
