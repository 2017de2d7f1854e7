"""What was read of a text, as far as it must be known to tell a copy that was made some reads ago."""

from __future__ import annotations

from collections.abc import Callable

from corowatch.core.follow import HEAD


class Reads:
    """Where reads of a text ended: of the last ones most, of older ones ever fewer.

    Of the reads whose number ends in k binary zeros the last two are kept, for each k: few, and for one that is
    some reads ago there is one within some times as many.
    """

    def __init__(self) -> None:
        self._count = 0
        self._ends: dict[int, list[tuple[int, bytes]]] = {}  # offsets, each with some bytes before it

    def add(self, at: int, before: bytes) -> None:
        """One more ended at an offset, behind these bytes."""
        self._count += 1
        ends = self._ends.setdefault(self._count & -self._count, [])
        ends.append((at, before))
        del ends[:-2]

    def reach(self, size: int, pread: Callable[[int, int], bytes]) -> bool:
        """Whether what was read begins with a text of this size, as far as can be told; not if that is only how it
        begins, for many logs begin alike."""
        ends = sorted(end for ends in self._ends.values() for end in ends)
        if not ends or ends[-1][0] < size:
            return False
        known = [(at - len(before), before[:max(0, size - at + len(before))]) for at, before in ends]
        proved = max((at + len(before) for at, before in known if before), default=0)
        return (proved == size > 0 or proved >= HEAD) and all(
            pread(len(before), at) == before for at, before in known if before)
