"""What a step asks the outside to do, and what comes back: the graph itself runs nothing.

    event ─▶ step ─▶ Job ─▶ (outside: a command, run to its end) ─▶ Answer ─▶ the same step
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Job(NamedTuple):
    """A command to be run: its words, what it is given on standard input, and its time (seconds)."""

    number: int
    argv: list[str]
    data: bytes
    timeout: float


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What became of the step's job of that number, at a moment (seconds since the epoch): its exit status and the last
    that it said; the status is None if it could not be run, or did not end in its time."""

    number: int
    at: float
    status: int | None
    said: str


class Jobs:
    """Where one step asks. What waits here is taken by the outside, once the graph is live."""

    def __init__(self) -> None:
        self.waiting: list[Job] = []

    def send(self, job: Job) -> None:
        """Ask for this job."""
        self.waiting.append(job)

    def taken(self) -> list[Job]:
        """All that wait; they wait no longer."""
        taken, self.waiting = self.waiting, []
        return taken
