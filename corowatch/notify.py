"""What systemd is told, as sd_notify(3) says: READY, STATUS, RELOADING, STOPPING and WATCHDOG.

A status holds our own words and numbers only: a newline from a log line would be another assignment.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time


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

    def _send(self, *assignments: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        # A supervisor that does not listen must not stop the work.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto("\n".join(assignments).encode(), socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT, address)

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
