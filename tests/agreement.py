"""How far patterns and formats agree with other projects' samples of real lines: `python -m tests.agreement`.

The samples are read from $COROWATCH_DATA, else from `shared/data` beside the project; nothing of them is part of
it. What is expected comes with the samples, or from a second reading that shares nothing with ours: `json` of the
standard library, `shlex`, plain splits.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from corowatch.core.events import BUILT_IN
from corowatch.core.formats.access_log import clf, combined
from corowatch.core.formats.json_object import json_object
from corowatch.core.formats.logfmt import logfmt
from corowatch.core.formats.syslog import syslog
from corowatch.core.multiline import Multiline
from corowatch.core.pattern import Pattern
from tests.core.joining import Joined

DATA = Path(os.environ.get("COROWATCH_DATA") or Path(__file__).parents[2] / "shared" / "data")
ENOUGH = 0.95
Fields = Mapping[str, Any] | None


REASONS = {
    r'^[^"]*("[^"]*"[^"]*)*"[^"]*$': "the line was cut inside a quote, and half an access log's line is none",
    r"^\w+ +\d+ [\d:]+ \S+ (syslogd \d| -- )": "what has neither a colon nor [pid] behind it is part of the message",
    r'^\{"log"[^\n]*\n': "a line of the case holds a newline itself, as none of a file can",
    r"^\w+ +\d+ [\d:]+ \S+ \S+:  ": "one blank ends the program's name; a second belongs to the message",
}
"""Why we differ from another reading, by a pattern of the line, and mean to."""


class Miss(NamedTuple):
    line: str
    expected: object
    found: object
    why: str


@dataclass
class Share:
    """How many of `cases` agree, and which do not."""

    name: str
    cases: int = 0
    misses: list[Miss] = field(default_factory=list)

    @property
    def agree(self) -> float:
        return (self.cases - len(self.misses)) / self.cases if self.cases else 0.0

    def compare(self, line: str, expected: object, found: object) -> None:
        self.cases += 1
        if expected != found:
            why = next((why for pattern, why in REASONS.items() if re.search(pattern, line)), "")
            self.misses.append(Miss(line, expected, found, why))


def shares() -> Iterator[Share]:
    """Every comparison. Raises FileNotFoundError, telling where the samples should be, if there are none."""
    if not (DATA / "fail2ban").is_dir():
        raise FileNotFoundError(f"there are no samples in {DATA}; $COROWATCH_DATA tells where they are")
    yield fail2ban()
    yield of_format("access logs, combined", combined, by_tokens, "weblogs/*", "lnav/*access_log.0", "mtail/*access*",
                    "mtail/apache*")
    yield of_format("access logs, clf", clf, by_first_tokens, "weblogs/*", "lnav/*access_log.0", "mtail/*access*",
                    "mtail/apache*")
    yield grok()
    yield multiline()
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


def records(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]


# --- what the samples themselves expect ---------------------------------------------------------------

_GROK = {"timestamp": "time", "logsource": "hostname", "program": "app", "pid": "pid", "message": "message"}
_ECS = {"host_hostname": "logsource", "process_name": "program", "process_pid": "pid"}
_HOST = ("ip4", "ip6", "dns", "fid", "pre_ip4", "pre_ip6", "pre_dns", "pre_fid")


def fail2ban() -> Share:
    """Which pattern of a filter fires first on a line, and the host in it."""
    share = Share("fail2ban patterns")
    filters = {each["set"]: ([(Pattern(one["re"]), one["nofail"]) for one in each["regexes"]],
                             [Pattern(one) for one in each["ignore"]]) for each in records("fail2ban/sets.jsonl")}
    for case in records("fail2ban/cases.jsonl"):
        patterns, ignored = filters[case["set"]]
        fires = () if any(one.test(case["text"]) for one in ignored) else _fires(patterns, case["text"])
        expected = (case["hit"], case["host"]) if case["match"] else None
        share.compare(case["text"], expected, next(iter(fires), None))
    return share


def _fires(patterns: list[tuple[Pattern, bool]], text: str) -> Iterator[tuple[int, str | None]]:
    for number, (pattern, nofail) in enumerate(patterns):
        fields = pattern.fields(text)
        if fields is not None and not (nofail and (fields.get("nofail") or fields.get("mlfgained"))):
            yield number, next((fields[name] for name in _HOST if fields.get(name)), None)


def grok() -> Share:
    """What SYSLOGLINE gives, the one pattern among the samples that a format of ours covers."""
    share = Share("grok SYSLOGLINE")
    for case in records("grok/cases.jsonl"):
        if case["pattern"] == "SYSLOGLINE":
            match = re.search(case["regex"], case["line"])
            expected = {_ECS.get(name, name): value for name, value in match.groupdict().items()} if match else {}
            found = {name: str(value) for name, value in (syslog(case["line"]) or {}).items()}
            share.compare(case["line"], {ours: expected.get(name) for name, ours in _GROK.items()},
                          {ours: found.get(ours) for ours in _GROK.values()})
    return share


def multiline() -> Share:
    """Which lines of stack traces and other records belong together."""
    share = Share("multiline records")
    for case in records("multiline/cases.jsonl"):
        found = Joined(_of_case(case)).send_lines(case["lines"]).end().texts
        share.compare("\n".join(case["lines"]), case["records"], found)
    for case in records("multiline/kafka_facts.jsonl"):
        data = (DATA / "multiline" / case["log"]).read_bytes()
        found = Joined(Multiline(start=Pattern(case["start"]))).send(data, last=True).end().texts
        share.compare(case["log"], case["records"], len(found))
    return share


_LANGUAGES = {"nested": "java", "elastic": "java", "client": "node", "csharp": "dotnet"}
"""What a case calls a language, where that is not what we call it."""


def _of_case(case: Mapping[str, Any]) -> Multiline:
    """What a user would write for a case."""
    config = case.get("config", {})
    match config:
        case {"mode": "ContinueThrough"}:
            return Multiline(start=Pattern(config["start"]), continue_=Pattern(config["condition"]))
        case {"mode": "ContinuePast"}:
            return Multiline(unfinished=Pattern(config["condition"]))
        case {"mode": "HaltBefore"}:
            return Multiline(start=Pattern(config["condition"]))
        case {"mode": "HaltWith"}:
            return Multiline(end=Pattern(config["condition"]))
        case {"what": "previous", "negate": True}:
            return Multiline(start=Pattern(config["pattern"]))
        case {"what": "previous"}:
            return Multiline(continue_=Pattern(config["pattern"]))
        case {"what": "next", "negate": True}:
            return Multiline(end=Pattern(config["pattern"]))
        case {"what": "next"}:
            return Multiline(unfinished=Pattern(config["pattern"]))
        case {"start": start}:
            return Multiline(start=Pattern(start))
    if case["kind"] == "container":
        return Multiline(as_=("docker-json", "cri"))
    return Multiline(as_=(_LANGUAGES.get(case["language"], case["language"]),))


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


# --- told ---------------------------------------------------------------------------------------------


def main() -> int:
    """Print the table and every miss. 1 if a share is too small, or a miss has no reason that we know."""
    try:
        told = list(shares())
    except FileNotFoundError as error:
        print(f"skipped: {error}")
        return 0
    print(f"{'':26}{'cases':>7}{'agree':>7}{'share':>10}")
    for share in told:
        print(f"{share.name:26}{share.cases:7}{share.cases - len(share.misses):7}{share.agree:10.2%}")
    for share in told:
        for why in sorted({miss.why for miss in share.misses}):
            alike = [miss for miss in share.misses if miss.why == why]
            print(f"\n{share.name}: {len(alike)} where {why or 'WE DO NOT KNOW WHY'}")
            for miss in alike:
                print(f"  {miss.line}")
                if not why:
                    print(f"    expected {miss.expected}\n    found    {miss.found}")
    return int(any(share.agree < ENOUGH or not all(miss.why for miss in share.misses) for share in told))


if __name__ == "__main__":
    sys.exit(main())
