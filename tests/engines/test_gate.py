"""From a pattern to its gate: what it is, and that it is wide enough."""

import pytest

pytest.importorskip("re2", reason="without it no pattern has a gate")

from corowatch.core.pattern import Pattern
from corowatch.engines import gate
from corowatch.engines.gate import NoGate, at_start, gate_of

BEYOND = r"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"


@pytest.mark.parametrize(("pattern", "narrow"), [
    ("ab", r"\x61\x62"),
    (r"^a", r"\n\x61"),
    (r"a$", r"\x61\r?\n"),
    (r"\Aa\z", r"\n\x61\r?\n"),
    (r"^$", r"\n\r?\n"),
    (r"ab.*", r"\x61\x62"),  # cut, lest each byte that follows be reported
    (r"ab\S+", r"\x61\x62[\x00-\x08\x0b\x0e-\x1f\x21-\x7f]"),
    (r"ab\w*\b", r"\x61\x62"),
    (r"ab?$", r"\x61(?:\x62){0,1}\r?\n"),
    (r"a.*$", r"\x61"),
    (r"^.*a", r"\x61"),
    (r"\s*a", r"\x61"),
    (r"\w+a", r"[\x30-\x39\x41-\x5a\x5f\x61-\x7a]\x61"),
    (r"\bab\b", r"\b\x61\x62\b"),
    (r"a{2,5}", r"\x61\x61"),
    (r"(?:a|bc*)d?", r"\x61|\x62"),
    (r"(?:^|\s)a(?:$|;)", r"(?:\n|[\x09\x0c-\x0d\x20])\x61(?:\r?\n|\x3b)"),
    (r"(?i)a1", r"[\x41\x61]\x31"),
    (r"(?i:a)b", r"[\x41\x61]\x62"),
    (r"a(?i)b|c", r"\x61[\x42\x62]|[\x43\x63]"),
    (r"a(?i:b(?-i:c))", r"\x61[\x42\x62]\x63"),
    (r"(?P<n>a)(?<m>b)", r"\x61\x62"),
    (r"0[]a-c\]\x64\t-]", r"\x30[\x09\x2d\x5d\x61-\x64]"),
    (r"[\x61-\x{63}x]y", r"[\x61-\x63\x78]\x79"),
    (r"0[^\n]", r"\x30[\x00-\x09\x0b-\x7f]"),
    (r"0[[:digit:][:^ascii:]]", r"\x30[\x30-\x39]"),
    (r"\x41\101\x{42}\.\a", r"\x41\x41\x42\x2e\x07"),
    (r"a{,3}", r"\x61\x7b\x2c\x33\x7d"),
    (r"a{03}", r"\x61\x7b\x30\x33\x7d"),
    (r"a{2,03}", r"\x61\x7b\x32\x2c\x30\x33\x7d"),
    ("a{\u0663}", r"\x61\x7b\xd9\xa3\x7d"),
    (r"ba(?i)*c", r"\x62(?:\x61){0,}[\x43\x63]"),
    (r"(?:ab)(?s){2}c(?i)(?-i)?d", r"\x61\x62\x61\x62(?:\x63){0,1}\x64"),
    (r"a\_", r"\x61\x5f"),
    ("(?P<a\u203fb>a)b", r"\x61\x62"),
    (r"a\pLb", r"\x61[\x00-\x09\x0b-\x7f]\x62"),
    (r"a\p{Greek}[^\PL]b", r"\x61[\x00-\x09\x0b-\x7f][\x00-\x09\x0b-\x7f]\x62"),
    ("é", r"\xc3\xa9"),
    ("a[é]b", r"\x61\xff\x62"),  # in lines of ASCII nothing is there to match
    ("a\n", r"\x61\xff"),
])
def test_the_gate_of_a_pattern(pattern, narrow):
    assert narrow == "|".join(gate_of(Pattern(pattern)).narrow)


