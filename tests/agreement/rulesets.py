"""Wazuh and OSSEC: the rules whose own conditions look at the raw text alone, on their own test lines.

Each condition is a step `grep` with `ignore_case`, one behind the other; those on the message are steps `where`, after
`parse: syslog` took the header off. Compared is whether the line passes all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from corowatch.core.expression import Expr
from corowatch.core.pattern import Pattern
from corowatch.nodes.grep import grep
from corowatch.nodes.parse import parse
from corowatch.nodes.where import where
from corowatch.testing import Collect, line
from tests.agreement import Share, records


def shares() -> Iterator[Share]:
    for name in ("wazuh", "ossec"):
        share = Share(f"{name} rules")
        for case in records(f"rulesets/{name}_cases.jsonl"):
            if not case["conditions"]:
                share.left_out["rules that look at decoded fields or at other rules, not at the raw text"] += 1
                continue
            found = passes(case)
            if found is None:
                share.left_out["a message behind no syslog header"] += 1
            else:
                share.compare(case["line"], case["expect"], found)
        yield share


def passes(case: Mapping[str, Any]) -> bool | None:
    """Whether the line passes all conditions; None if they ask for a message and it has none."""
    passed, headless = Collect(), Collect()
    step: Any = passed
    for condition in reversed(case["conditions"]):
        if case["on"] == "message":
            quoted = condition.replace("'", "''")
            step = where(step, expr=Expr(f"message matches '(?i){quoted}'"))
        else:
            step = grep(step, pattern=(Pattern(condition, ignore_case=True),))
    if case["on"] == "message":
        step = parse(step, headless, as_="syslog")
    step.send(line(case["line"]))
    return None if headless else bool(passed)
