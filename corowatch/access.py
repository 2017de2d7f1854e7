"""Who may read or write a path, and the cure: this process, and as root also the service's user in its unit.

Only trying tells what access lists allow, so it is tried by a process of that user. What the unit hides from the
service (systemd.exec(5)) is told from its settings, with those of drop-ins.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import json
import os
import pwd
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import NamedTuple

from corowatch.core.text import safe
from corowatch.units import HOMES, installed

_HIDES = {"ProtectHome": (HOMES, "read-only"), "PrivateTmp": (("/tmp/", "/var/tmp/"), "no")}  # noqa: S108 - names only
"""Settings, the folders that they hide, and what shows them."""
_STATE = "/var/lib"


class Barrier(NamedTuple):
    """Why a path cannot be used, by whom (nobody: by this process), and what helps."""

    whom: str
    why: str
    cure: str

    def told(self, path: str) -> str:
        """A sentence for people, without its subject."""
        by = f" by {self.whom}" if self.whom else ""
        return f"cannot be read{by}: {safe(path)}: {self.why}; the cure: {safe(self.cure)}"


def unreadable(paths: Iterable[str]) -> dict[str, Barrier]:
    """Those that cannot be opened for reading."""
    paths = list(paths)
    me = os.environ.get("USER") or str(os.geteuid())
    return {**{path: Barrier("", why, cure(at, me)) for path, (why, at) in _refused(paths, os.R_OK).items()},
            **_services(paths, os.R_OK)}


def unwritable(paths: Iterable[str]) -> dict[str, Barrier]:
    """Those that the service could not write, as far as root can tell."""
    return _services(list(paths), os.W_OK)


def cure(path: str, user: str, mode: int = os.R_OK) -> str:
    """What lets a user read a file, enter a folder or write either: the file's group where it would, else an access
    list."""
    letter, bit = ("w", 0) if mode == os.W_OK else ("x", stat.S_IXGRP) if os.path.isdir(path) else ("r", stat.S_IRGRP)
    with contextlib.suppress(OSError, KeyError):  # the file is gone, or its group has no name
        status = os.stat(path)
        if status.st_mode & bit and status.st_gid != 0:
            return f"usermod -aG {grp.getgrgid(status.st_gid).gr_name} {user}"
        if mode == os.W_OK:
            return f"chown {user} {path}"
    return f"setfacl -m u:{user}:{letter} {path}"


# --- the service's user -----------------------------------------------------------------------------


def _services(paths: list[str], mode: int) -> dict[str, Barrier]:
    if os.geteuid() != 0:
        return {}
    service = installed()
    try:
        account = pwd.getpwnam(service["User"])
    except KeyError:
        return {}  # the service is not installed
    user = account.pw_name
    groups = [*os.getgrouplist(user, account.pw_gid), *_numbers(service.get("SupplementaryGroups", "").split())]
    refused = _as(account, groups, lambda: _refused(paths, mode))
    told = {path: Barrier(user, why, cure(at, user, mode)) for path, (why, at) in refused.items()}
    for path in paths:
        if setting := _hiding(service, path):
            told[path] = Barrier(user, f"{setting} of the unit hides it",
                                 f"{setting}={_HIDES[setting][1]} in a drop-in")
        elif mode == os.W_OK and not _open_to_write(service, path):
            told[path] = Barrier(user, "ProtectSystem of the unit keeps it as it is",
                                 f"ReadWritePaths={os.path.dirname(path)} in a drop-in")
    return told


def _hiding(service: Mapping[str, str], path: str) -> str | None:
    return next((setting for setting, (folders, _) in _HIDES.items()
                 if service.get(setting, "no") not in ("no", "read-only") and path.startswith(folders)), None)


def _open_to_write(service: Mapping[str, str], path: str) -> bool:
    folders = [f"{_STATE}/{name}" for name in service.get("StateDirectory", "").split()]
    folders += [folder.lstrip("-+") for folder in service.get("ReadWritePaths", "").split()]
    return service.get("ProtectSystem") != "strict" or any(PurePath(path).is_relative_to(one) for one in folders)


def _as(account: pwd.struct_passwd, groups: list[int],
        ask: Callable[[], dict[str, tuple[str, str]]]) -> dict[str, tuple[str, str]]:
    """What `ask` answers in a process of another user."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups(groups)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            with open(into, "w") as told:
                json.dump(ask(), told)
            status = 0
        finally:
            os._exit(status)  # nothing of what this process would do at its end is the child's
    os.close(into)
    with open(out) as told:
        answer = told.read()
    os.waitpid(child, 0)
    return {path: (why, at) for path, (why, at) in json.loads(answer or "{}").items()}


def _numbers(names: Iterable[str]) -> Iterator[int]:
    for name in names:
        with contextlib.suppress(KeyError):  # a machine without such a group
            yield grp.getgrnam(name).gr_gid


# --- trying -----------------------------------------------------------------------------------------


def _refused(paths: Iterable[str], mode: int) -> dict[str, tuple[str, str]]:
    """Why each of these that cannot be used cannot, and where that is: the first folder that cannot be entered, else
    the path. One that is still to be made is written into its folder."""
    found = {}
    for path in paths:
        closed = next((str(folder) for folder in reversed(PurePath(path).parents) if not os.access(folder, os.X_OK)
                       and os.path.isdir(folder)), None)
        at = closed or (path if mode == os.R_OK or os.path.lexists(path) else os.path.dirname(path))
        try:
            if mode == os.R_OK:
                os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
            elif os.path.exists(at) and not os.access(at, mode):
                found[path] = (os.strerror(errno.EACCES), at)
        except OSError as error:
            found[path] = (error.strerror or str(error), at)
    return found
