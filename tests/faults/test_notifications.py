"""Notifications that get lost, that are not to be had, and whose threads die: the poll goes on alone."""

import json
import os
import time
from pathlib import Path

import pytest

from .judge import CLEAN
from .process import until

SEARCH = 5.0
"""Seconds between two searches for files."""
SLACK = 3.0
"""Seconds that reading, committing and a busy machine may add."""

SABOTAGE = '''\
"""Obeys what a log says: `kill KIND` lets the next call that each thread of that class makes raise an exception."""

import ctypes
import json
import os
import threading

CALLS = {"Observer": "dispatch_events", "InotifyEmitter": "queue_event", "Gulping": "read_events"}


def obey(folder):
    while True:
        order, *kind, n = (yield).split()
        for thread in threading.enumerate() if kind else ():
            if kind_of(thread) == " ".join(kind):
                kill(thread)
        with open(f"{folder}/threads.tmp", "w") as out:
            json.dump({one.native_id: kind_of(one) for one in threading.enumerate()}, out)
        os.rename(out.name, f"{folder}/threads.{n}")


def kill(thread):
    call = CALLS.get(type(thread).__name__)
    if call is None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
    else:
        setattr(thread, call, fail)


def fail(*given, **options):
    raise RuntimeError("sabotage")


def kind_of(thread):
    return thread.name if type(thread) is threading.Thread else type(thread).__name__
'''


def limited(name: str, to: int) -> list[str]:
    """Words that run a command in a user namespace with an inotify limit of its own."""
    path = f"/proc/sys/user/max_inotify_{name}"
    return ["unshare", "-Ur", "sh", "-c", f'echo {to} > {path} && exec "$@"', "sh"]


def can_unshare() -> bool:
    return 0 == os.spawnlp(os.P_WAIT, "unshare", "unshare", "-Ur", "true")


def test_t23_the_queue_of_notifications_overflows(area, scale, figures):
    """While the daemon stands still more files are made than the kernel notes down; the notes on those that matter
    come last, and are lost."""
    queued = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    daemon = area.daemon("LOGS/*.log").start()
    w = area.writer("app.log")
    w.write(100)
    area.settle(daemon)

    daemon.pause()
    for n in range(max(20_000, queued + 4000)):
        os.close(os.open(area.logs / f"noise-{n}", os.O_WRONLY | os.O_CREAT, 0o644))
    w.write(100)
    for n in range(20):
        area.writer(f"late-{n}.log", called=f"late{n}").write(100)
    daemon.resume()
    began = time.monotonic()
    area.settle(daemon)
    took = time.monotonic() - began

    figures(took=round(took, 1))
    assert CLEAN == area.judge(daemon)
    assert took < SEARCH + SLACK


def without_notifications(area, figures, limit, to):
    """It starts, polls, loses nothing and says so."""
    if not can_unshare():
        pytest.skip("T24, T25: needs user namespaces")
    folders = [area.logs / f"d{n}" for n in range(6)]
    for folder in folders[:3]:
        folder.mkdir()
    daemon = area.daemon("LOGS/*/app.log", wrap=limited(limit, to)).start()

    began = time.monotonic()
    for folder in folders:
        folder.mkdir(exist_ok=True)
        area.writer(f"{folder.name}/app.log").write(100)
    area.settle(daemon)
    figures(took=round(time.monotonic() - began, 1))
    for w in area.writers:
        w.write(100)
    area.settle(daemon)
    statuses = daemon.statuses()

    assert CLEAN == area.judge(daemon)
    assert "notifications" in " ".join(statuses), statuses


def test_t24_too_few_watches(area, figures):
    """Watches for two folders, and there are six."""
    without_notifications(area, figures, "watches", 2)


def test_t25_no_inotify_instance(area, figures):
    """No inotify at all is to be had."""
    without_notifications(area, figures, "instances", 0)


def test_t26_a_network_file_system():
    """Appends on the server's side, and a server that is started anew (ESTALE)."""
    pytest.skip("T26: needs an NFS server of one's own, which no kernel here has")


def test_t27_the_helper_threads_die(area, scale, figures):
    """An exception is raised in each thread beside the pump, one after another: each is replaced, and no line lost."""
    (area.folder / "sabotage.py").write_text(SABOTAGE)
    orders = area.logs / "orders"
    daemon = area.daemon(config={"more": (
        f"  sabotage:\n    tail: {{paths: {orders}, start: beginning, watch: poll}}\n"
        f"    python: {{function: sabotage.py:obey, args: ['{area.folder}']}}\n")}).start()
    w = area.writer()
    n = 0

    def order(words):
        """Give an order, keep the log busy until it was obeyed; gives the threads of then."""
        nonlocal n
        n += 1
        with orders.open("a") as out:
            out.write(f"{words} {n}\n")
        told = area.folder / f"threads.{n}"
        until(lambda: w.write(10) and told.exists(), 20, lambda: f"{words}: {daemon.said()}")
        return json.loads(told.read_text()).items()

    def of(kind):
        noise = area.logs / "noise"  # a write does not come to all of them, and one raises when it runs next
        noise.touch()
        noise.unlink()
        return {ident for ident, one in order("list") if one == kind}

    w.write(100)
    area.settle(daemon)
    helpers = sorted({kind for _, kind in order("list")} - {"_MainThread"})
    for kind in helpers:
        before = of(kind)
        order(f"kill {kind}")
        until(lambda kind=kind, before=before: of(kind) - before, 15, kind)
        w.write(100)
    area.settle(daemon)

    figures(helpers=",".join(helpers).replace(" ", "-"))
    assert 4 == len(helpers), "observer, emitter, reader of inotify, courier"
    assert CLEAN == area.judge(daemon)
