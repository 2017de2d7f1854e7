"""What a config would find on this machine: files and who may read them, programs, secrets that lie open."""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from corowatch.child import find
from corowatch.core.config import Config, SinkUse
from corowatch.core.kinds import Secret
from corowatch.sources.tail import Tail
from corowatch.units import settings


class Found(NamedTuple):
    """What a glob finds: files, those of them that cannot be read, and why.

    `hidden`: a secret is part of it, so `glob` is as it was written, and the paths must not be shown.
    `unreadable` has for each path who cannot read it, why, and the cure.
    """

    step: str
    glob: str
    files: list[str]
    unreadable: dict[str, tuple[str, str, str]]
    hidden: bool


def look_around(config: Config) -> Iterator[Found]:
    """Open each file of each glob, as the daemon would; as root, also as the service's user would."""
    for step in config.steps.values():
        if step.kind.name != "tail":
            continue
        source = Tail(lambda block: None, **step.options)  # type: ignore[arg-type]
        written = step.written["paths"]
        texts = written if isinstance(written, list) else [written]
        for (glob, paths), told in zip(source.globs(), texts, strict=True):
            files = [path for path in paths if os.path.isfile(path)]
            hidden = "${" in str(told)
            yield Found(step.id, str(told) if hidden else glob, files, _unreadable(files), hidden)


def missing_programs(config: Config) -> Iterator[tuple[str, str, str]]:
    """(sink, program, why) of each command that could not be run now."""
    for use in config.sinks.values():
        if use.kind.name != "exec":
            continue
        program = use.options["argv"][0].render({})
        try:
            find(program)
        except OSError as error:
            yield use.name, program, error.strerror or str(error)


def open_secrets(config: Config) -> Iterator[str]:
    """A sentence for each secret that is written into a file which others may read."""
    for use in config.sinks.values():
        for name in _secrets(use):
            place = use.places[name]
            with contextlib.suppress(OSError):  # a config that the command line made is no file
                if os.stat(place.file).st_mode & stat.S_IROTH:
                    yield (f"{place}: everyone can read this {name}; write ${{credential:NAME}} or ${{env:NAME}} "
                           f"instead, or chmod o-r {place.file}")


def _secrets(use: SinkUse) -> list[str]:
    return [name for name, option in use.kind.options.items()
            if Secret in option.markers and name in use.written and "${" not in str(use.written[name])]


# --- who may read -----------------------------------------------------------------------------------


def _unreadable(paths: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    paths = list(paths)
    me = os.environ.get("USER") or str(os.geteuid())
    found = {path: ("", why, cure(path, me)) for path, why in _refused(paths).items()}
    service = settings("corowatch.service")
    try:
        account = pwd.getpwnam(service["User"])
    except KeyError:
        return found  # the service is not installed
    if os.geteuid() == 0:
        groups = [*os.getgrouplist(account.pw_name, account.pw_gid), *_numbers(service["SupplementaryGroups"].split())]
        for path, why in _as(account, groups, lambda: _refused(paths)).items():
            found[path] = (account.pw_name, why, cure(path, account.pw_name))
    return found


def _refused(paths: Iterable[str]) -> dict[str, str]:
    """Why each of these that cannot be opened for reading cannot."""
    found = {}
    for path in paths:
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            found[path] = error.strerror or str(error)
    return found


def _as(account: pwd.struct_passwd, groups: list[int], ask: Callable[[], dict[str, str]]) -> dict[str, str]:
    """What `ask` answers in a process of another user: only trying tells what access lists allow."""
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
    return dict(json.loads(answer or "{}"))


def _numbers(names: Iterable[str]) -> Iterator[int]:
    for name in names:
        with contextlib.suppress(KeyError):  # a machine without such a group
            yield grp.getgrnam(name).gr_gid


def cure(path: str, user: str) -> str:
    """What lets a user read a file: the group `adm` where it would, else an access list."""
    with contextlib.suppress(OSError, KeyError):  # the file is gone, or its group has no name
        status = os.stat(path)
        if status.st_mode & stat.S_IRGRP and status.st_gid != 0:
            return f"usermod -aG {grp.getgrgid(status.st_gid).gr_name} {user}"
    return f"setfacl -m u:{user}:r {path}"
