"""Engines: which lines of a Block may interest whom.

An engine is a prefilter and wrong in one direction only: it may name a line too often, never too seldom.
The graph with any engine sends what the graph with EveryLine sends.

A gate is the list of patterns without one of which a consumer ignores a line; the gates of a source are
numbered, and an engine tells which of them a line may pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from corowatch.core.pattern import NOT_THERE, Pattern, has_re2

if TYPE_CHECKING:
    from corowatch.core.ahead import Ahead
    from corowatch.engines.foresight import Scouts

Gate = Sequence[Pattern]
Hit = tuple[int, int, Sequence[int]]
"""Start and end of a line in the data, its newline not included, and the gates that it may pass."""


class Engine(Protocol):
    """Looks at whole lines: UTF-8, perhaps with invalid bytes, each ended by a newline but perhaps the last."""

    name: str

    def foresee(self, ahead: Ahead) -> None:
        """Those bytes will be asked for."""
        ...

    def look(self, data: bytes) -> Any:
        """What is to be known of the data before its lines are named."""
        ...

    def lines(self, data: bytes, found: Any) -> Iterator[Hit]:
        """The lines that may pass a gate, in order; `found` is what `look` gave for the same data."""
        ...

    def proven(self, found: Any) -> Sequence[Pattern | None]:
        """For each gate the pattern that matches each line that is named for it and is shown byte for byte as it
        stands; None, or no such list: that is to be tried."""
        ...


class Cache(Protocol):
    """Where what takes long to make is kept from one run to the next."""

    def get(self, name: str) -> bytes | None:
        """What was put there, unharmed, or None."""
        ...

    def put(self, name: str, made: bytes) -> None:
        """Keep it, if that is possible."""
        ...


class LineByLine:
    """An engine that knows nothing of data before it comes to their lines."""

    def foresee(self, ahead: Ahead) -> None:
        pass

    def look(self, data: bytes) -> None:
        pass


class EveryLine(LineByLine):
    """The reference: every line may pass every gate."""

    name = "every line"

    def __init__(self, gates: Sequence[Gate | None]) -> None:
        self.gates = tuple(range(len(gates)))

    def lines(self, data: bytes, found: None = None) -> Iterator[Hit]:
        for start, end in spans(data):
            yield start, end, self.gates

    def proven(self, found: None = None) -> Sequence[Pattern | None]:
        return ()


def spans(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of each line, its newline not included. Data that end with a newline end with no empty line."""
    start = 0
    find = data.find
    size = len(data)
    while start < size:
        end = find(b"\n", start)
        if end < 0:
            end = size
        yield start, end
        start = end + 1


class NoCache:
    """Keeps nothing."""

    def get(self, name: str) -> bytes | None:
        return None

    def put(self, name: str, made: bytes) -> None:
        pass


def engine_for(gates: Sequence[Gate | None], cache: Cache, *, joined: bool = False,
               scouts: Scouts | None = None) -> Engine:
    """The fastest engine for these gates; None stands for a consumer that wants every line. `joined`: it is records of
    several lines that patterns see, of which it names those lines that matches may end in. `scouts` may scan what comes
    next meanwhile."""
    if all(gate is None for gate in gates):
        return EveryLine(gates)
    for engine in (_hyperscan,) if joined else (_hyperscan, _re2set):
        try:
            return engine(gates, cache, joined, scouts)
        except (ImportError, ValueError):
            continue  # slower, never wrong
    return EveryLine(gates)


def scanner() -> str:
    """What looks for patterns in many lines at once here."""
    if not has_re2():
        return f"none: {NOT_THERE}"
    try:
        from corowatch.engines.hyperscan import works
    except ImportError:
        return "RE2 set, line by line: hyperscan is not installed"
    return "hyperscan" if works() else "RE2 set, line by line: this hyperscan loses matches"


def why_not_scanned(pattern: Pattern) -> str:
    """Why a pattern is shown every line; empty: the scanner names those that may match."""
    from corowatch.engines.gate import NoGate, gate_of

    try:
        gate_of(pattern)
    except NoGate as error:
        return str(error)
    return ""


def _hyperscan(gates: Sequence[Gate | None], cache: Cache, joined: bool, scouts: Scouts | None) -> Engine:
    from corowatch.engines.hyperscan import Hyperscan

    return Hyperscan(gates, cache, joined=joined, scouts=scouts)


def _re2set(gates: Sequence[Gate | None], cache: Cache, joined: bool, scouts: Scouts | None) -> Engine:
    from corowatch.engines.re2set import Re2Set

    return Re2Set(gates)
