import pytest

from corowatch.core import pattern as module
from corowatch.core.errors import OverBudget
from corowatch.core.pattern import Pattern


def test_it_is_searched_for_anywhere():
    assert Pattern("disk").test("ERROR disk full")
    assert not Pattern("disk").test("ERROR")


def test_what_backtracks_has_fields_too():
    found = Pattern(r"(?P<user>\S+)(?=@)(?P<rest>x)?")

    assert {"user": "é"} == found.fields("x é@ü")
    assert found.fields("x") is None


def test_groups_become_fields_and_an_unmatched_one_is_absent():
    found = Pattern(r"(?P<user>\S+)@(?P<host>\S+)?")

    assert {"user": "é", "host": "ü"} == found.fields("x é@ü")
    assert {"user": "é"} == found.fields("x é@")
    assert found.fields("x") is None
    assert ("user", "host") == found.groups


@pytest.mark.parametrize(("flags", "text", "hit"), [
    ({}, "A.B", True), ({}, "AxB", True), ({}, "a.b", False), ({"literal": True}, "AxB", False),
    ({"literal": True}, "A.B", True), ({"ignore_case": True}, "a.b", True),
    ({"ignore_case": True, "literal": True}, "a.b", True), ({"ignore_case": True, "literal": True}, "axb", False)])
def test_how_it_is_read(flags, text, hit):
    assert hit == Pattern("A.B", **flags).test(text)


@pytest.mark.re2
@pytest.mark.parametrize(("source", "linear"), [(r"\w+$", True), (r"(?=.)\w+$", False)])
def test_classes_are_of_ascii_whatever_searches(source, linear):
    found = Pattern(source)

    assert linear == found.linear
    assert not found.test("é")


def test_without_re2_every_pattern_backtracks(monkeypatch):
    monkeypatch.setattr(module, "re2", None)
    found = Pattern(r"(?P<user>\w+)@")

    assert not found.linear
    assert found.why == "RE2 is not installed"
    assert found.fields("ann@é") == {"user": "ann"}
    assert not found.test("é@")
    assert found.masked("ann@é") == "***é"
    with pytest.raises(ValueError, match="the pattern is no regular expression: missing"):
        Pattern("(")


@pytest.mark.re2
@pytest.mark.parametrize("source", [r"foo(?=bar)", r"(?<!x)foo", r"(a)\1"])
def test_what_re2_refuses_backtracks_and_says_why(source):
    found = Pattern(source)

    assert not found.linear
    assert found.why.startswith("RE2 says invalid")
    assert found.test("foobar aa")


def test_a_backtracking_pattern_has_a_budget_on_each_line(monkeypatch):
    monkeypatch.setattr(module, "BUDGET", 0.005)
    found = Pattern(r"(?=(a|aa)+$)(a|aa)+$")

    with pytest.raises(OverBudget, match="the pattern took over 5 ms on one line"):
        found.test("a" * 64 + "b")


@pytest.mark.re2
@pytest.mark.parametrize(("source", "why"), [
    ("ERROR (", "the pattern is no regular expression: missing ): ERROR ("),
    ("a**", "the pattern is no regular expression: bad repetition operator: **"),
    ("[z-a]", "the pattern is no regular expression: invalid character class range: z-a"),
    ("(?P<a>x)(?P<a>y)", "two groups are named 'a'; give each its own name"),
])
def test_what_is_wrong_is_said(source, why):
    with pytest.raises(ValueError) as refused:
        Pattern(source)

    assert why == str(refused.value)


def test_equal_patterns_are_equal():
    assert Pattern("a") == Pattern("a")
    assert Pattern("a") != Pattern("a", ignore_case=True)
    assert 1 == len({Pattern("a"), Pattern("a")})
    assert "Pattern('a')" == repr(Pattern("a"))


@pytest.mark.parametrize("ahead", ["", "(?=.)"])
@pytest.mark.parametrize(("source", "text", "masked"), [
    ("b+", "abbcb", "a***c***"), ("^a", "aa", "***a"), (r"\bb", "ab b", "ab ***"), ("x*", "aé", "aé"),
    ("x*", "axé", "a***é"), ("é", "aé\\1", "a***\\1"), ("x", "abc", "abc")])
