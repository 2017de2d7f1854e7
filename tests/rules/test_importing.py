"""What every import writes: a config, as YAML that says the same."""

import subprocess

import pytest
import yaml

from corowatch.core.config import ConfigFile
from corowatch.core.errors import Place
from corowatch.loading import load_texts
from corowatch.rules.importing import Flow, Import, Step, as_yaml, seconds, sound
from corowatch.rules.importing.commands import command, piped
from corowatch.rules.importing.naming import name_of
from corowatch.rules.importing.perl_regex import Refused, as_text

TEXTS = ["plain", "two words", "it's", "a: b", "# no comment", "true", "null", "12", "1.5", "10m", "/var/log/*.log",
         "/a b", "*.log", "", "-x", "{text}", "a\tb", 'a"b\\c\n', "\u2028x", "-", "é", "[a]", "& | > % @ `", "~"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read_as_it_was(text):
    imported = Import([Flow("a", [Step("set", {text: text}), Step("grep", [text, text * 60, {"pattern": text}])])])
    steps = yaml.safe_load(as_yaml(imported, "a\ntitle"))["flows"]["a"]

    assert [{"set": {text: text}}, {"grep": [text, text * 60, {"pattern": text}]}] == steps


def test_a_config_is_read_as_it_was():
    grep = Step("grep", {"pattern": ["x" * 90, "y"], "literal": True}, "found", "why so")
    steps = [Step("tail", "/a.log"), grep, Step("alert", {"to": "mail", "before": 3})]
    imported = Import([Flow("a", steps, "rule: a\nb")], {"mail": {"email": {"to": ["a@example.org", "b@example.org"]}}})
    imported.lose(Place("r", 3, 1), "x\ny", "cannot be")
    imported.lose(Place("r", 3, 1), "x\ny", "cannot be")
    text = as_yaml(imported, "Imported")

    assert ["# Imported", "#", "# Not carried over:", "# - r:3:1: x y: cannot be", "", "flows:", "  # rule: a b"] == (
        text.splitlines()[:7])
    assert "    # why so\n" in text
    assert {
        "flows": {"a": [{"tail": "/a.log"}, {"grep": {"pattern": ["x" * 90, "y"], "literal": True}, "name": "found"},
                        {"alert": {"to": "mail", "before": 3}}]},
        "sinks": {"mail": {"email": {"to": ["a@example.org", "b@example.org"]}}},
    } == yaml.safe_load(text)
    assert {"flows": {}} == yaml.safe_load(as_yaml(Import(), "nothing"))


@pytest.mark.parametrize(("text", "words"), [
    ("/bin/x $1 '$2 y' \"$_\"", ["/bin/x", "{g1}", "{g2} y", "{text}"]),
    ("x '$1 {}' > '/tmp/{}'", ["/bin/sh", "-c", """x ''"$1"' {{}}' > '/tmp/{{}}'""", "sh", "{g1}"]),
    ("x \"'$1'\" \\' | y '$*'", ["/bin/sh", "-c", """line="${{0#.}}"; x "'$1'" \\' | y ''"$line"''""", ".{text}",
                                 "{g1}"]),
])
def test_a_command_gets_what_it_names_as_words(text, words):
    assert words == command(text, as_text)


def test_a_group_has_all_digits_of_its_number():
    """A shell reads $10 as ${1}0."""
    words = command("printf '%s|' $1 '$10' \"$10$11\" $100 ${10} #", str)
    said = {"$1": "one", "$10": "ten", "$11": "eleven", "$100": "hundred"}
    filled = [said.get(word, word.replace("{{", "{").replace("}}", "}")) for word in words]

    assert "one|ten|teneleven|hundred|ten|" == subprocess.run(filled, capture_output=True, text=True, check=True).stdout


def test_a_command_whose_quotes_do_not_close_is_refused():
    for text in ("it's $1", "it's", "it's > f", 'a "b'):
        with pytest.raises(Refused, match="its quotes do not close"):
            command(text, as_text)
    assert ["/bin/x", "it's", "{g1}"] == command('/bin/x "it\'s" $1', as_text)


def test_a_command_is_piped_to_with_what_it_names():
    assert ["/bin/sh", "-c", """printf '%s\\n' "${{0#.}}" | mail -s ''"$1"'' root""", ".{title}", "{g1}"] == (
        piped("mail -s '$1' root", as_text, text="{title}"))


def test_what_is_refused_is_taken_out_and_what_takes_from_it():
    imported = Import(
        [Flow("a", [Step("tail", "/a.log"), Step("grep", "", "found")], "rule a", Place("r", 1, 1)),
         Flow("b", [Step("from", "a.found"), Step("alert", {})], "", Place("r", 1, 1)),
         Flow("c", [Step("tail", "/a.log"), Step("alert", {"to": "c"})], "rule c", Place("r", 2, 1)),
         Flow("d", [Step("tail", "/a.log"), Step("alert", {"to": "d"})], "rule d", Place("r", 3, 1))],
        {"c": {"email": "nobody"}, "d": {"file": "/d"}})
    text = sound(imported, "x", lambda text: load_texts([ConfigFile("made", text, "/")]))

    assert ["d"] == list(yaml.safe_load(text)["flows"])
    assert [("r:1:1", "rule a"), ("the rules", "the sink c"), ("r:1:1", "the flow b"), ("r:2:1", "rule c")] == [
        (str(lost.place), lost.what) for lost in imported.lost]
    assert all(lost.what in text for lost in imported.lost)
    assert "flows: {}" in sound(Import(), "x", lambda text: load_texts([]))


@pytest.mark.parametrize(("texts", "name"), [
    (("/error on $disk/",), "error-on"), ((r"m{\bI\/O [Ee]rror{2,} (?<!no )(?i)at (?P<dev>sd\w+)}",), "error-at-sd"),
    (("$0 %s ${1} $+{x}", "the second"), "the-second"), (("a b a",), "a-b"), (("12", "é"), ""),
    (("one two three four five six seven eight nine",), "one-two-three-four-five-six-seven-eight"),
    (("x" * 50,), "x" * 40),
])
def test_names_are_the_words_of_a_rule(texts, name):
    assert name == name_of(*texts)


def test_names_are_free_and_such_as_flows_have():
    imported = Import([Flow("app", []), Flow("app-2", [])])

    assert ["app-3", "rule-1st-one", "rule", "corowatch-2"] == [
        imported.flow_name(wanted) for wanted in ("app", "1st one!", "$", "corowatch")]
    assert ["mail", "mail-2", "mail"] == [imported.sink_name("mail", value) for value in (1, 2, 1)]


@pytest.mark.parametrize(("count", "text"), [(600.0, "10m"), (90, "90s"), (0.5, "500ms"), (86400, "1d"), (7200, "2h")])
def test_times_as_options_have_them(count, text):
    assert text == seconds(count)
