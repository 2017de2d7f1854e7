"""Who sees what each node does: what it was sent, what it sent on, what it counted and what it remembers of it.

A send is a call inside the one before, so what follows from one line is a tree; so is what follows from a moment that
passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from corowatch.core.events import Alert
from corowatch.core.graph import Graph, Push


class Sight(msgspec.Struct):
    """What one node did with one item: `rose` are the counts that rose, `rows` what it remembers now under the keys
    that changed, `sent` what the nodes behind it did with what it sent them."""

    step: str
    item: Any
    rose: dict[str, int] = msgspec.field(default_factory=dict)
    rows: dict[str, Any] = msgspec.field(default_factory=dict)
    sent: list[Sight] = msgspec.field(default_factory=list)
    alerts: list[Alert] = msgspec.field(default_factory=list)

    def all(self) -> Iterator[Sight]:
        """It, and all that followed from it."""
        yield self
        for one in self.sent:
            yield from one.all()


class Witness:
    """Sees everything, and keeps of it what `keep` asks for: of each item that comes from outside."""

    def __init__(self, keep: Callable[[Sight], bool] = lambda sight: True, *, every_line: bool = False) -> None:
        self.every_line = every_line
        """Whether nodes are to be sent those lines, too, of which it is known that they ignore them."""
        self.graph: Graph | None = None
        """Whose nodes they are; known once it is built."""
        self.kept: list[Sight] = []
        self._keep = keep
        self._stack: list[Sight] = []

    def around(self, step: str, push: Push) -> Push:
        def seen(item: Any) -> None:
            assert self.graph is not None
            live = self.graph.nodes[step]
            sight = Sight(step, item)
            before = dict(live.counts)
            live.memory.noted()  # nobody else asks what changed
            self._stack.append(sight)
            try:
                push(item)
            finally:
                self._stack.pop()
                sight.rose = {name: count - before.get(name, 0) for name, count in live.counts.items()
                              if count > before.get(name, 0)}
                sight.rows = dict(live.memory.changes())
                if self._stack:
                    self._stack[-1].sent.append(sight)
                elif self._keep(sight):
                    self.kept.append(sight)

        return seen

    def alerted(self, alert: Alert) -> None:
        """The node at work made this alert."""
        if self._stack:  # what is closed flushes unseen
            self._stack[-1].alerts.append(alert)
