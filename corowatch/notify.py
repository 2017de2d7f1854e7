"""What systemd is told, as sd_notify(3) says: READY, STATUS, RELOADING, STOPPING and WATCHDOG, and which descriptors
it keeps for us, as https://systemd.io/FILE_DESCRIPTOR_STORE says.

A status holds our own words and numbers only: a newline from a log line would be another assignment.
"""

from __future__ import annotations

import array
import contextlib
import os
import socket
import time
from collections.abc import Iterable


class Notify:
    """The notify socket of the environment; without one, nothing is told."""

    def __init__(self, address: str | None = None) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        # Children must not speak for us.
        os.environ.pop("NOTIFY_SOCKET", None)
        pid, usec = os.environ.pop("WATCHDOG_PID", ""), os.environ.pop("WATCHDOG_USEC", "")
        meant = not pid or pid == str(os.getpid())
        self.watchdog = int(usec) / 1e6 / 2 if meant and usec.isdigit() else None
        """Seconds between two signs of life, None: nobody wants any."""
        room = os.environ.pop("FDSTORE", "")  # set by systemd from 254 on, before that by the unit
        self._room = int(room) if room.isdigit() and self._address else 0
        self.inherited = _inherited()
        """Descriptors, by name, that were kept from the last run."""
        self._kept = set(self.inherited)
        self._others = set(self.inherited)  # of these, those that nobody has asked to keep

    def _send(self, *assignments: str, descriptor: int | None = None) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        beside = [] if descriptor is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        # A supervisor that does not listen must not stop the work.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendmsg(["\n".join(assignments).encode()], beside, socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT, address)

    def keep(self, descriptors: Iterable[tuple[str, int | None]]) -> None:
        """Have descriptors kept beyond this process, as far as there is room, and those without one let go."""
        for name, descriptor in descriptors:
            if descriptor is None:
                if name in self._kept:
                    self._kept.remove(name)
                    self._send("FDSTOREREMOVE=1", f"FDNAME={name}")
            elif name in self._kept:
                self._others.discard(name)
            elif len(self._kept) < self._room:
                self._kept.add(name)
                self._send("FDSTORE=1", f"FDNAME={name}", "FDPOLL=0", descriptor=descriptor)

    def forget_others(self) -> None:
        """Have what was kept from the last run, and is of no use in this one, let go."""
        self.keep([(name, None) for name in self._others])
        self._others.clear()

    def ready(self, status: str) -> None:
        """The first scan is done, or a reload is over."""
        self._send("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={status}")

    def reloading(self) -> None:
        """With the time, as Type=notify-reload of systemd 253 and newer wants it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The first thing on SIGTERM."""
        self._send("STOPPING=1", "STATUS=stopping")

    def alive(self) -> None:
        """A sign of life: from the pump only."""
        self._send("WATCHDOG=1")


def _inherited() -> dict[str, int]:
    """What sd_listen_fds_with_names(3) tells."""
    pid, many, names = (os.environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if pid != str(os.getpid()) or not many.isdigit():
        return {}
    told = dict(zip(names.split(":"), range(_FIRST, _FIRST + int(many)), strict=False))
    for descriptor in told.values():
        with contextlib.suppress(OSError):
            os.set_inheritable(descriptor, False)
    return told


_FIRST = 3  # SD_LISTEN_FDS_START
