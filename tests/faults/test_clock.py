"""The wall clock is set while the daemon runs: an hour back, a day ahead, to and fro."""

import mmap
import shutil
import struct
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest

from .judge import CLEAN, count, seen
from .process import until
from .writer import Steady

HELD = """\
  held:
    tail: {tail}
    grep: ',\\d*00,'
    throttle: {{every: 3s}}
    alert: {{to: [out], title: 'held {{text}}'}}
"""
"""One alert in three seconds, whatever the clock does."""


class WallClock:
    """What the daemon takes for the time: `set(seconds)` sets it so far ahead."""

    def __init__(self, folder):
        if not shutil.which("cc"):
            pytest.skip("T52: needs a C compiler for the clock that is preloaded")
        made = subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", folder / "wallclock.so",
                               Path(__file__).with_name("wallclock.c")], check=False)
        assert 0 == made.returncode
        (folder / "ahead").write_bytes(struct.pack("d", 0.0))
        with open(folder / "ahead", "r+b") as file:
            self._ahead = mmap.mmap(file.fileno(), 8)
        self.env = {"LD_PRELOAD": str(folder / "wallclock.so"), "WALLCLOCK": str(folder / "ahead")}

    def set(self, seconds):
        self._ahead[:] = struct.pack("d", seconds)


def longest_stall(daemon, w, seconds):
    """How long it was, at most, that nothing was counted while lines came all the time."""
    end, longest = time.monotonic() + seconds, 0.0
    last, since = seen(daemon), time.monotonic()
    while time.monotonic() < end:
        now = seen(daemon)
        if now > last:
            last, since = now, time.monotonic()
        longest = max(longest, time.monotonic() - since)
        time.sleep(0.02)
    return longest


STEPS = {"-1h": -3600, "+1d": 82800, "-30min": 81000, "-22h30min": 0}
"""By so much it is set, and how far it is ahead then."""


def test_t52_the_wall_clock_is_set(area, scale, figures):
    """An hour back, a day ahead, and back again, then a second to and fro: nothing stalls, and what is held is
    held as long as it should be."""
    clock = WallClock(area.folder)
    daemon = area.daemon(config={"more": HELD.format(tail=area.tail())}, env=clock.env, watchdog=4.0).start()
    w = area.writer()
    steady = Steady(w, 500)
    until(lambda: seen(daemon) > 500)
    stalls, periods = {}, {}
    steps = dict(list(STEPS.items())[:scale.pick(2, 4)])
    for name, to in steps.items():
        clock.set(to)
        stalls[name] = longest_stall(daemon, w, 2.0)
        held, marks = len(area.alerts("held")), []
        for n in (1, 2):
            until(lambda: len(area.alerts("held")) >= held + n)  # noqa: B023 - asked at once
            marks.append(time.monotonic())
        periods[name] = marks[1] - marks[0]
    for n in range(8):
        clock.set(to + (-1) ** n)
        stalls["±1s"] = max(stalls.get("±1s", 0.0), longest_stall(daemon, w, 0.3))
    steady.stop()
    told = area.judge(daemon)

    signs = [at for at, word in daemon.told if word == "WATCHDOG=1"]
    silent = max(after - before for before, after in pairwise(signs))
    clocks = [one["fields"]["seconds"] for one in area.alerts("corowatch") if one["node"] == "clock"]
    figures(stall=f"{max(stalls.values()):.2f}s", periods=" ".join(f"{one:.1f}" for one in periods.values()),
            silent=f"{silent:.1f}s")
    assert CLEAN == told
    assert max(stalls.values()) < 2.0, stalls
    assert all(abs(one - 3.0) <= 1.0 for one in periods.values()), periods
    assert [-3600, 86400, -1800, -81000][:len(steps)] == [round(one, -1) for one in clocks], "each step is told, once"
    assert silent < 4.0


@pytest.mark.parametrize("step", [-3600, -1800, 86400], ids=["-1h", "-30min", "+1d"])
def test_t52_an_alert_waits_for_its_next_attempt(area, oracle, figures, step):
    """The clock is set between two attempts: it, and those behind it, leave no later than without that."""
    clock = WallClock(area.folder)
    oracle.mode = "down"
    sinks = f"  hook: {{webhook: '{oracle.url}'}}\n"
    daemon = area.daemon(config={"every": "0", "sinks": sinks}, env=clock.env).start()
    w = area.writer()
    w.write(20)
    until(lambda: oracle.requests >= 2)
    clock.set(step)
    oracle.mode, mended = "up", time.monotonic()
    w.write(20)
    until(lambda: len(oracle.ids("each")) == 4, 15, lambda: daemon.query("SELECT state, attempts, due FROM outbox"))
    took = time.monotonic() - mended
    assert 0 == daemon.stop()

    counted = count(daemon, w)
    figures(L=counted.lost, D=counted.doubled, AL=0, AD=sum(oracle.ids("each").values()) - 4, wait=f"{took:.1f}s")
    assert (0, 0, 0) == counted
    assert {1} == set(oracle.ids("each").values())
