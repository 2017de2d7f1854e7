from typing import Annotated, Literal

from corowatch.core.events import Consumer, Event, Target
from corowatch.core.kinds import Captures, Counts, Gate, PatternFlag, node
from corowatch.core.pattern import Pattern


@node
def grep(
    target: Target[Event],
    otherwise: Target[Event] | None = None,
    *,
    pattern: Annotated[tuple[Pattern, ...], "searched for anywhere in the line; any of a list", Gate, Captures],
    except_: Annotated[tuple[Pattern, ...], "lines that match one of these do not pass"] = (),
    ignore_case: Annotated[bool, "upper and lower case are the same", PatternFlag] = False,
    literal: Annotated[bool, "the patterns are plain text", PatternFlag] = False,
    counts: Counts[Literal["matched"]],
) -> Consumer[Event]:
    """Pass on the lines that match `pattern` and none of `except`; its named groups become fields.

    Of a list, the first pattern that matches gives the fields. What does not pass goes to `otherwise`.

        grep: {pattern: 'ERROR|FATAL', except: 'known noise'}
    """
    try:
        while True:
            event = yield
            text = event.text
            for wanted in pattern:
                if (found := wanted.fields(text)) is not None:
                    break
            if found is not None and not (except_ and any(noise.test(text) for noise in except_)):
                counts["matched"] += 1
                target.send(event.taking(found) if found else event)
            elif otherwise is not None:
                otherwise.send(event)
    except GeneratorExit:
        return counts
