"""The program that a Scout runs: `python scouting.py MEMORY SOCKET SIZE MOST SPARSE`: two descriptors, the bytes of a
database, and how many hits are of use: at most so many, and one in so many bytes.

The shared memory begins with the database. A question comes with the descriptor of a file and says what is to be read
of it, and where into; behind it comes what was found, and the answer says how much that is. It imports the scanner and
nothing of the daemon, and ends when the daemon does.
"""

from __future__ import annotations

import mmap
import os
import select
import signal
import socket
import struct
import sys
from array import array
from collections import deque
from contextlib import suppress
from typing import Any

QUESTION = struct.Struct("=QQQQQ??")
"""Its number; where to read, an offset or the number of the question whose lines it follows; how many bytes, where
into; bytes that a line may have; whether it follows, and whether lines must be ASCII."""
ANSWER = struct.Struct("=BQQQQ")
"""How it went; the offset, bytes of whole lines, how many lines (0: not counted), and how many hits."""
FINE, FOREIGN, UNFIT = range(3)
"""All was scanned; lines are not ASCII that must be; there is something that must be looked at with care."""
KEPT = 16
"""Questions of which is known where their lines end."""
HIT = 12
"""Bytes of a hit: start and end of its line, and the number of the gate."""
RESULTS = 1 << 19
"""Bytes from what was read to what was found in it; more is not read at once."""


def main() -> None:
    """Answer until nobody asks."""
    import hyperscan
    import stringzilla

    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # `systemctl kill` sends them to all, and they are for the daemon
    memory, line, size, most, sparse = map(int, sys.argv[1:])
    shared = mmap.mmap(memory, 0)
    view = memoryview(shared)
    database = hyperscan.loadb(shared[:size], hyperscan.HS_MODE_BLOCK)
    database.scratch = hyperscan.Scratch(database)
    ends: deque[tuple[int, int]] = deque(maxlen=KEPT)
    more = select.poll()
    more.register(line, select.POLLIN)
    with socket.socket(fileno=line) as asked, suppress(ConnectionError):
        while True:
            question, fds, _, _ = socket.recv_fds(asked, QUESTION.size, 1)
            if not question:
                return
            number, at, length, to, longest, follows, ascii_alone = QUESTION.unpack(question)
            offset = dict(ends).get(at) if follows else at
            state, read, data, found = UNFIT, 0, b"", array("I")
            for fd in fds:  # none, if no more can be opened here
                with suppress(OSError):
                    read = os.preadv(fd, [view[to:to + length]], offset) if offset is not None else 0
                os.close(fd)
            if read == length:
                data = shared[to:shared.rfind(b"\n", to, to + read) + 1]
                state = condition(data, longest, ascii_alone=ascii_alone)
                if state == FINE:
                    state, found = scanned(database, data, most + len(data) // sparse)
            if offset is not None and state == FINE:
                ends.append((number, offset + len(data)))
            shared[to + RESULTS:to + RESULTS + 4 * len(found)] = found.tobytes()
            behind = more.poll(0)  # who asked has to wait, and may count meanwhile
            lines = 0 if behind or state != FINE else stringzilla.count(data, b"\n")
            asked.send(ANSWER.pack(state, offset or 0, len(data), lines, len(found) // 3))


def condition(data: bytes, longest: int, *, ascii_alone: bool) -> int:
    """FINE if the data are lines of UTF-8, none over `longest` bytes, without a NUL; if they must be ASCII as well and
    are not, FOREIGN."""
    if not data or b"\0" in data:
        return UNFIT
    start = 0
    while len(data) - start > longest:
        start = data.rfind(b"\n", start, start + longest + 1) + 1
        if not start:
            return UNFIT
    if data.isascii():
        return FINE
    try:
        data.decode()
    except UnicodeDecodeError:
        return UNFIT
    return FOREIGN if ascii_alone else FINE


def scanned(database: Any, data: bytes, most: int) -> tuple[int, array[int]]:
    """How it went, which is not well with more than `most` hits, and start and end of each line that was hit with the
    number of the gate, in order."""
    import hyperscan

    hits: list[tuple[int, int]] = []

    def hit(gate: int, _: int, end: int, flags: int, context: object) -> bool:
        hits.append((end, gate))
        return len(hits) > most

    try:
        database.scan(data, hit)
    except hyperscan.ScanTerminated:
        return UNFIT, array("I")
    found: list[int] = []
    start, stop = 0, -1
    for end, gate in sorted(hits):
        if end > stop + 1:
            start, stop = data.rfind(b"\n", 0, end - 1) + 1, data.find(b"\n", end - 1)
        found += start, stop, gate
    return FINE, array("I", found)


if __name__ == "__main__":
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # where memory runs out it goes first: all goes on without it
    main()
