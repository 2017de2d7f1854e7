"""Sequences of words of which one may have most in common with a line, found without looking at all of them.

Where two of n words differ in d places at most, then of d + 1 pieces into which the places are cut at least one is the
same in both: there are more pieces than differences. So a sequence stands under each of its pieces, and a line looks
under its own, where the fewest stand first. Whatever a log says, so many are looked at and no more.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cache
from typing import Generic, TypeVar

from corowatch.core.accepted import ALIKE

Name = TypeVar("Name", bound=Hashable)
LOOKED, COMPARED = 32, 1024
"""How many a line is compared with at most, and how many words they have together. Only a log that says one thing in
more ways than that, each as frequent a piece of it, has more that are near."""


@cache
def pieces(count: int) -> tuple[tuple[int, int], ...]:
    """Where the pieces of so many words begin and end: one more than two that are near may differ in places."""
    into = int(count * (1 - ALIKE) + 1e-6) + 1
    return tuple((at * count // into, (at + 1) * count // into) for at in range(into))


class Near(Generic[Name]):
    """The names of sequences. One that has words replaced by what never equals a word is found as before."""

    def __init__(self) -> None:
        self._places: dict[int, list[Name]] = {}

    def add(self, where: Hashable, words: Sequence[str], name: Name) -> None:
        """One more, among those that are looked for there."""
        for place in _places(where, tuple(words)):
            self._places.setdefault(place, []).append(name)

    def find(self, where: Hashable, words: Sequence[str]) -> set[Name]:
        """All that may share 70 % of the words at their places; where they are too many, the newest of each piece."""
        most = min(LOOKED, COMPARED // len(words))
        found: set[Name] = set()
        for place in sorted(filter(None, map(self._places.get, _places(where, tuple(words)))), key=len):
            found.update(place[len(found) - most:])
            if len(found) >= most:
                break
        return found


def _places(where: Hashable, words: tuple[str, ...]) -> list[int]:
    """By which numbers the pieces of words are found; two that share one are looked at for nothing."""
    beside = hash((where, len(words)))
    return [hash((beside, begin, words[begin:end])) for begin, end in pieces(len(words))]
