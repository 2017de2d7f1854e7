"""What there is to watch on a machine: logs that are there, programs that run, the journal.

Only known places are looked at, below a root that may be another than `/`; nothing is started and nothing is written.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from corowatch.access import Barrier, unreadable


class Place(NamedTuple):
    """What a log is of, and the globs under which distributions have it: Debian's first."""

    what: str
    globs: tuple[str, ...]


PLACES = (
    Place("syslog", ("/var/log/syslog", "/var/log/messages")),
    Place("auth", ("/var/log/auth.log", "/var/log/secure")),
    Place("kernel", ("/var/log/kern.log",)),
    Place("nginx-access", ("/var/log/nginx/access.log", "/var/log/nginx/*access*.log")),
    Place("nginx-error", ("/var/log/nginx/error.log",)),
    Place("apache-access", ("/var/log/apache2/other_vhosts_access.log",)),
    Place("apache-error", ("/var/log/apache2/error.log", "/var/log/httpd/error_log")),
    Place("mysql", ("/var/log/mysql/error.log", "/var/log/mariadb/mariadb.log", "/var/log/mysqld.log")),
    Place("postgresql", ("/var/log/postgresql/postgresql-*.log", "/var/lib/pgsql/data/log/*.log")),
)
JOURNAL = ("/var/log/journal/*/system.journal", "/run/log/journal/*/system.journal")
"""What the system and its services say; who cannot read it is shown only what they said themselves."""
APPLICATION = "application"
APPLICATIONS = ("/var/log/*.log", "/var/log/*/*.log", "/srv/*/log/*.log", "/srv/*/logs/*.log", "/opt/*/log/*.log",
                "/opt/*/logs/*.log")
OF_SYSTEM = re.compile(
    r"/var/log/(?:(?:alternatives|auth|bootstrap|boot|cloud-init(?:-output)?|cron|daemon|debug|dpkg|faillog|fontconfig"
    r"|kern|lastlog|mail|user|Xorg\..*)\.log$|(?:apache2|apt|httpd|installer|journal|letsencrypt|mariadb|mysql|nginx"
    r"|postgresql|unattended-upgrades)/)")
"""Logs that are no application's, or those of one for which there are rules."""
PROGRAMS = {
    "sshd": "auth", "nginx": "nginx-access", "apache2": "apache-error", "httpd": "apache-error", "mysqld": "mysql",
    "mariadbd": "mysql", "postgres": "postgresql",
}
"""Programs, as /proc/PID/comm names them, and what their log is."""


class Log(msgspec.Struct, frozen=True):
    """Logs of one kind that are there: what they are of, the glob that a config has for them, and the files."""

    what: str
    glob: str
    files: tuple[str, ...]


class Machine(msgspec.Struct, frozen=True):
    """What was found. `closed`: files that cannot be read, the journal's too, and why; `running`: programs by what
    their log is."""

    logs: tuple[Log, ...]
    closed: dict[str, Barrier]
    running: dict[str, str]
    journal: bool
    systemd: bool

    def log(self, what: str) -> Log | None:
        """The log of this kind, if there is one."""
        return next((log for log in self.logs if log.what == what), None)


def look(root: str = "/") -> Machine:
    """What is there below `root`; paths are told as they are from there."""
    logs = [log for place in PLACES if (log := _log(root, place.what, place.globs))]
    known = {path for log in logs for path in log.files}
    folders: dict[str, list[str]] = {}
    for path in _files(root, APPLICATIONS):
        if path not in known and not OF_SYSTEM.match(path):
            folders.setdefault(os.path.dirname(path), []).append(path)
    for folder, files in sorted(folders.items()):
        logs += [Log(APPLICATION, path, (path,)) for path in files] if folder == "/var/log" else [
            Log(APPLICATION, f"{folder}/*.log", tuple(files))]
    files = [*(path for log in logs for path in log.files), *journal_files(root)]
    below = {_below(root, path): path for path in files}
    closed = {below[path]: barrier for path, barrier in unreadable(below).items()}
    return Machine(tuple(logs), closed, _running(root), _any(root, "/run/systemd/journal/socket", "/var/log/journal"),
                   _any(root, "/run/systemd/system"))


def journal_files(root: str) -> list[str]:
    """What the journal keeps of the system and its services, in the machine below `root`."""
    return _files(root, JOURNAL)


def _below(root: str, path: str) -> str:
    return os.path.join(root, path.lstrip("/"))


def _any(root: str, *paths: str) -> bool:
    return any(os.path.exists(_below(root, path)) for path in paths)


def _log(root: str, what: str, globs: Iterable[str]) -> Log | None:
    """Of the globs, the first that finds anything."""
    return next((Log(what, one, tuple(files)) for one in globs if (files := _files(root, (one,)))), None)


def _files(root: str, globs: Iterable[str]) -> list[str]:
    found = (path for one in globs for path in glob.glob(_below(glob.escape(root), one)) if os.path.isfile(path))
    return sorted({f"/{os.path.relpath(path, root)}" for path in found})


def _running(root: str) -> dict[str, str]:
    """Known programs that run: proc(5)."""
    found: dict[str, str] = {}
    for path in glob.glob(_below(glob.escape(root), "/proc/[0-9]*/comm")):
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                name = file.read().strip()
        except OSError:
            continue  # it has ended
        if name in PROGRAMS:
            found.setdefault(PROGRAMS[name], name)
    return found
