import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from corowatch.core import yaml_places
from corowatch.core.errors import Place
from corowatch.core.yaml_places import Page, read

LOADERS = [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)]
SINGLE = "put the text in single quotes"


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__, autouse=True)
def _either_parser(request, monkeypatch):
    monkeypatch.setattr(yaml_places, "_LOADER", request.param)


def value(text: str) -> object:
    page = read("c.yaml", text)
    assert [] == page.mistakes
    assert page.root is not None
    return page.root.plain()


def told(text: str) -> list[str]:
    return [f"{place.line}:{place.col} {what}" for place, what, _ in read("c.yaml", text).mistakes]


@pytest.mark.parametrize(("written", "meant"), [
    ("null", None), ("~", None), ("", None), ("true", True), ("false", False),
    ("5", 5), ("-5", -5), ("+5", 5), ("0", 0), ("-0", 0), ("1.5", 1.5), (".5", 0.5), ("5.", 5.0),
    ("1e3", 1000.0),
    ("2.5E-1", 0.25), ("-.5", -0.5),
    ("on", "on"), ("no", "no"), ("Yes", "Yes"), ("True", "True"), ("NULL", "NULL"), ("1:30", "1:30"),
    ("010", "010"),
    ("0404", "0404"), ("0x1F", "0x1F"), ("0o7", "0o7"), ("1_000", "1_000"), ("2026-11-22", "2026-11-22"),
    ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"), (".inf", ".inf"), (".nan", ".nan"), ("1e999", "1e999"),
    (".", "."), ("+", "+"), (".e5", ".e5"), (".E5", ".E5"), ("e5", "e5"), ("0404.5", "0404.5"),
    ("192.0.2.7", "192.0.2.7"),
    ("9" * 19, "9" * 19), ("9" * 70 + ".5", "9" * 70 + ".5"), ("=", "="), ("'5'", "5"), ('"true"', "true"),
    ("''", ""),
])
def test_only_null_booleans_and_numbers_are_more_than_text(written, meant):
    found = value(f"a: {written}\n")

    assert {"a": meant} == found
    assert type(meant) is type(found["a"])


def test_a_scalar_keeps_its_own_characters():
    page = read("c.yaml", "a: 1.50\nb: '0404'\n")

    assert page.root is not None
    assert isinstance(page.root.value, dict)
    assert ["1.50", "0404"] == [given.text for given in page.root.value.values()]


def test_every_key_and_value_has_its_place():
    page = read("c.yaml", "a:\n  - b: 1\n    c: {d: x}\n")

    root = page.root
    assert root is not None
    assert isinstance(root.value, dict)
    assert Place("c.yaml", 1, 1) == root.keys["a"]
    items = root.value["a"]
    assert Place("c.yaml", 2, 3) == items.place
    step = items.value[0]
    assert {"b": Place("c.yaml", 2, 5), "c": Place("c.yaml", 3, 5)} == step.keys
    assert Place("c.yaml", 3, 12) == step.value["c"].value["d"].place


def test_nothing_behind_a_key_stands_at_the_key():
    page = read("c.yaml", "a: 1\nb:\n\nc: 2\n")

    assert page.root is not None
    assert Place("c.yaml", 2, 1) == page.root.value["b"].place


def test_a_byte_order_mark_takes_no_column():
    page = read("c.yaml", "\ufeffa: 1\n")

    assert page.root is not None
    assert Place("c.yaml", 1, 1) == page.root.keys["a"]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but a comment\n", "---\n", "---\n...\n"])
def test_a_text_may_hold_nothing(text):
    assert (None, []) == (read("c.yaml", text).root, told(text))


def test_an_alias_repeats_what_its_anchor_names():
    assert {"x-a": [1, {"b": 2}], "c": [1, {"b": 2}], "d": "e", "f": "e"} == value(
        "x-a: &a [1, {b: 2}]\nc: *a\nd: &d e\nf: *d\n")


@pytest.mark.parametrize(("text", "meant"), [
    ("- &a {p: 1, q: 2}\n- {<<: *a}\n", {"p": 1, "q": 2}),
    ("- &a {p: 1, q: 2}\n- {<<: *a, q: 3}\n", {"p": 1, "q": 3}),
    ("- &a {p: 1, q: 2}\n- {q: 3, <<: *a}\n", {"q": 3, "p": 1}),
    ("- &a {p: 1}\n- &b {p: 2, q: 2}\n- {<<: [*a, *b]}\n", {"p": 1, "q": 2}),
    ("- {<<: {p: 1}}\n", {"p": 1}),
])
def test_a_merge_key_fills_in_what_is_not_given(text, meant):
    found = value(text)[-1]

    assert meant == found
    assert list(meant) == list(found)


