"""All gates at once over whole Blocks: Vectorscan, through the package `hyperscan`.

It is never given a pattern as it stands but the gate derived from it (`engines.gate`), wider in one direction only. A
line that is not UTF-8 is named for every gate, for the nodes see it as it is shown. Lines of ASCII alone are scanned
for narrower expressions, which are faster where case is folded.

Builds of Vectorscan from 5.4.12 on lose matches (VectorCamp/vectorscan issue 382), so the one that is installed is
tried on known lines before it is used.

Source: Hyperscan Developer's Reference Guide, "Compiling Patterns" and "Scanning for Patterns".
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import hyperscan

from corowatch.core.lines import is_utf8
from corowatch.core.pattern import Pattern
from corowatch.engines import Cache, Gate, Hit, spans

RECIPE = 3
"""To be counted up with each change of how gates are derived: what was compiled before is compiled anew."""
MOST, SPARSE = 1000, 8
"""Of more hits than so many, and one for so many bytes, none is of use: every line is looked at."""
ERRORS = (hyperscan.error, hyperscan.HyperscanError)

_KNOWN = ((rb"curl[^\x0a]*\x7c[\x09\x20]*python", b"%s curl -s a.example |  python\n"),
          (rb"\x5b[0-9]*\x5d", b"%s[]\n"), (rb"-[0-9]*:", b"%s-:\n"), (rb"\x41\r?\n", b"%sA\n"),
          (rb"\x0a(?:bX*)?0", b"%s\n0\n"))
"""Expressions, and lines in which a build that loses matches loses them, depending on what stands before."""


class Base(NamedTuple):
    """A compiled database; the gates that it is no scan for; those that begin with the newline before a line; and those
    of which a hit is a match."""

    scan: Callable[..., Any]
    always: Sequence[int]
    anchored: Sequence[int]
    exact: Sequence[int] = ()


class Found(NamedTuple):
    """What a scan found: (end of a match, gate), in order; by what; and whether all lines are UTF-8."""

    hits: list[tuple[int, int]]
    by: Base
    clean: bool


class Hyperscan:
    """A gate that is None, or for one of whose patterns no expression can be proven, may be passed by every line.

    Raises ValueError if no gate is left to scan for, or if the scanner is not to be used.
    """

    name = "hyperscan"

    def __init__(self, gates: Sequence[Gate | None], cache: Cache) -> None:
        if not works():
            raise ValueError("the scanner that is installed loses matches")
        self._gates = gates
        self._cache = cache
        self._all = range(len(gates))
        self._narrow = base(gates, cache, wide=False)
        if len(self._narrow.always) == len(gates):
            raise ValueError("there is nothing to scan for")
        exact = set(self._narrow.exact)
        self._proven = [gate[0] if gate and number in exact else None for number, gate in enumerate(gates)]
        self._wide: Base | None = None  # most logs are ASCII

    def look(self, data: bytes) -> Found:
        """Scan whole lines; the interpreter is free for others meanwhile."""
        narrow = data.isascii()
        if not narrow and self._wide is None:  # once, and it may take a second
            self._wide = base(self._gates, self._cache, wide=True)
        used = self._narrow if narrow or self._wide is None else self._wide
        hits: list[tuple[int, int]] = []
        most = MOST + len(data) // SPARSE

        def hit(gate: int, _: int, end: int, flags: int, context: object) -> bool:
            hits.append((end, gate))
            return len(hits) > most

        try:
            used.scan(data if data.endswith(b"\n") else data + b"\n", hit)
        except hyperscan.ScanTerminated:
            return Found([], Base(_nothing, self._all, ()), narrow or is_utf8(data))
        hits.sort()
        return Found(hits, used, narrow or is_utf8(data))

    def lines(self, data: bytes, found: Found) -> Iterator[Hit]:
        return self._among_all(data, found) if found.by.always or not found.clean else self._hit(data, found)

    def proven(self, found: Found) -> Sequence[Pattern | None]:
        return self._proven if found.by is self._narrow else ()

    def _hit(self, data: bytes, found: Found) -> Iterator[Hit]:
        """The lines that were hit. The first may pass what begins with a newline: none stands before it here."""
        start, stop, gates = 0, -1, list(found.by.anchored)
        if gates:
            stop = _end(data, 0)
        for end, gate in found.hits:
            if end > stop + 1:
                if gates:
                    yield start, stop, gates if len(gates) == 1 else sorted(set(gates))
                start, stop, gates = data.rfind(b"\n", 0, end - 1) + 1, _end(data, end - 1), [gate]
            else:
                gates.append(gate)
        if gates:
            yield start, stop, gates if len(gates) == 1 else sorted(set(gates))

    def _among_all(self, data: bytes, found: Found) -> Iterator[Hit]:
        """Every line that was hit, that is not UTF-8, or that someone wants whatever it holds."""
        hits = iter(found.hits)
        beyond = len(data) + 2, 0
        end, gate = next(hits, beyond)
        for start, stop in spans(data):
            gates = {*found.by.always, *(() if start else found.by.anchored)}
            while end <= stop + 1:
                gates.add(gate)
                end, gate = next(hits, beyond)
            if not found.clean and not is_utf8(data[start:stop]):
                yield start, stop, self._all
            elif gates:
                yield start, stop, sorted(gates)


def _end(data: bytes, start: int) -> int:
    """Where the line ends that `start` is in."""
    stop = data.find(b"\n", start)
    return len(data) if stop < 0 else stop


def base(gates: Sequence[Gate | None], cache: Cache, *, wide: bool) -> Base:
    """What scans for these gates, in any line or in lines of ASCII: from the cache if it is there and sound."""
    told = [None if gate is None else [(one.expression, one.linear) for one in gate] for gate in gates]
    name = blake2b(repr((RECIPE, wide, told)).encode(), digest_size=16).hexdigest()
    kept = _kept(cache.get(name), len(gates))
    if kept is None:
        made, *numbers = _made(gates, wide=wide)
        if made is not None:  # else the reason may be gone at the next start
            cache.put(name, f"{json.dumps(numbers)}\n".encode() + hyperscan.dumpb(made))
        kept = Base(_nothing if made is None else made.scan, *numbers)
    return kept


def _kept(saved: bytes | None, count: int) -> Base | None:
    """What was in the cache for so many gates, unless it is of another build, or another machine."""
    head, _, dumped = (saved or b"").partition(b"\n")
    try:
        always, anchored, exact = json.loads(head)
        loaded = hyperscan.loadb(dumped, hyperscan.HS_MODE_BLOCK)
        loaded.scratch = hyperscan.Scratch(loaded)
    except (*ERRORS, ValueError, TypeError):
        return None
    if not all(type(number) is int and 0 <= number < count for number in (*always, *anchored, *exact)):
        return None
    return Base(loaded.scan, always, anchored, exact)


def _nothing(data: bytes, on_match: object) -> None:
    """Where there is nothing to scan for."""


def _made(gates: Sequence[Gate | None], *, wide: bool) -> tuple[Any, list[int], list[int], list[int]]:
    """A database (None: of nothing), the gates that it is no scan for, those that are anchored, and the exact ones."""
    from corowatch.engines.gate import NoGate, gate_of

    always = {number for number, gate in enumerate(gates) if gate is None}
    wanted: list[tuple[int, bytes, bool]] = []
    exact: set[int] = set()
    for number, gate in enumerate(gates):
        try:
            derived = [gate_of(pattern) for pattern in gate or ()]
        except NoGate:
            always.add(number)
        else:
            wanted += [(number, (one.wide if wide else one.narrow).encode(), one.anchored) for one in derived]
            if not wide and len(derived) == 1 and derived[0].exact:
                exact.add(number)
    made = _compiled(wanted)
    if made is None and wanted:  # what is too large by itself leaves out its gate alone
        always |= {number for number, expression, _ in wanted if why_refused(expression)}
        wanted = [one for one in wanted if one[0] not in always]
        made = _compiled(wanted)
        if made is None:  # each is taken alone, and all together are too large
            always = set(range(len(gates)))
    anchors = {number for number, _, anchored in wanted if anchored}
    return made, sorted(always), sorted(anchors - always), sorted(exact - always)


def _compiled(wanted: Sequence[tuple[int, bytes, bool]]) -> Any:
    """A database; None if there is nothing to compile, or it is too large."""
    if not wanted:
        return None
    made = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        made.compile(expressions=[expression for _, expression, _ in wanted], ids=[number for number, *_ in wanted])
    except ERRORS:
        return None
    return made


def why_refused(expression: bytes) -> str:
    """What the scanner has against an expression; empty: nothing."""
    try:
        hyperscan.Database().compile([expression])
    except ERRORS as error:
        return str(error)
    return ""


@functools.cache
def works() -> bool:
    """Whether the build that is installed finds what it must."""
    ends: list[int] = []
    for expression, line in _KNOWN:
        made = hyperscan.Database()
        made.compile([expression])
        for before in range(100):
            ends.clear()
            made.scan(line % (b"." * before), lambda gate, _, end, flags, context: ends.append(end))
            if not ends:
                return False
    return True
