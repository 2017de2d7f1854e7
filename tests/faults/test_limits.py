"""Limits: of descriptors, of permissions, of a line's length."""

import os
import resource
import shutil
import time

import pytest

from .judge import CLEAN, count, missing, seen
from .process import until

UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"]
"""Words that run a command without any capability: permissions hold for it, even if it is root's."""


def few():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def test_t28_more_files_than_descriptors(area, scale, watch, figures):
    """64 descriptors, 200 files: what cannot be opened now is not gone. Each line counts once, here or after a start
    with room enough, and no file's place is forgotten."""
    files = [area.writer(f"f{n:03}.log", called=f"f{n}") for n in range(200)]
    for w in files:
        w.write(10)
    daemon = area.daemon("LOGS/*.log", preexec_fn=few).start(10)
    area.settle(daemon, seconds=20)
    for w in files:
        w.write(10)
    area.settle(daemon, seconds=20)
    counted = seen(daemon)
    few_places = {row[0] for row in daemon.query("SELECT key FROM positions")}
    assert 0 == daemon.stop()
    under = count(daemon, *files)

    daemon.options = {}
    daemon.start()
    area.settle(daemon)
    places = {row[0] for row in daemon.query("SELECT key FROM positions")}
    figures(counted_with_few=counted)

    assert CLEAN == area.judge(daemon)
    assert (0, 0) == (under.doubled, under.strange)
    assert few_places <= places
    assert 200 == len(places)
    assert 4000 == counted, "each line is counted even while descriptors are few"


def unprivileged(area, paths, **options):
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("T29: needs a user who is not root, or setpriv")
    return area.daemon(paths, wrap=UNPRIVILEGED if os.geteuid() == 0 else (), **options)


def unreadable(area, daemon):
    """What it told of files and folders that it may not read: paths of internal alerts, and of lines of its log."""
    return ([one["fields"]["path"] for one in area.alerts("corowatch") if one["node"] == "unreadable"],
            [one["path"] for one in daemon.events("corowatch.unreadable")])


def keep_writing(area, daemon, seconds, *writers):
    """Write on for so long, and until a new file has been found, beside the log, which takes a search for files."""
    late = area.writer("../late.log", called="late")
    late.write(1)
    end = time.monotonic() + seconds
    while time.monotonic() < end or missing(daemon, late):
        for w in writers:
            w.write(1)
        time.sleep(0.1)


def test_t29_a_file_that_may_not_be_read(area, scale, watch, figures):
    """The permissions of the log are taken away, while it grows, over a rotation and over a restart: what was open is
    read on, the rest waits, and all is read once it may be. One alert tells of it."""
    w = area.writer()
    daemon = unprivileged(area, f"LOGS/app.log, {area.folder}/*.log").start()
    w.write(100)
    area.settle(daemon)

    os.chmod(area.logs / "app.log", 0)
    w.write(100)
    os.rename(area.logs / "app.log", area.logs / "app.log.1")
    new = area.writer(None, called="new")
    os.close(os.open(area.logs / "app.log", os.O_WRONLY | os.O_CREAT, 0o000))
    new.open(area.logs / "app.log")
    new.write(100)
    w.write(100)
    until(lambda: unreadable(area, daemon)[1], 20)
    assert 0 == daemon.stop()
    new.write(100)
    daemon.start()
    new.write(100)
    keep_writing(area, daemon, scale.pick(1, 60), new)
    for name in ("app.log", "app.log.1"):
        os.chmod(area.logs / name, 0o644)
    area.settle(daemon)

    assert CLEAN == area.judge(daemon)
    alerts, said = unreadable(area, daemon)
    figures(alerts=len(alerts))
    assert 2 == said.count(str(area.logs / "app.log")), "once a run"
    assert 1 == alerts.count(str(area.logs / "app.log")), "one alert"


def test_t29b_a_folder_that_may_not_be_entered(area, scale, watch, figures):
    """The folder of the log cannot be entered for a while, and the log is rotated in it meanwhile."""
    w = area.writer()
    daemon = unprivileged(area, f"LOGS/app.log, {area.folder}/*.log").start()
    w.write(100)
    area.settle(daemon)

    os.chmod(area.logs, 0)
    w.write(100)
    os.rename(area.logs / "app.log", area.logs / "app.log.1")
    new = area.writer(None, called="new")
    new.open(area.logs / "app.log")
    keep_writing(area, daemon, scale.pick(1, 60), w, new)
    os.chmod(area.logs, 0o755)
    area.settle(daemon)

    assert CLEAN == area.judge(daemon)
    alerts, said = unreadable(area, daemon)
    figures(alerts=len(alerts))
    assert 1 == len(said), said
    assert 1 == len(alerts), "one alert"


def test_t32_a_line_without_an_end(area, scale, watch, figures):
    """A line of 1 GiB, kill -9 in the middle of it, then a thousand ordinary ones: its beginning is kept, its length is
    told, the memory stays flat, and the others are whole."""
    size = scale.pick(96, 1024) << 20
    w = area.writer()
    daemon = area.daemon(config={"every": "-", "more": (
        f"  long:\n    tail: {area.tail()}\n    grep: '^LONG'\n    alert: {{to: out}}\n")}).start()
    w.write(10)
    area.settle(daemon)
    before = daemon.resident()

    begin = b"LONG" + bytes(range(97, 123)) * 10
    w.put(begin)
    piece = b"x" * (1 << 20)
    grown = 0.0
    for n in range(size >> 20):
        w.put(piece)
        if n == size >> 21:
            until(lambda: daemon.read() > size // 4, 30)
            grown = daemon.peak() - before
            daemon.kill()
            daemon.start()
            before = daemon.resident()
    w.put(b"\n")
    w.write(1000)
    area.settle(daemon, seconds=scale.pick(60, 300))
    grown = max(grown, daemon.peak() - before)

    figures(grown=round(grown, 1))
    told = area.judge(daemon, every=0)
    assert (0, 0, 0, 0, 0, 1) == told, "the one strange line is the long one"
    (cut,) = area.alerts("long")
    assert size + len(begin) - 65536 == cut["fields"]["cut_bytes"]
    text = cut["events"][-1]["text"]
    assert (begin + b"x" * 65536)[:len(text)].decode() == text
    assert len(text) >= 1000
    assert grown < 32


def test_t32b_a_file_of_long_and_short_lines(area, watch):
    """Long and short lines in turn, each long one of another length around the limit."""
    w = area.writer()
    daemon = area.daemon(tail="max_line_bytes: 1000B", config={"every": ""}).start()
    for n in range(-5, 6):
        w.write(3)
        w.put(b"y" * (1000 + n) + b"\n")
        w.write(3)
    assert (0, 0, 0, 0, 0, 11) == area.judge(daemon, every=1)