@pytest.mark.parametrize("pattern", ["ab|c|d1", "(?:ab|(c|d1))", "(?:ab|(c|d1))e*", "x*(?:ab|c|d1)"])
def test_the_gate_of_a_choice_is_several(pattern):
    assert (r"\x61\x62", r"\x63", r"\x64\x31") == gate_of(Pattern(pattern)).narrow


@pytest.mark.parametrize("by_part", [False, True])
@pytest.mark.parametrize(("many", "expressions"), [(gate.CHOICES, gate.CHOICES), (gate.CHOICES + 1, 1)])
def test_that_of_a_choice_of_too_many_is_one(many, expressions, by_part):
    made = gate_of(Pattern("|".join(f"Set_fail-{number} a" for number in range(many))), by_part=by_part)

    assert (expressions, expressions) == (len(made.narrow), len(made.wide))


@pytest.mark.parametrize(("pattern", "wide"), [
    ("a.b", rf"\x61(?:[\x00-\x09\x0b-\x7f]|{BEYOND})\x62"),
    ("a.{2,3}b", r"\x61[\x00-\x09\x0b-\xff]{2,12}\x62"),
    ("a.+b", r"\x61[\x00-\x09\x0b-\xff]{1,}\x62"),
    ("ab.", r"\x61\x62[\x00-\x09\x0b-\xff]"),  # one byte of it is enough where nothing follows
    ("(?i)k1", r"[\x4b\x6b\x80-\xff]\x31"),  # the Kelvin sign
    ("(?i)1\u017f1", rf"\x31(?:[\x53\x73]|{BEYOND})\x31"),
    ("0[^é]", r"\x30[\x00-\x09\x0b-\xff]"),
])
def test_a_character_outside_ascii_is_two_to_four_bytes(pattern, wide):
    assert (wide,) == gate_of(Pattern(pattern)).wide


@pytest.mark.parametrize(("pattern", "why"), [
    ("", "may match an empty text"),
    ("a*", "may match an empty text"),
    ("a|", "may match an empty text"),
    (r"^", "may match an empty text"),
    (r"\b", "may match an empty text"),
    (r"\b.*", "may match an empty text"),
    (r"(?:^|a)b?", "may match an empty text"),
    (r"(?:a?){2}", "may match an empty text"),
    (r"a^b", "stands behind something"),
    (r"(?:^a){2}", "stands behind something"),
    (r"\b^a", "stands behind something"),
    (r"a$b", "something stands behind"),
    (r"a$\b", "something stands behind"),
    (r"\Qa.b\E", r"\Q is not known"),
    (r"\C", r"\C is not known"),
    (r"\d+", "one character of many"),
    (".", "one character of many"),
    ("(" * 600 + "a" + ")" * 600, "nested too deeply"),
    ("(?=a)b", "RE2 says"),
    (r"(a)\1", "RE2 says"),
])
def test_a_pattern_without_a_gate_says_why(pattern, why):
    with pytest.raises(NoGate) as refused:
        gate_of(Pattern(pattern))

    assert why in str(refused.value)


def test_literal_text_and_case_have_gates_too():
    assert (r"\x61\x2e\x62",) == gate_of(Pattern("a.b", literal=True)).narrow
    assert (r"[\x41\x61]\x2e",) == gate_of(Pattern("a.", literal=True, ignore_case=True)).narrow


def test_a_gate_knows_that_it_begins_with_the_newline_before_a_line():
    assert gate_of(Pattern("^a")).anchored
    assert gate_of(Pattern(r"(?:^|\s)a")).anchored
    assert not gate_of(Pattern("a$")).anchored


@pytest.mark.parametrize("pattern", ["a", "a.*b", r"a \S+", r"\bFATAL\b", "(?i)error|fail", r"a(b|c)+ from (\S+)",
                                     "a b$", "x{2,5}y", "[^\u00e9]a"])
def test_of_an_exact_gate_a_hit_is_a_match(pattern):
    assert gate_of(Pattern(pattern)).exact


