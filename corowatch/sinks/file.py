import os
from collections.abc import Sequence
from typing import Annotated

from corowatch.core.errors import Undelivered
from corowatch.core.events import Batch, Consumer, Delivery
from corowatch.core.kinds import sink
from corowatch.core.values import FilePath
from corowatch.durable import sync_folder

TAIL = 1 << 20
"""Bytes at a file's end that are looked at when it is opened, at least."""


@sink
def file(
    *,
    path: Annotated[FilePath, "where to write; made if it is not there, with its folder"],
    delivery: Delivery,
) -> Consumer[Batch]:
    """Append each alert to a file as one line of JSON, durably.

    It is opened anew when `path` names another file, so it may be rotated. A line torn by a crash is
    finished in place, and one that was written whole before the crash is not written again.

        file: /var/lib/corowatch/alerts.jsonl
    """
    target = _Target(path)
    try:
        while True:
            alerts = yield
            try:
                offset = target.append([alert.as_json() + b"\n" for alert in alerts])
            except OSError as error:
                raise Undelivered(f"{path}: {error.strerror}") from error
            delivery.said = f"{path}, offset {offset}"
    finally:
        target.close()


class _Target:
    """The file that `path` names now."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._there: set[bytes] = set()
        """Lines at its end when it was opened: perhaps those of a batch that a crash kept from being noted."""

    def append(self, lines: Sequence[bytes]) -> int:
        """Write those of the lines that are not there yet, and sync them; gives where.

        Raises OSError, with nothing added to the file.
        """
        torn = b""
        if self._fd >= 0 and not self._is_still_it():
            self.close()
        if self._fd < 0:
            self._open()
            torn = self._look_back(sum(map(len, lines)))
        missing = [line for line in lines if line not in self._there]
        if len(missing) == len(lines):
            self._there = set()  # the batch of the crash is over
        begun = next((line for line in missing if torn and line.startswith(torn)), None)
        if begun:
            missing.remove(begun)
            missing.insert(0, begun[len(torn):])
        elif torn and missing:
            missing.insert(0, b"\n")  # it is not ours
        return self._write(b"".join(missing))

    def _is_still_it(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._fd))
        except OSError:
            return False

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            self._fd = os.open(self._path, flags)
            return
        except FileNotFoundError:
            folder = os.path.dirname(os.path.abspath(self._path))
            fresh = not os.path.isdir(folder)
            os.makedirs(folder, 0o750, exist_ok=True)
        owner = os.stat(folder)
        another = os.geteuid() == 0 and owner.st_uid != 0
        # In a folder of another's, no link may lead root elsewhere.
        self._fd = os.open(self._path, flags | os.O_CREAT | (os.O_EXCL if another else 0), 0o640)
        if another:  # what an administrator tries must not keep the service out
            os.fchown(self._fd, owner.st_uid, owner.st_gid)
        sync_folder(folder)
        if fresh:
            sync_folder(os.path.dirname(folder))

    def _look_back(self, size: int) -> bytes:
        """Note the whole lines at the end, as far as a batch of `size` bytes reaches; gives what is torn after them."""
        length = os.fstat(self._fd).st_size
        begin = max(0, length - max(TAIL, 2 * size))
        first, *lines = os.pread(self._fd, length - begin, begin).split(b"\n")
        whole = [first, *lines] if begin == 0 else lines
        self._there = {line + b"\n" for line in whole[:-1]}
        return whole[-1] if whole else first

    def _write(self, data: bytes) -> int:
        before, done = os.fstat(self._fd).st_size, 0
        try:
            while done < len(data):
                done += os.write(self._fd, data[done:])
            os.fdatasync(self._fd)
        except OSError:
            if os.fstat(self._fd).st_size == before + done:  # nobody else has written meanwhile
                os.ftruncate(self._fd, before)
            raise
        return before

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
