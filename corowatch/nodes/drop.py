from typing import Annotated, Literal

from corowatch.core.events import Consumer, Event, Target
from corowatch.core.kinds import Counts, node
from corowatch.core.pattern import Pattern


@node
def drop(
    target: Target[Event],
    *,
    pattern: Annotated[tuple[Pattern, ...], "lines that match end here; any of a list"],
    counts: Counts[Literal["dropped"]],
) -> Consumer[Event]:
    """End the lines that match `pattern` here and pass on the rest.

        drop: 'GET /healthz'
    """
    try:
        while True:
            event = yield
            if any(noise.test(event.text) for noise in pattern):
                counts["dropped"] += 1
            else:
                target.send(event)
    except GeneratorExit:
        return counts