@pytest.mark.parametrize(("text", "mistakes"), [
    # twice
    ("a: 1\nb: 2\na: 3\na: 4\n", ["3:1 'a' stands twice in this mapping; the first is at c.yaml:1:1",
                                  "4:1 'a' stands twice in this mapping; the first is at c.yaml:1:1"]),
    ("{a: 1, 'a': 2}", ["1:8 'a' stands twice in this mapping; the first is at c.yaml:1:2"]),
    ("flows:\n  f:\n    grep: a\n    grep: b\n", [
        ("4:5 'grep' stands twice in this mapping; the first is at c.yaml:3:5; to have a step twice, write the flow as "
         "a list: - grep: …")]),
    ("flows:\n  f: {<<: {p: 1}, <<: {q: 2}}\n", [
        "2:19 '<<' stands twice in this mapping; the first is at c.yaml:2:7"]),
    ("- - {a: 1, a: 2}\n", ["1:12 'a' stands twice in this mapping; the first is at c.yaml:1:6"]),
    ("flows:\n  f: {alert: {to: a, to: b}}\n  f: {}\n", [
        "2:22 'to' stands twice in this mapping; the first is at c.yaml:2:15",
        "3:3 'f' stands twice in this mapping; the first is at c.yaml:2:3"]),
    ("sinks:\n  f: {file: a, file: b}\n", ["2:16 'file' stands twice in this mapping; the first is at c.yaml:2:7"]),
    ("- &a {}\n- {<<: *a, <<: *a}\n", ["2:12 '<<' stands twice in this mapping; the first is at c.yaml:2:4"]),
    # keys
    ("? {a: b}\n: c\n", ["1:3 a key is a word, found a mapping"]),
    ("- [a]: b", ["1:3 a key is a word, found a list"]),
    ("<<: 5\n", ["1:5 '<<' takes a mapping, or a list of them, found '5'"]),
    ("<<: [{}, x]\n", ["1:10 '<<' takes a mapping, or a list of them, found 'x'"]),
    # tags
    ("a: !foo bar\nb: !!str x\nc: ! y\nd: !<tag:x> [z]\ne: !!python/name:os.system {}\n", [
        f"{line}:4 a tag such as {tag!r} is not taken here; if it is meant as text, put it in single quotes"
        for line, tag in enumerate(["!foo", "!!str", "!", "tag:x", "!!python/name:os.system"], 1)]),
    # anchors and aliases
    ("a: *foo\n", [f"1:4 no anchor '&foo' stands before this alias; if it is meant as text, {SINGLE}"]),
    ("a: &foo bar\n", [f"1:4 no alias uses the anchor '&foo'; if it is meant as text, {SINGLE}"]),
    ("a: &x [b, *x]\n", ["1:11 '*x' stands inside what it repeats"]),
    ("a: &x {b: [*x]}\n", ["1:12 '*x' stands inside what it repeats"]),
    # what a pattern tempts one to write
    ("a:\n  grep: *foo bar\n", [f"2:9 a text cannot begin with '*' in YAML; {SINGLE}"]),
    ("a:\n  grep: *\n", [f"2:9 a text cannot begin with '*' in YAML; {SINGLE}"]),
    ("a:\n  grep: {pattern: *.foo}\n", [f"2:19 a text cannot begin with '*' in YAML; {SINGLE}"]),
    ("a:\n  grep: & foo\n", [f"2:9 a text cannot begin with '&' in YAML; {SINGLE}"]),
    ("a:\n  grep: %x\n", [f"2:9 a text cannot begin with '%' in YAML; {SINGLE}"]),
    ("a:\n  - %x\n", [f"2:5 a text cannot begin with '%' in YAML; {SINGLE}"]),
    ("a:\n  grep: @x\n", [f"2:9 a text cannot begin with '@' in YAML; {SINGLE}"]),
    ("a:\n  grep: `x\n", [f"2:9 a text cannot begin with '`' in YAML; {SINGLE}"]),
    ("a:\n  grep: |foo\n", [f"2:9 a text cannot begin with '|' in YAML; {SINGLE}"]),
    ("a:\n  grep: - foo\n", [f"2:9 a text cannot begin with '-' in YAML; {SINGLE}"]),
    ("a: !x!y z", [f"1:4 a text cannot begin with '!' in YAML; {SINGLE}"]),
    ("a:\n  grep: [a-z]+ x\n  b: c\n",
     [f"2:9 '[' begins a list in YAML that does not end well; if it is meant as text, {SINGLE}"]),
    ("a: {grep: [a-z]+, b: c}\n",
     [f"1:11 '[' begins a list in YAML that does not end well; if it is meant as text, {SINGLE}"]),
    ("a:\n  grep: {x} y\n  b: 1\n",
     [f"2:9 '{{' begins a mapping in YAML that does not end well; if it is meant as text, {SINGLE}"]),
    ("a: [x\n", [f"1:4 '[' begins a list in YAML that does not end well; if it is meant as text, {SINGLE}"]),
    ("a:\n  grep: ERROR: disk\n", [f"2:14 a text with ': ' in it cannot stand bare; {SINGLE}"]),
    ("a: {grep: a: b}", [f"1:12 a text with ': ' in it cannot stand bare; {SINGLE}"]),
    ('a:\n  grep: "\\d+"\n', [f"2:10 in double quotes YAML takes the backslash for itself; {SINGLE}"]),
    ('a:\n  grep: "x\\[\\xzz"\n', [f"2:11 in double quotes YAML takes the backslash for itself; {SINGLE}"]),
    ('a: "\\xzz"\n', [f"1:5 in double quotes YAML takes the backslash for itself; {SINGLE}"]),
    ("a:\n  grep: 'it's'\n",
     ["2:9 nothing may follow the quote that closes; write '' for a quote inside single quotes"]),
    ('a:\n  grep: "a" b\n', [f"2:9 nothing may follow the quote that closes; {SINGLE}, all of it"]),
    # the form
    ("a:\n\tgrep: x\n", ["2:1 a tab cannot indent in YAML; use blanks"]),
    ("a: 'x\nb: y\n", ["1:4 the quote that begins here is never closed"]),
    ('a: "x\n', ["1:4 the quote that begins here is never closed"]),
    ("a:\n  tail:/path\n  grep: x\n", ["2:8 a blank is missing behind the colon"]),
    ("a: [1, 2\nb: 3\n", ["1:4 the bracket that opens here is never closed"]),
    ("a:\n b: 1\n  c: 2\n",
     ["3:4 this does not fit what stands before it; check the indentation, and quotes that are missing"]),
    ("a:\n  b: 1\n c: 2\n",
     ["3:2 this does not fit what stands before it; check the indentation, and quotes that are missing"]),
    ("a: b\n- c\n",
     ["2:1 this does not fit what stands before it; check the indentation, and quotes that are missing"]),
    ("a: 1\n---\nb: 2\n", ["2:1 a second document begins here; a file holds one"]),
    # characters
    ("a: 1\nb: \x00", ["2:4 the character '\\x00' cannot stand in YAML"]),
    ("a: \x1b[2J", ["1:4 the character '\\x1b' cannot stand in YAML"]),
    ("a: \udcff", ["1:4 this is not UTF-8 text"]),
    # limits
    ("[" * 51 + "]" * 51, ["1:51 nested deeper than 50 levels"]),
    ("- &a " + "[" * 30 + "]" * 30 + "\n- " + "[" * 20 + "*a" + "]" * 20,
     ["2:23 nested deeper than 50 levels"]),
    ("a: " + "x" * yaml_places.MAX_CHARACTERS, ["1:1 the file is larger than 1 MiB"]),
])
def test_a_mistake_has_its_place_and_its_cure(text, mistakes):
    assert mistakes == told(text)


