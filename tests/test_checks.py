"""Commands that steps ask for: with real child processes."""

import os
import queue
import resource
import threading
import time

import pytest

from corowatch.checks import Checks
from corowatch.core.jobs import Job, Jobs


class Run:
    """Checks, and what they tell."""

    def __init__(self):
        self.told = queue.SimpleQueue()
        self.checks = Checks(lambda jobs, job, status, said: self.told.put((jobs, job.number, status, said)))

    def give(self, *commands, jobs=None, timeout=10.0):
        jobs = jobs or Jobs()
        for number, command in enumerate(commands):
            jobs.send(Job(number, ["sh", "-c", command], b"given\n", timeout))
        return jobs, self.checks.give(jobs)

    def next(self):
        return self.told.get(timeout=15.0)[1:]


@pytest.fixture
def run():
    made = Run()
    yield made
    made.checks.keep(())


def test_they_are_run_one_after_the_other(run):
    _, count = run.give("echo out; echo err >&2; exit 3", "cat", "true")

    assert 3 == count
    assert [(0, 3, "out / err"), (1, 0, "given"), (2, 0, "")] == [run.next() for _ in range(3)]


def test_one_step_does_not_wait_for_another(run, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    run.give(f"cat {fifo}")
    run.give("echo second")
    assert (0, 0, "second") == run.next()
    fifo.write_text("first")

    assert (0, 0, "first") == run.next()


def test_what_takes_too_long_is_killed(run):
    run.give("sleep 60", timeout=0.05)

    assert (0, None, "took over 0.05 s and was killed") == run.next()


def test_what_cannot_be_run_is_told(run):
    jobs = Jobs()
    jobs.send(Job(0, ["no-such-program"], b"", 5.0))
    run.checks.give(jobs)

    assert (0, None, "no-such-program: No such file or directory") == run.next()


def test_what_runs_ends_with_who_asked(run, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    jobs, _ = run.give(f"echo $$ > {fifo}; sleep 60", "true")
    pid = int(fifo.read_text())
    began = time.monotonic()
    run.checks.keep(())

    assert time.monotonic() - began < 30.0
    assert run.told.empty()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert 0 == run.checks.give(jobs)


def test_without_a_descriptor_that_is_told_and_later_it_is_tried_again(run):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        jobs, count = run.give("true", "true")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    assert 2 == count
    assert [(number, None, "no command can be begun: [Errno 24] Too many open files") for number in (0, 1)] == [
        run.next(), run.next()]
    run.give("true", jobs=jobs)
    assert (0, 0, "") == run.next()


def test_without_a_thread_that_is_told_and_nothing_stays_open(run, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    open_before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(threading.Thread, "start", refuse)

    run.give("true")

    assert (0, None, "no command can be begun: can't start new thread") == run.next()
    assert open_before == len(os.listdir("/proc/self/fd"))


def test_nothing_to_run_needs_no_thread(run):
    assert 0 == run.checks.give(Jobs())
    assert {} == run.checks._workers
