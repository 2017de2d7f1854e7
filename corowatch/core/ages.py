"""Which of many keys was touched longest ago, for eight bytes a key.

    add ──▶ the youngest cohort ── time ──▶ the eldest ── sorted ──▶ first

A touch costs nothing here: where a key stands tells only that it was not touched before its cohort began. When a cohort
is the eldest, those of its keys that were touched since move on to the cohort of that time, and only the others are put
in order; if they are many, the first of them, and the rest is divided. So a key is moved twice a touch at most; an
`OrderedDict`, in which it is moved at each, takes seven times the room.

Source: the second chance of F. J. Corbató: A Paging Experiment with the Multics System, 1968; here in exact order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from math import inf, nextafter

from corowatch.core.memory import Kept

COHORT = 1024
"""Keys after which a new cohort begins, unless more came in at the same time. What moves on may make one larger."""


class Ages:
    """The keys of `rows`, each of which begins with when it was touched last (seconds since the epoch). That never goes
    back; of keys that were touched at the same time the first by name is the first.

    A key that is gone from the rows is gone from here as well; one that came into them is to be added.
    """

    def __init__(self, rows: Kept, names: Iterable[tuple[float, str]]) -> None:
        self._rows = rows
        self._begins = [-inf]
        self._cohorts: list[list[str]] = [[]]
        self._eldest: list[tuple[float, str]] = []
        """A heap of keys that were touched before any cohort began, or so it was when they were last looked at."""
        self._latest = -inf
        self._held = 0
        """How many stand here, those that are gone, or came in again, included."""
        for touched, name in sorted(names):
            self.add(name, touched)

    def add(self, name: str, touched: float) -> None:
        """A key came in."""
        if self._held > 2 * len(self._rows) + COHORT:
            self._tidy()
        if touched > self._latest:
            self._latest = touched
            if len(self._cohorts[-1]) >= COHORT:
                self._begins.append(touched)
                self._cohorts.append([])
        self._held += 1
        self._place(name, touched)

    def _place(self, name: str, touched: float) -> None:
        cohort = bisect_right(self._begins, touched) - 1
        if cohort < 0:
            heappush(self._eldest, (touched, name))
        else:
            self._cohorts[cohort].append(name)

    def first(self) -> str | None:
        """The key that was touched longest ago; None if there is none."""
        while self._eldest or self._sort_eldest():
            known, name = self._eldest[0]
            touched = self._touched(name)
            if touched == known:
                return name
            heappop(self._eldest)
            if touched is None:
                self._held -= 1
            else:
                self._place(name, touched)
        return None

    def _touched(self, name: str) -> float | None:
        row = self._rows.peek(name)
        return None if row is None else row[0]

    def _sort_eldest(self) -> bool:
        """Make a heap of the eldest cohort that holds a key which was not touched since; whether there is any."""
        while not self._eldest and any(self._cohorts):
            names = self._cohorts.pop(0)
            del self._begins[0]
            touched = {name: at for name in names if (at := self._touched(name)) is not None}
            self._held -= len(names) - len(touched)
            stayed: list[tuple[float, str]] = []
            for name, at in touched.items():
                cohort = bisect_right(self._begins, at) - 1
                if cohort < 0:
                    stayed.append((at, name))
                else:
                    self._cohorts[cohort].append(name)
            self._divide(sorted(stayed))
        return bool(self._eldest)

    def _divide(self, stayed: list[tuple[float, str]]) -> None:
        """Make a heap of the first of these, and cohorts of the others: of those in which nothing came in for long,
        many keys may be touched, and a heap of all takes ten times the room."""
        pieces: list[list[tuple[float, str]]] = [[]]
        for one in stayed:
            if len(pieces[-1]) >= COHORT and one[0] > pieces[-1][-1][0]:
                pieces.append([])
            pieces[-1].append(one)
        self._eldest, *others = pieces
        self._begins[:0] = [piece[0][0] for piece in others]
        self._cohorts[:0] = [[name for _, name in piece] for piece in others]
        if not self._cohorts:
            self._begins.append(nextafter(stayed[-1][0] if stayed else -inf, inf))
            self._cohorts.append([])

    def _tidy(self) -> None:
        """Most of what is held is gone, or came in again: keep of each key the place where it stands latest."""
        seen: set[str] = set()
        for cohort in reversed(self._cohorts):
            cohort[:] = {name for name in cohort if name in self._rows} - seen
            seen.update(cohort)
        self._eldest = [(at, name) for at, name in set(self._eldest) if name in self._rows and name not in seen]
        heapify(self._eldest)
        self._held = len(seen) + len(self._eldest)
