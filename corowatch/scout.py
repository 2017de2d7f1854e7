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
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from corowatch.core.ahead import Ahead
from corowatch.core.lines import count_of
from corowatch.engines import foresight
from corowatch.engines.foresight import NOTHING, Answer
from corowatch.scouting import ANSWER, FINE, FOREIGN, HIT, QUESTION, RESULTS

SLOT = 1 << 21
"""Bytes of a place in the shared memory: what was read, then what was found in it."""
SLOTS = 8
"""So much may be asked for at a time, for files that are read in turn."""
PATIENCE = 1.0
"""Seconds after which a scout that does not answer is given up, and one that was killed is waited for no longer."""
MOST_SCOUTS = 4
"""However many processors there are: a limit of the control group may allow less than they could do."""
PROGRAM = Path(__file__).with_name("scouting.py")


class Scouts:
    """Those of a process: at most as many as there are processors beside the one that it uses."""

    def __init__(self) -> None:
        self.out = 0
        """So many are there."""

    def start(self, dumped: bytes, *, ascii_alone: bool, most: int, sparse: int) -> Scout | None:
        if self.out >= min(MOST_SCOUTS, len(os.sched_getaffinity(0)) - 1) or not sys.executable:
            return None
        scout = Scout(dumped, (most, sparse), ascii_alone=ascii_alone, ended=self._ended)
        self.out += 1
        return scout

    def _ended(self) -> None:
        self.out -= 1


class Asked:
    """What a scout was asked for, and its place in the shared memory."""

    def __init__(self, scout: Scout, number: int, at: int) -> None:
        self._scout = scout
        self.wanted = True
        self.number = number
        self.at = at
        self.told: Answer | None = None

    @property
    def free(self) -> bool:
        """Whether nobody wants it, and nobody writes to it any more."""
        return not self.wanted and self.told is not None

    def answer(self) -> Answer:
        return self._scout.answer(self)

    def part(self, start: int, end: int) -> bytes:
        return self._scout.shared[self.at + start:self.at + end]

    def lines(self, size: int) -> int:
        return count_of(self._scout.view[self.at:self.at + size])

    def first_end(self) -> int:
        return self._scout.shared.find(b"\n", self.at) - self.at

    def let_go(self) -> None:
        if self.wanted:
            self.wanted = False
            self._scout.reclaim(self)


class Scout:
    """A process for a compiled database, and the limits of how much it may find. Raises OSError if it cannot be
    started."""

    def __init__(self, dumped: bytes, limits: tuple[int, int], *, ascii_alone: bool, ended: Callable[[], None]) -> None:
        self._ended = ended
        self._limits = limits
        self._ascii_alone = ascii_alone
        size = -(-len(dumped) // mmap.PAGESIZE) * mmap.PAGESIZE
        with ExitStack() as here, ExitStack() as on_failure:
            memory = os.memfd_create("corowatch-scout")
            here.callback(os.close, memory)
            os.ftruncate(memory, size + SLOTS * SLOT)
            self.shared = mmap.mmap(memory, size + SLOTS * SLOT)
            self.shared[:len(dumped)] = dumped
            self.view = memoryview(self.shared)
            line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._line = on_failure.enter_context(line)
            self._line.settimeout(PATIENCE)
            self._poll = select.poll()
            self._poll.register(self._line, select.POLLIN)
            here.enter_context(theirs)
            given = map(str, (memory, theirs.fileno(), len(dumped), *limits))
            self._process = subprocess.Popen(  # noqa: S603 - it is our own
                [sys.executable, "-P", str(PROGRAM), *given], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                pass_fds=(memory, theirs.fileno()), process_group=0)  # a terminal's Ctrl-C is for the daemon
            on_failure.pop_all()
        self._free = list(range(size, size + SLOTS * SLOT, SLOT))  # the last is used first: fewer pages are touched
        self._waiting: deque[Asked] = deque()
        self._began = False  # as long as it has not answered, waiting for it would take longer than to read
        self._closed = False
        self._asked = 0

    def ask(self, ahead: Ahead, behind: foresight.Asked | None) -> Asked | None:
        while self._waiting and not self._waiting[0].wanted and self._has_answered():
            self._receive()
        most, sparse = self._limits
        if not self._free or ahead.size > RESULTS or HIT * (most + 1 + ahead.size // sparse) > SLOT - RESULTS:
            return None
        self._asked += 1
        asked = Asked(self, self._asked, self._free.pop())
        self._waiting.append(asked)
        at = behind.number if isinstance(behind, Asked) else ahead.at
        question = QUESTION.pack(asked.number, at, ahead.size, asked.at, ahead.max_line_bytes, behind is not None,
                                 self._ascii_alone)
        socket.send_fds(self._line, [question], [ahead.fd])
        return asked

    def answer(self, asked: Asked) -> Answer:
        """What came of it. A scout that has not begun is not waited for."""
        self._began = self._began or self._closed or self._has_answered()
        while self._began and asked.told is None and not self._closed:
            self._receive()
        return asked.told or NOTHING

    def _has_answered(self) -> bool:
        return bool(self._poll.poll(0))  # select knows no descriptor beyond 1023

    def _receive(self) -> None:
        answer = self._line.recv(ANSWER.size)
        if not answer:
            raise ConnectionResetError
        asked = self._waiting.popleft()
        state, offset, size, lines, hits = ANSWER.unpack(answer)
        found = array("I", asked.part(RESULTS, RESULTS + HIT * hits))
        asked.told = Answer(state == FINE, state == FOREIGN, offset, size, lines, found)
        self.reclaim(asked)

    def reclaim(self, asked: Asked) -> None:
        """Use a place again, if it is free."""
        if asked.free:
            self._free.append(asked.at)

    def close(self) -> None:
        self._ended()
        self._closed = True
        self._process.kill()  # one that is stopped, or has not begun, would be waited for
        self._line.close()
        self._waiting.clear()
        with suppress(subprocess.TimeoutExpired):  # one that the kernel holds fast is left behind
            self._process.wait(PATIENCE)
