"""A command, run to its end: what it is given, what it says, and how everything that it started ends with it."""

from __future__ import annotations

import errno
import os
import resource
import selectors
import signal
import subprocess
import time

from corowatch.core.errors import Undelivered
from corowatch.core.text import safe

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
REFUSALS = {65: "EX_DATAERR", 77: "EX_NOPERM"}
"""Exit statuses of sysexits.h that mean "never"."""
SAID = 2000
"""Bytes of a command's standard error that are kept to explain a failure."""
LAST = 3
"""Lines of these that are told."""
FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
"""How many files this process could open when it began; kinds are imported before the daemon raises that."""


def find(program: str) -> str:
    """The path of a program, looked for as a child would. Raises OSError if there is none that can be run."""
    import shutil

    found = shutil.which(program, path=ENVIRONMENT["PATH"])
    if found is None:
        there = "/" in program and os.path.exists(program)
        number = errno.EACCES if there else errno.ENOENT
        raise OSError(number, os.strerror(number), program)
    return os.path.abspath(found)


def run(command: list[str], data: bytes, timeout: float, *, once: bool = False) -> str:
    """Run a command to its end, or to its timeout (seconds); its whole process group ends with it.

    Gives the end of what it wrote to standard error, as one line. Raises Undelivered with that and the exit status;
    with `once` only where it could not be started.
    """
    try:
        status, reason = ended(command, data, timeout)
    except OSError as error:
        raise Undelivered(f"{command[0]}: {error.strerror}", permanent=error.errno == errno.E2BIG) from error
    if once:
        return reason
    if status is None:
        raise Undelivered(f"{command[0]} took over {timeout:g} s and was killed")
    if status:
        raise Undelivered(f"{command[0]} ended with {REFUSALS.get(status, status)}{': ' if reason else ''}{reason}",
                          permanent=status in REFUSALS)
    return reason


def ended(command: list[str], data: bytes, timeout: float, *, output: bool = False,
          cancelled: int | None = None) -> tuple[int | None, str]:
    """Run a command to its end; its whole process group ends with it.

    Gives its exit status, and as one line the end of what it wrote to standard error, with `output` to standard output
    as well; the status is None if it did not end in its timeout (seconds), or the descriptor `cancelled` became
    readable, and was killed. Raises OSError if it cannot be run.
    """
    pipes = (subprocess.PIPE, subprocess.STDOUT) if output else (subprocess.DEVNULL, subprocess.PIPE)
    child = subprocess.Popen(_limited(command), stdin=subprocess.PIPE, stdout=pipes[0], stderr=pipes[1],  # noqa: S603
                             env=ENVIRONMENT, start_new_session=True, cwd="/")
    try:
        said = _converse(child, data, time.monotonic() + timeout, cancelled)
    finally:
        # The leader may be gone and its children not: the group outlives it.
        _kill_group(child.pid)
        child.wait()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe:
                pipe.close()
    if said is None:
        return None, ""
    return child.returncode, " / ".join(
        safe(row.strip()) for row in said.decode("utf-8", "backslashreplace").splitlines()[-LAST:] if row.strip())


def _limited(command: list[str]) -> list[str]:
    """The command under the limit of open files that a program expects. Raises OSError if it cannot be run.

    The daemon raises its own, and with a million descriptors some programs are slow (they close all) or break
    (select). Between fork and exec nothing of ours may run, so a shell lowers it, and looks at no word.
    """
    command = [find(command[0]), *command[1:]]
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] == FILES:
        return command
    limit = "unlimited" if FILES == resource.RLIM_INFINITY else str(FILES)
    return ["/bin/sh", "-c", 'ulimit -S -n "$0" && exec "$@"', limit, *command]


def _converse(child: subprocess.Popen[bytes], data: bytes, deadline: float, cancelled: int | None) -> bytes | None:
    """Write standard input and keep the end of what is said until the child ends; None if it does not in time."""
    says = child.stderr or child.stdout
    assert child.stdin is not None
    assert says is not None
    os.set_blocking(child.stdin.fileno(), False)
    os.set_blocking(says.fileno(), False)
    ended = os.pidfd_open(child.pid)
    said = b""
    try:
        with selectors.DefaultSelector() as waiting:
            waiting.register(ended, selectors.EVENT_READ)
            waiting.register(child.stdin, selectors.EVENT_WRITE)
            waiting.register(says, selectors.EVENT_READ)
            if cancelled is not None:
                waiting.register(cancelled, selectors.EVENT_READ)
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                ready = [key.fileobj for key, _ in waiting.select(left)]
                if cancelled in ready:
                    return None
                if says in ready:
                    part = says.read(65536)
                    if part == b"":
                        waiting.unregister(says)
                    said = (said + (part or b""))[-SAID:]
                if child.stdin in ready:
                    try:
                        data = data[os.write(child.stdin.fileno(), data):]
                    except BrokenPipeError:
                        data = b""  # it does not read what it is given: its own affair
                    if not data:
                        waiting.unregister(child.stdin)
                        child.stdin.close()
                elif ended in ready:
                    return (said + (says.read(65536) or b""))[-SAID:]
    finally:
        os.close(ended)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # gone, or of another user, such as sudo's
        return
