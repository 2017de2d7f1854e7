"""mtail: the counters that a daemon's log must give, by label: `grep` and `tally`, and its standing at close."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from corowatch.core.coroutine import finish
from corowatch.core.pattern import Pattern
from corowatch.core.values import FieldName
from corowatch.nodes.grep import grep
from corowatch.nodes.tally import tally
from corowatch.testing import Collect, drive, lines
from tests.agreement import Share, lines_of, records


def shares() -> Iterator[Share]:
    share = Share("mtail counters")
    for case in records("mtail/cases.jsonl"):
        if not case["counts"]:
            share.left_out["programs that compute with what they capture"] += 1
        texts = [raw.decode("utf-8", "backslashreplace") for raw in lines_of(f"mtail/{case['log']}")]
        for counter in case["counts"]:
            found = counted(counter, texts)
            for one in counter["counts"]:
                name = " ".join(one["labels"][label] for label in counter["by"])
                share.compare(f"{case['log']}: {counter['metric']} {name}", one["count"], found.pop(name, 0))
            share.compare(f"{case['log']}: {counter['metric']}, else", {}, found)
    yield share


def counted(counter: dict[str, Any], texts: list[str]) -> dict[str, int]:
    """The standing of a `tally` behind a `grep`."""
    told = tally(Collect(), by=tuple(FieldName(label) for label in counter["by"]))
    drive(grep(told, pattern=(Pattern(counter["regex"]),)), lines(*texts))
    standing = finish(told)["standing"]
    assert isinstance(standing, dict)
    return dict(standing)
