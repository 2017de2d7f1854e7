"""The rule that `suggest` has for access logs: what they say stands in their fields, not in their words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from corowatch.core.formats.access_log import clf, combined
from corowatch.core.text import many
from corowatch.rules.templates import Template
from corowatch.rules.yaml_text import scalar

FORMATS = {"combined": combined, "clf": clf}
ACCESS = {"combined": "access-errors", "clf": "access-errors-clf"}
"""What the flow of each format is called."""
BROKEN = 5
"""Answers 5xx within a minute."""


def access_format(template: Template) -> str:
    """How an access log writes its lines, if the template is of one; nothing: it is not."""
    return next((as_ for as_, read in FORMATS.items() if read(template.example)), "")


def by_format(templates: Sequence[Template]) -> Mapping[str, Sequence[Template]]:
    """Those of access logs."""
    found = {as_: [one for one in templates if access_format(one) == as_] for as_ in FORMATS}
    return {as_: those for as_, those in found.items() if those}


def access_flow(as_: str, those: Sequence[Template], source: str) -> Iterator[str]:
    """The flow, line by line."""
    yield f"  # an access log of {many(sum(one.count for one in those), 'line')}"
    yield f"  {ACCESS[as_]}:"
    yield f"    {source}"
    yield f"    parse: {as_}"
    yield "    where: status >= 500"
    yield f"    threshold: {{at_least: {BROKEN}, within: 1m}}"
    yield ("    alert: {severity: error, title: '{count} answers with {status} in a minute, last {method} {path}', "
           "throttle: 1h}")


def access_tests(as_: str, those: Sequence[Template]) -> Iterator[str]:
    """That one line is not told, and that a broken answer is, if it comes too often."""
    lines = [one.example for one in those if "${" not in one.example]  # a test would put a secret there
    broken = [line for line in lines if _status(line) >= 500]
    for line in lines[:1]:
        yield f"  - flow: {ACCESS[as_]}"
        yield f"    lines: {scalar(line)}"
        yield "    then: []"
    for line in broken[:1]:
        yield f"  - flow: {ACCESS[as_]}"
        yield f"    lines: {scalar(line)}"
        yield f"    repeat: {{times: {BROKEN}, every: 100ms}}"
        yield "    then: [{alert: true}]"


def _status(line: str) -> int:
    status = (clf(line) or {}).get("status")
    return status if isinstance(status, int) else 0
