from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from corowatch.core.events import Consumer, Event, Here, Target, Tick, rfc3339
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.standing import clock
from corowatch.core.values import AtLeast, FieldName, Seconds

State: TypeAlias = tuple[list[str], float]
"""The value, and when it was first seen."""


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where nothing can change."""
    if set(options["of"]) <= set(options["by"]):
        raise ValueError("`of` names nothing but fields of `by`, which are the same in all events of a key")


def standing(options: Mapping[str, Any], state: State, due: float | None) -> str:
    """What the value is."""
    return f"{', '.join(state[0])} since {clock(state[1])}"


@node(adds=("was", "since"), check=check, standing=standing)
def change(
    target: Target[Event],
    *,
    of: Annotated[tuple[FieldName, ...], "fields that make the value"],
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key has a value of its own"] = (),
    max_keys: Annotated[int, "keys held at most; beyond, the one longest untouched goes", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key untouched for so long is forgotten (default: never)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[State]],
    counts: Counts[Literal["changed", "same", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Pass on an event whose value of the fields `of` is another than the last of its key.

    It adds `was`, the value before (those of several fields joined by ", "), and `since`: the time of the event that
    brought it. With several fields `of`, one that differs is enough. The first value of a key is only learnt, also
    after the key was forgotten; an event of the same value is dropped.

    The last is the one that came last, even if its time is older by up to `lateness`; beyond, it is counted `late`. An
    event that has not all fields `of` is counted `unkeyed`. Neither changes anything. Beyond `max_keys` the key longest
    untouched is forgotten. Nothing is sent at close: values survive a restart.

        change: {of: status, by: ip}
    """
    keys: Keyed[State] = Keyed(memory, counts, here, by=by, max_keys=max_keys, expire=expire, lateness=lateness)
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
            known = keys.get(name)
            if known is not None and known[0] == value:
                counts["same"] += 1
                keys.put(name, known)
                continue
            keys.put(name, (value, item.when))
            if known is not None:
                counts["changed"] += 1
                was, since = known
                target.send(item.having({"was": ", ".join(was), "since": rfc3339(since)}, key=keys.key(name)))
    except GeneratorExit:
        return counts
