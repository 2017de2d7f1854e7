import os
from typing import Annotated

from corowatch.core.errors import Undelivered
from corowatch.core.events import Alert, Consumer
from corowatch.core.kinds import sink
from corowatch.core.values import FilePath


@sink
def file(*, path: Annotated[FilePath, "where to write; made if it is not there"]) -> Consumer[Alert]:
    """Append each alert to a file as one line of JSON, durably.

    It is opened anew when `path` names another file, so it may be rotated. A line torn by a crash is
    finished in place, and one that was written whole before the crash is not written again.

        file: /var/lib/corowatch/alerts.jsonl
    """
    target = _Target(path)
    try:
        while True:
            alert = yield
            try:
                target.write(alert.as_json() + b"\n")
            except OSError as error:
                raise Undelivered(f"{path}: {error.strerror}") from error
    finally:
        target.close()


class _Target:
    """The file that `path` names now."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1

    def write(self, line: bytes) -> None:
        """Append `line`, or what is missing of it. Raises OSError; what was written then is finished next time."""
        if self._fd >= 0 and not self._is_still_it():
            self.close()
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o640)
            line = self._missing(line)
        while line:
            line = line[os.write(self._fd, line):]
        os.fdatasync(self._fd)

    def _is_still_it(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._fd))
        except OSError:
            return False

    def _missing(self, line: bytes) -> bytes:
        """What of `line` is not at the end of the file yet: a crash may have left it there, whole or torn."""
        size = os.fstat(self._fd).st_size
        end = os.pread(self._fd, len(line) + 1, max(0, size - len(line) - 1))
        if end == b"\n" + line or (size == len(line) and end == line):
            return b""
        torn = end[end.rfind(b"\n") + 1:]
        if not torn:
            return line
        whole_torn_line = b"\n" in end or len(end) == size
        return line[len(torn):] if whole_torn_line and line.startswith(torn) else b"\n" + line

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
