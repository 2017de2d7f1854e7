from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from corowatch.core.errors import StateRefused
from corowatch.core.events import Consumer, Event, Fields, Here, Target, Tick, rfc3339
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.standing import clock, resting, so_far
from corowatch.core.values import AtLeast, FieldName, Seconds
from corowatch.core.window import WIDTH, first, packed, span, times, with_another

EVIDENCE = 9
"""Earlier lines of a window that an alert shows; the triggering one is the tenth."""


State: TypeAlias = tuple[bytes, float, int, Event | None]
"""The window, rests until, suppressed, and what fired and is not over."""
Kept: TypeAlias = tuple[bytes | list[float], float | int, int, Event | None]
"""A State, or one of former versions, whose window was a list of times. A 0 stays one: as 0.0 it takes nine bytes."""


def today(kept: Kept) -> State:
    """The state as it is kept today. Raises StateRefused for a window that is none."""
    window, until, suppressed, fired = kept
    if len(window) % WIDTH and isinstance(window, bytes):
        raise StateRefused("what a step remembers is damaged: a window that ends within a time")
    return window if isinstance(window, bytes) else packed(window), until, suppressed, fired


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where an option has no use."""
    if options["calm"] is None and options["at_most"]:
        raise ValueError("`at_most` belongs to `calm`")
    if options["at_most"] >= options["at_least"]:
        raise ValueError("`at_most` must be less than `at_least`, or what fires is calm")
    if options["calm"] is not None and (options["rest"] is not None or options["extend"]):
        name = "extend" if options["extend"] else "rest"
        raise ValueError(f"`{name}` has no use beside `calm`: a key rests until it is calm")


def standing(options: Mapping[str, Any], state: Kept, due: float | None) -> str:
    """How far a key's window is."""
    window, until, suppressed, fired = today(state)
    if fired is not None:
        return f"fired, is over by {clock(due or 0.0)} at the earliest; {suppressed} came since"
    if until and not window:
        return resting(until, suppressed)
    came = times(window)
    return so_far(sum(time >= came[-1] - options["within"] for time in came), options["at_least"], options["within"])


@node(adds=("count", "first", "last", "suppressed"), check=check, standing=standing)
def threshold(
    target: Target[Event],
    *,
    at_least: Annotated[int, "so many events", AtLeast(1)],
    within: Annotated[Seconds, "the newest of them span at most this, inclusive"],
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key is counted alone"] = (),
    rest: Annotated[Seconds | None, "silence of a key after it fired (default: `within`)"] = None,
    extend: Annotated[bool, "the rest begins anew with each event that comes in it"] = False,
    calm: Annotated[Seconds | None, "it is over when in this time no more than `at_most` came"] = None,
    at_most: Annotated[int, "so many events still are calm", AtLeast(0)] = 0,
    max_keys: Annotated[int, "keys held at most; beyond, the one longest untouched goes", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key untouched for so long is forgotten (default: 2 × `within`)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[Kept]],
    counts: Counts[Literal["fired", "resolved", "suppressed", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Pass on the event that makes it `at_least` of a key `within` a time; then the key rests.

    It adds `count`, `first` and `last` (times) and `suppressed`: how many came while it rested before.
    The window empties when it fires. With `extend` a key rests until none came for as long. Open windows survive a
    restart.

    With `calm` the key rests until no more than `at_most` events came within that time, at the moment when that is so,
    which is `calm` after it fired at the earliest; those that made it fire do not count. Then the event that fired goes
    on again, resolved, with `suppressed` = how many came meanwhile.

        threshold: {at_least: 5, within: 1m, by: ip}
    """
    silence = calm or (within if rest is None else rest)
    shown = max(1, min(EVIDENCE, at_least - 1))
    # One at rest, or that is not over, must not be forgotten before it is.
    keys: Keyed[State] = Keyed(memory, counts, here, by=by, max_keys=max_keys,
                               expire=max(expire or 2 * within, 2 * silence), lateness=lateness)
    keys.convert(today)
    try:
        while True:
            item = yield
            when = item.when
            for key, deadline, (*_, suppressed, fired) in keys.due(when):
                keys.forget(key)
                counts["resolved"] += 1
                target.send(Event.of(fired).having({"suppressed": suppressed}, tick=deadline, state="resolved"))
            if not isinstance(item, Event):
                keys.pass_time(when)
                continue
            if (name := keys.admit(item)) is None:
                continue
            window, until, suppressed, fired = keys.get(name) or (b"", 0, 0, None)
            if fired is not None and calm is not None:
                counts["suppressed"] += 1
                window = with_another(window, when, at_most + 1)
                keys.put(name, (window, until, suppressed + 1, fired), first(window) + calm)
                continue
            if when < until:
                counts["suppressed"] += 1
                keys.put(name, (window, max(until, when + silence) if extend else until, suppressed + 1, None))
                continue
            window = with_another(window, when, at_least)
            if len(window) < at_least * WIDTH or span(window) > within:
                keys.put(name, (window, until, suppressed, None), line=item, most=shown)
                continue
            counts["fired"] += 1
            came = times(window)
            told: Fields = {"count": at_least, "first": rfc3339(came[0]), "last": rfc3339(came[-1]),
                            "suppressed": suppressed}
            event = item.having(told, key=keys.key(name), past=keys.lines(name), count=at_least,
                                state="firing" if calm else "")
            if calm:
                keys.put(name, (packed([when] * (at_most + 1)), 0, 0, event), when + calm)
            else:
                keys.put(name, (b"", when + silence, 0, None))
            keys.clear_lines(name)
            target.send(event)
    except GeneratorExit:
        return counts
