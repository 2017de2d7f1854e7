from typing import Annotated, Literal

from corowatch.core.events import Consumer, Event, Evidence, Fields, Here, Target, Tick, rfc3339
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.values import AtLeast, FieldName, Seconds

EVIDENCE = 9
"""Earlier lines of a window that an alert shows; the triggering one is the tenth."""


@node(adds=("count", "first", "last", "suppressed"))
def threshold(
    target: Target[Event],
    *,
    at_least: Annotated[int, "so many events", AtLeast(1)],
    within: Annotated[Seconds, "the newest of them span at most this, inclusive"],
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key is counted alone"] = (),
    rest: Annotated[Seconds | None, "silence of a key after it fired (default: `within`)"] = None,
    max_keys: Annotated[int, "keys held at most; beyond, the one longest untouched goes", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key untouched for so long is forgotten (default: 2 × `within`)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[tuple[list[float], list[Evidence], float, int]]],
    counts: Counts[Literal["fired", "suppressed", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Pass on the event that makes it `at_least` of a key `within` a time; then the key rests.

    It adds `count`, `first` and `last` (times) and `suppressed`: how many came while it rested before.
    The window empties when it fires. Open windows survive a restart.

        threshold: {at_least: 5, within: 1m, by: ip}
    """
    silence = within if rest is None else rest
    shown = max(1, min(EVIDENCE, at_least - 1))
    # A state is (times, lines, rests until, suppressed); one at rest must not be forgotten before it is over.
    keys: Keyed[tuple[list[float], list[Evidence], float, int]] = Keyed(
        memory, counts, here, by=by, max_keys=max_keys, expire=max(expire or 2 * within, silence), lateness=lateness)
    try:
        while True:
            item = yield
            if isinstance(item, Tick):
                keys.pass_time(item.at)
                continue
            if (name := keys.admit(item)) is None:
                continue
            times, lines, until, suppressed = keys.get(name) or ([], [], 0.0, 0)
            when = item.when
            if when < until:
                counts["suppressed"] += 1
                keys.put(name, (times, lines, until, suppressed + 1))
                continue
            times = sorted([*times, when])[-at_least:]
            if len(times) < at_least or times[-1] - times[0] > within:
                keys.put(name, (times, [*lines, item.evidence()][-shown:], until, suppressed))
                continue
            keys.put(name, ([], [], when + silence, 0))
            counts["fired"] += 1
            told: Fields = {"count": at_least, "first": rfc3339(times[0]), "last": rfc3339(times[-1]),
                    "suppressed": suppressed}
            target.send(item.having(told, key=keys.key(name), past=tuple(map(Evidence.of, lines)),
                                    count=at_least))
    except GeneratorExit:
        return counts
