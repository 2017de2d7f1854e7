"""The state directory: damaged, full, read-only, refused by the kernel, or taken by somebody else."""

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from .judge import CLEAN, count
from .process import until
from .writer import Steady

PAUSED = "the state cannot be written"


def files(folder):
    """The database and its log, where that holds anything; the index of the log is none of the state."""
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.name in ("state.db", "state.db-wal")}
    return {name: data for name, data in found.items() if data or name == "state.db"}


def newer(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


def garbled(path, begin=0):
    data = path.read_bytes()
    path.write_bytes(data[:begin] + random.Random(1).randbytes(len(data) - begin))


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut in its header": lambda path: os.truncate(path, 50),
    "garbage": garbled,
    "garbage behind the header": lambda path: garbled(path, 100),
    "newer": newer,
    "another program's": lambda path: shutil.copy(_other(path.parent), path),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "unreadable": lambda path: path.chmod(0),
}
BARE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")
"""Root without the right to read everything."""


def _other(folder):
    path = folder.parent / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript("CREATE TABLE other (x); PRAGMA application_id = 7; PRAGMA user_version = 1;")
    return path


def test_t39_a_state_that_is_damaged_is_refused_and_left_as_it_is(area, figures):
    """Missing: a first start. Anything else that is not whole: exit 78 with the reason, and not a byte touched."""
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("T39: needs root, and setpriv to give up reading everything")
    daemon = area.daemon(config={"every": "0"}).start()
    w = area.writer()
    w.write(100)
    assert CLEAN == area.judge(daemon, every=10)
    whole = files(daemon.state)
    refused = {}
    for name, damage in DAMAGES.items():
        damage(daemon.state / "state.db")
        before = files(daemon.state) if name not in ("a folder", "unreadable") else {}
        said = daemon.stderr.stat().st_size
        daemon.wrap = BARE
        daemon.spawn()
        status = daemon.wait()
        refused[name] = status
        if status == 78:
            assert "state.db" in daemon.stderr.read_text()[said:], name
            assert "Traceback" not in daemon.stderr.read_text()[said:], name
        assert not before or before == files(daemon.state), name
        shutil.rmtree(daemon.state / "state.db") if (daemon.state / "state.db").is_dir() else None
        for file in daemon.state.glob("state.db*"):
            file.unlink()
        for file, data in whole.items():
            (daemon.state / file).write_bytes(data)
    daemon.wrap = ()
    daemon.start()
    w.write(100)
    told = area.judge(daemon, every=10)
    for file in daemon.state.glob("state.db*"):
        file.unlink()
    (area.folder / "alerts.jsonl").unlink()
    daemon.start()  # missing: it begins anew, at the beginning

    fresh = area.judge(daemon, every=10)
    figures(refused=f"{sum(status == 78 for status in refused.values())}/{len(refused)}")
    assert CLEAN == told
    assert CLEAN == fresh
    assert dict.fromkeys(DAMAGES, 78) == refused


QUERY = """\
import json, sqlite3, sys
with sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True) as db:
    print(json.dumps(db.execute(sys.argv[2], sys.argv[3:]).fetchall()))
"""


def test_t40_a_power_cut():
    pytest.skip("T40: needs dm-log-writes, or a virtual machine to reset; T38 tears the log instead")


def test_t44_a_network_file_system():
    pytest.skip("T44: needs a network file system")


