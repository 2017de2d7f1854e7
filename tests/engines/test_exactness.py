"""The graph with any engine sends what the graph with EveryLine sends: over random lines, and real ones.

Random lines are the same ones each time, unless EXACT_CASES says how many: .ci/run tries 1000 of them, and
EXACT_CASES=100000 pytest tests/engines/test_exactness.py is for a change of version, by hand.
"""

import contextlib
import json
import os
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("re2", reason="without it every line is searched")

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corowatch.core.coroutine import Broadcast
from corowatch.core.kinds import Counts
from corowatch.core.pattern import Pattern
from corowatch.core.scan import Clock, scan
from corowatch.engines import EveryLine, NoCache, engine_for, scanner
from corowatch.engines.re2set import Re2Set
from corowatch.nodes.grep import grep
from corowatch.testing import Collect, block

CASES = int(os.environ.get("EXACT_CASES", "100"))
DATA = Path(__file__).parents[2].parent / "shared" / "data"

CHARS = "abkKsS01 .:-_[]|\\/\"é\u212a\u017fÉ€\U0001f600\t\r\x00\v"
ESCAPED = {"\\": r"\\", ".": r"\.", "[": r"\[", "]": r"\]", "|": r"\|", "\x00": r"\x00", "\r": r"\r"}
letters = st.sampled_from(CHARS).map(lambda char: ESCAPED.get(char, char))
classes = st.sampled_from([".", r"\d", r"\w", r"\s", r"\S", r"\W", r"\D", "[a-k]", "[^a]", "[^k]", "[é]", "[^é]",
                           r"[\w-]", "[[:alpha:]]", "[[:^digit:]]", r"\pL", r"\PL", r"[^\pL]", r"[\d.]", r"[^\s:]",
                           "[é-€]", "[S-s]"])
edges = st.sampled_from(["^", "$", r"\b", r"\B", r"\A", r"\z"])
repeats = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?", "(?i)", "(?s)*", "(?-i)?",
                           "{03}", "{1,02}", "{\u0663}", "{,2}"])
atoms = st.one_of(letters, letters, classes)


def joined(inner):
    pieces = st.one_of(atoms, atoms, inner.map("({})".format), inner.map("(?:{})".format), inner.map("(?i:{})".format))
    return st.lists(st.one_of(st.tuples(pieces, repeats).map("".join), edges), min_size=1, max_size=5).map("".join) | (
        st.lists(inner, min_size=2, max_size=3).map("|".join))


patterns = st.tuples(st.sampled_from(["", "", "", "(?i)", "(?s)", "^", ".*"]),
                     st.recursive(st.lists(atoms, min_size=1, max_size=4).map("".join), joined, max_leaves=8),
                     st.sampled_from(["", "", "", "$", ".*", r"\S+", r"\b", "?", r"\r?$"])).map("".join)
stamped = st.tuples(st.sampled_from(["2026-11-22T10:00:00Z ", "[Nov 22 10:00:00] "]),
                    st.text(st.sampled_from(CHARS), max_size=6)).map("".join)
lines = st.lists((st.text(st.sampled_from(CHARS), max_size=10) | stamped).map(str.encode)
                 | st.binary(max_size=8).map(lambda raw: raw.replace(b"\n", b"")), min_size=1, max_size=12)


def compiled(sources):
    found = []
    for source in sources:
        try:
            pattern = Pattern(source)
        except ValueError:
            continue
        if pattern.linear:
            found.append(pattern)
    return found


def sent(engine, patterns, blocks):
    """What one grep a pattern, behind this engine, sends. The patterns are this engine's own: it may prove them."""
    outs = [Collect() for _ in patterns]
    greps = [grep(Broadcast([out]), pattern=(pattern,)) for out, pattern in zip(outs, patterns, strict=True)]
    counts = Counts(lines=0, cut=0, skewed=0)
    scanner = scan(greps, engine=engine, clock=Clock("auto", counts), counts=counts)
    for data in blocks:
        scanner.send(block(data) if isinstance(data, bytes) else data)
    return [[(event.place, event.at, event.text, event.fields) for event in out] for out in outs]


