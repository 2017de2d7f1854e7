"""Standard input is a pipe here; the thread that reads it is real."""

import os
import threading
import time

import pytest

from corowatch.sources.stdin import AHEAD, GULP, Stdin
from corowatch.testing import Collect


class Pipe:
    """A Stdin at one end, the test at the other."""

    def __init__(self):
        fd, self.end = os.pipe()
        self.blocks, self.woken, self.fd = Collect(), threading.Event(), fd
        self.stdin = Stdin(self.blocks, fd=fd)

    def open(self):
        self.stdin.open({}, reader="r", start=None, tell=lambda *told, **fields: None, wake=self.woken.set, now=0.0)
        return self

    def write(self, data):
        os.write(self.end, data)

    def shut(self):
        if self.end >= 0:
            os.close(self.end)
            self.end = -1

    def until(self, predicate):
        end = time.monotonic() + 10.0
        while not predicate():
            assert time.monotonic() < end, "it did not come"
            if head := self.stdin.head():
                head.read(5.0, head.next)
            self.woken.wait(0.02)
            self.woken.clear()

    def data(self):
        return b"".join(block.data for block in self.blocks)


@pytest.fixture
def pipe():
    made = Pipe().open()
    yield made
    made.shut()
    made.until(lambda: made.stdin.ended)
    made.stdin.close()
    os.close(made.fd)


def test_whole_lines_come_as_they_are_written_and_wake_the_pump(pipe):
    pipe.write(b"one\ntw")
    pipe.until(pipe.data)
    assert b"one\n" == pipe.data()

    pipe.write(b"o\n")
    pipe.until(lambda: pipe.data() == b"one\ntwo\n")

    assert [0, 4] == [block.offset for block in pipe.blocks]
    assert {5.0} == {block.at for block in pipe.blocks}


def test_a_last_line_without_a_newline_is_a_line_at_the_end(pipe):
    pipe.write(b"one\nlast")
    pipe.until(pipe.data)
    assert not pipe.stdin.ended

    pipe.shut()
    pipe.until(lambda: pipe.stdin.ended)

    assert b"one\nlast" == pipe.data()
    assert {"bytes": 8} == pipe.stdin.counts


def test_it_ends_and_keeps_no_position(pipe):
    pipe.write(b"one\n")
    pipe.shut()

    pipe.until(lambda: pipe.stdin.ended)

    assert not pipe.stdin.endless
    assert not pipe.stdin.behind
    assert [] == list(pipe.stdin.changes())
    assert {} == pipe.stdin.directories()


def test_each_run_is_an_origin_of_its_own(pipe):
    other = Pipe().open()
    for one in (pipe, other):
        one.write(b"x\n")
        one.until(one.data)

    assert pipe.blocks[0].origin.reader == other.blocks[0].origin.reader == "r"
    assert pipe.blocks[0].origin.key != other.blocks[0].origin.key
    assert "" == pipe.blocks[0].origin.file
    other.shut()
    other.until(lambda: other.stdin.ended)
    os.close(other.fd)


def test_a_writer_is_held_back_while_nobody_reads(pipe):
    most = (AHEAD + 1) * GULP + 1024 * 1024  # what it holds, and what a pipe does at most
    os.set_blocking(pipe.end, False)
    written, quiet = 0, 0
    while quiet < 20 and written < 2 * most:
        try:
            written += os.write(pipe.end, b"x" * 4095 + b"\n")
            quiet = 0
        except BlockingIOError:
            quiet += 1
            time.sleep(0.01)

    assert 0 < written <= most
    pipe.until(lambda: len(pipe.data()) == written)


def test_what_was_read_for_one_that_is_closed_is_read_by_the_next(pipe):
    pipe.write(b"one\n")
    pipe.woken.wait(5.0)
    again = Stdin(pipe.blocks, fd=pipe.fd)
    pipe.stdin.close()
    pipe.stdin = again
    pipe.open()

    pipe.until(pipe.data)

    assert b"one\n" == pipe.data()


def test_one_that_was_never_opened_can_be_closed():
    Stdin(Collect()).close()
