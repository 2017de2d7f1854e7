"""fail2ban: which pattern of a filter fires first on a line, and the host in it; and sessions of several lines.

Of a session is compared which of its lines is the first match, and the host where one is told. A step `parse: regex`
finds the session and the content of each line; on the contents our patterns run; and a step `all_of` by session waits
for a line that fires and one that has a host, in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from corowatch.core.pattern import Pattern
from corowatch.core.values import FieldName, Seconds
from corowatch.nodes.all_of import Counted, all_of
from corowatch.nodes.parse import parse
from corowatch.testing import Collect, line
from tests.agreement import Share, records

HOST = ("ip4", "ip6", "dns", "fid", "pre_ip4", "pre_ip6", "pre_dns", "pre_fid")
A_DAY = Seconds(86400.0)


def shares() -> Iterator[Share]:
    yield of_lines()
    yield of_sessions()


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


def _patterns(regexes: list[dict[str, Any]]) -> list[tuple[Pattern, bool]]:
    return [(Pattern(one["re"]), one["nofail"]) for one in regexes]


def _fires(patterns: list[tuple[Pattern, bool]], text: str) -> Iterator[tuple[int, str | None]]:
    for number, (pattern, nofail) in enumerate(patterns):
        fields = pattern.fields(text)
        if fields is not None and not (nofail and (fields.get("nofail") or fields.get("mlfgained"))):
            yield number, next((fields[name] for name in HOST if fields.get(name)), None)
