"""The daemon as a real child process, with a supervisor's ear: its notify socket, its log, its state, its memory.

    daemon = Daemon(folder, config).start()      returns once it said READY
    daemon.pause(); daemon.resume(); daemon.kill(); daemon.start(); assert 0 == daemon.stop()

What is under the folder: c.yaml, state/, stderr (of all starts), n (the notify socket).
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def until(true: Callable[[], Any], seconds: float = 30.0, what: object = "") -> Any:
    """Ask until it is true, and give what it answered; fails after so many seconds. `what` may be called for words."""
    end = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() >= end:
            raise AssertionError(f"it did not come in {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(0.02)
    return found


class Daemon:
    """`corowatch run` on a folder. `config` is the YAML text.

    wrap     words before the command, which must exec it (unshare -Ur, strace -f …, setpriv …)
    env      added to the environment; `watchdog` (seconds) asks for signs of life
    options  handed to Popen: preexec_fn, user, pass_fds …
    """

    def __init__(self, folder: Path, config: str, *, wrap: Sequence[str] = (), argv: Sequence[str] = (),
                 env: Mapping[str, str] | None = None, watchdog: float | None = None, **options: Any) -> None:
        self.folder, self.state = folder, folder / "state"
        self.config = folder / "c.yaml"
        self.config.write_text(config)
        self.stderr = folder / "stderr"
        self.wrap, self.argv, self.options = wrap, argv, options
        self.env = {"PYTHONPATH": str(ROOT), **(env or {})}
        if watchdog is not None:
            self.env["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        self.told: list[tuple[float, str]] = []
        """Each assignment that came over the notify socket, of all starts, with the monotonic time."""
        self.stored: dict[str, int] = {}
        """Descriptors that it asked the supervisor to keep (FDSTORE), by name."""
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "n"))
        os.chmod(folder / "n", 0o777)
        threading.Thread(target=self._listen, daemon=True).start()

    # --- its life -------------------------------------------------------------------------------------

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was never started"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def spawn(self) -> Daemon:
        """Start it, and do not wait."""
        assert not self.alive
        command = [*self.wrap, sys.executable, "-m", "corowatch", "run", str(self.config), "--state-dir",
                   str(self.state), *self.argv]
        self._spawned = len(self.told)
        with open(self.stderr, "ab") as said:
            self._process = subprocess.Popen(command, stdout=said, stderr=said, cwd=self.folder,
                                             env={**os.environ, **self.env, "NOTIFY_SOCKET": str(self.folder / "n")},
                                             **self.options)
        return self

    def start(self, seconds: float = 30.0) -> Daemon:
        """Start it, and wait for READY."""
        self.spawn()
        until(lambda: "READY=1" in self.heard() or not self.alive, seconds, self.said)
        assert self.alive, f"it ended with {self.process.returncode}: {self.said()}"
        return self

    def stop(self, number: int = signal.SIGTERM, seconds: float = 40.0) -> int:
        """Send a signal, and give the exit status."""
        self.process.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds: float = 40.0) -> int:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise AssertionError(f"it did not end in {seconds:g} s: {self.said()}") from None

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """SIGSTOP; returns once all its threads stand still."""
        self.process.send_signal(signal.SIGSTOP)
        until(lambda: "T" == Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0], 10)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Whatever state it is in: end it, and let everything go."""
        if self.alive:
            self.process.kill()
            self.process.wait()
        self._socket.close()
        for fd in self.stored.values():
            os.close(fd)
        self.stored.clear()

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    # --- what it tells --------------------------------------------------------------------------------

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                data, ancillary, _, _ = self._socket.recvmsg(65536, socket.CMSG_LEN(253 * 4))
                if not data and not ancillary:
                    return
                fds = array.array("i")
                for level, kind, raw in ancillary:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                        fds.frombytes(raw[:len(raw) // 4 * 4])
                words = data.decode().split("\n")
                name = next((word.partition("=")[2] for word in words if word.startswith("FDNAME=")), "stored")
                if "FDSTOREREMOVE=1" in words and name in self.stored:
                    os.close(self.stored.pop(name))
                for n, fd in enumerate(fds):
                    self.stored[f"{name}.{n}" if n else name] = fd
                self.told += [(time.monotonic(), word) for word in words]

    def heard(self) -> list[str]:
        """What it told its supervisor since it was started last."""
        return [word for _, word in self.told[self._spawned:]]

    @property
    def status(self) -> str:
        """The last STATUS."""
        return next((word[7:] for word in reversed(self.heard()) if word.startswith("STATUS=")), "")

    def statuses(self) -> list[str]:
        return [word[7:] for word in self.heard() if word.startswith("STATUS=")]

    def said(self) -> str:
        """The last of its standard error."""
        return self.stderr.read_text(errors="replace")[-4000:] if self.stderr.exists() else ""

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """The lines of its log, of all starts, as mappings; of one `event` if that is named."""
        found = []
        for row in self.stderr.read_text(errors="replace").splitlines() if self.stderr.exists() else []:
            with contextlib.suppress(ValueError):
                one = json.loads(row)
                if not name or one.get("event") == name:
                    found.append(one)
        return found

    def summary(self) -> dict[str, Any]:
        """summary.json of the last run that ended in order."""
        return json.loads((self.state / "summary.json").read_text())

    def source(self, name: str = "count.tail") -> dict[str, Any]:
        """What all runs together counted of a source."""
        return self.summary()["total"]["sources"][name]

    def bytes_lost(self, name: str = "count.tail") -> int:
        """Bytes that all runs together reported lost."""
        return int(self.source(name).get("bytes_lost", 0))

    def unaccounted(self, name: str = "count.tail") -> int:
        """Bytes by which a source's ledger over all runs does not add up; 0."""
        ledger = dict(self.source(name)["ledger"])
        return int(ledger.pop("found") - sum(ledger.values()))

    # --- what it holds --------------------------------------------------------------------------------

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of state.db, whether it runs or not; none while there is no state."""
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(
                sqlite3.connect(f"file:{self.state}/state.db?mode=ro", uri=True)) as db:
            return db.execute(sql, values).fetchall()
        return []

    def total(self, counter: str, name: str = "count.tail") -> int:
        """A source's counter over all runs, as far as it is committed."""
        rows = self.query("SELECT total(value) FROM totals JOIN readers ON reader = name WHERE role = 'source' "
                          "AND step = ? AND counter = ?", name, counter)
        return int(rows[0][0]) if rows else 0

    def resident(self) -> float:
        """MiB."""
        return self._of_status("VmRSS")

    def peak(self) -> float:
        """MiB, the most that it had since `reset_peak`."""
        return self._of_status("VmHWM")

    def reset_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _of_status(self, name: str) -> float:
        found = re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return int(found[1]) / 1024

    def descriptors(self) -> list[str]:
        """What its open descriptors lead to."""
        found = []
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(OSError):
                found.append(os.readlink(f"/proc/{self.pid}/fd/{name}"))
        return found

    def read(self) -> int:
        """Bytes that it has read since its start, of whatever file."""
        found = re.search(r"rchar: (\d+)", Path(f"/proc/{self.pid}/io").read_text())
        assert found
        return int(found[1])

    def watched(self) -> set[int]:
        """The inodes that its inotify watches stand on; empty without any."""
        found = set()
        for name in os.listdir(f"/proc/{self.pid}/fdinfo"):
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{self.pid}/fdinfo/{name}").read_text()
                found |= {int(ino, 16) for ino in re.findall(r"^inotify wd:\S+ ino:([0-9a-f]+)", text, re.MULTILINE)}
        return found

    def seconds(self) -> float:
        """Seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def end_all(daemons: Iterable[Daemon]) -> None:
    for daemon in daemons:
        daemon.end()
