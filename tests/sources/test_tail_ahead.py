"""A backlog: what comes next is read and scanned by another process meanwhile, and nobody can tell but by the clock."""

import errno
import os
import random
import select
import signal
from collections import Counter
from itertools import pairwise
from math import inf

import pytest
from reading import balance, write

pytest.importorskip("hyperscan", reason="without it nothing is foreseen")
pytest.importorskip("re2", reason="without it every line is searched")

from corowatch import scout
from corowatch.core.ahead import Ahead, Scanned
from corowatch.core.follow import MARKER
from corowatch.core.kinds import Counts
from corowatch.core.merge import SLACK
from corowatch.core.multiline import Multiline
from corowatch.core.pattern import Pattern
from corowatch.core.scan import Clock, scan
from corowatch.engines import NoCache
from corowatch.engines.hyperscan import Hyperscan
from corowatch.scout import Scout, Scouts
from corowatch.sources import life
from corowatch.sources.tail import Tail

NEVER = 1 << 60
OPTIONS = {"exclude": (), "start": "beginning", "timestamp": "auto", "zone": None, "encoding": "utf-8",
           "max_line_bytes": 65536, "multiline": None, "root": None, "watch": "poll"}


@pytest.fixture(autouse=True)
def processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    # Else the first gulps are read before the process has begun, and no test knew how many.
    monkeypatch.setattr(Scout, "_has_answered", lambda self: bool(select.select([self._line], [], [], 30)[0]))
    monkeypatch.setattr(life, "LONG", inf)  # else on a slow machine less is read at a time, and nothing is asked for
    monkeypatch.setattr(scout, "PATIENCE", 30.0)  # and what is asked for is given up


class Matching:
    """Keeps what matches of what may, as a grep would pass it on."""

    def __init__(self, pattern, found):
        self._pattern, self._found = pattern, found

    def send(self, event):
        if self._pattern.test(event.text):
            self._found.append(event)


class Watched:
    """A Tail in front of a scanner, with what it found and in how many windows."""

    def __init__(self, path, monkeypatch, backlog, *, alone=0, **options):
        monkeypatch.setattr(life, "BACKLOG", backlog)
        monkeypatch.setattr(life, "SIGHT", life.GULP)  # the files here are small
        monkeypatch.setattr(life, "ALONE", alone)
        self.found, self.windows, self.asked = [], 0, 0
        self.counts = Counts(lines=0, cut=0, skewed=0)
        patterns = [Pattern("ERROR"), Pattern("^WARN")]
        self.scouts = Scouts()
        self.engine = Hyperscan([(one,) for one in patterns], NoCache(), scouts=self.scouts)
        self.scan = scan([Matching(one, self.found) for one in patterns], engine=self.engine,
                         clock=Clock("auto", self.counts), counts=self.counts)
        self.tail = Tail(self, paths=(str(path),), **{**OPTIONS, **options})
        self.tail.open({}, reader="r", start="beginning", wake=lambda: None, now=0.0, tell=lambda *args, **fields: None)
        self.tail.look(1.0, None)

    def send(self, item):
        self.windows += isinstance(item, Scanned)
        self.asked += isinstance(item, Ahead) and item.size > 0
        self.scan.send(item)

    def read(self, gulps=NEVER, until=None):
        while gulps and (head := self.tail.head()):
            head.read(1.9e9, head.next if until is None else until)
            gulps -= 1
        return self

    def end(self):
        """All that was found, how far all was read, what was counted, and what is not accounted for."""
        self.positions = dict(self.tail.changes())
        counts, left = {**self.counts, **self.tail.counts}, balance(self.tail)
        self.tail.close()
        assert 0 == self.scouts.out
        self.scan.close()
        events = [(event.place, event.text, event.at) for event in self.found]
        return events, list(self.positions.values()), counts, left


def lines(seed, count, odd=()):
    """Lines of which some are of interest, some tell no time, and some are odd ones."""
    chance = random.Random(seed)
    for n in range(count):
        stamp = f"2026-11-22 10:{n // 600 % 60:02}:{n // 10 % 60:02} " if chance.random() < 0.9 else ""
        word = chance.choice(["ERROR", *9 * ["all is well"]]) if stamp else chance.choice(["WARN", "at"])
        yield f"{stamp}{word} {n} {'x' * chance.randrange(150)}\n".encode()
        if odd and chance.random() < 0.0002:
            yield chance.choice(odd)


ODD = {"plain": (), "a hole": (b"\0" * 5000,), "not UTF-8": (b"ERROR \xff\n",),
       "beyond ASCII": ("ERROR äß\n".encode(),), "too long": (b"ERROR " + b"y" * 70_000 + b"\n",),
       "longer than a gulp": (b"ERROR " + b"z" * 600_000 + b"\n",)}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_found_in_a_backlog_is_what_is_found_without_looking_ahead(tmp_path, monkeypatch, odd):
    path = tmp_path / "app.log"
    write(path, b"".join(lines(odd, 30_000, ODD[odd])) + b"2026-11-22 11:00:00 ERROR unfinished")

    plain = Watched(path, monkeypatch, NEVER).read()
    ahead = Watched(path, monkeypatch, 0).read()

    assert plain.windows == 0
    assert ahead.windows >= (9 if odd == "plain" else 3)
    assert plain.end() == ahead.end()


