import errno
import os
import selectors
import signal
import subprocess
import time
from typing import Annotated

from corowatch.core.errors import Undelivered
from corowatch.core.events import Alert, Consumer
from corowatch.core.kinds import sink
from corowatch.core.text import Text, safe
from corowatch.core.values import Seconds

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
REFUSALS = {65: "EX_DATAERR", 77: "EX_NOPERM"}
"""Exit statuses of sysexits.h that mean "never"."""
SAID = 2000
"""Bytes of a command's standard error that are kept to explain a failure."""


@sink
def exec_(
    *,
    argv: Annotated[list[Text], "the command, one word an item; no shell looks at it"],
    timeout: Annotated[Seconds, "after this time it is killed, with all that it started"] = Seconds(30.0),
) -> Consumer[Alert]:
    """Run a command for each alert, with the Alert as JSON on its standard input.

    Exit status 0: delivered. 65 and 77: refused for good. Anything else, or a timeout: tried again. Its
    environment is PATH and LANG alone. A field that would make a word an option (`-x`) is refused.

        exec: [/usr/local/bin/page, '{severity}', '{title}']
    """
    while True:
        alert = yield
        run(words(argv, alert), alert.as_json() + b"\n", timeout)


def words(argv: list[Text], alert: Alert) -> list[str]:
    """The command for one alert. Raises Undelivered (permanent) where a field makes an option of a word."""
    values = alert.values()
    told = []
    for text in argv:
        word = safe(text.render(values))
        if word.startswith("-") and not text.source.startswith("-"):
            raise Undelivered(f"{text.source!r} became {word!r}, which a command would take for an option",
                              permanent=True)
        told.append(word)
    return told


def run(command: list[str], data: bytes, timeout: float) -> None:
    """Run a command to its end, or to its timeout (seconds); its whole process group ends with it.

    Raises Undelivered with the exit status and the end of what it said.
    """
    try:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,  # noqa: S603 - no shell
                                 stderr=subprocess.PIPE, env=ENVIRONMENT, start_new_session=True, cwd="/")
    except OSError as error:
        raise Undelivered(f"{command[0]}: {error.strerror}", permanent=error.errno == errno.E2BIG) from error
    try:
        said = _converse(child, data, time.monotonic() + timeout)
    finally:
        # The leader may be gone and its children not: the group outlives it.
        _kill_group(child.pid)
        child.wait()
        for pipe in (child.stdin, child.stderr):
            if pipe:
                pipe.close()
    status = child.returncode
    if said is None:
        raise Undelivered(f"{command[0]} took over {timeout:g} s and was killed")
    if status:
        reason = safe(said.decode("utf-8", "backslashreplace").strip().rpartition("\n")[2])
        raise Undelivered(f"{command[0]} ended with {REFUSALS.get(status, status)}{': ' if reason else ''}{reason}",
                          permanent=status in REFUSALS)


def _converse(child: "subprocess.Popen[bytes]", data: bytes, deadline: float) -> bytes | None:
    """Write standard input and keep the end of standard error until the child ends; None if it does not in time."""
    assert child.stdin is not None
    assert child.stderr is not None
    os.set_blocking(child.stdin.fileno(), False)
    os.set_blocking(child.stderr.fileno(), False)
    ended = os.pidfd_open(child.pid)
    said = b""
    try:
        with selectors.DefaultSelector() as waiting:
            waiting.register(ended, selectors.EVENT_READ)
            waiting.register(child.stdin, selectors.EVENT_WRITE)
            waiting.register(child.stderr, selectors.EVENT_READ)
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                ready = [key.fileobj for key, _ in waiting.select(left)]
                if child.stderr in ready:
                    part = child.stderr.read(65536)
                    if part == b"":
                        waiting.unregister(child.stderr)
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
                    return (said + (child.stderr.read(65536) or b""))[-SAID:]
    finally:
        os.close(ended)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # gone, or of another user, such as sudo's
        return
