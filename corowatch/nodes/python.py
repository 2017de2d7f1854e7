from collections.abc import Mapping
from typing import Annotated, Any

from corowatch.core.events import Consumer, Event, Target
from corowatch.core.kinds import ANYTHING, node
from corowatch.core.values import Function, Plain


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where the function does not take what it would be handed."""
    function: Function = options["function"]
    target = {"target": None} if function.takes_target else {}
    if function.signature is not None:
        try:
            function.signature.bind(*options["args"], **{**options["options"], **target})
        except TypeError as error:
            raise ValueError(f"{function.name!r} in {function.file}: {error}") from None


@node(adds=(ANYTHING,), check=check)
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
