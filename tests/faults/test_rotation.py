"""Rotation: the file is renamed, moved, unlinked or linked anew, and its lines go on elsewhere."""

import gzip
import os
import shutil
import time

import pytest

from .judge import CLEAN, missing
from .process import until
from .writer import Pace, line


def test_t01_rename_and_create(area, scale, watch):
    """A writer that renames its log and opens a new one at once, again and again at 5,000 lines a second."""
    rotations, each = scale.pick((20, 500), (1000, 5000))
    daemon = area.daemon("LOGS/app.log*", config={"block": scale == "full"}).start()
    w, pace = area.writer(), Pace(5000)

    for n in range(rotations):
        for _ in range(each // 50):
            w.write(50)
            pace.wait(50)
        w.rotate(area.logs / f"app.log.{n:04d}")

    assert CLEAN == area.judge(daemon, block=scale == "full")
    assert [] == area.losses()


def test_t02_the_old_descriptor_is_written_on(area, scale, watch):
    """After each rename another process writes into the old file for a while; no glob finds that file."""
    rotations, seconds = scale.pick((2, 2.0), (60, 10.0))
    old = area.writer(called="old")
    daemon = area.daemon().start()
    old.write(10)
    area.settle(daemon)

    for n in range(rotations):
        new = area.writer(None, called=f"new{n}")
        os.rename(area.logs / "app.log", area.logs / f"old-{n}")
        new.open(area.logs / "app.log")
        pace = Pace(500)
        for _ in range(int(50 * seconds)):
            old.write(10)
            new.write(10)
            pace.wait(10)
        old.close()
        old = new

    assert CLEAN == area.judge(daemon)


def test_t03_a_cascade_of_numbers(area, scale, watch):
    """app.log → .1 → .2 → .3 twice a second, all inside the glob: each line once, and in the writer's order."""
    rotations = scale.pick(8, 200)
    w = area.writer()
    daemon = area.daemon("LOGS/app.log*", config={"every": ""}).start()
    w.write(20)
    area.settle(daemon)

    pace = Pace(2)
    for _ in range(rotations):
        w.write(20)
        pace.wait()
        for n in (2, 1):
            if (area.logs / f"app.log.{n}").exists():
                os.rename(area.logs / f"app.log.{n}", area.logs / f"app.log.{n + 1}")
        w.rotate(area.logs / "app.log.1")
        w.write(20)

    assert CLEAN == area.judge(daemon, every=1)
    assert [f"w,{seq:010d}" for seq in w.written] == [one["title"] for one in area.alerts()]


@pytest.mark.parametrize("glob", ["app.log*", "app.log"])
def test_t04_two_rotations_between_two_looks(area, scale, watch, glob):
    """While the daemon stands still its log is rotated twice: the file between was never seen under its own name."""
    w = area.writer()
    daemon = area.daemon(f"LOGS/{glob}", config={"every": ""}).start()
    w.write(300)
    area.settle(daemon)

    for _ in range(scale.pick(2, 20)):
        daemon.pause()
        w.write(300)
        for n in range(8, 0, -1):
            if (area.logs / f"app.log.{n}").exists():
                os.rename(area.logs / f"app.log.{n}", area.logs / f"app.log.{n + 1}")
        w.rotate(area.logs / "app.log.1")
        time.sleep(0.02)  # by which the times of the files differ
        w.write(300)
        os.rename(area.logs / "app.log.1", area.logs / "app.log.2")
        w.rotate(area.logs / "app.log.1")
        time.sleep(0.02)
        w.write(300)
        daemon.resume()
        area.settle(daemon)

    assert CLEAN == area.judge(daemon, every=1)
    assert [] == area.losses()
    assert [f"w,{seq:010d}" for seq in w.written] == [one["title"] for one in area.alerts()]


def test_t11_rotated_compressed_and_unlinked_while_lagging(area, scale, watch):
    """The daemon is far behind when its file is renamed, compressed beside it and unlinked: its descriptor has it."""
    lines = scale.pick(20_000, 100_000)
    w = area.writer(pad=1000)
    daemon = area.daemon("LOGS/app.log*").start()
    w.write(100)
    area.settle(daemon)

    daemon.pause()
    for _ in range(lines // 100):
        w.write(100)
    w.rotate(area.logs / "app.log.1")
    with open(area.logs / "app.log.1", "rb") as plain, gzip.open(area.logs / "app.log.1.gz", "wb", 1) as small:
        shutil.copyfileobj(plain, small)
    os.unlink(area.logs / "app.log.1")
    w.write(100)
    daemon.resume()

    assert CLEAN == area.judge(daemon)
    assert [] == area.losses()


def test_t15_unlinked_and_created_again_and_again(area, scale, watch, figures):
    """A file that is unlinked and created every millisecond. What the daemon opened it reads to the end; what came and
    went between two looks it cannot have seen, but it never takes one for another."""
    times = scale.pick(300, 1000)
    daemon = area.daemon().start()
    path, pace = area.logs / "app.log", Pace(1000)
    w = area.writer(None)
    lives = []

    for n in range(times):
        w.open(path)
        w.write(5)
        lives.append(w.written[-5:])
        pace.wait()
        if n < times - 1:
            os.unlink(path)
    last = area.writer(None, called="last")
    last.open(path)
    last.write(5)
    until(lambda: not missing(daemon, last), 20)

    unread = set(missing(daemon, w))
    never_opened = [life for life in lives if unread >= set(life)]
    figures(never_opened=len(never_opened))
    assert unread == {seq for life in never_opened for seq in life}, "a file is read whole, or was never opened"
    assert lives[-1] not in never_opened
    w.forget(unread)
    assert CLEAN == area.judge(daemon)


def test_t16_links_that_are_swapped(area, scale, watch):
    """As Kubernetes does: app.log → ..data/app.log, ..data → a folder, swapped atomically, the old folder removed."""
    swaps = scale.pick(5, 200)
    w = area.writer(None)

    def volume(n):
        (area.logs / f"..{n}").mkdir()
        w.open(area.logs / f"..{n}" / "app.log")
        w.write(20)

    volume(0)
    os.symlink("..0", area.logs / "..data")
    os.symlink("..data/app.log", area.logs / "app.log")
    daemon = area.daemon().start()
    for n in range(1, swaps + 1):
        area.settle(daemon)
        w.write(20)
        volume(n)
        os.symlink(f"..{n}", area.logs / "..tmp")
        os.rename(area.logs / "..tmp", area.logs / "..data")
        shutil.rmtree(area.logs / f"..{n - 1}")
        w.write(20)

    assert CLEAN == area.judge(daemon)


def test_t22_a_file_that_lives_a_tenth_of_a_second(area, scale, watch, figures):
    """Files that are there for 100 ms. With notifications each is read; without, those between two looks cannot be
    seen, and none is read in part."""
    daemon = area.daemon("LOGS/*.log").start()
    w = area.writer(None)
    lives = []
    for n in range(scale.pick(15, 200)):
        path = area.logs / f"short-{n}.log"
        w.open(path)
        w.write(10)
        lives.append(w.written[-10:])
        time.sleep(0.1)
        os.unlink(path)
    w.close()
    stays = area.writer("stays.log", called="stays")
    stays.write(10)
    until(lambda: not missing(daemon, stays), 20)

    unread = set(missing(daemon, w))
    missed = [life for life in lives if unread >= set(life)]
    figures(missed_files=len(missed))
    assert unread == {seq for life in missed for seq in life}
    if watch == "auto":
        assert [] == missed
    w.forget(unread)
    assert CLEAN == area.judge(daemon)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_t30_half_a_line_over_a_restart(area, scale, watch, end):
    """A line whose first half was read when the daemon ended is counted once, and whole, when it is completed."""
    w, probe = area.writer("app.log"), area.writer("probe.log", called="probe")
    daemon = area.daemon("LOGS/app.log, LOGS/probe.log", config={"every": ""}).start()

    for cut in scale.pick((1, 15), range(1, w.size)):
        whole = w.make(1)
        w.put(whole[:cut])
        w.written.pop()
        for _ in range(2):  # what was written before the first of these was looked at before the second is counted
            probe.write(1)
            area.settle(daemon)
        if end == "kill":
            daemon.kill()
        else:
            assert 0 == daemon.stop()
        daemon.start()
        w.put(whole[cut:])
        w.written.append(w.next - 1)
        w.write(2)

    assert CLEAN == area.judge(daemon, every=1)


def test_t31_a_last_line_cut_by_a_rotation(area):
    """The last line of a file has no newline, and its rest stands at the head of the next: one unfinished line, when
    the old file has been quiet for a minute, and the rest as a line of its own."""
    daemon = area.daemon(config={"every": "-", "more": (
        f"  broken:\n    tail: {area.tail()}\n    grep: {{pattern: '^[a-z0-9,]{{1,19}}$'}}\n"
        "    alert: {to: out, title: '{text}'}\n")}).start()
    w = area.writer()
    w.write(10)
    cut = line("w", w.next)
    w.put(cut[:12])
    area.settle(daemon)
    os.rename(area.logs / "app.log", area.logs / "app.log.1")
    w.open()
    w.next += 1
    w.put(cut[12:])
    w.write(10)
    pieces = [cut[12:-1].decode(), cut[:12].decode()]

    until(lambda: pieces == [one["title"] for one in area.alerts("broken")], 90, lambda: area.alerts("broken"))

    told = area.judge(daemon, every=0)
    assert (0, 0, 0, 2) == (told.lost, told.doubled, told.bytes_lost, told.strange)
