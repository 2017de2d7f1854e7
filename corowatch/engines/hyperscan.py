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
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import hyperscan

from corowatch.core.lines import is_utf8
from corowatch.core.pattern import Pattern
from corowatch.engines import Cache, Gate, Hit, spans
from corowatch.engines.foresight import Asked, Foreseen, NoScouts, Scout, Scouts, Seen

if TYPE_CHECKING:
    from corowatch.core.ahead import Ahead, Window
    from corowatch.engines.gate import Scannable  # loaded only where something is compiled

RECIPE = 8
"""To be counted up with each change of how gates are derived: what was compiled before is compiled anew."""
LEARN = (4 << 20, 64 << 20)
"""So many bytes are scanned when it is seen which gates are passed too often."""
OFTEN = 262144
"""Bytes; if parts of patterns are found more than once in so many, looking for them instead of the wholes saves less
than the lines cost that are looked at in vain."""
ENOUGH = 2
"""Parts that are found up to so many times as often are not worth compiling all anew."""
MOST, SPARSE = 1000, 8
"""Of more hits than so many, and one for so many bytes, none is of use: every line is looked at."""
ERRORS = (hyperscan.error, hyperscan.HyperscanError)

_KNOWN = ((rb"curl[^\x0a]*\x7c[\x09\x20]*python", b"%s curl -s a.example |  python\n"),
          (rb"\x5b[0-9]*\x5d", b"%s[]\n"), (rb"-[0-9]*:", b"%s-:\n"), (rb"\x41\r?\n", b"%sA\n"),
          (rb"\x0a(?:bX*)?0", b"%s\n0\n"))
"""Expressions, and lines in which a build that loses matches loses them, depending on what stands before."""


