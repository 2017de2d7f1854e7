from typing import Annotated, Any

from corowatch.core.events import Consumer, Event, Target
from corowatch.core.kinds import ANYTHING, node
from corowatch.core.values import Function, Plain


@node(adds=(ANYTHING,))
def python(
    target: Target[Event],
    *,
    function: Annotated[Function, "a generator function, `file.py:name`, relative to the config file"],
    args: Annotated[tuple[Plain, ...], "handed to it by position"] = (),
    options: Annotated[dict[str, Plain], "handed to it by name"] = {},  # noqa: B006 - read only
) -> Consumer[Event]:
    """Run a generator function of your own: the classic coroutine, unchanged.

    If it has a parameter `target` it receives Events and passes them on with `target.send(event)`; else it
    receives each line as a text and is the end of the line. A send that takes over 5 s counts as a failure.

        python: {function: rules.py:grep, args: [Python]}
    """
    make = function.load()
    yours: Any = make(*args, target=target, **options) if function.takes_target else make(*args, **options)
    next(yours)
    try:
        while True:
            event = yield
            yours.send(event if function.takes_target else event.text)
    except GeneratorExit:
        yours.close()
        return {}