def test_no_byte_of_a_backlog_is_read_here_but_a_few(tmp_path, monkeypatch):
    path, pread, sizes = tmp_path / "app.log", os.pread, []
    write(path, b"".join(lines(1, 40_000)))

    def counting(fd, size, at):
        sizes.append(size)
        return pread(fd, size, at)

    monkeypatch.setattr(os, "pread", counting)
    watched = Watched(path, monkeypatch, 3 << 20).read()

    here = sum(size >= life.GULP for size in sizes)
    assert path.stat().st_size // life.GULP - 4 - life.DEPTH <= watched.windows
    assert here <= 3 + life.DEPTH  # at the beginning, and when so little is left that nothing can be asked for
    watched.end()


@pytest.mark.parametrize("look", [True, False])
def test_a_file_that_is_written_anew_in_its_backlog_is_read_anew(tmp_path, monkeypatch, look):
    """It is noticed when it is looked at, and also when it is only read on: it is longer than it was."""
    path = tmp_path / "app.log"
    write(path, b"".join(lines(2, 40_000)))
    watched = Watched(path, monkeypatch, 0).read(12)
    found = len(watched.found)

    anew = [f"2026-11-22 12:00:{n % 60:02} ERROR {n} of another file {'w' * 100}\n".encode() for n in range(40_000)]
    write(path, b"".join(anew), "wb")
    if look:
        watched.tail.look(2.0, None)
    watched.read()

    assert watched.windows > 3
    texts = [event.text for event in watched.found[found:]]
    assert [line.decode().rstrip("\n") for line in anew] == texts[-len(anew):]
    assert not any("another file" in text for text in texts[:-len(anew)])
    assert watched.end()[3] == 0


def test_a_file_that_is_renamed_in_its_backlog_keeps_the_name_that_its_lines_are_told_under(tmp_path, monkeypatch):
    path = tmp_path / "app.log"
    files = []
    for backlog in (NEVER, 0):
        write(path, b"".join(lines(6, 40_000)), "wb")
        watched = Watched(path, monkeypatch, backlog).read(12)
        path.rename(tmp_path / "app.log.1")
        watched.tail.look(2.0, None)
        watched.read()
        files.append([event.origin.file for event in watched.found])
        assert 0 == watched.end()[3]

    assert files[0] == files[1]
    assert watched.windows > 9


