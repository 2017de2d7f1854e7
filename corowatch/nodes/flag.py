from collections.abc import Mapping
from typing import Annotated, Any, Literal

from corowatch.core.events import Consumer, Event, Here, Target, Tick
from corowatch.core.flags import Flags, Held, name_of
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Counts, Sets, node
from corowatch.core.memory import Memory
from corowatch.core.standing import clock
from corowatch.core.values import AtLeast, FieldName, FlagName, Seconds


def standing(options: Mapping[str, Any], state: Held, due: float | None) -> str:
    """Until when it is set."""
    return f"set until {clock(state[1])}" if state[1] else "set until it is taken down"


KEPT = 86400.0
"""Seconds that a time that is over is still known: who asks may read a backlog, and goes by the time of its lines."""


@node(standing=standing)
def flag(
    target: Target[Event],
    *,
    name: Annotated[FlagName, "what it is called, for `when` and `unless`", Sets],
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key has its own"] = (),
    for_: Annotated[Seconds | None, "it is set for so long (default: until `unflag` takes it down)"] = None,
    max_keys: Annotated[int, "keys that are set at most; beyond, the one set longest ago goes", AtLeast(1)] = 100_000,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    flags: Flags,
    memory: Memory[Row[Held]],
    counts: Counts[Literal["set", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Set a flag, which `when` and `unless` of any flow ask for; the event goes on.

    It is set from the time of the event on, for as long as `for` says; another event sets it for longer. `by` makes the
    key by its values alone, so that those who ask may call its fields otherwise. A line is sent to flows in the order
    in which they stand in the config, so what a line sets is set for itself in flows further below.

    An event that lacks a field of `by` is counted `unkeyed` and goes no further; one older than the newest by more than
    `lateness` is counted `late`. Beyond `max_keys` the key goes that was set longest ago. At close nothing is sent:
    what is set survives a restart, and time passes meanwhile.

        flag: {name: maintenance, by: hostname, for: 2h}
    """
    keys: Keyed[Held] = Keyed(memory, counts, here, by=(), max_keys=max_keys, expire=None, lateness=lateness)
    flags.add(name, keys)
    try:
        while True:
            item = yield
            for key, _, _ in keys.due(item.when):
                keys.forget(key)
            if not isinstance(item, Event):
                keys.pass_time(item.at)
                continue
            if keys.admit(item) is None or (values := keys.texts(item, by)) is None:
                continue
            counts["set"] += 1
            since, until = keys.get(name_of(values)) or (item.when, 0.0)
            if 0.0 < until <= item.when:  # that was an earlier time
                since, until = item.when, 0.0
            until = max(until, item.when + for_) if for_ else 0.0
            keys.put(name_of(values), (min(since, item.when), until), until + KEPT if until else None)
            target.send(item)
    except GeneratorExit:
        return counts
    finally:
        flags.remove(name, keys)
