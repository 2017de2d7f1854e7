"""What a config would find on this machine: files and who may read them, programs, secrets that lie open."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

from corowatch.access import Barrier, unreadable, unwritable
from corowatch.child import find
from corowatch.core.addresses import Url, tells_secret
from corowatch.core.config import Config, SinkUse
from corowatch.core.kinds import Secret
from corowatch.core.stamps import Stamps
from corowatch.loading import DEFAULT, commands_of
from corowatch.sources.tail import Tail

LOOKED_AT = 8192
"""Bytes at the end of a file in which a time is looked for."""
FEW = 3
"""Lines of which one should tell its time."""


class Found(NamedTuple):
    """What a glob finds: files, those of them that cannot be read, and why.

    `hidden`: a secret is part of it, so `glob` is as it was written, and the paths must not be shown.
    """

    step: str
    glob: str
    files: list[str]
    unreadable: dict[str, Barrier]
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
            yield Found(step.id, str(told) if hidden else glob, files, unreadable(files), hidden)


def folders(config: Config) -> Iterator[str]:
    """A sentence for each path of a `tail` that is a folder: nothing of it would ever be read."""
    for found in look_around(config):
        path = found.glob.rstrip("/")
        if not found.hidden and os.path.isdir(path):
            yield f"{config.steps[found.step].place}: {path} is a folder, and files are read: write {path}/*"


def closed_journal(config: Config) -> dict[str, Barrier]:
    """Files of the journal that cannot be read, if a flow asks it: what they hold would not be told of, nor why."""
    if not any(step.kind.name == "journal" for step in config.steps.values()):
        return {}
    from corowatch.machine import journal_files

    return unreadable(journal_files("/"))


def timeless(config: Config) -> Iterator[str]:
    """A sentence for each glob of whose files one tells no time, so that its lines count as of when they are read."""
    for found in look_around(config):
        options = config.steps[found.step].options
        stamps, joins = Stamps(str(options["timestamp"]), options["zone"]), options["multiline"]
        if stamps.none or options["encoding"] != "utf-8" or (joins is not None and "docker-json" in joins.as_):
            continue
        path = next((path for path in found.files if path not in found.unreadable and _tells_no_time(path, stamps)), "")
        if path:
            shown = found.glob if found.hidden else path
            cure = ("write how, and what stands before it, with `timestamp`, or `timestamp: none`"
                    if options["timestamp"] == "auto" else "`timestamp` says it otherwise")
            yield (f"{config.steps[found.step].place}: in the last lines of {shown} no time is found, so they count as "
                   f"of when they are read; {cure}")


def _tells_no_time(path: str, stamps: Stamps) -> bool:
    """Whether a file ends with a few lines, and none of them has a stamp."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOOKED_AT))
            lines = file.read(LOOKED_AT).splitlines()[size > LOOKED_AT:]
    except OSError:
        return False
    return len(lines) >= FEW and all(stamps.read(line, time.time()) is None for line in lines)


def closed_to_the_service(config: Config) -> Iterator[tuple[str, str, Barrier]]:
    """(what it is, path, why not) of files of a config in /etc that the service could not use."""
    places = [*(step.place for step in config.steps.values()), *(use.place for use in config.sinks.values())]
    configs = {place.file for place in places if place.file.startswith(f"{DEFAULT}/")}
    for path, barrier in unreadable(sorted(configs)).items():
        yield "config", path, barrier
    outputs = {str(use.options["path"]): name for name, use in config.sinks.items()
               if use.kind.name == "file" and use.place.file in configs and "${" not in str(use.written["path"])}
    for path, barrier in unwritable(outputs).items():
        yield f"sink {outputs[path]}", path, barrier


def missing_programs(config: Config) -> Iterator[tuple[str, str, str]]:
    """(sink or step, program, why) of each command that could not be run now."""
    for use in commands_of(config):
        program = use.options["argv"][0].render({})
        try:
            find(program)
        except OSError as error:
            what = f"sink {use.name}" if isinstance(use, SinkUse) else f"step {use.id}"
            yield what, program, error.strerror or str(error)


def open_secrets(config: Config) -> Iterator[str]:
    """A sentence for each secret that is written into a file which others may read."""
    for use in config.sinks.values():
        for name in _secrets(use):
            place = use.places[name]
            with contextlib.suppress(OSError):  # a config that the command line made is no file
                if os.stat(place.file).st_mode & stat.S_IROTH:
                    yield (f"{place}: everyone can read this {name}; write ${{credential:NAME}} or ${{env:NAME}} "
                           f"instead, or chmod o-r {place.file}")


def bare_passwords(config: Config) -> Iterator[str]:
    """A sentence for each password that would go over a network as it is."""
    for use in config.sinks.values():
        if use.kind.name == "email" and use.options["password"] and use.options["tls"] == "none":
            host = str(use.options["server"]).rpartition(":")[0] or str(use.options["server"])
            if not _is_here(host.strip("[]")):
                yield f"{use.places['password']}: this password goes to {host} unencrypted; write tls: starttls or tls"


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _secrets(use: SinkUse) -> list[str]:
    return [name for name, option in use.kind.options.items()
            if Secret in option.markers and name in use.written and "${" not in str(use.written[name])
            and (option.hint is not Url or tells_secret(use.options[name]))]
