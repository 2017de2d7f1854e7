import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corowatch.core.errors import Misread
from corowatch.core.expression import DEEPEST, Expr

FIELDS = {"n": 5, "f": 0.5, "t": "10", "word": "eve", "yes": True, "no": "false", "ip": "10.1.2.3", "a.b-c": "it's"}


@pytest.mark.parametrize(("source", "true"), [
    ("n == 5", True), ("n == 5.0", True), ("n != 5", False), ("n < 6", True), ("n <= 5", True), ("n > 5", False),
    ("n >= 5", True), ("n == -5", False), ("f == 5e-1", True), ("f < 1", True),
    ("word == 'eve'", True), ("word != 'bob'", True), ("word < 'f'", True), ("a.b-c == 'it''s'", True),
    ("yes == true", True), ("yes == false", False), ("yes != false", True), ("no == false", True),
    ("yes == 'true'", True)])
def test_comparisons(source, true):
    assert true == Expr(source).holds(FIELDS)


@pytest.mark.parametrize(("source", "true"), [
    ("t == 10", True), ("t > 9", True), ("t < 9", False), ("t == '10'", True), ("t < '9'", True),
    ("n == '5'", True), ("n > '4.5'", True), ("n == 'five'", False),
    ("word == 5", False), ("word < 5", False), ("word > 5", False), ("word != 5", True),
    ("yes == 1", False), ("n == true", False), ("word == true", False), ("yes == 'yes'", False)])
def test_text_that_reads_as_a_number_compares_as_one_with_numbers_else_false(source, true):
    assert true == Expr(source).holds(FIELDS)


@pytest.mark.parametrize("text", ["1_0", " 10", "nan", "inf", "٣", "0x10", "10ms", "", "1" * 301])
def test_what_does_not_read_as_a_number(text):
    assert not Expr("n >= 0 or n < 0").holds({"n": text})


@pytest.mark.parametrize(("source", "true"), [
    ("x == 5", False), ("x == 'a'", False), ("x < 5", False), ("x >= 5", False), ("x in (5)", False),
    ("x exists", False), ("x matches '.*'", False), ("x within '0.0.0.0/0'", False), ("x == true", False),
    ("x != 5", True), ("x not in (5, 'a')", True), ("not x exists", True)])
def test_an_absent_field_is_unequal_to_anything(source, true):
    assert true == Expr(source).holds({"x": None})
    assert true == Expr(source).holds({})


@pytest.mark.parametrize(("source", "true"), [
    ("word in ('bob', 'eve')", True), ("word in ('bob')", False), ("n in ('a', 5, true)", True),
    ("n not in (4, 6)", True), ("n not in (5)", False), ("word exists", True),
    ("word matches '^e'", True), ("word matches 'x'", False), ("n matches '^5$'", True), ("a.b-c matches '''s'", True)])
def test_lists_patterns_and_existence(source, true):
    assert true == Expr(source).holds(FIELDS)


@pytest.mark.parametrize(("ip", "true"), [
    ("10.1.2.3", True), ("11.0.0.1", False), ("fd00::7", True), ("fe80::7", False), ("::ffff:10.1.2.3", True),
    ("web1", False), ("", False), (167837955, False)])
def test_networks(ip, true):
    assert true == Expr("ip within ('10.0.0.0/8', 'fd00::/8')").holds({"ip": ip})


@pytest.mark.parametrize(("source", "true"), [
    ("n == 5 or n == 6 and word == 'x'", True), ("(n == 5 or n == 6) and word == 'x'", False),
    ("not n == 6 and word == 'eve'", True), ("not (n == 5 and word == 'eve')", False), ("not not n == 5", True),
    ("n == 1 or n == 2 or n == 5", True), ("n == 5 and word == 'eve' and not yes == false", True),
    ("n == 1 or n == 2", False), ("  n==5\n and\tword=='eve' ", True), ("inside == 1 or android == 1", False)])
def test_not_before_and_before_or(source, true):
    assert true == Expr(source).holds(FIELDS)


def test_it_names_its_fields_and_where_they_stand():
    found = Expr("a == 1 and (b.c exists or a == 2) and text matches 'x'")

    assert ("a", "b.c", "text") == found.names
    assert (("a", 0), ("b.c", 12), ("a", 26), ("text", 38)) == found.places
    assert ["x"] == [pattern.source for pattern in found.patterns]


