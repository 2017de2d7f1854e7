"""What must survive a power cut beyond a file's own bytes: its name; and where nothing can be promised."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path

NETWORK = {"nfs", "nfs4", "cifs", "smb3", "afs", "ceph", "lustre", "glusterfs", "fuse.glusterfs", "fuse.sshfs"}
"""File systems whose other end is another machine: SQLite's log needs memory that all who use it share
(https://www.sqlite.org/wal.html)."""


def network_file_system(folder: str | Path, mounts: str | Path = "/proc/self/mountinfo") -> str | None:
    """The type of the file system of a folder if it is one of a network; None if not, or if it cannot be told.

    Format of `mounts`: proc_pid_mountinfo(5). Raises OSError where the folder is not there.
    """
    device = os.stat(folder).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path(mounts).read_text(errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        mount, _, type_ = line.partition(" - ")
        if mount.split()[2:3] == [number] and type_.split()[0] in NETWORK:
            return type_.split()[0]
    return None


def sync_folder(folder: str | Path) -> None:
    """Make a folder's names durable: what was made or renamed is there after a power cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def only_one(folder: str | Path) -> Iterator[None]:
    """Of those who ask for this, one at a time changes files of a folder. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flock(descriptor, LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def replace(path: str | Path, data: bytes) -> None:
    """Give a file other bytes, all at once and durably, and let it keep its mode, and its owner and group where that is
    allowed. A link stays one. Raises OSError; then the file is as it was."""
    real = os.path.realpath(path)
    folder, name = os.path.split(real)
    old = os.stat(real) if os.path.exists(real) else None
    # A name that nobody can foresee, and never one that is there: nothing is written through another's link.
    beside = os.path.join(folder, f".{name[:100]}.{secrets.token_hex(8)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if old is None else 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if old is not None:
                for owner, group in ((-1, old.st_gid), (old.st_uid, -1)):
                    with suppress(PermissionError):
                        os.fchown(file.fileno(), owner, group)
                os.fchmod(file.fileno(), old.st_mode & 0o7777)
            os.fsync(file.fileno())
        os.replace(beside, real)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    sync_folder(folder)
