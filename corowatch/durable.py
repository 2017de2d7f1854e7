"""What must survive a power cut beyond a file's own bytes: its name; and where nothing can be promised."""

from __future__ import annotations

import os
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
