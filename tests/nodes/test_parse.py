import pytest

from corowatch.core.coroutine import finish
from corowatch.core.grok import Grok
from corowatch.core.pattern import Pattern
from corowatch.nodes.parse import parse
from corowatch.testing import Collect, drive, line, lines, texts

ACCESS = '192.0.2.7 - eve [25/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 512 "-" "curl/8"'


def test_what_it_reads_becomes_fields():
    passed = Collect()

    parse(passed, as_="json").send(line('{"level": "error", "http": {"status": 503}}', before="kept"))

    assert {"before": "kept", "level": "error", "http.status": 503} == passed[0].fields


def test_what_does_not_parse_goes_to_otherwise_and_both_are_counted():
    passed, rest = Collect(), Collect()
    node = parse(passed, rest, as_="combined")

    drive(node, lines(ACCESS, "not a request", ACCESS))

    assert [ACCESS, ACCESS] == texts(passed)
    assert ["not a request"] == texts(rest)
    assert {"parsed": 2, "unparsed": 1} == finish(node)


def test_without_otherwise_it_ends_here():
    node = parse(Collect(), as_="json")

    node.send(line("{"))

    assert {"parsed": 0, "unparsed": 1} == finish(node)


@pytest.mark.parametrize(("options", "text", "fields"), [
    ({"as_": "combined"}, ACCESS, {"ip": "192.0.2.7", "agent": "curl/8"}),
    ({"as_": "clf"}, ACCESS, {"ip": "192.0.2.7", "status": 200}),
    ({"as_": "logfmt"}, "a=1 b", {"a": "1", "b": True}),
    ({"as_": "kv"}, "hello, a=1; b=2", {"a": "1", "b": "2"}),
    ({"as_": "syslog"}, "Nov 25 10:00:00 web1 cron[7]: x", {"hostname": "web1", "pid": 7}),
    ({"as_": "csv", "columns": ("a", "b")}, '1,"2,3"', {"a": "1", "b": "2,3"}),
    ({"as_": "regex", "pattern": (Pattern("(?P<a>x)"), Pattern("(?P<b>y)"))}, "zy", {"b": "y"}),
    ({"as_": "grok", "pattern": (Grok("%{WORD:a} %{INT:b:int}"),)}, "x 512", {"a": "x", "b": 512})])
def test_each_format(options, text, fields):
    passed = Collect()

    parse(passed, **options).send(line(text))

    assert fields == {name: passed[0].fields[name] for name in fields}


def test_no_pattern_of_a_regex_matches():
    rest = Collect()

    parse(Collect(), rest, as_="regex", pattern=(Pattern("x"),)).send(line("y"))

    assert ["y"] == texts(rest)


def test_another_field_than_the_text_can_be_read():
    passed, rest = Collect(), Collect()
    node = parse(passed, rest, as_="kv", of="message")

    node.send(line("x=0", message="a=1"))
    node.send(line("x=0"))

    assert [{"message": "a=1", "a": "1"}] == [event.fields for event in passed]
    assert ["x=0"] == texts(rest)


def test_a_number_is_read_as_its_text():
    passed = Collect()

    parse(passed, as_="csv", columns=("a",), of="n").send(line("", n=5))

    assert {"n": 5, "a": "5"} == passed[0].fields


@pytest.mark.parametrize(("options", "why"), [
    ({"as_": "csv"}, "`as: csv` needs `columns`"),
    ({"as_": "regex"}, "`as: regex` needs `pattern`"),
    ({"as_": "grok"}, "`as: grok` needs `pattern`"),
    ({"as_": "json", "columns": ("a",)}, "`columns` belongs to `as: csv`, not to `as: json`"),
    ({"as_": "kv", "pattern": (Pattern("x"),)}, "`pattern` belongs to `as: regex` and `as: grok`, not to `as: kv`")])
def test_options_that_do_not_fit_are_refused_at_load(options, why):
    with pytest.raises(ValueError) as refused:
        parse(Collect(), **options)

    assert why == str(refused.value)


def config(text):
    from corowatch.core.config import ConfigFile, load
    from corowatch.discovery import discover

    return load([ConfigFile("c.yaml", f"flows:\n  a:\n    stdin:\n{text}", "/")], discover())


def test_options_that_do_not_fit_are_a_mistake_of_the_config():
    from corowatch.core.errors import ConfigError

    with pytest.raises(ConfigError) as refused:
        config("    parse: csv\n    alert:\n")

    assert ["c.yaml:4:5 `as: csv` needs `columns`"] == [f"{one.place} {one.what}" for one in refused.value.mistakes]


@pytest.mark.parametrize(("step", "title"), [
    ("parse: combined", "{status}"), ("parse: json", "{whatever}"), ("parse: syslog", "{sd.a_1.b} {app}"),
    ("parse: {as: csv, columns: [a, b]}", "{a} {b}"), ("parse: {as: regex, pattern: '(?P<a>.)'}", "{a}"),
    ("parse: {as: grok, pattern: '%{SYSLOGBASE} %{WORD:a}'}", "{host.hostname} {process.pid} {a}")])
def test_the_fields_of_a_format_are_known_to_texts(step, title):
    assert config(f"    {step}\n    alert: {{title: '{title}'}}\n").steps


@pytest.mark.parametrize(("column", "why"), [
    ("host", "'host' is a built-in field; give this one another name"),
    ("'a b'", "'a b' is no name of a field; it is made of letters, digits, '_', '.' and '-'")])
def test_a_column_that_can_be_no_field_is_told(column, why):
    from corowatch.core.errors import ConfigError

    with pytest.raises(ConfigError) as refused:
        config(f"    parse: {{as: csv, columns: [a, {column}]}}\n    alert:\n")

    assert [why] == [mistake.what for mistake in refused.value.mistakes]


@pytest.mark.parametrize("step", ["clf", "syslog", "{as: csv, columns: a}", "{as: regex, pattern: '(?P<a>.)'}",
                                  "{as: grok, pattern: '%{WORD:a}'}"])
def test_a_field_that_a_format_does_not_have_is_told(step):
    from corowatch.core.errors import ConfigError

    with pytest.raises(ConfigError) as refused:
        config(f"    parse: {step}\n    alert: {{title: '{{agent}}'}}\n")

    assert "no field 'agent' here" in refused.value.mistakes[0].what


@pytest.mark.parametrize(("step", "told"), [
    ("{as: grok, pattern: '%{WORD:a} %{INTT:b}'}", "c.yaml:4:45 grok knows no 'INTT'; did you mean 'INT'?"),
    ("{pattern: ['%{WORD}', '%{INT:b:number}'], as: grok}", "c.yaml:4:43 'number' is no type; there are int and float"),
    ("{as: grok, pattern: '%{IP:at}'}",
     "c.yaml:4:32 the group 'at' is named like a built-in field; give it another name"),
    ("{as: regex, pattern: '%{WORD:a}('}", "c.yaml:4:33 the pattern is no regular expression: missing ): %{WORD:a}(")])
@pytest.mark.re2
def test_what_grok_cannot_read_is_told_at_its_place(step, told):
    from corowatch.core.errors import ConfigError

    with pytest.raises(ConfigError) as refused:
        config(f"    parse: {step}\n    alert:\n")

    assert [told] == [f"{one.place} {one.what}" for one in refused.value.mistakes]
