"""Patterns behind the scanner: the lines of a whole log that pass a `grep`, all `grep`s of the log in one graph.

loghub's hand-labelled templates: a case is the list of all lines that one finds. The alerts of BGL: a case is a line
that is one, or is taken for one, with its label. What GNU grep selects with logcheck's rules, of which each file
is a `grep` here: a case is a line.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from tests.agreement import Share, lines_of, records, run

MANY = 50
"""Flows of one graph: what takes a scanner long to build grows faster than its patterns."""
CUT = {"Thunderbird_2k.log": 4}
"""Columns that logcheck's rules do not know."""


def shares() -> Iterator[Share]:
    yield of_templates()
    yield of_bgl()
    yield of_logcheck()


def of_templates() -> Share:
    share = Share("loghub templates")
    by_log: dict[str, list[dict[str, object]]] = defaultdict(list)
    for case in records("loghub/template_cases.jsonl"):
        by_log[case["log"]].append(case)
    for log, cases in by_log.items():
        found = passed({case["id"]: [case["regex"]] for case in cases}, lines_of(f"loghub/{log}"))
        for case in cases:
            share.compare(str(case["id"]), case["lines"], found[case["id"]])
    return share


def of_bgl() -> Share:
    """Each alert of the label is one line: what does not begin with `- `."""
    share = Share("loghub BGL alerts")
    labels: dict[str, dict[int, str]] = defaultdict(dict)
    for one in records("loghub/bgl_alerts.jsonl"):
        labels[one["log"]][one["line"]] = one["alert"]
    for log, wanted in labels.items():
        lines = lines_of(f"loghub/{log}")
        names = sorted(set(wanted.values()))
        found = passed({name: [f"^{name} "] for name in names} | {"": ["^[^-]"]}, lines)
        told = {number: name for name in names for number in found[name]}
        for number in sorted(set(found[""]) | set(wanted)):
            share.compare(lines[number - 1].decode(), wanted.get(number), told.get(number))
    return share


def of_logcheck() -> Share:
    share = Share("logcheck, as GNU grep")
    rules: dict[str, list[str]] = defaultdict(list)
    for rule in records("logcheck/patterns.jsonl"):
        rules[rule["file"]].append(rule["ere"])
    for case in records("logcheck/expected_by_grep.jsonl"):
        lines = [line.split(b" ", CUT.get(case["log"].rpartition("/")[2], 0))[-1] for line in lines_of(case["log"])]
        of_group = {file: eres for file, eres in rules.items() if file.startswith(f"{case['group']}/")}
        found = set().union(*passed(of_group, lines).values())
        for number in range(1, len(lines) + bool(lines[-1])):
            share.compare(lines[number - 1].decode("utf-8", "backslashreplace"), number in case["lines"],
                          number in found)
    return share


def passed(patterns: Mapping[str, Sequence[str]], lines: Sequence[bytes]) -> dict[str, list[int]]:
    """The numbers of the lines that pass a `grep` of each, from 1."""
    data = b"\n".join(lines)
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    names = list(patterns)
    found: dict[str, list[int]] = {name: [] for name in names}
    for first in range(0, len(names), MANY):
        some = names[first:first + MANY]
        flows = {f"f{number}": {"stdin": None, "grep": list(patterns[name]), "alert": None}
                 for number, name in enumerate(some)}
        for alert in run(flows, data)[0]:
            found[some[int(alert.flow[1:])]].append(bisect_right(starts, int(str(alert.events[-1]["offset"]))))
    return found
