"""SIGTERM at every moment: idle, reading, committing, reloading, catching up, in a slow pattern, twice; and a hang."""

import collections
import json
import os
import shutil
import signal
import time

import pytest

from .judge import CLEAN, count, seen, tallied
from .process import until
from .writer import Steady


def stopped(area, daemon, w, status):
    """What must be true of every ordinary stop: one goodbye a node, and the position that of the last line counted."""
    assert 0 == status, daemon.said()
    closed = collections.Counter(one["node"] for one in daemon.events("node.closed"))
    assert {"count.python": 1, "count.tally": 1, "each.grep": 1, "each.alert": 1} == closed
    assert 1 == len(daemon.events("summary"))
    counted = sorted(int(seq) for (_, seq), n in tallied(daemon).items() for _ in range(n))
    assert list(range(len(counted))) == counted, "each line up to the last one counted, once"
    offset = [json.loads(row)["offset"] for row, in daemon.query(
        "SELECT state FROM positions JOIN readers USING (reader) WHERE step = 'count.tail'")]
    assert [len(counted) * w.size] == (offset or [0])
    assert len(counted) == daemon.summary()["sources"]["count.tail"]["lines"]
    assert len(counted) == sum(daemon.summary()["nodes"]["count.tally"]["standing"].values())
    return len(counted)


MOMENTS = ["idle", "reading", "committing", "reloading", "catching up"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_t54_sigterm(area, scale, figures, moment):
    """SIGTERM while it is idle, reads, commits, reloads or catches up at its start; then it goes on: none is lost."""
    daemon = area.daemon()
    w = area.writer()
    if moment == "committing":
        if not shutil.which("strace"):
            pytest.skip("T54: needs strace")
        daemon.wrap = ("strace", "-D", "-f", "-qq", "-o", str(area.folder / "strace"), "-e", "trace=fdatasync",
                       "-e", "inject=fdatasync:delay_enter=300000:when=8+")
    if moment == "catching up":
        w.write(scale.pick(120_000, 1_000_000))
        daemon.start()
    else:
        daemon.start()
        w.write(1000)
        until(lambda: seen(daemon) == 1000)
    steady = None
    if moment in ("reading", "committing", "reloading"):
        steady = Steady(w, 3000)
        until(lambda: len(w.written) > 3000)
    if moment == "committing":
        trace = area.folder / "strace"
        syncs = trace.read_text().count("fdatasync(")
        until(lambda: trace.read_text().count("fdatasync(") > syncs or trace.read_text().endswith("fdatasync("), 20)
    if moment == "reloading":
        daemon.process.send_signal(signal.SIGHUP)
    if moment == "catching up":
        until(lambda: seen(daemon) > 0)
    began = time.monotonic()
    status = daemon.stop()
    took = time.monotonic() - began
    if steady:
        steady.stop()
    first = stopped(area, daemon, w, status)
    daemon.wrap = ()
    daemon.start()

    told = area.judge(daemon)
    figures(at=first, of=len(w.written), end=f"{took:.1f}s")
    assert CLEAN == told
    assert moment != "catching up" or first < len(w.written)


SLOW = """\
  slow:
    tail: {tail}
    grep: '(?=x)(x+x+)+y'
    alert: {{to: [out]}}
"""


def test_t55_sigterm_while_a_pattern_takes_for_ever(area, scale, figures):
    """A pattern that backtracks without end on each line: SIGTERM is heeded within its budget, and all else holds."""
    daemon = area.daemon(config={"more": SLOW.format(tail=area.tail())}).start()
    w = area.writer()
    bad = b"x" * 5000 + b"\n"
    w.write(100)
    until(lambda: seen(daemon) == 100)
    for _ in range(400):
        w.put(bad)
        w.write(1)
    until(lambda: daemon.events("node.failed"))
    began = time.monotonic()
    status = daemon.stop()
    took = time.monotonic() - began
    daemon.start()
    until(lambda: sum(n for (name, _), n in tallied(daemon).items() if name == "w") == 500)
    assert 0 == daemon.stop()

    counted = count(daemon, w)
    figures(L=counted.lost, D=counted.doubled, end=f"{took:.1f}s")
    assert (0, 0) == counted[:2]
    assert 400 == counted.strange, "the long lines are counted, too"
    assert 0 == status
    assert took < 3.0


PAIRS = [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)]


