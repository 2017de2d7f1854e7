"""Records of several lines: which lines of stack traces and other records belong together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from corowatch.core.multiline import Multiline
from corowatch.core.pattern import Pattern
from tests.agreement import DATA, Share, records
from tests.core.joining import Joined


def shares() -> Iterator[Share]:
    """All in one."""
    share = Share("multiline records")
    for case in records("multiline/cases.jsonl"):
        found = Joined(_of_case(case)).send_lines(case["lines"]).end().texts
        share.compare("\n".join(case["lines"]), case["records"], found)
    for case in records("multiline/kafka_facts.jsonl"):
        data = (DATA / "multiline" / case["log"]).read_bytes()
        found = Joined(Multiline(start=Pattern(case["start"]))).send(data, last=True).end().texts
        share.compare(case["log"], case["records"], len(found))
    yield share


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
