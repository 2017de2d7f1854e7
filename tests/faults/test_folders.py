"""Folders that come late, are renamed, removed and made anew, or fill up with files."""

import os
import shutil
import time

from .judge import CLEAN
from .process import until

SEARCH = 5.0
"""Seconds between two searches for files."""
SLACK = 2.0
"""Seconds that reading, committing and a busy machine may add."""


def test_t18_three_levels_of_folders_that_come_late(area, scale, watch, figures):
    """Folders three deep are made after the start, and a file in them is written to at once."""
    daemon = area.daemon("LOGS/**/*.log").start()
    slowest = 0.0

    for n in range(scale.pick(1, 30)):
        folder = area.logs / f"a{n}" / "b" / "c"
        folder.mkdir(parents=True)
        began = time.monotonic()
        area.writer(f"a{n}/b/c/app.log", called=f"late{n}").write(20)
        area.settle(daemon, seconds=20)
        slowest = max(slowest, time.monotonic() - began)

    figures(slowest=round(slowest, 2))
    assert CLEAN == area.judge(daemon)
    assert slowest < SEARCH + SLACK


def test_t19_a_folder_renamed_and_made_anew(area, scale, watch):
    """The folder is renamed, another takes its name, and both files are written on: no line under a wrong path."""
    folder, path = area.logs / "d", area.logs / "d" / "app.log"
    folder.mkdir()
    w = area.writer("d/app.log", called="w0")
    daemon = area.daemon("LOGS/d/app.log", config={"every": ""}).start()
    places = {"w0": {path}}

    for n in range(1, scale.pick(2, 20) + 1):
        w.write(10)
        area.settle(daemon)
        os.rename(folder, area.logs / f"d.{n}")
        places[w.name].add(area.logs / f"d.{n}" / "app.log")
        folder.mkdir()
        new = area.writer("d/app.log", called=f"w{n}")
        places[new.name] = {path}
        w.write(10)
        new.write(10)
        w.write(10)
        w = new

    assert CLEAN == area.judge(daemon, every=1)
    wrong = [one for one in area.alerts() if one["events"][-1]["file"] not in map(str, places[one["fields"]["w"]])]
    assert [] == wrong


def test_t20_a_folder_removed_and_made_anew(area, scale, watch, figures):
    """The watched folder is removed, with its file, and made anew: nothing is lost, and the new one is watched soon."""
    folder = area.logs / "d"
    folder.mkdir()
    w = area.writer("d/app.log", called="w0")
    daemon = area.daemon("LOGS/d/app.log").start()
    slowest = 0.0

    for n in range(1, scale.pick(1, 20) + 1):
        w.write(20)
        area.settle(daemon)
        w.write(20)
        shutil.rmtree(folder)
        folder.mkdir()
        began = time.monotonic()
        w = area.writer("d/app.log", called=f"w{n}")
        w.write(20)
        if watch == "auto":
            until(lambda: os.stat(folder).st_ino in daemon.watched(), 20)
            slowest = max(slowest, time.monotonic() - began)
        area.settle(daemon)

    figures(watched_after=round(slowest, 2))
    if watch == "poll":
        assert set() == daemon.watched()
    assert slowest < SEARCH + SLACK
    assert CLEAN == area.judge(daemon)


def test_t21_ten_thousand_new_files(area, scale, watch, figures):
    """Thousands of files that match come at once."""
    files = scale.pick(1000, 10_000)
    w = area.writer(None)
    first = area.writer("first.log", called="first")
    first.write(1)
    daemon = area.daemon("LOGS/*.log").start()
    area.settle(daemon)
    before = daemon.resident()

    for n in range(files):
        with open(area.logs / f"n{n}.log", "wb", buffering=0) as out:
            out.write(w.make(2))
    area.settle(daemon, seconds=scale.pick(60, 300))
    for n in range(0, files, 10):
        with open(area.logs / f"n{n}.log", "ab", buffering=0) as out:
            out.write(w.make(1))
    area.settle(daemon, seconds=scale.pick(60, 300))

    grown = daemon.resident() - before
    figures(grown=round(grown, 1), of_one_file_kib=round(grown * 1024 / files, 1))
    assert CLEAN == area.judge(daemon)
    assert grown < 32 + files / 256, "MiB: 4 KiB a file"