class Base(NamedTuple):
    """A compiled database, or none, and the numbers of some gates."""

    database: Any
    always: Sequence[int]
    """Those that it is no scan for."""
    anchored: Sequence[int] = ()
    """Those that begin with the newline before a line."""
    exact: Sequence[int] = ()
    """Those of which a hit is a match."""
    parts: Sequence[int] = ()
    """Those that are looked for by a part of them."""

    def scan(self, data: bytes, on_match: Callable[..., bool]) -> None:
        """Where there is nothing to scan for, nothing is found."""
        if self.database is not None:
            self.database.scan(data, on_match)


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

    def __init__(self, gates: Sequence[Gate | None], cache: Cache, *, joined: bool = False,
                 scouts: Scouts | None = None) -> None:
        if not works():
            raise ValueError("the scanner that is installed loses matches")
        self._gates = gates
        self._cache = cache
        self._joined = joined
        self._all = range(len(gates))
        self._lessons = iter(LEARN)
        self._learn_at = next(self._lessons)
        self._scanned = 0
        self._passed: Counter[int] = Counter()
        self._large: set[int] = set()  # gates that can be looked for by a part of them alone
        self._scout: Scout | None = None
        self._scouts: Scouts = NoScouts() if joined or scouts is None else scouts
        self._foreign = False  # whether lines were seen that are not ASCII
        self._take(base(gates, cache, wide=False, joined=joined))
        if len(self._narrow.always) == len(gates):
            raise ValueError("there is nothing to scan for")

    def _take(self, narrow: Base) -> None:
        self._end_scout()
        self._narrow = narrow
        self._wide: Base | None = None  # most logs are ASCII
        self._proven: list[Pattern | None] = [None] * len(self._gates)
        for number in narrow.exact:
            self._proven[number] = (self._gates[number] or (None,))[0]

    def look(self, data: bytes) -> Found:
        """Scan whole lines; the interpreter is free for others meanwhile."""
        narrow = data.isascii()
        if self._joined and b"\r\n" in data:  # where lines are joined a CR is not shown inside of a record either
            return Found([], Base(None, self._all), narrow or is_utf8(data))
        used = self._base(ascii_alone=narrow)
        hits: list[tuple[int, int]] = []
        most = MOST + len(data) // SPARSE

        def hit(gate: int, _: int, end: int, flags: int, context: object) -> bool:
            hits.append((end, gate))
            return len(hits) > most

        try:
            used.scan(data if data.endswith(b"\n") else data + b"\n", hit)
        except hyperscan.ScanTerminated:
            if self._learnt(Counter(gate for _, gate in hits), len(data)):
                return self.look(data)
            return Found([], Base(None, self._all), narrow or is_utf8(data))
        hits.sort()
        if self._scanned < self._learn_at:
            self._learn(hits, len(data))
        return Found(hits, used, narrow or is_utf8(data))

    def _base(self, *, ascii_alone: bool) -> Base:
        """What scans lines of ASCII alone, or others."""
        if ascii_alone:
            return self._narrow
        if self._wide is None:  # once, and it may take a second
            self._wide = base(self._gates, self._cache, wide=True, parts=self._narrow.parts, joined=self._joined)
        return self._wide

    def foresee(self, ahead: Ahead) -> None:
        """Have another process read and scan, if there is a processor for it. It scans for lines of ASCII until others
        were seen."""
        if not ahead.size:
            self._end_scout()
            return
        if ahead.ticket is not None:  # of another who scans the same
            return
        behind = ahead.behind if isinstance(ahead.behind, Foreseen) else None
        used = self._base(ascii_alone=not self._foreign)
        if used.database is None or used.always or (behind is not None and behind.scout is not self._scout):
            return
        try:
            if self._scout is None:
                self._scout = self._scouts.start(hyperscan.dumpb(used.database), ascii_alone=not self._foreign,
                                                 most=MOST, sparse=SPARSE)
            asked = self._scout and self._scout.ask(ahead, None if behind is None else behind.asked)
        except (OSError, *ERRORS):
            self._go_without_scout()
            return
        if self._scout and asked:
            ahead.ticket = Foreseen(self._scout, asked, lambda asked: self._window(asked, used))

    def _window(self, asked: Asked, by: Base) -> Window | None:
        """What a scout saw by a database; None if it must be looked at here."""
        try:
            answer = asked.answer()
        except OSError:
            self._go_without_scout()
            return None
        if answer.foreign and not self._foreign:
            self._foreign = True
            self._end_scout()
        if not answer.fit:
            return None
        if self._scanned < self._learn_at:
            self._learn([(0, gate) for gate in answer.hits[2::3]], answer.size)
        return Seen(self, asked, answer, by.anchored, self._proven if by is self._narrow else ())

    def _end_scout(self) -> None:
        if self._scout is not None:
            self._scout.close()
            self._scout = None

    def _go_without_scout(self) -> None:
        """It ended, or cannot be: whatever the reason, all goes on without."""
        self._end_scout()
        self._scouts = NoScouts()

    def _learn(self, hits: Sequence[tuple[int, int]], size: int) -> None:
        self._scanned += size
        self._passed.update(gate for _, gate in hits)
        if self._scanned >= self._learn_at:
            self._learn_at = next(self._lessons, 0)
            self._learnt(self._passed, self._scanned)

    def _learnt(self, passed: Mapping[int, int], size: int) -> bool:
        """Whether parts turn out to be common, by how often each gate was passed in so many bytes; their gates are
        looked for as a whole from now on, in the runs to come as well. That is as good as ever, only slower."""
        if sum(passed.get(gate, 0) for gate in self._narrow.parts) <= ENOUGH * size // OFTEN:
            return False
        rarest_first = sorted(self._narrow.parts, key=lambda gate: passed.get(gate, 0))
        until_now = accumulate(passed.get(gate, 0) for gate in rarest_first)
        rare = sorted(gate for gate, sum_ in zip(rarest_first, until_now, strict=True)
                      if sum_ <= size // OFTEN or gate in self._large)
        if rare == self._narrow.parts:
            return False
        self._take(base(self._gates, self._cache, wide=False, parts=rare, joined=self._joined))
        self._large.update(set(self._narrow.parts) - set(rare))
        return True

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


def base(gates: Sequence[Gate | None], cache: Cache, *, wide: bool, parts: Sequence[int] | None = None,
         joined: bool = False) -> Base:
    """What scans for these gates, in any line or in lines of ASCII: from the cache if it is there and sound.

    `parts` are those that may be looked for by a part. None: those that were learnt to be rare, at first all.
    """
    told = [None if gate is None else [(one.expression, one.linear) for one in gate] for gate in gates]
    name = blake2b(repr((RECIPE, told, parts if wide else None, joined)).encode(), digest_size=16).hexdigest()
    kept = _kept(cache.get(name), len(gates)) if wide or parts is None else None
    if kept is None:
        made, numbers = _made(gates, range(len(gates)) if parts is None else parts, wide=wide, joined=joined)
        if made is not None:  # else the reason may be gone at the next start
            cache.put(name, f"{json.dumps(numbers)}\n".encode() + hyperscan.dumpb(made))
        kept = Base(made, *numbers)
    return kept


def _kept(saved: bytes | None, count: int) -> Base | None:
    """What was in the cache for so many gates, unless it is of another build, or another machine."""
    head, _, dumped = (saved or b"").partition(b"\n")
    try:
        always, anchored, exact, parts = json.loads(head)
        loaded = hyperscan.loadb(dumped, hyperscan.HS_MODE_BLOCK)
        loaded.scratch = hyperscan.Scratch(loaded)
    except (*ERRORS, ValueError, TypeError):
        return None
    if not all(type(number) is int and 0 <= number < count for number in (*always, *anchored, *exact, *parts)):
        return None
    return Base(loaded, always, anchored, exact, parts)


def _made(gates: Sequence[Gate | None], parts: Collection[int], *, wide: bool,
          joined: bool) -> tuple[Any, list[list[int]]]:
    """A database (None: of nothing), and the numbers that a Base has; `parts` may be looked for by a part."""
    from corowatch.engines.gate import NoGate, gate_of

    always = {number for number, gate in enumerate(gates) if gate is None}
    wanted: list[tuple[int, Scannable]] = []
    for number, gate in enumerate(gates):
        try:
            wanted += [(number, gate_of(pattern, by_part=number in parts, joined=joined)) for pattern in gate or ()]
        except NoGate:
            always.add(number)
    wanted = [one for one in wanted if one[0] not in always]
    made = _compiled(wanted, wide=wide)
    if made is None and wanted:  # what is too large by itself is looked for by a part of it, or leaves out its gate
        large = {number for number, one in wanted if any(map(why_refused, one.expressions(wide=wide)))}
        wanted = [one for one in wanted if one[0] not in large]
        wanted += [(number, gate_of(pattern, by_part=True, joined=joined))
                   for number in large for pattern in gates[number] or ()]
        always |= {number for number, one in wanted
                   if number in large and any(map(why_refused, one.expressions(wide=wide)))}
        wanted = [one for one in wanted if one[0] not in always]
        made = _compiled(wanted, wide=wide)
        if made is None:  # each is taken alone, and all together are too large
            always, wanted = set(range(len(gates))), []
    alone = {number for number, gate in enumerate(gates) if gate is not None and len(gate) == 1 and not wide}
    anchored = {number for number, one in wanted if one.anchored}
    exact = {number for number, one in wanted if one.exact and number in alone}
    by_part = {number for number, one in wanted if one.by_part}
    return made, [sorted(always), sorted(anchored), sorted(exact), sorted(by_part)]


def _compiled(wanted: Sequence[tuple[int, Scannable]], *, wide: bool) -> Any:
    """A database; None if there is nothing to compile, or it is too large."""
    if not wanted:
        return None
    made = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    each = [(number, expression) for number, one in wanted for expression in one.expressions(wide=wide)]
    try:
        made.compile(expressions=[expression for _, expression in each], ids=[number for number, _ in each])
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