def agree(sources, blocks, *, joined=False):
    """Behind any engine that takes these patterns the greps send what they send behind EveryLine."""
    def behind(engine):
        patterns = compiled(sources)
        return sent(engine([(pattern,) for pattern in patterns]), patterns, blocks)

    def learnt(gates):
        """The scanner as it is when it has found that all parts of patterns are common."""
        from corowatch.engines import hyperscan

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(hyperscan, "LEARN", (1,))
            patched.setattr(hyperscan, "OFTEN", 1 << 40)
            return hyperscan.Hyperscan(gates, NoCache(), joined=joined)

    want = behind(EveryLine)
    assert joined or want == behind(Re2Set)
    assert want == behind(lambda gates: engine_for(gates, NoCache(), joined=joined))
    if scanner() == "hyperscan":
        with contextlib.suppress(ValueError):  # no pattern has a gate
            assert want == behind(learnt)


@settings(max_examples=CASES, deadline=None, derandomize=CASES == 100, suppress_health_check=list(HealthCheck))
@given(st.lists(patterns, min_size=1, max_size=6), st.lists(lines, min_size=1, max_size=3), st.booleans())
def test_any_engine_sends_what_every_line_sends(sources, written, ended):
    blocks = [b"\n".join(one) + b"\n" * ended for one in written]
    if compiled(sources):
        agree(sources, [data for data in blocks if data])


over_lines = st.sampled_from([r"\n", "(?m)", "(?s)", r"\s+", "(?m)^", "$", "[^a]*", "(?s:.*)", r"\n\s"])
across = st.lists(patterns | over_lines, min_size=1, max_size=5).map("".join)


def as_block(records):
    """A Block of records, each a list of lines."""
    data, spans = bytearray(), []
    for record in records:
        begin = len(data)
        data += b"\n".join(record)
        if len(record) > 1:
            spans.append((begin, len(data)))
        data += b"\n"
    return msgspec.structs.replace(block(bytes(data)), records=tuple(spans))


@settings(max_examples=CASES // 3, deadline=None, derandomize=CASES == 100, suppress_health_check=list(HealthCheck))
@given(st.lists(across, min_size=1, max_size=6), st.lists(st.lists(lines, min_size=1, max_size=6), min_size=1))
def test_any_engine_sends_of_records_what_every_line_sends(sources, written):
    if compiled(sources):
        agree(sources, [as_block(records) for records in written], joined=True)


@pytest.mark.parametrize("source", [r"a\nb", r"(?s)a.*c", r"a[^x]b", r"(?m)^b$", r"a\s+b", r"^a\n", r"c$", r"(?s)^.b"])
def test_a_match_across_lines_is_found(source):
    blocks = [as_block([[b"x"], [b"a\r", b"b", b"c"], [b"a"]]), as_block([[b"a", b"b", b"c"], [b"b"]])]
    agree([source], blocks, joined=True)
    assert source == r"(?s)^.b" or any(sent(EveryLine([(Pattern(source),)]), [Pattern(source)], blocks))


@pytest.mark.parametrize("source", [r"[^a]\r?$", r"a\s", r"a.", r".+\Da{0}", r"b\S*$"])
def test_a_carriage_return_that_is_not_shown_proves_nothing(source):
    agree([source], [b"\r\na\r\nb\r\nka\r\r\n", b"b\r"])


def real_lines(many):
    """The first lines of each of the shared samples, as blocks."""
    return [b"".join(path.read_bytes().splitlines(keepends=True)[:many]) for path in sorted(DATA.glob("loghub/*.log"))]


def rules_of_examples():
    """Every pattern that stands in config/examples."""
    def within(value):
        if isinstance(value, dict):
            for key, one in value.items():
                if key in ("grep", "pattern", "except") and isinstance(one, str):
                    yield one
                yield from within(one)
        elif isinstance(value, list):
            for one in value:
                yield from within(one)

    root = Path(__file__).parents[2] / "config"
    for path in sorted(root.rglob("*.yaml")):
        yield from within(yaml.safe_load(path.read_text()))


@pytest.mark.skipif(not DATA.exists(), reason="the samples are not here")
def test_the_rules_of_the_examples_over_real_lines():
    sources, blocks = list(rules_of_examples()), real_lines(300)

    agree(sources, blocks)
    assert compiled(sources)
    assert blocks


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="the samples are not here")
def test_rules_that_others_wrote_over_real_lines():
    logcheck = [json.loads(line) for line in (DATA / "logcheck" / "patterns.jsonl").read_text().splitlines()]
    fail2ban = [json.loads(line) for line in (DATA / "fail2ban" / "sets.jsonl").read_text().splitlines()]
    found = [one["ere"] for one in logcheck] + [one["re"] for many in fail2ban for one in many["regexes"]]

    agree(found, real_lines(30))
    assert len(compiled(found)) > 800