@pytest.mark.parametrize("signals", PAIRS, ids=lambda pair: "+".join(one.name for one in pair))
def test_t56_two_signals(area, oracle, figures, signals):
    """The first waits for a sink that never answers; the second does not, and what waits is there at the next start."""
    oracle.mode = "silent"
    daemon = area.daemon(config={"every": "0", "sinks": f"  hook: {{webhook: '{oracle.url}'}}\n"}).start()
    w = area.writer()
    w.write(100)
    until(lambda: seen(daemon) == 100 and oracle.requests)
    first, second = signals
    daemon.process.send_signal(first)
    until(lambda: "STOPPING=1" in daemon.heard())
    time.sleep(0.5)
    assert daemon.alive, "it waits for its sink"
    began = time.monotonic()
    status = daemon.stop(second)
    took = time.monotonic() - began
    stopped(area, daemon, w, status)
    oracle._over.set()
    oracle.mode = "up"
    daemon.start()
    until(lambda: len(oracle.ids("each")) == 10)
    assert 0 == daemon.stop()

    counted = count(daemon, w)
    ids = oracle.ids("each")
    figures(L=counted.lost, D=counted.doubled, AL=10 - len(ids), AD=sum(ids.values()) - len(ids), end=f"{took:.1f}s")
    assert (0, 0, 0) == counted
    assert 10 == len(ids)
    assert took < 4.0, "a courier's thread is given two seconds"


HANG = '''\
import ctypes
import os


def hang(target):
    """Wait for a lock that is never free, deep in C, where no signal reaches Python, as long as a file is there."""
    while True:
        event = yield
        if event.text == "HANG" and os.path.exists({flag!r}):
            lock = ctypes.create_string_buffer(64)
            ctypes.CDLL(None).pthread_mutex_lock(lock)
            ctypes.CDLL(None).pthread_mutex_lock(lock)
        target.send(event)
'''


def test_t57_a_hang(area, figures):
    """A step hangs in C: the signs of life end, SIGABRT shows where, and a restart counts every line once."""
    flag = area.folder / "hang"
    flag.touch()
    (area.folder / "hang.py").write_text(HANG.format(flag=str(flag)))
    more = f"  hanging:\n    tail: {area.tail()}\n    python: {{function: hang.py:hang}}\n    tally: {{}}\n"
    daemon = area.daemon(config={"more": more}, watchdog=4.0).start()
    w = area.writer()
    w.write(1000)
    until(lambda: seen(daemon) == 1000)
    until(lambda: daemon.heard().count("WATCHDOG=1") > 2)
    w.write(50)
    w.put(b"HANG\n")
    w.write(50)
    hung = time.monotonic()
    time.sleep(4.5)
    last = max(at for at, word in daemon.told if word == "WATCHDOG=1")
    assert daemon.alive
    os.kill(daemon.pid, signal.SIGABRT)
    status = daemon.process.wait(10)
    said = daemon.stderr.read_text()
    flag.unlink()
    daemon.start()
    until(lambda: sum(n for (name, _), n in tallied(daemon).items() if name == "w") == 1100)
    assert 0 == daemon.stop()

    counted = count(daemon, w)
    figures(L=counted.lost, D=counted.doubled, signs=f"{max(0, last - hung):.1f}s")
    assert (0, 0, 1) == counted, "HANG is the strange one"
    assert last - hung < 2.0, "half of WatchdogSec"
    assert -signal.SIGABRT == status
    assert "Fatal Python error: Aborted" in said
    assert "hang.py" in said


ENDINGS = {
    "raises": "raise ZeroDivisionError('in the goodbye')",
    "yields": "yield",
    "sleeps": "import time; time.sleep(60)",
    "swallows": "while True:\n            try:\n                yield\n"
                "            except GeneratorExit:\n                pass",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_t60_a_goodbye_that_goes_wrong(area, figures, ending):
    """A GeneratorExit handler raises, yields, sleeps for a minute: all others are closed, in time, and it is told."""
    (area.folder / "bad.py").write_text(
        "def bad(target):\n    try:\n        while True:\n            target.send((yield))\n"
        f"    except GeneratorExit:\n        {ENDINGS[ending]}\n")
    more = (f"  bad:\n    tail: {area.tail()}\n    python: {{function: bad.py:bad}}\n    tally: {{}}\n"
            f"  after:\n    tail: {area.tail()}\n    tally: {{}}\n")
    daemon = area.daemon(config={"more": more}).start()
    w = area.writer()
    w.write(1000)
    until(lambda: seen(daemon) == 1000)
    began = time.monotonic()
    status = daemon.stop()
    took = time.monotonic() - began

    counted = count(daemon, w)
    closed = collections.Counter(one["node"] for one in daemon.events("node.closed"))
    failed = [one for one in daemon.events("node.failed") if one["node"] == "bad.python"]
    figures(L=counted.lost, D=counted.doubled, end=f"{took:.1f}s", status=status)
    assert (0, 0, 0) == counted
    assert 1 == status
    assert dict.fromkeys(["count.python", "count.tally", "each.grep", "each.alert", "bad.python", "bad.tally",
                          "after.tally"], 1) == closed
    assert 1 == len(failed)
    assert 1000 == daemon.summary()["nodes"]["after.tally"]["standing"][""]
    assert took < 8.0