@pytest.mark.parametrize("pattern", [
    "^a",
    r"a[bc]*\b",  # the edge is cut with what stands before it
    "a.*$",
    r"(?:a\b){2}c*\b",
    r"a\pLb",
    r"a[^\PL]b",
])
def test_a_gate_that_is_wider_is_not_exact(pattern):
    assert not gate_of(Pattern(pattern)).exact


@pytest.mark.parametrize(("pattern", "narrow"), [
    ("connection.*XK-427", r"\x58\x4b\x2d\x34\x32\x37"),
    (r"connection \w+XK-427", r"\x58\x4b\x2d\x34\x32\x37"),
    ("(XK)-427(8|9)", r"\x58\x4b\x2d\x34\x32\x37"),
    (r"(?:error|warning) XK-427", r"\x20\x58\x4b\x2d\x34\x32\x37"),
    (r"\berror\b.*\bSet_fail(ed|ure)", r"\x53\x65\x74\x5f\x66\x61\x69\x6c"),
    (r"XK-427:?\s*connection", r"\x58\x4b\x2d\x34\x32\x37"),
    (r"^a.*XK-427.*b$", r"\x58\x4b\x2d\x34\x32\x37"),
    (r"^Set_fail: \d+ b", r"\x53\x65\x74\x5f\x66\x61\x69\x6c\x3a\x20"),
    (r"b\s+Set_fail$", r"\x53\x65\x74\x5f\x66\x61\x69\x6c"),
    ("^b|a.*XK-427", r"\n\x62|\x58\x4b\x2d\x34\x32\x37"),
    ("a.*XK-427|b+Set_fail", r"\x58\x4b\x2d\x34\x32\x37|\x62\x53\x65\x74\x5f\x66\x61\x69\x6c"),
    ("(?i)a.*xk-427 x", r"[\x58\x78][\x4b\x6b]\x2d\x34\x32\x37"),
    ("XK-427 is at (.*)", r"\x58\x4b\x2d\x34\x32\x37"),  # what many lines hold stands at its end no more
    (r"XK-427: \d+", r"\x58\x4b\x2d\x34\x32\x37\x3a\x20"),
])
def test_a_gate_may_be_that_of_a_part_that_is_likely_to_be_rare(pattern, narrow):
    gate = gate_of(Pattern(pattern), by_part=True)

    assert narrow == "|".join(gate.narrow)
    assert gate.by_part
    assert not gate.exact
    assert gate.anchored == pattern.startswith("^b|")


@pytest.mark.parametrize("pattern", [
    "authentication.*information",  # words, however long
    "a.*b",
    r"segfault at \d",  # what stands before a short word is but one
    "XK-427",
    r"é+ü",
    r"a.*[a-z]{8}",
])
def test_where_no_part_is_likely_to_be_rare_the_gate_is_that_of_the_whole(pattern):
    assert gate_of(Pattern(pattern)) == gate_of(Pattern(pattern), by_part=True)


def test_a_part_is_no_way_round_what_has_no_gate():
    with pytest.raises(NoGate):
        gate_of(Pattern("a+^b XK-427"), by_part=True)


@pytest.mark.parametrize("source", ["a", "^", "^a|^b", r"^\pL", "^a+b+", "^(a+)+", "(?P<x>^a)b(?=c)", "^a$b", r"^\Qa",
                                    r"^(?:\d{1,3}[.:]?)+ ", r"^(?:\w{1,8}-?){1,8}: ", r"^(?:\d|\w\w)*:",
                                    "^(?:a?){20}a{20}", "^(?:a|ab|b){20}c", r"^\w{0,24}\w{0,24}x", "^a?b?c"])
def test_what_does_not_tell_at_once_where_lines_begin(source):
    assert None is at_start(Pattern(source))


@pytest.mark.parametrize(("source", "expression"), [("^ab", rb"\x61\x62"), (r"^\d+:", rb"(?:[\x30-\x39]){1,}\x3a")])
def test_where_lines_begin_may_be_told_to_the_standard_library(source, expression):
    assert expression == at_start(Pattern(source))
