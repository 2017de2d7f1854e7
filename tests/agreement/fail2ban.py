"""fail2ban: which pattern of a filter fires first on a line, and the host in it; and sessions of several lines.

Of a session is compared which of its lines is the first match, and the host where one is told. A step `parse: regex`
finds the session and the content of each line; on the contents our patterns run; and a step `all_of` by session waits
for a line that fires and one that has a host, in any order.

`import fail2ban` is compared with fail2ban itself, where that is installed with the filters of Debian's package: whole
lines, with their time, go through the config that `corowatch import` makes of a filter and its options. A case counts
if fail2ban finds the host that is expected; a session, if it finds any.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from corowatch.core.pattern import Pattern
from corowatch.core.values import FieldName, Seconds
from corowatch.nodes.all_of import Counted, all_of
from corowatch.nodes.parse import parse
from corowatch.rules.importing import Asked
from corowatch.rules.importing.fail2ban import read
from corowatch.testing import Collect, line
from tests.agreement import DATA, Share, lines_of, records, run

HOST = ("ip4", "ip6", "dns", "fid", "pre_ip4", "pre_ip6", "pre_dns", "pre_fid")
A_DAY = Seconds(86400.0)
ITSELF = Path(__file__).with_name("fail2ban_itself.py")
PYTHON = "/usr/bin/python3"
FILTERS = Path("/etc/fail2ban/filter.d")
LOG = "loghub/OpenSSH_2k.log"
UNKNOWN = {("froxlor-auth", "type")}
"""Options of cases that the filter does not have: fail2ban passes over them, an import tells of them."""
LOG_FILTERS: Mapping[str, Mapping[str, str]] = {"sshd": {"mode": "aggressive"}, "pam-generic": {}}
AGAIN = ("the session fails a second time without telling who: `collect` began it anew with the first failure, and no "
         "line has told the address since")


def shares() -> Iterator[Share]:
    yield of_lines()
    yield of_sessions()
    yield from of_imports()
    yield of_log()


def of_lines() -> Share:
    share = Share("fail2ban patterns")
    filters = {each["set"]: (_patterns(each["regexes"]), [Pattern(one) for one in each["ignore"]])
               for each in records("fail2ban/sets.jsonl")}
    for case in records("fail2ban/cases.jsonl"):
        patterns, ignored = filters[case["set"]]
        fires = () if any(one.test(case["text"]) for one in ignored) else _fires(patterns, case["text"])
        expected = (case["hit"], case["host"]) if case["match"] else None
        share.compare(case["text"], expected, next(iter(fires), None))
    return share


def of_sessions() -> Share:
    share = Share("fail2ban sessions")
    for case in records("fail2ban/sessions.jsonl"):
        matches = [(number, one["host"]) for number, one in enumerate(case["lines"]) if one["match"]]
        number, host = matches[0] if matches else (None, None)
        found = first_match(case)
        share.compare("\n".join(one["text"] for one in case["lines"]), (number, host),
                      (found[0], found[1] if host else None))
    return share


def first_match(case: Mapping[str, Any]) -> tuple[int | None, str | None]:
    """The number of the line with which a session has both, and the host."""
    passed = Collect()
    patterns = _patterns(case["content_regexes"])
    both = all_of(passed, of=(Counted(Pattern("^fires")), Counted(Pattern(r" from (?P<host_seen>\S+)"))), within=A_DAY,
                  by=(FieldName("mlfid"),))
    read = Collect()
    prefix = parse(read, as_="regex", pattern=(Pattern(case["prefix"]),))
    for number, one in enumerate(case["lines"]):
        prefix.send(line(one["text"], float(number), number))
    for event in read:
        content = event.fields["content"]
        host = next((fields[name] for pattern, _ in patterns if (fields := pattern.fields(content)) for name in HOST
                     if fields.get(name)), None)
        told = ("fires" if any(True for _ in _fires(patterns, content)) else "-") + (f" from {host}" if host else "")
        both.send(line(told, event.at, event.place, mlfid=event.fields["mlfid"]))
    return (passed[0].place, passed[0].fields["host_seen"]) if passed else (None, None)


def of_imports() -> Iterator[Share]:
    """The hosts that the config of each filter finds beside those that fail2ban does; and quiet lines."""
    share, quiet = Share("import fail2ban"), Share("import fail2ban, quiet lines")
    for (filter_, options), cases in by_filter().items():
        if not (FILTERS / f"{filter_}.conf").exists():
            share.left_out["cases of filters that are not installed"] += len(cases)
            continue
        told = found_by_itself(filter_, dict(options), [case["lines"] for case in cases])
        if not any(told):
            share.left_out["cases of filters in which fail2ban finds nothing"] += len(cases)
            continue
        found = found_in_each(alerting(filter_, dict(options)), [case["lines"] for case in cases])
        for case, theirs, ours in zip(cases, told, found, strict=True):
            if case["match"] and not any(host in (case["host"], None) or not case["host"] for _, host in theirs):
                share.left_out["cases in which fail2ban itself does not find the host"] += 1
            else:
                again = len(theirs) > len(ours) > 0 and ours == theirs[:len(ours)]
                (share if theirs else quiet).compare("\n".join(case["lines"]), theirs, ours, AGAIN if again else "")
    yield from (share, quiet)


def of_log() -> Share:
    """A whole log, of which the lines belong to many sessions; a case is a line, and the host that fails in it."""
    share = Share("import fail2ban, a whole log")
    if not all((FILTERS / f"{name}.conf").exists() for name in LOG_FILTERS) or not (DATA / LOG).exists():
        share.left_out["a log without the filters for it, or without the log"] += 1
        return share
    lines = [line.decode() for line in lines_of(LOG) if line]
    for name, options in LOG_FILTERS.items():
        told = found_by_itself(name, options, [lines])[0]
        theirs, ours = dict(told), dict(found_in(alerting(name, options), lines))
        for number, text in enumerate(lines):
            share.compare(text, theirs.get(number), ours.get(number))
    return share


def by_filter() -> Mapping[tuple[str, tuple[tuple[str, str], ...]], list[dict[str, Any]]]:
    """Single lines and sessions, as lists of lines, by filter and options."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], list[dict[str, Any]]] = {}
    for case in (*records("fail2ban/cases.jsonl"), *records("fail2ban/sessions.jsonl")):
        lines = [one["line"] for one in case["lines"]] if "lines" in case else [case["line"]]
        told = {"lines": lines, "match": case.get("match", True), "host": case.get("host")}
        found.setdefault((case["filter"], tuple(case["options"].items())), []).append(told)
    return found


