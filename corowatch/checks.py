"""Commands that steps ask for, run by a thread a step, one after the other."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Collection

from corowatch.child import ended
from corowatch.core.jobs import Job, Jobs

Ended = Callable[[Jobs, Job, int | None, str], None]
"""`(whose, which, exit status or None, what was said)`, called on the thread."""


class Checks:
    """The threads, by the Jobs that they work for; `told` is called for each job that came to its end."""

    def __init__(self, told: Ended) -> None:
        self._told = told
        self._workers: dict[int, _Worker] = {}

    def give(self, jobs: Jobs) -> int:
        """Have what waits there run; gives how many that are. What nobody can be found for is told as not run."""
        taken = jobs.taken()
        if not taken:
            return 0
        try:
            worker = self._workers.get(id(jobs)) or self._workers.setdefault(id(jobs), _Worker(jobs, self._told))
        except (OSError, RuntimeError) as error:  # no descriptor, or no thread, is left
            for job in taken:
                self._told(jobs, job, None, f"no command can be begun: {error}")
            return len(taken)
        for job in taken:
            worker.queue.put(job)
        return len(taken)

    def keep(self, wanted: Collection[Jobs]) -> None:
        """Stop those that work for others than these: what they have is of no use any more."""
        known = set(map(id, wanted))
        for name in [name for name in self._workers if name not in known]:
            self._workers.pop(name).stop()


class _Worker:
    """One thread; the command that it runs ends when it is stopped."""

    def __init__(self, jobs: Jobs, told: Ended) -> None:
        self.jobs = jobs
        self._told = told
        self.queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._stopped = os.eventfd(0, os.EFD_CLOEXEC)
        self._over = False
        self._thread = threading.Thread(target=self._run, name="check", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            os.close(self._stopped)
            raise

    def _run(self) -> None:
        while (job := self.queue.get()) is not None and not self._over:
            try:
                status, said = ended(job.argv, job.data, job.timeout, output=True, cancelled=self._stopped)
                if status is None:
                    said = f"took over {job.timeout:g} s and was killed"
            except OSError as error:
                status, said = None, f"{job.argv[0]}: {error.strerror}"
            if not self._over:
                self._told(self.jobs, job, status, said)

    def stop(self) -> None:
        """End the thread, with the command that it runs."""
        self._over = True
        self.queue.put(None)
        os.eventfd_write(self._stopped, 1)
        self._thread.join()
        os.close(self._stopped)
