"""What an option may be, one type at a time; whole configs with their mistakes are in test_config."""

from typing import Literal

import jsonschema
import pytest

from corowatch.core.errors import Place
from corowatch.core.pattern import Pattern
from corowatch.core.table import TableFile
from corowatch.core.template import Template
from corowatch.core.text import Text
from corowatch.core.values import (
    WRONG,
    Encoding,
    FigureName,
    FilePath,
    Function,
    Given,
    NameGlob,
    NewField,
    Plain,
    Reading,
    Share,
    Size,
    Stamp,
    TextTree,
    convert,
    schema,
    type_name,
)
from corowatch.nodes.all_of import Counted

HERE = Place("c.yaml", 1, 1)


def read(text, hint, value=None):
    """The value, or the mistakes told."""
    reading = Reading(folder="/etc/cw")
    got = convert(Given(text if value is None else value, HERE, text), hint, reading)
    return [mistake.what for mistake in reading.mistakes] if got is WRONG else got


@pytest.mark.parametrize(("text", "size"), [("64KiB", 65536), ("1.5 MiB", 3 << 19), ("7B", 7), ("2kB", 2000)])
def test_a_size_is_bytes(text, size):
    assert size == read(text, Size)


@pytest.mark.parametrize(("text", "why"), [
    ("64", "64 has no unit; a size is written 64KiB, or 64B for bytes"),
    ("much", "'much' is no size; write 64KiB or 10MiB"),
    ("64kb", "'64kb' is no size; write 64KiB or 10MiB"),
    ("9999999999999999GiB", "9999999999999999GiB is more than any machine holds"),
])
def test_what_is_no_size_is_told_with_the_cure(text, why):
    assert [why] == read(text, Size)


def test_a_path_begins_at_the_configs_folder():
    assert ["/etc/cw/a.log", "/a.log"] == [read("x/../a.log", FilePath), read("/a.log", FilePath)]


@pytest.mark.parametrize(("text", "why"), [
    ("", "expected a path, found an empty text"),
    ("a\0b", "a path cannot hold the character '\\x00'"),
    ("~/app.log", "'~' is not expanded in a path; write the whole path"),
    ("$HOME/app.log", "'$' is not expanded in a path; write the whole path"),
])
def test_what_is_no_path_is_told(text, why):
    assert [why] == read(text, FilePath)


def test_a_glob_of_names_is_no_path():
    assert ["*.gz", "/etc/cw/logs/debug.log"] == [read("*.gz", NameGlob), read("logs/debug.log", NameGlob)]


def test_a_tree_of_texts_is_read_to_its_leaves():
    given = Given({"a": Given("{ip}", HERE, "{ip}"), "b": Given([Given(5, HERE, "5")], HERE)}, HERE)

    assert {"a": Text("{ip}"), "b": [5]} == read("", TextTree, given.value)
    assert ["a lone '{' in a text; write it twice, '{{', to mean the brace"] == read(
        "", TextTree, [Given("{", HERE, "{")])


@pytest.mark.parametrize(("text", "why"), [
    ("a b", "'a b' is no name of a field; it is made of letters, digits, '_', '.' and '-'"),
    ("text", "'text' is a built-in field; give this one another name")])
def test_a_new_field_has_a_name_that_texts_can_tell_and_that_is_free(text, why):
    assert "ip" == read("ip", NewField)
    assert [why] == read(text, NewField)


def test_a_new_field_that_is_a_list_is_told():
    assert ["expected a field's name, found a list"] == read("", NewField, [])


def test_a_secret_is_no_word_of_a_command():
    assert [("a secret has no place in a command, where every user of the machine can read it; "
             "let the command read it from a file")] == read("", list[str], [Given("${env:A}", HERE, "${env:A}")])


def test_a_path_that_is_a_list_is_told():
    assert ["expected a path, found a list"] == read("", FilePath, [])


@pytest.mark.parametrize(("text", "name"), [
    ("utf-8", "utf-8"), ("UTF8", "utf-8"), ("utf-8-sig", "utf-8"), ("latin-1", "iso8859-1"), ("cp1252", "cp1252"),
    ("UTF-16", "utf-16"), ("utf-16-le", "utf-16-le"), ("utf-32", "utf-32")])
def test_an_encoding_is_called_by_one_name(text, name):
    assert name == read(text, Encoding)


@pytest.mark.parametrize(("text", "why"), [
    ("utf-9", "is no encoding"), ("base64", "is no encoding"), ("", "is no encoding"),
    ("iso2022_jp", "cannot be read line by line"), ("utf-7", "cannot be read line by line")])
def test_an_encoding_that_cannot_be_read_is_told(text, why):
    assert [f"{text!r} {why}; write utf-8, utf-16, latin-1 or cp1252"] == read(text, Encoding)


def test_a_format_of_stamps_is_checked():
    assert "%d/%m/%Y" == read("%d/%m/%Y", Stamp)
    assert ['timestamp format "%H:%M" names no day: add a month and %d, or %j, or %s'] == read("%H:%M", Stamp)
    assert ["expected auto, none or a format such as '%d/%m/%Y %H:%M:%S', found a list"] == read("", Stamp, [])