def test_an_alias_bomb_is_refused_before_it_goes_off():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n" for before,
        name in zip("abcdefgh", "bcdefghi", strict=True))

    assert ["5:23 more than 50000 values, those that aliases repeat included"] == told(bomb)


@pytest.mark.parametrize("text", ["[" * 500_000, "{a: " * 200_000, "- " * 300_000, "?" * 500_000,
                                  "a:" + " " * 900_000 + "%", ": " * 400_000])
def test_deep_and_long_texts_are_soon_refused(text):
    page = read("c.yaml", text)

    assert page.mistakes or isinstance(page.root.value, str)


def test_a_torn_page_keeps_the_mistakes_before_the_tear():
    page = read("c.yaml", "a:\n  b: 1\n  b: 2\nc: [\n")

    assert page.torn
    assert page.root is None
    assert [3, 4] == [mistake.place.line for mistake in page.mistakes]


def test_an_anchor_of_the_drawer_may_lie_there_unused():
    assert [] == told("x-mail: &mail ops@example.org\nx-more:\n  - &one 1\n  - &two {a: b}\n"
                      "flows: &flows {a: b}\n")


def test_an_escape_that_no_character_has_is_refused():
    assert 1 == len(told('a: "\\U00110000"')) == len(told('a: "\\uD800"'))


def test_a_line_is_shown_so_that_nothing_in_it_writes_to_a_terminal():
    page = read("c.yaml", "a:\t\x1b[2J\u202e\r\nb\n" + "x" * 501)

    shown = [page.line(Place("c.yaml", line, 1)) for line in (1, 2, 3)]

    assert ["a:\t\ufffd[2J\ufffd", "b", ""] == shown


@given(st.text(st.sampled_from(list("ab0:-?,[]{}#&*!|>'\"%@`~\\\n\t <\x00\x85\u2028\ufeff\ud800é")),
               max_size=60) | st.text())
@example("\t")
@example("%FOO\n")
@example("a: \"\n")
@example("\x85%")
def test_any_text_gives_a_page(text):
    page = read("c.yaml", text)

    assert isinstance(page, Page)
    for mistake in page.mistakes:
        assert isinstance(page.line(mistake.place), str)
        assert mistake.place.col >= 1
