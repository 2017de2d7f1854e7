import pytest

from corowatch.core.coroutine import finish
from corowatch.core.pattern import Pattern
from corowatch.nodes.grep import grep
from corowatch.testing import Collect, drive, line, lines, texts


def test_passes_on_matching_lines_only():
    passed = Collect()
    errors = grep(passed, pattern=(Pattern("ERROR"),))

    drive(errors, lines("INFO ready", "ERROR disk full", "INFO still here"))

    assert ["ERROR disk full"] == texts(passed)


def test_closing_tells_how_many_matched():
    errors = grep(Collect(), pattern=(Pattern("ERROR"),))
    errors.send(line("ERROR disk full"))

    assert {"matched": 1} == finish(errors)


def test_named_groups_become_fields_and_an_unmatched_one_is_absent():
    passed = Collect()
    logins = grep(passed, pattern=(Pattern(r"user (?P<user>\S+)(?: from (?P<ip>\S+))?"),))

    drive(logins, lines("user eve from 192.0.2.7", "user bob"))

    assert [{"user": "eve", "ip": "192.0.2.7"}, {"user": "bob"}] == [event.fields for event in passed]


def test_fields_of_the_steps_before_are_kept():
    passed = Collect()
    errors = grep(passed, pattern=(Pattern("(?P<b>x)"),))

    errors.send(line("x", a="1"))

    assert {"a": "1", "b": "x"} == passed[0].fields


def test_the_first_pattern_of_a_list_that_matches_gives_the_fields():
    passed = Collect()
    both = grep(passed, pattern=(Pattern("a(?P<n>.)"), Pattern("b(?P<m>.)")))

    drive(both, lines("b2 a1", "b2", "c"))

    assert [{"n": "1"}, {"m": "2"}] == [event.fields for event in passed]


def test_except_and_otherwise():
    passed, rest = Collect(), Collect()
    errors = grep(passed, rest, pattern=(Pattern("ERROR"),), except_=(Pattern("harmless"), Pattern("known")))

    drive(errors, lines("ERROR disk", "ERROR harmless", "INFO", "ERROR known"))

    assert ["ERROR disk"] == texts(passed)
    assert ["ERROR harmless", "INFO", "ERROR known"] == texts(rest)


@pytest.mark.parametrize(("flags", "text", "hit"), [
    ({"ignore_case": True}, "an error", True), ({}, "an error", False),
    ({"literal": True}, "a.ERROR", False), ({"literal": True, "ignore_case": True}, "x.error+", True)])
def test_how_patterns_are_read(flags, text, hit):
    source = ".ERROR+" if "literal" in flags else "ERROR"
    passed = Collect()
    grep(passed, pattern=(Pattern(source, **flags),)).send(line(text))

    assert hit == bool(passed)
