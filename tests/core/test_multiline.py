import pytest
from joining import Joined

from corowatch.core.errors import Place
from corowatch.core.multiline import Multiline
from corowatch.core.pattern import Pattern
from corowatch.core.values import WRONG, Given, Reading, convert, schema, type_name
from corowatch.core.yaml_places import read

P = Pattern


def option(text):
    """The option as it is read from YAML, and what is told of it."""
    reading = Reading()
    page = read("c.yaml", text)
    given = page.root if page.root is not None else Given(None, Place("c.yaml", 1, 1))
    return convert(given, Multiline, reading), [f"{mistake.place}: {mistake.what}" for mistake in reading.mistakes]


@pytest.mark.parametrize(("text", "expected"), [
    ("java", Multiline(as_=("java",))),
    ("[cri, go]", Multiline(as_=("cri", "go"))),
    ("{start: '^\\d', timeout: 5s, max_lines: 9, max_bytes: 1KiB}",
     Multiline(start=P(r"^\d"), timeout=5.0, max_lines=9, max_bytes=1024)),
    ("{continue: '^ '}", Multiline(continue_=P("^ "))),
])
def test_it_is_a_name_a_list_or_a_mapping(text, expected):
    assert (expected, []) == option(text)


@pytest.mark.parametrize(("text", "told"), [
    ("jaav", ("c.yaml:1:1: 'jaav' is not one of: python, java, node, go, dotnet, ruby, rust, php, dart, indent, cri, "
             "docker-json; did you mean 'java'?")),
    ("{begin: x}", ("c.yaml:1:2: there is no 'begin' here; there are as, start, continue, end, unfinished, timeout, "
                   "max_lines, max_bytes")),
    ("{strat: x}", "c.yaml:1:2: there is no 'strat' here; did you mean 'start'?"),
    ("{start: '('}", None),
    ("{start: a, max_lines: 0}", "c.yaml:1:23: expected at least 1, found '0'"),
    ("{timeout: 5s}", ("c.yaml:1:1: expected a language, `indent`, or one of the patterns `start`, `continue`, `end` "
                      "and `unfinished`")),
    ("{as: java, end: b}", ("c.yaml:1:1: `as` and patterns are two ways to say which lines belong together; leave out "
                           "one")),
    ("{unfinished: a, end: b}", ("c.yaml:1:1: `unfinished` says by itself which lines belong together; leave out the "
                                "other patterns")),
    ("[indent, go]", "c.yaml:1:1: `indent` is of no use beside a language; leave out one or the other"),
])
def test_a_mistake_is_told_at_its_place(text, told):
    value, mistakes = option(text)

    assert WRONG is value
    assert 1 == len(mistakes)
    assert told in (None, mistakes[0])


def test_a_schema_and_a_name_are_made_of_its_parts():
    told = schema(Multiline)
    single, mapping = told["else"], told["then"]
    assert {"enum": ["python", "java", "node", "go", "dotnet", "ruby", "rust", "php", "dart", "indent", "cri",
                     "docker-json"]} == single["else"]
    assert ["as", "start", "continue", "end", "unfinished", "timeout", "max_lines", "max_bytes"] == list(
        mapping["properties"])
    assert "a line that is the last of its record" == mapping["properties"]["end"]["description"]
    assert type_name(Multiline).startswith("python | java")
    assert type_name(Multiline).endswith("max_lines, max_bytes")


def test_what_is_at_its_default_is_not_told():
    assert "Multiline(as_=('go',), max_lines=3)" == repr(Multiline(as_=("go",), max_lines=3))


@pytest.mark.parametrize(("multiline", "records"), [
    (Multiline(start=P("^S")), ["a", " b", "S 1\n c\nE", "S 2"]),
    (Multiline(continue_=P("^ ")), ["a\n b", "S 1\n c", "E", "S 2"]),
    (Multiline(start=P("^S"), continue_=P("^ ")), ["a", " b", "S 1\n c", "E", "S 2"]),
    (Multiline(end=P("^E")), ["a\n b\nS 1\n c\nE", "S 2"]),
    (Multiline(start=P("^S"), end=P("^E")), ["a", " b", "S 1\n c\nE", "S 2"]),
    (Multiline(start=P("^S"), end=P("1$")), ["a", " b", "S 1", " c", "E", "S 2"]),
    (Multiline(unfinished=P("[1b]$")), ["a", " b\nS 1\n c", "E", "S 2"]),
    (Multiline(as_=("indent",)), ["a\n b", "S 1\n c", "E", "S 2"]),
])
def test_patterns_say_which_lines_belong_together(multiline, records):
    assert records == Joined(multiline).send_lines(["a", " b", "S 1", " c", "E", "S 2"]).end().texts


def test_a_trace_that_may_be_of_two_languages_ends_where_one_knows_its_last_line():
    lines = ["PHP Fatal error:  Uncaught Exception: x in /a.php:1", "  thrown in /a.php on line 1", "other"]
    file = Joined(Multiline(as_=("php", "dotnet"))).send_lines(lines[:2])

    assert ["\n".join(lines[:2])] == file.texts


@pytest.mark.parametrize(("language", "frame"), [
    ("java", "\tat a.B.c(D.java:1)"), ("node", "    at f (/a.js:1:2)"), ("dotnet", "   at A.B.C() in D.cs:line 1")])
def test_what_an_exception_says_may_have_several_lines(language, frame):
    said = ["ERROR a.DataError: constraint failed", "Detail: key (id)=(7)", "", "Hint: none"]
    lines = [*said, frame, "ERROR an Error: alone", "plain", "2026-11-22 10:00:00 plain",
             "Error: first", "one", "two", "three", "four", frame, "Error: second", "Error: third", frame]

    assert ["\n".join([*said, frame]), "ERROR an Error: alone", "plain", "2026-11-22 10:00:00 plain", "Error: first",
            "one", "two", "three", "four", frame, "Error: second", f"Error: third\n{frame}"] == Joined(
        Multiline(as_=(language,))).send_lines(lines).end().texts
