"""grok: which lines a name of the usual library matches, and what its fields hold.

`grok names` runs our own library. Each case says whether the line matches, as the whole if it is `exact`. Where it is
one of ecs-v1, whose names of fields are ours, the fields are compared with those of its expression in Python as well: a
regular expression of Python has each name but once, where ours finds what matched. In `syslog, grok SYSLOGLINE` our
format `syslog` reads the lines of that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from corowatch.core.formats.syslog import syslog
from corowatch.core.grok import Grok, library
from tests.agreement import Share, records

_GROK = {"timestamp": "time", "logsource": "hostname", "program": "app", "pid": "pid", "message": "message"}
_ECS = {"host_hostname": "logsource", "process_name": "program", "process_pid": "pid"}


def shares() -> Iterator[Share]:
    yield of_names()
    yield of_our_syslog()


def of_names() -> Share:
    share = Share("grok names")
    for case in records("grok/cases.jsonl"):
        name = case["pattern"]
        if name not in library():
            share.compare(case["line"], case["match"], f"no pattern {name}")
            continue
        found = Grok(f"^%{{{name}}}$" if case["exact"] else f"%{{{name}}}").read(case["line"])
        if case["mode"] == "legacy" or found is None or not case["match"]:
            share.compare(case["line"], case["match"], found is not None)
        else:
            share.compare(case["line"], *_fields(case, found))
    return share


def _fields(case: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that Python finds, and ours under the same names; those that Python cannot name twice left out."""
    match = re.search(case["regex"], case["line"])
    assert match, case["id"]
    theirs = {name: value for name, value in match.groupdict().items() if value}
    ours = {name.replace(".", "_"): value for name, value in found.items() if value != ""}
    twice = {name for name in ours if name in match.re.groupindex and name not in theirs}
    typed = {name: type(ours[name])(value) if name in ours else value for name, value in theirs.items()}
    return typed, {name: value for name, value in ours.items() if name not in twice}


def of_our_syslog() -> Share:
    share = Share("syslog, grok SYSLOGLINE")
    for case in records("grok/cases.jsonl"):
        if case["pattern"] == "SYSLOGLINE":
            match = re.search(case["regex"], case["line"])
            expected = {_ECS.get(name, name): value for name, value in match.groupdict().items()} if match else {}
            found = {name: str(value) for name, value in (syslog(case["line"]) or {}).items()}
            share.compare(case["line"], {ours: expected.get(name) for name, ours in _GROK.items()},
                          {ours: found.get(ours) for ours in _GROK.values()})
    return share
