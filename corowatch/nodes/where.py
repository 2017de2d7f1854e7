from typing import Annotated, Literal

from corowatch.core.events import BUILT_IN, Consumer, Event, Here, Target
from corowatch.core.expression import Expr
from corowatch.core.kinds import Counts, node


@node
def where(
    target: Target[Event],
    otherwise: Target[Event] | None = None,
    *,
    expr: Annotated[Expr, "what must hold, such as `status >= 500`"],
    here: Here,
    counts: Counts[Literal["matched"]],
) -> Consumer[Event]:
    """Pass on the events whose fields fulfil a condition; the others go to `otherwise`.

    A field stands on the left: `== != < <= > >=` with a number, true, false or a text in single quotes;
    `in ('a', 'b')`, `not in (…)`; `matches 'PATTERN'` (RE2); `within '10.0.0.0/8'`, or a list of networks;
    `exists`. They are joined by `and`, `or`, `not` and parentheses. A text that reads as a number compares as
    one with numbers, else the comparison is false. So it is with a field that is absent, which means that
    `!=` and `not in`, the contrary of `==` and `in`, are true of it: it is unequal to anything.

        where: status >= 500 and not path matches '^/health'
    """
    names, holds = expr.names, expr.holds
    own = not any(name in BUILT_IN for name in names)  # then the fields are all that is asked for
    try:
        while True:
            event = yield
            if holds(event.fields if own else {name: here.value(event, name) for name in names}):
                counts["matched"] += 1
                target.send(event)
            elif otherwise is not None:
                otherwise.send(event)
    except GeneratorExit:
        return counts
