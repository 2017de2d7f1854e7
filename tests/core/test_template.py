import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from corowatch.core.pattern import Pattern
from corowatch.core.template import Template


@pytest.mark.parametrize(("source", "places"), [
    ("server {srv} OK", (("srv", 7),)),
    ("{a}-{b2}-{a}", (("a", 0), ("b2", 4), ("a", 9))),
    (r"\[{_pid}\]", (("_pid", 2),)),
    (r"(?P<user>\w+) \(session {id}\)$", (("id", 24),)),
])
def test_a_name_in_braces_stands_for_a_text(source, places):
    assert places == Template(source).places


@pytest.mark.parametrize("source", [
    "a{3}b{2,5}c{2,}", "a{,3}", r"\{id\}", r"\p{Greek}", r"\P{L}", r"\x{e9}", "[{id}]", "[]{id}]", r"\Q{id}\E",
    r"\Q{id}", "{}", "{1d}", "{a b}", "{a.b}"])
@pytest.mark.re2
def test_other_braces_are_what_they_are_in_any_pattern(source):
    assert () == Template(source).names


def test_as_a_pattern_it_matches_whatever_stands_there():
    wide = Template("server {srv} (?P<state>OK|up)")

    assert [True, True, True, False] == [
        wide.test(text) for text in ("server a OK", "server  OK", "server a\nb up", "server a down")]
    assert (("state",), {"state": "up"}) == (wide.groups, wide.fields("server a up"))


@pytest.mark.parametrize(("source", "texts", "text", "fields"), [
    ("server {srv} OK", {"srv": "a"}, "nfs: server a OK", {}),
    ("server {srv} OK", {"srv": "a"}, "nfs: server ab OK", None),
    ("server {srv} OK", {"srv": "a.b"}, "server aXb OK", None),
    ("server {srv} OK", {"srv": r"a\d[b"}, r"server a\d[b OK", {}),
    ("server {srv} OK", {"srv": "a\nb"}, "server a\nb OK", {}),
    ("server {srv} OK", {}, "server  OK", {}),
    ("{a}-{b}", {"a": "x-y", "b": "z"}, "x-y-z", {}),
    ("{a}-{b}", {"a": "x", "b": "y-z"}, "x-y-z", {}),
    ("{a}-{b}", {"a": "x", "b": "z"}, "x-y-z", None),
    ("{a} {a}", {"a": "x"}, "x x", {}),
    ("{a} {a}", {"a": "x"}, "x y", None),
    ("(?i)SERVER {srv}", {"srv": "Alpha"}, "server aLPHA", {}),
    ("(?i)server {srv}", {"srv": "\u212aelvin"}, "Server kelvin", {}),
    ("server {srv}", {"srv": "Alpha"}, "server alpha", None),
    (r"(?P<who>\S+) closed {id}(?P<rest>.*)", {"id": "7"}, "x closed 77", {"who": "x", "rest": "7"}),
    (r"^(?P<a>.*) {id} (?P<b>.*)$", {"id": "y"}, "x y z y w", {"a": "x y z", "b": "w"}),
    ("{a}$", {"a": "x" * 3000}, "x" * 3001, {}),
    ("{a}$", {"a": "y" + "x" * 3000}, "x" * 3001, None),
    ("no names (?P<a>.)", {"id": "7"}, "no names x", {"a": "x"}),
])
@pytest.mark.re2
def test_with_its_texts_it_matches_these_and_nothing_else(source, texts, text, fields):
    assert fields == Template(source).fields_with(text, texts)


OUTSIDE = "'{id}' stands in parentheses or before a quantifier, where it may be left out; it must stand outside"


@pytest.mark.parametrize(("source", "why"), [
    ("(x{id})", OUTSIDE), ("x{id}?", OUTSIDE), ("x{id}{2}", OUTSIDE),
    ("x{id}|y", "'|' leaves open whether '{id}' is there; write a list of patterns, or put what differs in"),
    ("{id} (", "the pattern is no regular expression: missing ): "),
    ("(?P<a>x){id}(?P<a>y)", "two groups are named 'a'; give each its own name"),
])
@pytest.mark.re2
def test_where_its_text_may_be_left_out_it_is_refused(source, why):
    with pytest.raises(ValueError, match="^" + re.escape(why)):
        Template(source)


def test_a_pattern_without_names_may_hold_what_it_likes():
    assert Template("a|b").test("b")


def test_what_re2_does_not_take_is_taken_beside_a_name():
    wide = Template(r"{id}(?!\d) done")

    assert ({}, None) == (wide.fields_with("x7 done", {"id": "7"}), wide.fields_with("x78 done", {"id": "7"}))