class Room:
    """A mount namespace of a daemon's own, in which its state directory is a file system of so many MiB."""

    def __init__(self, daemon, size):
        self.daemon, self.inside = daemon, daemon.state
        self.inside.mkdir()
        script = f"mount -t tmpfs -o size={size}m,mode=700 state {self.inside} && echo there && exec sleep 100000"
        self.holder = subprocess.Popen(["unshare", "-Urm", "sh", "-c", script], stdout=subprocess.PIPE)
        assert b"there\n" == self.holder.stdout.readline()
        self.filler = Path(f"/proc/{self.holder.pid}/root{self.inside}/filler")
        daemon.wrap = ("nsenter", "-t", str(self.holder.pid), "-U", "-m", "--preserve-credentials")
        daemon.query = self.query

    def query(self, sql, *values):
        """What the database says inside."""
        ran = subprocess.run([*self.daemon.wrap, sys.executable, "-c", QUERY, self.inside / "state.db", sql,
                              *map(str, values)], capture_output=True, text=True, check=False)
        return [tuple(row) for row in json.loads(ran.stdout)] if ran.returncode == 0 else []

    def fill(self):
        with contextlib.suppress(OSError), open(self.filler, "wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))

    def end(self):
        self.daemon.end()
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


@pytest.fixture
def room(area, oracle):
    probe = subprocess.run(["unshare", "-Urm", "mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("T41: needs a user namespace that may mount")
    sinks = f"  hook: {{webhook: '{oracle.url}'}}\n"
    daemon = area.daemon(config={"every": "0", "sinks": sinks}, watchdog=2.0)
    made = Room(daemon, 32)
    yield made
    made.end()


def pings(daemon, since):
    return [at for at, word in daemon.told if word == "WATCHDOG=1" and at >= since]


def widest(times, begin, end):
    """The longest time without one, between `begin` and `end`."""
    marks = [begin, *(at for at in times if begin <= at <= end), end]
    return max(after - before for before, after in pairwise(marks))


def delivered(oracle, w):
    """(AL, AD) at the oracle, of alerts on each tenth line."""
    got = [one for one in oracle.got if one["flow"] == "each"]
    wanted = {f"w,{seq:010d}" for seq in w.written if seq % 10 == 0}
    return len(wanted - {one["title"] for one in got}), len(got) - len({one["id"] for one in got})


def test_t41_a_full_file_system_pauses_the_reading(area, room, scale, oracle, figures):
    """Somebody else fills the state's file system and frees it later: reading waits, signs of life go on."""
    daemon, w = room.daemon.start(), area.writer()
    steady = Steady(w, 500)
    until(lambda: len(w.written) > 500)

    room.fill()
    until(lambda: PAUSED in daemon.status, 60, lambda: daemon.statuses())
    begin = time.monotonic()
    position = daemon.query("SELECT state FROM positions")
    time.sleep(scale.pick(5, 60))
    end = time.monotonic()
    assert PAUSED in daemon.status, "nothing made room meanwhile"
    assert position
    assert position == daemon.query("SELECT state FROM positions")
    silent = widest(pings(daemon, begin), begin, end)
    room.filler.unlink()
    until(lambda: PAUSED not in daemon.status)
    steady.stop()
    area.settle(daemon)
    until(lambda: 0 == delivered(oracle, w)[0], 60, lambda: delivered(oracle, w))
    counted = count(daemon, w)
    al, ad = delivered(oracle, w)
    status = daemon.stop()

    figures(L=counted.lost, D=counted.doubled, AL=al, AD=ad, silent=f"{silent:.2f}s", lines=len(w.written))
    assert (0, 0, 0) == counted
    assert (0, 0) == (al, ad)
    assert silent < 2.0, "the watchdog would have bitten"
    assert 0 == status


@pytest.fixture
def disk(tmp_path):
    """A small ext4 of its own, mounted as the state directory, that turns read-only at its first error."""
    if os.geteuid() or not shutil.which("mkfs.ext4"):
        pytest.skip("T43: needs root and mkfs.ext4")
    image, folder = tmp_path / "image", tmp_path / "state"
    image.touch()
    os.truncate(image, 64 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    folder.mkdir()

    def mount():
        done = subprocess.run(["mount", "-o", "loop,errors=remount-ro", image, folder], capture_output=True,
                              check=False)
        if done.returncode:
            pytest.skip(f"T43: needs a loop device: {done.stderr.decode().strip()}")
        folder.chmod(0o700)

    def break_it():
        device = os.stat(folder).st_dev
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("1")

    mount()
    yield mount, break_it, folder
    subprocess.run(["umount", "-l", folder], check=False)


def test_t43_a_state_that_turns_read_only(area, disk, scale, oracle, figures):
    """An error of the disk makes it read-only under load: reading waits; a stop says so; then it goes on as it was."""
    mount, break_it, folder = disk
    daemon = area.daemon(config={"every": "0", "sinks": f"  hook: {{webhook: '{oracle.url}'}}\n"}, watchdog=2.0).start()
    w = area.writer()
    steady = Steady(w, 500)
    until(lambda: len(w.written) > 1000)
    break_it()
    until(lambda: PAUSED in daemon.status or not daemon.alive, 20, daemon.statuses)
    assert daemon.alive, daemon.said()
    begin = time.monotonic()
    time.sleep(scale.pick(3, 60))
    silent = widest(pings(daemon, begin), begin, time.monotonic())
    status = daemon.stop()
    steady.stop()
    subprocess.run(["umount", folder], check=True)
    mount()
    daemon.start()
    area.settle(daemon)
    until(lambda: 0 == delivered(oracle, w)[0])
    assert 0 == daemon.stop()
    counted = count(daemon, w)
    al, ad = delivered(oracle, w)

    figures(L=counted.lost, D=counted.doubled, AL=al, AD=ad, silent=f"{silent:.2f}s", status=status)
    assert (0, 0, 0) == counted
    assert 0 == al
    assert ad <= 1, "at most the alert whose note could not be written"
    assert silent < 2.0
    assert 0 != status


FAULTS = [("pwrite64", "ENOSPC"), ("fdatasync", "ENOSPC"), ("pwrite64", "EIO"), ("pread64", "EIO"),
          ("pread64", "EINTR"), ("openat", "EMFILE"), ("openat", "EINTR"), ("openat", "ENFILE"), ("write", "EINTR"),
          ("fdatasync", "EINTR"), ("fdatasync", "EIO"), ("fsync", "EIO")]


@contextlib.contextmanager
def injected(daemon, call, error, when):
    """Attach to the daemon, and let calls fail; detach at the end."""
    log = daemon.folder / f"strace-{call}-{error}-{when}"
    tracer = subprocess.Popen(["strace", "-f", "-p", str(daemon.pid), "-o", str(log), "-e", f"trace={call}",
                               "-e", f"inject={call}:error={error}:when={when}"], stderr=subprocess.PIPE)
    assert b"attached" in tracer.stderr.readline()
    try:
        yield lambda: log.read_text().count("(INJECTED)")
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        tracer.stderr.close()


def test_t42_a_kernel_that_says_no(area, scale, figures):
    """Writes, syncs, opens and reads that fail at the N-th call: a failed sync ends it with 74, it gets over others."""
    if not shutil.which("strace"):
        pytest.skip("T42: needs strace")
    daemon = area.daemon("LOGS/app.log*", config={"every": "0"}).start()
    w = area.writer()
    steady = Steady(w, 300)
    ended, hits = {}, {}
    for turn in range(scale.pick(1, 20)):
        for call, error in FAULTS:
            with injected(daemon, call, error, f"{1 + turn % 5}..{3 + turn}") as hit:
                end = time.monotonic() + 1.5
                while time.monotonic() < end and daemon.alive and hit() < 3:
                    time.sleep(0.3)
                    with steady.lock:
                        w.rotate(area.logs / f"app.log.{time.monotonic_ns()}")
                hits[call, error] = hits.get((call, error), 0) + hit()
                if hit():
                    end = time.monotonic() + 3
                    while error == "EIO" and "sync" in call and daemon.alive and time.monotonic() < end:
                        time.sleep(0.02)
            time.sleep(0.2)
            if not daemon.alive:
                ended[call, error] = daemon.wait()
                daemon.start()
    steady.stop()

    told = area.judge(daemon, every=10)
    figures(ended=" ".join(f"{call}:{error}={status}" for (call, error), status in ended.items()),
            hits=" ".join(f"{call}:{error}={n}" for (call, error), n in hits.items()))
    assert CLEAN == told
    assert [] == [case for case in FAULTS if not hits[case] and case[0] not in ("fsync", "write")]
    assert 74 == ended.get(("fdatasync", "EIO"))
    assert {"fdatasync", "fsync"} >= {call for call, _ in ended}, "after a failed sync nobody knows what is written"
    assert {74} == set(ended.values())


def test_t45_a_second_instance(area, figures):
    """It is refused at once, with the owner's number; the first does not notice."""
    daemon = area.daemon(config={"every": "0"}).start()
    w = area.writer()
    steady = Steady(w, 1000)
    took = []
    for _ in range(3):
        began = time.monotonic()
        second = subprocess.run([sys.executable, "-m", "corowatch", "run", str(daemon.config), "--state-dir",
                                 str(daemon.state)], capture_output=True, text=True, timeout=30, check=False,
                                env={**os.environ, **daemon.env})
        took.append(time.monotonic() - began)
        assert 78 == second.returncode
        assert f"is in use by process {daemon.pid}" in second.stderr
    steady.stop()

    told = area.judge(daemon, every=10)
    figures(seconds=f"{min(took):.2f}")
    assert CLEAN == told
    assert min(took) < 5.0  # it does not wait for the first
