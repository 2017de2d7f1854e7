"""Which engine is taken, and the two that need no scanner."""

import sys

import pytest

pytest.importorskip("re2", reason="without it every line is searched")

import corowatch.core.pattern
import corowatch.engines
from corowatch.core.pattern import Pattern
from corowatch.engines import EveryLine, NoCache, engine_for, re2set, scanner, spans, why_not_scanned
from corowatch.engines.re2set import Re2Set


@pytest.fixture
def _no_scanner(monkeypatch):
    def absent(*_):
        raise ImportError("hyperscan")

    monkeypatch.setattr(corowatch.engines, "_hyperscan", absent)


def engine(*gates):
    return engine_for(gates, NoCache())


@pytest.mark.usefixtures("_no_scanner")
def test_only_lines_of_use_are_named():
    found = engine((Pattern("ERROR"),), (Pattern("WARN"), Pattern("FATAL")))

    assert [(4, 9, [0]), (14, 24, [0, 1])] == list(found.lines(b"one\nERROR\ntwo\nFATALERROR\n", None))


@pytest.mark.usefixtures("_no_scanner")
def test_a_gate_that_is_none_or_backtracking_gets_every_line_and_the_others_do_not():
    found = engine((Pattern("ERROR"),), None, (Pattern("(?=x)"),))

    assert [(0, 3, [1, 2]), (4, 9, [0, 1, 2])] == list(found.lines(b"one\nERROR\n", None))


@pytest.mark.usefixtures("_no_scanner")
def test_patterns_too_large_for_one_set_get_every_line(monkeypatch):
    monkeypatch.setattr(re2set, "MEMORY", 1 << 10)

    assert "every line" == engine((Pattern("[a-z]{50}x[a-z]{50}"),)).name


def test_what_scans_is_told_and_what_it_cannot_take(monkeypatch):
    assert "" == why_not_scanned(Pattern("a"))
    assert "it may match an empty text" == why_not_scanned(Pattern("a*"))
    monkeypatch.setitem(sys.modules, "corowatch.engines.hyperscan", None)
    assert scanner() == "RE2 set, line by line: hyperscan is not installed"
    monkeypatch.setattr(corowatch.core.pattern, "re2", None)
    assert scanner() == "none: RE2 is not installed"


@pytest.mark.usefixtures("_no_scanner")
def test_without_the_scanner_the_set_is_the_engine():
    assert isinstance(engine((Pattern("a"),)), Re2Set)


def test_with_nothing_to_look_for_every_line_is_the_engine():
    assert isinstance(engine(None), EveryLine)
    assert isinstance(engine(), EveryLine)
    assert isinstance(engine((Pattern("(?=a)"),)), EveryLine)


@pytest.mark.parametrize(("data", "want"), [
    (b"", []), (b"\n", [(0, 0)]), (b"a", [(0, 1)]), (b"a\n\nb\n", [(0, 1), (2, 2), (3, 4)])])
def test_spans_end_with_no_phantom_line(data, want):
    assert want == list(spans(data))


@pytest.mark.usefixtures("_no_scanner")
def test_a_bad_byte_cannot_hide_a_line_from_a_rule():
    found = engine((Pattern(r"user (?P<user>\S+) from"),))

    assert [(0, 11, [0])] == list(found.lines(b"user \xff from\n", None))


def test_of_two_carriage_returns_the_set_takes_off_one_whatever_stands_beside():
    found = Re2Set([(Pattern("."),)])

    assert [(0, 2, [0]), (3, 4, [0])] == list(found.lines(b"\r\r\n\xff\n"))
