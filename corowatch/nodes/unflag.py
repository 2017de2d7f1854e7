from typing import Annotated, Literal

from corowatch.core.events import Consumer, Event, Here, Target
from corowatch.core.flags import Flags
from corowatch.core.kinds import Counts, node
from corowatch.core.values import FieldName, FlagName


@node
def unflag(
    target: Target[Event],
    *,
    flag: Annotated[FlagName, "a flag that a step `flag` sets"],
    by: Annotated[tuple[FieldName, ...], "fields whose values are its key, in the order of that step's `by`"] = (),
    here: Here,
    flags: Flags,
    counts: Counts[Literal["cleared", "unkeyed"]],
) -> Consumer[Event]:
    """Take a flag down for a key, whichever step has set it; the event goes on.

    An event that lacks a field of `by` is counted `unkeyed` and goes no further. `cleared` counts the flags that were
    set.

        unflag: {flag: maintenance, by: hostname}
    """
    try:
        while True:
            event = yield
            cleared = flags.take_down(flag, event, by, here)
            if cleared is None:
                counts["unkeyed"] += 1
                continue
            counts["cleared"] += cleared
            target.send(event)
    except GeneratorExit:
        return counts
