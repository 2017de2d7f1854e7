"""Truncation: the file stays, and its content does not."""

import os
import shutil
import subprocess
import time

import pytest

from .judge import CLEAN, missing
from .process import until
from .writer import Steady, Writer

SLOW = '''\
import time


def slow():
    while True:
        yield
        time.sleep(0.001)
'''


def truncations(daemon):
    return daemon.source().get("truncations", 0)


@pytest.mark.parametrize("glob", ["app.log*", "app.log"])
def test_t05_copytruncate_while_the_writer_rests(area, scale, watch, glob):
    """logrotate copies a file that was read to its end, and truncates it; the copy is not read again."""
    if not shutil.which("logrotate"):
        pytest.skip("T05: needs logrotate")
    w = area.writer()
    daemon = area.daemon(f"LOGS/{glob}").start()
    rules = area.folder / "logrotate.conf"
    rules.write_text(f"{area.logs}/app.log {{ su root root\n rotate 3\n copytruncate\n }}\n")

    times = scale.pick(2, 50)
    for _ in range(times):
        w.write(100)
        area.settle(daemon)
        subprocess.run(["logrotate", "-f", "-s", area.folder / "logrotate.state", rules], check=True)
    w.write(100)

    assert CLEAN == area.judge(daemon)
    assert times == truncations(daemon)


@pytest.mark.parametrize("glob", ["app.log*", "app.log"])
def test_t05b_copied_and_truncated_more_than_once_between_two_looks(area, scale, watch, glob):
    """While the daemon stands still its log is copied and truncated several times: the texts between stand in copies
    only, and are read from them."""
    w = area.writer()
    daemon = area.daemon(f"LOGS/{glob}").start()
    w.write(100)
    area.settle(daemon)

    for _ in range(scale.pick(1, 20)):
        daemon.pause()
        for _ in range(3):
            w.write(500)
            for n in range(99, 0, -1):
                if (area.logs / f"app.log.{n}").exists():
                    os.rename(area.logs / f"app.log.{n}", area.logs / f"app.log.{n + 1}")
            shutil.copyfile(area.logs / "app.log", area.logs / "app.log.1")
            os.truncate(area.logs / "app.log", 0)
            time.sleep(0.02)  # by which the times of the copies differ
        w.write(500)
        daemon.resume()
        area.settle(daemon)

    assert CLEAN == area.judge(daemon)
    assert [] == area.losses()


def test_t06_copytruncate_under_load(area, scale, watch, figures):
    """A copy, then the truncation, under a busy writer: what was not read of the old content is taken from the copy.
    Only what was written between the copy and the truncation can be lost, for it stands nowhere."""
    times, rate = scale.pick((6, 10_000), (200, 50_000))
    w = area.writer()
    block = scale == "full"  # it writes hundreds of lines at a time, so tens are lost whole or not at all
    daemon = area.daemon(config={"block": block}).start()
    w.write(100)
    area.settle(daemon)
    busy = Steady(w, rate, batch=100)
    gap: list[int] = []

    for n in range(times):
        time.sleep(0.3)
        with busy.lock:
            for older in range(n, 0, -1):
                os.rename(area.logs / f"app.log.{older}", area.logs / f"app.log.{older + 1}")
            shutil.copyfile(area.logs / "app.log", area.logs / "app.log.1")
            copied = w.next
        time.sleep(0.002)
        with busy.lock:
            os.truncate(area.logs / "app.log", 0)
            gap += range(copied, w.next)
    time.sleep(0.3)
    busy.stop()
    area.settle(daemon, lost=len(gap), seconds=scale.pick(60, 300))
    unread = missing(daemon, w, block=block)
    figures(gap=len(gap), lost_in_gap=len(unread))

    assert set() == set(unread) - set(gap)
    w.forget(unread)
    told = area.judge(daemon, block=block)
    assert (0, 0, 0, 0) == (told.lost, told.doubled, told.alerts_doubled, told.strange)
    assert 1 <= truncations(daemon) <= times, "of those between two looks it sees one"