def found_by_itself(filter_: str, options: Mapping[str, str], lines: list[list[str]]) -> list[list[list[Any]]]:
    """What fail2ban finds: of each list of lines, the number of a line and the host."""
    job = json.dumps({"filter": filter_, "options": options, "lines": lines})
    told = subprocess.run([PYTHON, "-I", ITSELF], input=job, capture_output=True, text=True, check=False, timeout=300)
    return json.loads(told.stdout) if told.returncode == 0 else [[] for _ in lines]  # type: ignore[no-any-return]


def alerting(filter_: str, options: Mapping[str, str]) -> dict[str, Any]:
    """The flows of a filter, with an alert for each failure, and standard input to read."""
    imported = read([str(FILTERS / f"{filter_}.conf")], Asked(("/var/log/a.log",), {
        name: value for name, value in options.items() if (filter_, name) not in UNKNOWN}, (1, 1.0)))
    return {flow.name: [{"stdin": None} if step.kind == "tail" else
                        {step.kind: step.value, **({"name": step.name} if step.name else {})} for step in flow.steps]
            for flow in imported.flows}


def found_in_each(flows: Mapping[str, Any], cases: list[list[str]]) -> list[list[list[Any]]]:
    """The same of ours. Lines of filters without sessions are read at once: they have nothing to do with each other."""
    if len(flows) > 1:
        return [found_in(flows, lines) for lines in cases]
    together = dict(found_in(flows, [line for lines in cases for line in lines]))
    return [[[0, together[number]]] if number in together else [] for number in range(len(cases))]


def found_in(flows: Mapping[str, Any], lines: list[str]) -> list[list[Any]]:
    """What ours finds in a log of these lines."""
    starts: dict[int, int] = {}
    data = b""
    for number, text in enumerate(lines):
        starts[len(data)] = number
        data += text.encode() + b"\n"
    alerts, _ = run(flows, data)
    return sorted([starts[int(str(alert.events[-1]["offset"]))], str(alert.fields["ip"])] for alert in alerts)


def _patterns(regexes: list[dict[str, Any]]) -> list[tuple[Pattern, bool]]:
    return [(Pattern(one["re"]), one["nofail"]) for one in regexes]


def _fires(patterns: list[tuple[Pattern, bool]], text: str) -> Iterator[tuple[int, str | None]]:
    for number, (pattern, nofail) in enumerate(patterns):
        fields = pattern.fields(text)
        if fields is not None and not (nofail and (fields.get("nofail") or fields.get("mlfgained"))):
            yield number, next((fields[name] for name in HOST if fields.get(name)), None)
