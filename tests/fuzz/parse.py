"""Whatever the line, `parse` sends it to one of its two outlets, with plain fields; a stamp is a time or none."""

from __future__ import annotations

from math import isfinite
from time import process_time

import msgspec

from corowatch.core.events import BUILT_IN, rfc3339
from corowatch.core.lines import shown
from corowatch.core.pattern import Pattern
from corowatch.core.stamps import Stamps
from corowatch.core.text import FIELD
from corowatch.nodes.parse import FORMATS, parse
from corowatch.testing import Collect, line
from tests.fuzz.draw import Draw

NOW = 1_795_600_000.0
SECONDS = 1.0
OPTIONS = [{"as_": name} for name in FORMATS] + [
    {"as_": "csv", "columns": ("a", "b")}, {"as_": "csv", "columns": ("a",)},
    {"as_": "regex", "pattern": (Pattern(r"(?P<a>\S+) (?P<b>.*)"), Pattern(r"(?P<c>\d+)(?P<d>x)?"))},
    {"as_": "regex", "pattern": (Pattern(r"(?P<a>\w+)(?=!)"),)},
]
STAMPS = [Stamps(form) for form in ("auto", "none", "%s", "%Y-%j %T", "%d/%b/%y %I:%M:%S.%f %p %z", "%a %e %B %H%M",
                                    "%m.%d%%")]
LINES = [
    rb'1.2.3.4 - bob [22/Nov/2026:10:00:00 +0000] "GET /x HTTP/1.1" 200 5 "-" "a\"b"',
    b'<34>1 2026-11-22T10:00:00.003Z h a p m [x@1 k="v\\]" l="w"] \xef\xbb\xbfhello',
    b"<34>Oct 11 22:14:15 h su[230]: x",
    b'{"a": {"b": [1, {"c": null}], "host": "\\ud800"}, "n": 1e400, "": true}', b'a=1 b="x \\"y\\" \\u00e9" c d=',
    b'IN=eth0 OUT= MAC=aa:bb x="1;2", y=\'z\'', b'"a ""b""",c', b"1763805600.123 x", b'{"ts":1763805600123}', b"5x!",
]
SEEDS = [bytes([number, stamp]) + text for number in range(len(OPTIONS)) for stamp, text in enumerate(LINES)]


def one(data: bytes) -> None:
    """Send the line to `parse` as one of the formats, and read its stamp."""
    draw = Draw(data)
    options, stamps = draw.one_of(OPTIONS), draw.one_of(STAMPS)
    raw = draw.rest()
    event = line(shown(raw))
    target, otherwise = Collect(), Collect()
    began = process_time()
    node = parse(target, otherwise, **options)
    node.send(event)
    assert process_time() - began < SECONDS, options
    assert 1 == len(target) + len(otherwise), options
    for sent in (*target, *otherwise):
        for name, value in sent.fields.items():
            assert FIELD.fullmatch(name), name
            assert name not in BUILT_IN
            assert value is None or type(value) in (str, int, float, bool), value
        msgspec.json.encode(sent.fields)  # what could not be stored must not come out
    at = stamps.read(raw, NOW)
    assert at is None or (type(at) is float and isfinite(at)), at
    if at is not None:
        rfc3339(at)
