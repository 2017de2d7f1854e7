from collections.abc import Mapping
from hashlib import blake2b
from typing import Annotated, Any, Literal

from corowatch.core.events import Consumer, Event, Here, Target, Tick
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.standing import clock
from corowatch.core.values import AtLeast, FieldName, Seconds


def standing(options: Mapping[str, Any], state: float, due: float | None) -> str:
    """How long others like it are dropped."""
    return f"others like it are dropped until {clock(state + options['within'])}"


@node(standing=standing)
def dedupe(
    target: Target[Event],
    *,
    within: Annotated[Seconds, "an equal one drops for so long, inclusive, after the one that passed"],
    of: Annotated[FieldName, "the field that is compared"] = FieldName("text"),
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key is compared alone"] = (),
    max_keys: Annotated[int, "texts held at most; beyond, the one longest unseen goes", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a text unseen for so long is forgotten (default: 2 × `within`)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[float]],
    counts: Counts[Literal["dropped", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Pass on the first of equal texts and drop its repetitions within a time.

    The time runs from the one that passed; a repetition does not prolong it, so one that never stops passes
    once in that time. An event that has not the field `of` is counted `unkeyed`. What passed is known again
    after a restart.

        dedupe: {within: 10m, of: ip}
    """
    # A state is when the first passed; it stands under its key's name and the digest of its text, for a text is long.
    keys: Keyed[float] = Keyed(memory, counts, here, by=by, max_keys=max_keys, expire=max(expire or 2 * within, within),
                               lateness=lateness)
    try:
        while True:
            item = yield
            if not isinstance(item, Event):
                keys.pass_time(item.at)
                continue
            if (name := keys.admit(item)) is None:
                continue
            if (texts := keys.texts(item, (of,))) is None:
                continue
            own = name + blake2b(texts[0].encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()
            passed = keys.get(own)
            if passed is not None and item.when - passed <= within:
                keys.put(own, passed)
                counts["dropped"] += 1
            else:
                keys.put(own, item.when)
                target.send(item.having({}, key=keys.key(name)))
    except GeneratorExit:
        return counts