def test_what_stands_for_one_word_is_one_of_those_there_are():
    assert ["expected file.py:name, found a list"] == read("", Function, [])
    assert ["'ned' is not one of: end, beginning; did you mean 'end'?"] == read("ned", Literal["end", "beginning"])
    assert ["expected end or beginning, found a list"] == read("", Literal["end", "beginning"], [])


def test_one_or_many_is_a_tuple_and_an_empty_list_is_none_of_both():
    assert (7,) == read("7B", tuple[Size, ...])
    assert ["expected one or more, found an empty list"] == read("", tuple[Size, ...], [])


def test_a_list_or_a_mapping_alone_is_refused_where_the_other_is_meant():
    assert ["expected a list, one word an item, found 'ls -l'"] == read("ls -l", list[str])


@pytest.mark.parametrize(("hint", "name"), [
    (Size, "size"), (Size | None, "size"), (tuple[Size, ...], "size, or a list"), (dict[str, Plain], "mapping"),
    (list[str], "list of texts")])
def test_a_person_calls_each_type_by_a_name(hint, name):
    assert name == type_name(hint)


def test_anything_has_a_schema_that_takes_anything():
    assert {} == schema(tuple[Plain, ...]) == schema(Plain)


def test_a_template_is_a_pattern_with_names():
    assert ("x",) == read("a {x}", Template).names
    assert ["an empty pattern matches every line; leave the step out instead"] == read("", Template)


def counted(**given):
    """What a mapping with these values is read as, or the mistakes told."""
    tree = {name: Given(value, HERE, str(value)) for name, value in given.items()}
    reading = Reading()
    got = convert(Given(tree, HERE, keys=dict.fromkeys(tree, HERE)), Counted, reading)
    return [mistake.what for mistake in reading.mistakes] if got is WRONG else got


def test_a_pattern_may_say_how_often_it_must_match():
    assert [Counted(Pattern("x"), 1), Counted(Pattern("x"), 3), Counted(Pattern("x"), 1)] == [
        read("x", Counted), counted(pattern="x", at_least=3), counted(pattern="x")]
    assert "Counted('x', 3)" == repr(Counted(Pattern("x"), 3))
    assert Counted(Pattern("x"), 3) != Counted(Pattern("x"), 2)


LACKING = "expected pattern, at_least, found a mapping without `pattern`"


@pytest.mark.parametrize(("given", "mistakes"), [
    ({"patern": "x"}, ["there is no 'patern' here; did you mean 'pattern'?"]),
    ({"pattern": "x", "z": 1}, ["there is no 'z' here; there are pattern, at_least"]),
    ({"at_least": 2}, [LACKING]),
    ({"pattern": "x", "at_least": 0}, ["expected at least 1, found '0'"]),
    ({"pattern": "a(", "at_least": "many"}, ["the pattern is no regular expression: missing ): a(",
                                             "expected a whole number, found 'many'"]),
])
@pytest.mark.re2
def test_what_is_wrong_with_a_counted_pattern_is_told(given, mistakes):
    assert mistakes == counted(**given)


def test_an_option_of_parts_says_in_its_schema_which_must_be_there():
    told = schema(Counted)

    assert {"type": "object"} == told["if"]
    assert (["pattern"], {"pattern", "at_least"}) == (told["then"]["required"], set(told["then"]["properties"]))
    assert 1 == told["then"]["properties"]["at_least"]["minimum"]
    assert schema(Pattern) == told["else"]


@pytest.mark.parametrize(("text", "part"), [
    ("2%", 0.02), ("0.7 %", 0.007), ("7%", 0.07), ("100%", 1.0), ("0%", 0.0), ("0.02", 0.02), ("0", 0.0)])
def test_a_share_is_a_part_of_the_whole(text, part):
    assert part == read(text, Share)


@pytest.mark.parametrize(("text", "why"), [
    ("2", "2 may be meant in a hundred; a share is written 2%, or 0.02 for 2%"),
    ("1", "1 may be meant in a hundred; a share is written 1%, or 0.02 for 2%"),
    ("few", "'few' is no share; write 2% or 0.02"),
    ("-2%", "'-2%' is no share; write 2% or 0.02"),
    ("101%", "101% is more than the whole"),
])
def test_what_is_no_share_is_told_with_the_cure(text, why):
    assert [why] == read(text, Share)


def test_a_figure_is_asked_for_by_its_name():
    assert ("p95", ["'mean' is no figure; there are min, max, sum, avg, median, and percentiles such as p95 or p99.9"]
            ) == (read("p95", FigureName), read("mean", FigureName))


@pytest.mark.parametrize(("hint", "right", "wrong"), [
    (Share, ["2%", "0.7 %", 0.02, 0], ["few", 2, "2"]), (FigureName, ["p95", "p99.9", "max"], ["p0", "p100", "95"])])
def test_an_editor_knows_a_share_and_a_figure(hint, right, wrong):
    valid = jsonschema.Draft7Validator(schema(hint)).is_valid

    assert [*map(valid, right), *map(valid, wrong)] == [True] * len(right) + [False] * len(wrong)


def test_a_file_to_look_up_is_handed_in_by_the_outside():
    assert ["files cannot be looked up here"] == read("users.csv", TableFile)