def test_t06b_truncated_without_a_copy(area, scale, watch, figures):
    """The same without a copy: what was there and not read is lost, and so many bytes are told, to the line."""
    (area.folder / "slow.py").write_text(SLOW)
    daemon = area.daemon(config={"more": f"  slow:\n    tail: {area.tail()}\n    python: {{function: slow.py:slow}}\n"})
    w = area.writer()
    daemon.start()
    w.write(20_000)
    until(lambda: daemon.total("lines") > 1000, 20)

    os.truncate(area.logs / "app.log", 0)
    other = area.writer(called="after")
    other.write(100)
    until(lambda: not missing(daemon, other), 30)
    unread = missing(daemon, w)
    figures(lost_lines=len(unread))

    assert 1000 < len(unread) < 20_000
    w.forget(unread)
    told = area.judge(daemon)
    assert (0, 0, 0, 0) == (told.lost, told.doubled, told.alerts_lost, told.alerts_doubled)
    assert told.strange <= 1, "the beginning of the line in which reading stood"
    assert (len(unread) - 1) * w.size < told.bytes_lost <= len(unread) * w.size
    assert [told.bytes_lost] == [one["fields"]["bytes"] for one in area.losses()]
    assert {"truncated": told.bytes_lost} == daemon.source()["bytes_lost_by"]


def test_t07_a_hole_that_copytruncate_leaves(area, watch, figures):
    """A writer without O_APPEND goes on at 8 GiB after the truncation, in a file that begins with a hole."""
    w = area.writer(append=False)
    daemon = area.daemon(config={"more": f"  nul:\n    tail: {area.tail()}\n    grep: '\\x00'\n"
                                         "    alert: {to: out}\n"}).start()
    w.write(100)
    os.lseek(w.fd, 8 << 30, os.SEEK_SET)
    w.write(100)
    area.settle(daemon)
    daemon.reset_peak()
    before, used, began = daemon.resident(), daemon.seconds(), time.monotonic()

    os.truncate(area.logs / "app.log", 0)
    w.write(100)
    area.settle(daemon)

    took, used, grown = time.monotonic() - began, daemon.seconds() - used, daemon.peak() - before
    figures(took=round(took, 2), processor=round(used, 2), grown=round(grown, 1))
    assert CLEAN == area.judge(daemon)
    assert [] == area.alerts("nul")
    assert took < 1 + (1.5 if watch == "poll" else 0.0), "polling looks once a second"
    assert used < 1
    assert grown < 8
    assert 1 == truncations(daemon)


def regrown(area, same_bytes):
    """While nobody looks the file is truncated and grows past the place that was read up to: its size tells nothing."""
    w = area.writer()
    daemon = area.daemon().start()
    w.write(2000)
    area.settle(daemon)

    daemon.pause()
    os.truncate(area.logs / "app.log", 0)
    again = Writer(None, w.name)
    w.put(again.make(-(-same_bytes // w.size)))
    w.written += again.written
    w.write(3000)
    daemon.resume()

    assert CLEAN == area.judge(daemon)
    assert 1 == truncations(daemon)


def test_t08_truncated_and_grown_past_the_old_place(area, watch):
    """A new content, longer than the old, while the daemon stands still."""
    regrown(area, same_bytes=0)


def test_t09_the_same_with_an_equal_beginning(area, watch):
    """The new content begins with the same 4 KiB."""
    regrown(area, same_bytes=4096)


def test_t10_rewritten_in_place_to_its_half(area, watch, figures):
    """Somebody keeps the first half of a file and writes it back: nothing is lost, and at most that half is read
    again."""
    w = area.writer()
    daemon = area.daemon().start()
    w.write(1000)
    area.settle(daemon)

    half = (area.logs / "app.log").read_bytes()[:500 * w.size]
    (area.logs / "app.log").write_bytes(half)
    w.write(200)
    area.settle(daemon)
    after = area.writer(called="after")
    after.write(1)
    until(lambda: not missing(daemon, after), 20)

    told = area.judge(daemon)
    figures(surviving_prefix=500)
    assert (0, 0, 0, 0) == (told.lost, told.alerts_lost, told.bytes_lost, told.strange)
    assert told.doubled <= 500
    assert 1 == truncations(daemon)
