"""Another process that reads and scans what comes next while this one deals with what came before.

    ask(N + 1) ─────▶ scouting.py ─▶ shared memory      this process: the graph, with the lines of N
    window(N + 1) ◀── shared memory

So this one touches no bytes but those of lines that were hit, and each byte once: what was read is what was scanned.
A scout ends when its end of the socket does, so none outlives a process that was killed.

A thread would not do: each match is a call into the interpreter, for which it waits while the graph runs.

Source: memfd_create(2); unix(7), SOCK_SEQPACKET and SCM_RIGHTS.
"""

from __future__ import annotations

import mmap
import os
import select
import socket
import subprocess
import sys
from array import array
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import ClassVar, NamedTuple

from corowatch.core.ahead import Ahead
from corowatch.core.pattern import Pattern
from corowatch.engines import Hit
from corowatch.engines.scouting import ANSWER, QUESTION, RESULTS, UNFIT

SLOT = 1 << 20
"""Bytes of a place in the shared memory: what was read, then what was found in it."""
SLOTS = 8
"""So much may be asked for at a time, for files that are read in turn."""
PATIENCE = 5.0
"""Seconds after which a scout that does not answer is given up."""
PROGRAM = Path(__file__).with_name("scouting.py")


class Answer(NamedTuple):
    """How it went, the offset, bytes of whole lines, how many lines, and how many hits."""

    state: int
    offset: int
    size: int
    lines: int
    hits: int


GONE = Answer(UNFIT, 0, 0, 0, 0)


class Asked:
    """What a scout was asked for, and the place of its answer."""

    def __init__(self, scout: Scout, number: int, at: int) -> None:
        self.scout = scout
        self.number = number
        self.at = at
        self.answer: Answer | None = None
        self.wanted = True

    def let_go(self) -> None:
        """The place may be used again, as soon as there is an answer."""
        if self.wanted:
            self.wanted = False
            self.scout.reclaim(self)


    def first_end(self, answer: Answer) -> int:
        """Where the first line ends."""
        return self.scout.shared.find(b"\n", self.at, self.at + answer.size) - self.at


class Scout:
    """`dumped` is the compiled database; `ascii_alone`: it is one for lines of ASCII. Raises OSError if no process can
    be started; so do all methods when it is gone."""

    out: ClassVar[int] = 0
    """Scouts that are there."""

    @classmethod
    def spare(cls) -> bool:
        """Whether a processor is left for one more."""
        return cls.out + 1 < len(os.sched_getaffinity(0))

    def __init__(self, dumped: bytes, *, ascii_alone: bool) -> None:
        self._ascii_alone = ascii_alone
        size = -(-len(dumped) // mmap.PAGESIZE) * mmap.PAGESIZE
        with ExitStack() as here, ExitStack() as on_failure:
            memory = os.memfd_create("corowatch-scout")
            here.callback(os.close, memory)
            os.ftruncate(memory, size + SLOTS * SLOT)
            self.shared = mmap.mmap(memory, size + SLOTS * SLOT)
            self.shared[:len(dumped)] = dumped
            line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._line = on_failure.enter_context(line)
            self._line.settimeout(PATIENCE)
            here.enter_context(theirs)
            given = map(str, (memory, theirs.fileno(), len(dumped)))
            self._process = subprocess.Popen(  # noqa: S603 - it is our own
                [sys.executable, "-P", str(PROGRAM), *given], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                pass_fds=(memory, theirs.fileno()), process_group=0)
            on_failure.pop_all()
        self._free = deque(range(size, size + SLOTS * SLOT, SLOT))
        self._waiting: deque[Asked] = deque()
        self._began = False  # as long as it has not answered, waiting for it would take longer than to read
        self._closed = False
        self._asked = 0
        Scout.out += 1

    def ask(self, ahead: Ahead, behind: Asked | None) -> Asked | None:
        """Have bytes read and scanned, perhaps those behind what was asked for before; None if too much is asked for
        already."""
        while self._waiting and not self._waiting[0].wanted and self._has_answered():
            self._receive()
        if not self._free or ahead.size > RESULTS:
            return None
        self._asked += 1
        asked = Asked(self, self._asked, self._free.popleft())
        self._waiting.append(asked)
        question = QUESTION.pack(asked.number, behind.number if behind else ahead.at, ahead.size, asked.at,
                                 ahead.max_line_bytes, behind is not None, self._ascii_alone)
        socket.send_fds(self._line, [question], [ahead.fd])
        return asked

    def answer(self, asked: Asked) -> Answer:
        """What came of it. A scout that has not begun is not waited for."""
        self._began = self._began or self._closed or self._has_answered()
        if not self._began:
            return GONE
        while asked.answer is None and not self._closed:
            self._receive()
        return asked.answer or GONE

    def hits(self, asked: Asked, answer: Answer) -> array[int]:
        """Start and end of each line that was hit, with the number of the gate."""
        found = asked.at + RESULTS
        return array("I", self.shared[found:found + 12 * answer.hits])

    def _has_answered(self) -> bool:
        return bool(select.select([self._line], [], [], 0)[0])

    def _receive(self) -> None:
        answer = self._line.recv(ANSWER.size)
        if not answer:
            raise ConnectionResetError
        asked = self._waiting.popleft()
        asked.answer = Answer(*ANSWER.unpack(answer))
        self.reclaim(asked)

    def reclaim(self, asked: Asked) -> None:
        """Use a place again that nobody wants, and nobody writes to any more."""
        if not asked.wanted and asked.answer is not None:
            self._free.append(asked.at)

    def close(self) -> None:
        """Nothing more is asked for; wait for its end, which is near."""
        Scout.out -= 1
        self._closed = True
        self._line.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
            return
        self._process.kill()
        self._process.wait()


class Seen:
    """A Window in a scout's memory."""

    def __init__(self, asked: Asked, answer: Answer, hits: Sequence[Hit], proven: Sequence[Pattern | None]) -> None:
        self._asked = asked
        self._shared, self._at = asked.scout.shared, asked.at
        self.offset = answer.offset
        self.size = answer.size
        self.lines = answer.lines
        self.hits = hits
        self.proven = proven

    def __getitem__(self, part: slice) -> bytes:
        return self._shared[self._at + part.start:self._at + part.stop]

    def let_go(self) -> None:
        self._asked.let_go()