def test_all_that_matches_is_masked(ahead, source, text, masked):
    assert masked == Pattern(source.replace("^", f"^{ahead}") if "^" in source else ahead + source).masked(text)


def test_masking_has_the_budget_too(monkeypatch):
    monkeypatch.setattr(module, "BUDGET", 0.005)

    with pytest.raises(OverBudget, match="the pattern took over 5 ms on one line"):
        Pattern(r"(?=(a|aa)+$)(a|aa)+$").masked("a" * 64 + "b")


@pytest.mark.re2
@pytest.mark.parametrize("flags", [{}, {"literal": True}, {"ignore_case": True}])
def test_what_was_found_out_of_a_text_is_not_searched_for_again(flags):
    pattern = Pattern("ERROR", **flags)
    text, equal = ("".join(("no ", "match")) for _ in range(2))

    pattern.know(text)  # wrongly, so that it shows

    assert pattern.test(text)
    assert pattern.fields(text) == {}
    assert not pattern.test(equal)
    assert pattern.fields(equal) is None


def test_groups_are_searched_for_though_the_text_is_known_to_match():
    pattern = Pattern(r"user (?P<user>\w+)")
    text = "user bob"

    pattern.know(text)

    assert pattern.fields(text) == {"user": "bob"}


def test_what_backtracks_is_always_searched_for():
    pattern = Pattern(r"a(?=b)")
    text = "no match"

    pattern.know(text)

    assert not pattern.test(text)


@pytest.fixture
def _without_re2(monkeypatch):
    monkeypatch.setattr(module, "re2", None)


@pytest.mark.usefixtures("_without_re2")
@pytest.mark.parametrize(("source", "text", "hit"), [
    ("ok$", "ok\n", False), ("ok$", "ok", True), (r"ok\z", "ok", True), (r"a\s", "a\v", False), (r"a\s", "a\t", True),
    (r"[\s$]b", "\vb", False), (r"[\s$]b", "$b", True), ("id{e}", "nothing", False), ("id{e}", "id{e}", True),
    ("x{,3}y", "xxy", True), ("x{2}y", "xxy", True), ("x{2,}y", "xxxy", True), (r"\x{e9}", "é", True),
    (r"[\x{e9}-\x{ea}]", "ê", True), (r"\$\{", "${", True), ("[]{$]a", "]a", True), ("[[:alpha:]]+9", "ab9", True),
    (r"\\s", r"\s", True),
])
def test_without_re2_a_pattern_means_the_same(source, text, hit):
    assert Pattern(source).test(text) == hit


@pytest.mark.re2
@pytest.mark.parametrize("source", ["ok$", r"ok\z", r"a\s", r"[\s$]b", "id{e}", r"\x{e9}", "[]{$]a", r"\\s"])
def test_what_is_rewritten_means_what_it_means_to_re2(source, monkeypatch):
    texts = ["ok", "ok\n", "a\v", "a\t", "\vb", "$b", "nothing", "id{e}", "é", "]a", r"\s", "s"]
    linear = [Pattern(source).test(text) for text in texts]
    monkeypatch.setattr(module, "re2", None)

    assert [Pattern(source).test(text) for text in texts] == linear


@pytest.mark.parametrize("source", [r"(?=a)\pL", r"(?=a)[\p{Greek}]", "(?=a)" + "(" * 5000 + "a" + ")" * 5000])
def test_what_only_re2_could_search_for_is_refused(source):
    with pytest.raises(ValueError):
        Pattern(source)


@pytest.mark.parametrize("there", [True, False])
def test_an_expression_of_our_own_is_found_in_bytes_with_re2_and_without(there, monkeypatch):
    if not there:
        monkeypatch.setattr(module, "re2", None)
    find = module.searcher("(?m)^b+$|c")

    assert [2, 2, 5, -1] == [find(b"a\nbb\nc\n", at) for at in (0, 2, 4, 6)]
