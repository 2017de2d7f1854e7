"""Formats against second readings of the same lines: the fields of each line of the logs."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from corowatch.core.events import BUILT_IN
from corowatch.core.formats.access_log import clf, combined
from corowatch.core.formats.json_object import json_object
from corowatch.core.formats.logfmt import logfmt
from corowatch.core.formats.syslog import syslog
from tests.agreement import DATA, Share

Fields = Mapping[str, Any] | None


def shares() -> Iterator[Share]:
    """One for each format."""
    yield of_format("access logs, combined", combined, by_tokens, "weblogs/*", "lnav/*access_log.0", "mtail/*access*",
                    "mtail/apache*")
    yield of_format("access logs, clf", clf, by_first_tokens, "weblogs/*", "lnav/*access_log.0", "mtail/*access*",
                    "mtail/apache*")
    yield of_format("syslog", syslog, by_blanks, "loghub/Linux*.log", "loghub/OpenSSH*.log", "lnav/*syslog.*",
                    "lnav/*filter*", "lnav/*mixed_times*", "mtail/*sftp*")
    yield of_format("JSON", json_object, by_json, "lnav/*json*", "lnav/*pino*", "lnav/*nextcloud*", "lnav/*cloudflare*",
                    "lnav/*mongodb*", "lnav/*caddy*", "lnav/*otel*")
    yield of_format("logfmt", logfmt, by_shlex, "lnav/*logfmt*", "lnav/*grafana*")


def of_format(name: str, ours: Callable[[str], Fields], theirs: Callable[[str], Fields], *globs: str) -> Share:
    share = Share(name)
    for glob in globs:
        for path in sorted(DATA.glob(glob)):
            for raw in filter(None, path.read_bytes().split(b"\n")):
                line = raw.removesuffix(b"\r").decode("utf-8", "backslashreplace")
                share.compare(line, theirs(line), ours(line))
    return share


# --- second readings ----------------------------------------------------------------------------------


def by_tokens(line: str) -> Fields:
    """The line cut into quoted texts, bracketed ones and words, nine of them named in their order."""
    tokens = _tokens(line)
    fields = by_first_tokens(line)
    if fields is None or len(tokens) < 9 or not (tokens[7][0] == tokens[8][0] == '"'):
        return None
    return {**fields, **_present({"referer": tokens[7][1:-1], "agent": tokens[8][1:-1]})}


def by_first_tokens(line: str) -> Fields:
    tokens = _tokens(line)
    if len(tokens) < 7 or (tokens[3][0], tokens[4][0]) != ("[", '"') or not tokens[5].isdigit():
        return None
    ip, ident, user, time, request, status, size = tokens[:7]
    method, *path = request[1:-1].split(" ")
    protocol = path.pop() if path[-1:] and path[-1].startswith("HTTP/") else "-"
    return _present({"ip": ip, "ident": ident, "user": user, "time": time[1:-1], "method": method,
                     "path": " ".join(path) or "-", "protocol": protocol, "status": int(status),
                     "bytes": int(size) if size.isdigit() else "-"})


def _tokens(line: str) -> list[str]:
    return re.findall(r'"(?:\\.|[^"\\])*"|\[[^\]]*\]|\S+', line)


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value != "-"}


def by_blanks(line: str) -> Fields:
    """Month, day, clock, host, program, and the rest."""
    *_, clock, host, program, rest = [*line.split(None, 5), *[""] * 6][:6]
    if clock.count(":") != 2:
        return None
    stamp = line[:line.index(clock) + len(clock)]
    name, bracket, pid = program.removesuffix(":").partition("[")
    fields = {"time": stamp, "hostname": host, "app": name, "message": rest}
    return {**fields, "pid": int(pid[:-1])} if bracket else fields


def by_json(line: str) -> Fields:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return dict(_joined("", found)) if isinstance(found, dict) else None


def _joined(before: str, found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in found.items():
        if isinstance(value, dict):
            yield from _joined(f"{before}{key}.", value)
        elif value is not None:
            listed = isinstance(value, list)
            yield _name(before + key), json.dumps(value, separators=(",", ":"), ensure_ascii=False) if listed else value


def by_shlex(line: str) -> Fields:
    """The words that a shell would see, each cut at its first `=`."""
    return {_name(key): value for key, _, value in (word.partition("=") for word in shlex.split(line))}


def _name(key: str) -> str:
    return f"_{key}" if key in BUILT_IN else re.sub("[^A-Za-z0-9_.-]", "_", key)