def test_equal_conditions_are_equal():
    assert Expr("a == 1") == Expr("a == 1")
    assert Expr("a == 1") != Expr("a == 2")
    assert 1 == len({Expr("a == 1"), Expr("a == 1")})
    assert "Expr('a == 1')" == repr(Expr("a == 1"))


@pytest.mark.parametrize(("source", "at", "why"), [
    ("", 0, "expected a field, `not` or '(', found nothing more"),
    ("a ", 1, "expected == != < <= > >=, `not`, `in`, `matches`, `within` or `exists`, found nothing more"),
    ("(a == 1", 7, "expected ')', found nothing more"),
    ("a == 1 b", 7, "expected `and`, `or` or the end, found 'b'"),
    ("a == ERROR", 5, "expected a text in single quotes, a number, `true` or `false`, found 'ERROR'"),
    ("a == 1 AND b == 2", 7, "expected `and`, `or` or the end, found 'AND'"),
    ("a matches 5", 10, "expected a text in single quotes, found '5'"),
    ("a in ()", 6, "expected a text in single quotes, a number, `true` or `false`, found ')'"),
    ("500 <= a", 0, "expected a field, `not` or '(', found '500'"),
    ("a == 10ms", 5, "'10ms' is neither a number nor a field; a text stands in single quotes"),
    ("a == 10.0.0.1)", 5, "'10.0.0.1' is neither a number nor a field; a text stands in single quotes"),
    ("a = 1", 2, "one '=' compares nothing; write =="), ("a => 1", 2, "write >="), ("a =< 1", 2, "write <="),
    ('a == "x"', 5, "a text stands in single quotes"),
    ("a == 'x", 5, "the quote that begins here is never closed; inside a text, a quote is written twice"),
    ("a == 1 && b == 2", 7, "write `and`"), ("a == 1 || b == 2", 7, "write `or`"),
    ("!a exists", 0, "write `not`, or != to compare"), ("a == 1 + 2", 7, "'+' cannot stand here"),
    pytest.param("a matches 'x('", 11, "the pattern is no regular expression: missing ): x(", marks=pytest.mark.re2),
    ("a within '10.0.0.1/8'", 10, "'10.0.0.1/8' is an address in a network; write '10.0.0.0/8'"),
    ("a within ('::1', 'x')", 18, "'x' is no network; write '10.0.0.0/8' or 'fd00::/8'"),
    ("not " * DEEPEST + "a exists", 0, f"nested deeper than {DEEPEST} levels")])
def test_what_is_wrong_is_said_and_where(source, at, why):
    with pytest.raises(Misread) as refused:
        Expr(source)

    assert (at, why) == (refused.value.at, str(refused.value))


def test_parentheses_alone_nest_as_deep_as_one_likes():
    assert Expr("(" * 5000 + "n == 5" + ")" * 5000).holds(FIELDS)


names = st.sampled_from(["n", "a.b", "text"])
values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8"))
texts_ = st.text(st.characters(codec="utf-8")).map(lambda text: "'" + text.replace("'", "''") + "'")
literals = st.integers(-10**20, 10**20).map(str) | texts_ | st.sampled_from(["true", "false", "1.5", "'7'"])
tests = st.one_of(
    st.tuples(names, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), literals).map(" ".join),
    st.tuples(names, st.sampled_from(["in", "not in"]), literals.map("({})".format)).map(" ".join),
    names.map("{} exists".format), names.map("{} matches '^[a-z]'".format), names.map("{} within '10.0.0.0/8'".format))
conditions = st.recursive(tests, lambda inner: st.one_of(
    inner.map("not ({})".format), st.tuples(inner, inner).map("({0[0]}) and ({0[1]})".format),
    st.tuples(inner, inner).map("{0[0]} or {0[1]}".format)), max_leaves=5)


@settings(deadline=None)  # the first one loads the grammar
@given(conditions, st.dictionaries(names, values))
def test_no_fields_make_it_raise_and_not_is_the_contrary(source, fields):
    assert Expr(source).holds(fields) is not Expr(f"not ({source})").holds(fields)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_condition_or_told_with_a_place_in_it(source):
    at = 0
    try:
        Expr(source)
    except Misread as error:
        at = error.at

    assert 0 <= at <= len(source)
