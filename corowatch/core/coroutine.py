"""PEP 342 in three functions: prime a generator, fan out to several, close one and hear its counts.

The classic shape, which every node of this program has:

    def grep(target, pattern):
        matched = 0
        try:
            while True:
                line = yield
                if pattern in line:
                    matched += 1
                    target.send(line)
        except GeneratorExit:
            return {"matched": matched}
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from functools import wraps
from types import GeneratorType
from typing import Any, Generic, ParamSpec, TypeVar

from corowatch.core.events import Goodbye, Target

P = ParamSpec("P")
T = TypeVar("T")
Sent = TypeVar("Sent")


def coroutine(function: Callable[P, Generator[None, Sent, T]]) -> Callable[P, Generator[None, Sent, T]]:
    """Make a generator function that gives consumers already at their first `yield`."""

    @wraps(function)
    def primed(*args: P.args, **kwargs: P.kwargs) -> Generator[None, Sent, T]:
        consumer = function(*args, **kwargs)
        next(consumer)
        return consumer

    return primed


class Broadcast(Generic[Sent]):
    """Send each item to several targets, in order.

    With one target `send` *is* that target's own: fan-out costs nothing where there is none.
    """

    __slots__ = ("send", "targets")

    def __init__(self, targets: Iterable[Target[Sent]] = ()) -> None:
        self.lead_to(targets)

    def lead_to(self, targets: Iterable[Target[Sent]]) -> None:
        """Send to `targets` from now on: a reload changes a node's neighbours, not the node."""
        self.targets = tuple(targets)
        self.send = self.targets[0].send if len(self.targets) == 1 else self._send_to_all

    def _send_to_all(self, item: Sent) -> None:
        for target in self.targets:
            target.send(item)


def finish(consumer: GeneratorType[None, Any, Goodbye | None]) -> Goodbye:
    """Close a consumer and return the counts that it returns; empty where it gives none.

    From Python 3.13 on `close()` gives that value; before, it travels in StopIteration. Raises what
    the consumer's handler raises, and RuntimeError if it yields there.
    """
    if consumer.gi_frame is None:
        return {}
    try:
        consumer.throw(GeneratorExit)
    except StopIteration as stopped:
        return dict(stopped.value or {})
    except GeneratorExit:
        return {}
    consumer.close()
    raise RuntimeError("the consumer yielded in its GeneratorExit handler")
