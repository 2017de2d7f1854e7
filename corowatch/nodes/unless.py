from typing import Annotated, Literal

from corowatch.core.events import Consumer, Event, Here, Target
from corowatch.core.flags import Flags
from corowatch.core.kinds import Counts, node
from corowatch.core.values import FieldName, FlagName


@node
def unless(
    target: Target[Event],
    *,
    flag: Annotated[FlagName, "a flag that a step `flag` sets"],
    by: Annotated[tuple[FieldName, ...], "fields whose values are its key, in the order of that step's `by`"] = (),
    here: Here,
    flags: Flags,
    counts: Counts[Literal["matched", "unkeyed"]],
) -> Consumer[Event]:
    """Pass on the events at whose time a flag is not set for their key; the others end here.

    An event that lacks a field of `by` is counted `unkeyed` and goes no further.

        unless: {flag: maintenance, by: hostname}
    """
    try:
        while True:
            event = yield
            holds = flags.holds(flag, event, by, here)
            if holds is None:
                counts["unkeyed"] += 1
            elif not holds:
                counts["matched"] += 1
                target.send(event)
    except GeneratorExit:
        return counts
