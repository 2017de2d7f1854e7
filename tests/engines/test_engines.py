"""The graph with any engine sends what the graph with EveryLine sends."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corowatch.core.coroutine import Broadcast
from corowatch.core.kinds import Counts
from corowatch.core.pattern import Pattern
from corowatch.core.scan import Clock, scan
from corowatch.engines import EveryLine, engine_for, re2set, spans
from corowatch.engines.re2set import Re2Set
from corowatch.nodes.grep import grep
from corowatch.testing import Collect, block

PATTERNS = ["ERROR", "^a", "b$", r"\d+", r"\s", r"a.b", "", "x*", r"\bfoo\b", "(?i)é", r"^$", "[^a]", r"a\n?b", r"\x00",
            r"\\xff", r"(?P<n>\w+)=(?P<v>\S+)", "foo|bar", r"\pL", r"(?s)a.*b", r"\r", "(?=a)", r"(a)\1"]
LINES = st.lists(st.one_of(
    st.binary(max_size=12).filter(lambda raw: b"\n" not in raw),
    st.sampled_from([b"ERROR x", b"a", b"ab", b"a b", b"\xff a\xffb", b"foo\r", b"\r", b"", b"\x00", "É é".encode(),
                     b"k=v", b"aa", b"foobar", "\u2028".encode()])), max_size=8)


def sent(engine, patterns, data):
    """What one grep a pattern, behind this engine, sends."""
    outs = [Collect() for _ in patterns]
    greps = [grep(Broadcast([out]), pattern=(pattern,)) for out, pattern in zip(outs, patterns, strict=True)]
    counts = Counts(lines=0, cut=0, skewed=0)
    scanner = scan(greps, engine=engine, clock=Clock("none", counts), counts=counts)
    scanner.send(block(data))
    return [[(event.place, event.text, event.fields) for event in out] for out in outs]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PATTERNS).filter(bool), min_size=1, max_size=5), LINES, st.booleans())
def test_the_set_sends_what_every_line_sends(sources, lines, ended):
    patterns = [Pattern(source) for source in sources]
    gates = [(pattern,) for pattern in patterns]
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    if not data:
        return

    assert sent(EveryLine(gates), patterns, data) == sent(engine_for(gates), patterns, data)


def test_only_lines_of_use_are_named():
    engine = engine_for([(Pattern("ERROR"),), (Pattern("WARN"), Pattern("FATAL"))])

    assert [(4, 9, [0]), (14, 24, [0, 1])] == list(engine.lines(b"one\nERROR\ntwo\nFATALERROR\n"))


def test_a_gate_that_is_none_or_backtracking_gets_every_line_and_the_others_do_not():
    engine = engine_for([(Pattern("ERROR"),), None, (Pattern("(?=x)"),)])

    assert [(0, 3, [1, 2]), (4, 9, [0, 1, 2])] == list(engine.lines(b"one\nERROR\n"))


def test_patterns_too_large_for_one_set_get_every_line(monkeypatch):
    monkeypatch.setattr(re2set, "MEMORY", 1 << 10)

    assert "every line" == engine_for([(Pattern("[a-z]{50}x[a-z]{50}"),)]).name


def test_with_no_linear_gate_every_line_is_the_engine():
    assert isinstance(engine_for([None]), EveryLine)
    assert isinstance(engine_for([]), EveryLine)
    assert isinstance(engine_for([(Pattern("a"),)]), Re2Set)


@pytest.mark.parametrize(("data", "want"), [
    (b"", []), (b"\n", [(0, 0)]), (b"a", [(0, 1)]), (b"a\n\nb\n", [(0, 1), (2, 2), (3, 4)])])
def test_spans_end_with_no_phantom_line(data, want):
    assert want == list(spans(data))


def test_a_bad_byte_cannot_hide_a_line_from_a_rule():
    engine = engine_for([(Pattern(r"user (?P<user>\S+) from"),)])

    assert [(0, 11, [0])] == list(engine.lines(b"user \xff from\n"))