@pytest.mark.parametrize(("source", "text", "found"), [
    ("server {srv} OK", "nfs: server a OK", "a"),
    ("server {srv} OK", "server a OK server b OK", "a|a OK server b|b"),
    ("server {srv} OK", "OK", ""),
    ("server {srv} OK", " OK server ", ""),
    ("aa{x}b", "aaab", "a|"),
    ("done: {job}$", "done: x y", "x y"),
    ("^{job} done", "x done done", "x|x done"),
    (r"\A{job}: {job}\z", "x: x", "x"),
    ("^job {job}$", "job x", "x"),
    ("^job {job}", "a job x", ""),
    ("{job} done$", "done", ""),
    (r"(?:^)job {job}$", "a job x", "x"),
    (r"\b{job}\b", "a-b", "|a|a-|a-b|-|-b|b"),
    (r"#\b{job}\B", "#a", "|a"),
    (r"job {job}\b?", "job a", "|a"),
    ("done: {job}", "done: x", "|x"),
    ("{job}: done", "x: done", "x|"),
    (r"\[{pid}\]", "cron[42]: x", "42"),
    (r"job {job} d?", "job x ", "x"),
    (r"(?:ab)+c{x}d", "ababcyd", "y"),
])
def test_which_texts_may_stand_there_is_told_by_what_stands_beside(source, text, found):
    name, = Template(source).names
    assert set(found.split("|")) - ({""} if not found else set()) == {
        one[name] for one in Template(source).choices(text)}


@pytest.mark.parametrize(("source", "text", "found"), [
    (r"job {job} of {user}$", "job x of y", [("x", "y")]),
    ("{a}: {b}$", "x: y: z", [("x", "y: z"), ("x", "z"), ("x: y", "y: z"), ("x: y", "z"), (": y", "z")]),
    ("a|b", "a", [()]),
])
def test_of_several_names_each_with_each(source, text, found):
    told = [tuple(one.values()) for one in Template(source).choices(text)]

    assert set(found) <= set(told)
    assert len(told) == len(set(told))


@pytest.mark.parametrize(("source", "text", "bounded"), [
    ("server {srv} OK", "server  OK" * 45, True), (r"\b{a}\b", "a " * 45, True), ("{a}", "x" * 45, False),
    (r"\d{a} done", "x" * 1001 + " done", False), ("(?i)job {job}$", "job x", False),
])
def test_where_too_many_may_stand_there_or_nothing_tells_none_is_told(source, text, bounded):
    template = Template(source)

    assert (None, bounded) == (template.choices(text), template.bounded)


PIECES = st.sampled_from(["a", "b", " ", "ab ", ".", ".*", "[ab]", r"\.", "(?:a|b)", "(?P<g>.*)", "a?", "b+", "$", "^",
                          ": ", r"\w", "a{2}", r"\Qa.\E", r"\b", r"\A", r"\z"])
TEXTS = st.text("ab .:", max_size=9)


@given(st.lists(PIECES, max_size=4), st.lists(PIECES, max_size=4), st.booleans(), TEXTS)
@example(["a"], ["b"], False, "aab")
@example(["ab "], ["$"], False, "ab ab b")
@pytest.mark.re2
def test_what_matches_is_a_choice_and_is_what_its_escaped_text_matches(before, behind, anycase, text):
    """With every text there is in the line, and some that are not."""
    assume((before + behind).count("(?P<g>.*)") < 2 and (behind or ["x"])[0] not in ("?", "+"))
    flags = "(?i)" * anycase
    template = Template(flags + "".join(before) + "{x}" + "".join(behind))
    there = {text[i:j] for i in range(len(text) + 1) for j in range(i, len(text) + 1)} | {"A", "ba.b"}

    matching = set()
    for one in there:
        plain = Pattern(flags + "".join(before) + re.escape(one) + "".join(behind))
        assert plain.fields(text) == template.fields_with(text, {"x": one})
        if plain.test(text):
            assert template.test(text)
            matching.add(one)

    choices = template.choices(text)
    assert choices is None or matching <= {one["x"] for one in choices}


def test_letters_that_re2_takes_for_equal_are_so_when_folded():
    """Else a text that stands in the line in another case would not be looked for."""
    for code in (*range(0x80, 0x600), *range(0x1c80, 0x2200), *range(0xab70, 0xabc0), *range(0x10400, 0x10450)):
        letter = chr(code)
        anycase = Pattern(f"^(?i:{letter})$") if letter.isalpha() else None
        for other in {letter.lower(), letter.upper(), letter.swapcase()} if anycase else ():
            if anycase.test(other):
                assert letter.casefold() == other.casefold()
