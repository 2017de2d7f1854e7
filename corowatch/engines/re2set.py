"""All gates at once, line by line: RE2's set matches a line against any number of patterns in one pass.

The set holds the users' own patterns and sees the line as the nodes see it, so it is exact: a line is
named if and only if one of a gate's patterns matches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2

from corowatch.core.lines import is_utf8, shown
from corowatch.core.pattern import Pattern, re2_options
from corowatch.engines import Gate, Hit, LineByLine

MEMORY = 64 << 20
"""Bytes that the compiled set and its cache may take at most."""


class Re2Set(LineByLine):
    """The gates that it does not take, and those that are None, may be passed by every line.

    Raises ValueError if it takes none, or if the patterns together are too large.
    """

    name = "RE2 set"

    @staticmethod
    def takes(gate: Gate | None) -> bool:
        """Whether every pattern of the gate is RE2's; look-around and back-references are not."""
        return gate is not None and all(pattern.linear for pattern in gate)

    def __init__(self, gates: Sequence[Gate | None]) -> None:
        self._set = re2.Set.SearchSet(re2_options(memory=MEMORY))
        self._owner: list[int] = []  # pattern number -> gate number
        self._always = [number for number, gate in enumerate(gates) if not self.takes(gate)]
        for number, gate in enumerate(gates):
            if gate is not None and number not in self._always:
                for pattern in gate:
                    self._set.Add(pattern.expression.encode())
                    self._owner.append(number)
        if not self._owner:
            raise ValueError("there is nothing to look for")
        try:
            self._set.Compile()
        except re2.error as error:
            raise ValueError("the patterns are too large for one set") from error

    def lines(self, data: bytes, found: None = None) -> Iterator[Hit]:
        # The set below its wrapper, which spends as much again on each call.
        match, owner, always = self._set._set.Match, self._owner, self._always
        clean = is_utf8(data)
        start = 0
        for line in data.split(b"\n"):
            end = start + len(line)
            if start < len(data):  # no phantom line behind the last newline
                passed: Sequence[int] = match(line.removesuffix(b"\r") if clean else shown(line).encode())
                if passed or always:
                    yield start, end, sorted({owner[number] for number in passed}.union(always))
            start = end + 1

    def proven(self, found: None = None) -> Sequence[Pattern | None]:
        return ()