@pytest.mark.parametrize("more", [0, 1000])
def test_room_that_is_laid_out_behind_the_lines_is_no_backlog(tmp_path, monkeypatch, more):
    path, line = tmp_path / "app.log", b"2026-11-22 10:00:00 all is well in 64 bytes, as is each of them\n"
    monkeypatch.setattr(life, "LEAST", life.GULP)  # so that lines end where a read does, and without `more` all lines
    write(path, line * (20 * life.GULP // len(line) + more))
    end = path.stat().st_size
    os.truncate(path, end + 20 * life.GULP)

    watched = Watched(path, monkeypatch, 2 * life.GULP).read()
    asked, out = watched.asked, watched.scouts.out
    for n in range(1, 4):
        with path.open("r+b") as file:
            file.seek(end)
            end += file.write(line)
        watched.tail.look(1.0 + n, None)
        watched.read()

    assert watched.windows > 9
    assert (0, asked, 20 * life.GULP // len(line) + more + 3) == (out, watched.asked, watched.counts["lines"])
    assert watched.end()[3] == 0


def test_a_backlog_before_the_next_line_of_another_file_is_foreseen_and_lines_come_in_order(tmp_path, monkeypatch):
    write(tmp_path / "old.log", b"".join(lines(8, 30_000)))
    write(tmp_path / "new.log", b"2026-11-22 10:40:00 ERROR in between\n2026-11-22 11:30:00 ERROR at last\n")

    plain = Watched(tmp_path / "*.log", monkeypatch, NEVER).read()
    ahead = Watched(tmp_path / "*.log", monkeypatch, 0).read()

    assert (0, True) == (plain.windows, ahead.windows > 5)
    assert plain.end() == ahead.end()
    assert all(later.at >= earlier.at - SLACK for earlier, later in pairwise(ahead.found))
    assert ["in between", "at last"] == [event.text[26:] for event in ahead.found if event.text[26:27] in ("i", "a")]


def test_where_files_take_turns_nothing_is_foreseen_in_vain(tmp_path, monkeypatch):
    runs = [b"".join(b"2026-11-22 %02d:%02d:%02d %s %s\n" % (10 + run, n // 150, n // 3 % 50, b"ERROR"[n % 99:],
                                                                b"y" * 66)
                     for n in range(9000)) for run in range(12)]
    write(tmp_path / "a.log", b"".join(runs[::2]))
    write(tmp_path / "b.log", b"".join(runs[1::2]))

    plain = Watched(tmp_path / "*.log", monkeypatch, NEVER).read()
    ahead = Watched(tmp_path / "*.log", monkeypatch, 0, alone=1 << 20).read()

    assert 4 >= ahead.asked  # of the last run, which no other follows
    assert plain.end() == ahead.end()


def test_where_others_are_to_be_read_no_scout_waits(tmp_path, monkeypatch):
    path = tmp_path / "app.log"
    write(path, b"".join(lines(7, 40_000)))
    watched = Watched(path, monkeypatch, 0).read(12)
    out = watched.scouts.out

    watched.read(1, until=watched.found[-1].at + 1.0)

    assert (1, 0) == (out, watched.scouts.out)
    watched.end()


def test_a_scout_that_is_killed_in_a_backlog_is_missed_by_nobody(tmp_path, monkeypatch):
    path = tmp_path / "app.log"
    write(path, b"".join(lines(3, 40_000)))
    plain = Watched(path, monkeypatch, NEVER).read()

    ahead = Watched(path, monkeypatch, 0).read(12)
    process = ahead.engine._scout._process
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    ahead.read()

    assert 0 < ahead.windows < 12
    assert plain.end() == ahead.end()


def test_a_copy_that_was_made_some_reads_before_a_truncation_is_not_read_again(tmp_path, monkeypatch):
    path, copied = tmp_path / "app.log", b"".join(lines(9, 40_000))
    write(path, copied)
    watched = Watched(tmp_path / "app.log*", monkeypatch, 0).read(14)
    read, = (saved["offset"] for saved in dict(watched.tail.changes()).values())

    write(tmp_path / "app.log.1", copied[:read - 3 * life.GULP])
    write(path, b"ERROR anew\n", "wb")
    watched.tail.look(2.0, None)
    watched.read()

    texts = [event.text for event in watched.found]
    assert (watched.windows > 4, "ERROR anew") == (True, texts[-1])
    assert [] == [text for text, times in Counter(texts).items() if times > 1]
    watched.end()


@pytest.mark.parametrize("options", [{"multiline": Multiline(as_=("indent",))}, {"encoding": "utf-16-le"}])
def test_where_lines_are_joined_or_not_utf_8_nothing_is_asked_for(tmp_path, monkeypatch, options):
    path = tmp_path / "app.log"
    write(path, b"".join(lines(10, 20_000)).decode().encode(options.get("encoding", "utf-8")))

    watched = Watched(path, monkeypatch, 0, **options).read()

    assert (0, True) == (watched.asked, len(watched.found) > 1000)
    watched.end()


def test_a_read_that_fails_in_a_backlog_loses_and_doubles_nothing(tmp_path, monkeypatch):
    path, pread, failed = tmp_path / "app.log", os.pread, []
    write(path, b"".join(lines(8, 40_000)))
    plain = Watched(path, monkeypatch, NEVER).read()

    def failing(fd, size, at):
        if size == MARKER and not failed:
            failed.append(at)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(fd, size, at)

    ahead = Watched(path, monkeypatch, 0).read(12)
    windows = ahead.windows
    monkeypatch.setattr(os, "pread", failing)
    ahead.read()
    ahead.tail.look(2.0, None)
    ahead.read()

    assert ([plain.found[-1].place], 1) == ([ahead.found[-1].place], len(failed))
    assert 0 < windows < ahead.windows
    assert plain.end() == ahead.end()


def test_where_others_are_read_between_no_more_is_sent_than_up_to_them(tmp_path, monkeypatch):
    path = tmp_path / "app.log"
    write(path, b"".join(lines(4, 30_000)))
    watched = Watched(path, monkeypatch, 0).read(12)
    windows, last = watched.windows, watched.found[-1].at

    watched.read(1, until=last + 1.0)

    assert (windows, True) == (watched.windows, watched.found[-1].at < last + 1.0)
    watched.read()
    assert watched.end()[3] == 0


def test_a_reader_that_is_closed_in_its_backlog_goes_on_where_it_was(tmp_path, monkeypatch):
    path = tmp_path / "app.log"
    write(path, b"".join(lines(5, 40_000)))
    plain = Watched(path, monkeypatch, NEVER).read()
    first = Watched(path, monkeypatch, 0).read(12)
    events, *_ = first.end()

    second = Watched(path, monkeypatch, 0)
    second.tail.close()
    second.tail = Tail(second, paths=(str(path),), **OPTIONS)
    second.tail.open(first.positions, reader="r", start=None, wake=lambda: None, now=0.0, tell=lambda *a, **f: None)
    second.tail.look(1.0, None)
    second.read()

    assert (first.windows > 2, second.windows > 2) == (True, True)
    assert [MARKER] == [saved["marker_bytes"] for saved in first.positions.values()]
    assert plain.end()[0] == events + second.end()[0]
