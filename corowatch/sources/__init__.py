"""Source kinds: one a file. A source owns what it reads from and sends it down its `target`.

The pump asks each source in turn: `look` (what changed?), `head` (what is to be read next?), and reads
the earliest of the heads. Positions are plain data that only the source understands; the store keeps them, and
hands them back to `open` at the next start.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

Saved = Mapping[str, Any]
Tell = Callable[..., None]
"""`tell(kind, text, **fields)`: an internal event, such as bytes lost."""


class Head(NamedTuple):
    """What a source would be read next: that of the least `order()` is, (time, time of last write, what it is, …).
    Where there is one alone, nobody asks for that.

    `read(now, until)` reads it, lines up to the time `until`; `next` is when the source's own next one begins.
    Times are seconds since the epoch.
    """

    order: Callable[[], tuple[Any, ...]]
    next: float
    read: Callable[[float, float], None]


class Source:
    """What the pump knows of a source; a kind overrides what it has."""

    counts: dict[str, int]
    """`bytes`, `files` and `bytes_lost`, as far as they make sense."""
    ended = False
    """Nothing will come any more."""
    endless = True
    """It never ends by itself, so it keeps the daemon running; `corowatch` does not."""
    by_calendar = False
    """What it sends, the time alone tells."""
    due = inf
    """When it has something next, if that is known (seconds since the epoch)."""
    hears: frozenset[str] = frozenset()
    """The internal events that it wants to be told."""
    missing: Sequence[str] = ()
    """Paths and globs at which nothing is."""

    def __init__(self) -> None:
        self.counts = {}

    def inherit(self, held: Mapping[str, int]) -> None:
        """Descriptors, by name, that a supervisor kept from the last run; they are this source's now."""

    def open(self, saved: Saved, *, reader: str, start: str | None, tell: Tell, wake: Callable[[], None],
             now: float, once: bool = False) -> None:
        """Begin: at the saved positions, else where the options say, or `start` (`end`, `beginning`) instead.

        `once`: only to the present end.
        """

    def clock_was_set(self, by: float) -> None:
        """The wall clock was set by so many seconds: what times are kept are of another clock now."""

    def look(self, now: float, woken: Collection[str] | None) -> None:
        """Notice what changed: of the paths `woken` only, or (None) of everything."""

    def glance(self, now: float) -> None:
        """Notice what changed of what is known, without searching for more."""

    def pass_time(self, now: float) -> None:
        """It is `now`: what was read and is held back, for more of it might come, is not held back for too long."""

    @property
    def waiting(self) -> bool:
        """Whether anything is held back."""
        return False

    def head(self) -> Head | None:
        """What is to be read next, if anything is."""

    @property
    def behind(self) -> bool:
        """Whether anything is unread."""
        return self.head() is not None

    @property
    def trouble(self) -> bool:
        """Whether something that should be read cannot be."""
        return False

    @property
    def hidden(self) -> bool:
        """Whether it follows anything that notifications may not name, such as a file that was renamed."""
        return False

    def time(self, wall: float) -> float:
        """What time it is in a source of Events, when it is `wall` outside: that of its last, while more wait."""
        return wall

    def tell(self, kind: str, text: str, at: float, fields: Mapping[str, Any]) -> None:
        """An internal event of a kind in `hears`."""

    def lines_before(self, key: str, place: int | str, count: int) -> list[str]:
        """At most so many lines that stand before a place in the origin `key`, oldest first."""
        return []

    def lines_after(self, key: str, place: int | str, count: int, own: int = 1) -> list[str] | None:
        """At most so many whole lines that stand by now behind what is at a place, whose text has `own` lines; None if
        none will be known."""

    def changes(self) -> Iterator[tuple[str, Any]]:
        """Each position that changed since `written`, under its key; None: it is no longer needed."""
        yield from ()

    def holds(self) -> Mapping[str, int]:
        """Descriptors that are open now, by the keys of their positions."""
        return {}

    def descriptors(self) -> Iterator[tuple[str, int | None]]:
        """What the supervisor should keep beyond this process, by name; None: no longer. Each once."""
        yield from ()

    def standing(self) -> Mapping[str, int]:
        """Bytes that were found and not dealt with: `carried` from the last run, and now `partial` and `unread`."""
        return {}

    def written(self) -> None:
        """The changes are durable."""

    def directories(self) -> Mapping[str, bool]:
        """Directories whose changes should wake the pump, and whether what is below them should, too."""
        return {}

    def close(self) -> None:
        """Let go of everything. An unfinished last line stays unread."""


def read_first(sources: Iterable[Source], now: float, until: float = inf) -> bool:
    """Read the earliest head, up to where another is the earliest, or to the time `until`; False if there is none."""
    heads = [head for source in sources if (head := source.head())]
    if not heads:
        return False
    first, *others = sorted(heads, key=lambda head: head.order()) if len(heads) > 1 else heads
    first.read(now, min([until, first.next, *(head.order()[0] for head in others)]))
    return True
