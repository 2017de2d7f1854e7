"""The daemon's own events."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from math import inf
from typing import Annotated, Any, Literal, get_args

from corowatch.core.events import Event, Origin, Target
from corowatch.core.kinds import source
from corowatch.sources import Head, Source, Tell

Internal = Literal[
    "lost", "unreadable", "shut", "refused", "folded", "config", "clock", "started", "reloaded", "stopping"]
INTERNAL: tuple[str, ...] = get_args(Internal)


@source(adds=("kind", "why", "path", "bytes", "node", "sink", "seconds"))
def corowatch(
    target: Target[Event],
    *,
    kinds: Annotated[tuple[Internal, ...], "which of them"] = INTERNAL,  # type: ignore[assignment]  # its own args
) -> Source:
    """Send what happens inside: bytes lost, a node shut, a sink refusing, a config refused on reload …

    Each event has the field `kind` and those that belong to it (`why`, `node`, `sink`, `bytes`, …).
    Trouble that no such flow takes goes to every declared sink.

        corowatch: {kinds: [lost, shut]}
    """
    return Own(target, frozenset(kinds))


class Own(Source):
    """What the pump tells itself."""

    endless = False
    ended = True  # it does not keep the end of all sources from coming

    def __init__(self, target: Target[Event], kinds: frozenset[str]) -> None:
        super().__init__()
        self.hears = kinds
        self._target = target
        self._waiting: list[tuple[str, str, float, Mapping[str, Any]]] = []
        self._told = 0
        self._origin = Origin("", "")

    def open(self, saved: Mapping[str, Any], *, reader: str, start: str | None, tell: Tell,
             wake: Callable[[], None], now: float, once: bool = False) -> None:
        self._origin = Origin(reader, secrets.token_hex(8))

    def tell(self, kind: str, text: str, at: float, fields: Mapping[str, Any]) -> None:
        self._waiting.append((kind, text, at, fields))

    def head(self) -> Head | None:
        return Head(lambda: (0.0, 0, ""), inf, self._send) if self._waiting else None

    def _send(self, now: float, until: float) -> None:
        kind, text, at, fields = self._waiting.pop(0)
        self._told += 1
        self._target.send(Event(self._origin, self._told, at, text, {"kind": kind, **fields}))
