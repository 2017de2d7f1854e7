import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.events import rfc3339
from corowatch.core.text import Text, capped, in_one_line, many, numbers, rendered, safe, shown


def test_fields_are_put_in_and_braces_doubled_are_braces():
    assert "{eve} from  at 5" == Text("{{{user}}} from {ip} at {n}").render({"user": "eve", "n": 5.0, "ip": None})


def test_a_tree_is_rendered_to_its_leaves():
    tree = {"a": Text("{x}"), "b": [Text("<{x}>"), 5], "c": None}

    assert {"a": "1", "b": ["<1>", 5], "c": None} == rendered(tree, {"x": 1})


def test_texts_are_equal_if_they_were_written_alike():
    assert {Text("{a}")} == {Text("{a}"), Text("{a}")}
    assert Text("{a}") != "{a}"


def test_the_names_it_needs_are_known():
    assert ("a", "http.status", "a") == Text("{a} {http.status} {{no}} {a}").names


@pytest.mark.parametrize(("source", "why"), [
    ("{", "a lone '{' in a text; write it twice, '{{', to mean the brace"),
    ("a } b", "a lone '}' in a text; write it twice, '}}', to mean the brace"),
    ("{}", "'{}' is no field name; write {name}, or {{ and }} to mean braces"),
    ("{0}", "'{0}' is no field name; write {name}, or {{ and }} to mean braces"),
    ("{a!r}", "'{a!r}' is no field name; write {name}, or {{ and }} to mean braces"),
    ("{a:>5}", ("'{a:>5}' is no way to show a value; there are {a:span}, 1m30s for 90, and {a:time}, 2026-11-22 "
               "10:00:00Z for a time")),
    ("{a:}", ("'{a:}' is no way to show a value; there are {a:span}, 1m30s for 90, and {a:time}, 2026-11-22 10:00:00Z "
             "for a time")),
    ("{:time}", "'{:time}' is no field name; write {name}, or {{ and }} to mean braces"),
    ("{a[0]}", "'{a[0]}' is no field name; write {name}, or {{ and }} to mean braces"),
    ("{{a}", "a lone '}' in a text; write it twice, '}}', to mean the brace"),
])
def test_anything_else_in_braces_is_an_error(source, why):
    with pytest.raises(ValueError) as refused:
        Text(source)

    assert why == str(refused.value)


@given(st.text())
def test_text_is_expanded_once(hostile):
    assert hostile == Text("{text}").render({"text": hostile})


@pytest.mark.parametrize(("value", "text"), [
    (None, ""), (True, "true"), (False, "false"), (5, "5"), (5.0, "5"), (0.25, "0.25"), (1e300, "1e+300"), ("x", "x")])
def test_how_values_are_shown(value, text):
    assert text == shown(value)


@pytest.mark.parametrize(("source", "value", "text"), [
    ("{x:span}", 90, "1m30s"), ("{x:span}", 93784.75, "1d2h3m5s"), ("{x:span}", 59.25, "59.25s"),
    ("{x:span}", 0.0, "0s"), ("{x:span}", "90", "90"),
    ("{x:span}", None, ""), ("{x:span}", True, "true"), ("after {x:span}.", 60, "after 1m."),
    ("{x:time}", rfc3339(1772438400.25), "2026-03-02 08:00:00Z"), ("{x:time}", 1772438400.25, "2026-03-02 08:00:00Z"),
    ("{x:time}", "2026-03-02T08:00:00Z", "2026-03-02 08:00:00Z"),
    ("{x:time}", "2026-03-02T08:00:00+01:00", "2026-03-02T08:00:00+01:00"), ("{x:time}", "08:00", "08:00"),
    ("{x:time}", None, ""), ("{x:time}", False, "false"), ("{x:time}", -1, "-1"), ("{x:time}", 1e300, "1e+300"),
])
def test_times_may_be_shown_as_people_read_them(source, value, text):
    assert text == Text(source).render({"x": value})
    assert ("x",) == Text(source).names


@pytest.mark.parametrize(("text", "told"), [
    ("grüß 日本 x", "grüß 日本 x"), ("a\nb\r\tc", r"a\nb\r\tc"), ("\x1b]0;x\x07", r"\x1b]0;x\x07"),
    ("\x7f\x9b", r"\x7f\x9b"), ("\u202eevil\u2028", r"\u202eevil\u2028"), ("\x00", r"\x00")])
def test_text_for_people_cannot_write_to_a_terminal(text, told):
    assert told == safe(text)


@given(st.text())
def test_safe_text_is_one_line_without_controls(text):
    told = safe(text)

    assert len(told.splitlines()) <= 1
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in told)


@pytest.mark.parametrize(("text", "told"), [
    ("", ""), ("x" * 4096, "x" * 4096), ("x" * 4097, "x" * 4096 + "…"), ("é" * 50_000, "é" * 4096 + "…")])
def test_a_text_for_people_has_an_end(text, told):
    assert told == capped(text)


@pytest.mark.parametrize(("counts", "told"), [
    ({"lines": 1, "bytes_lost": 1, "matched": 0, "by": {"a": 1}}, "1 line, 1 byte lost"),
    ({"entries": 1, "truncations": 2000, "matched": 1}, "1 entry, 2,000 truncations, 1 matched"), ({"lines": 0}, "")])
def test_what_was_counted_is_told_and_one_is_one(counts, told):
    assert told == numbers(counts)


def test_one_is_one_and_all_other_numbers_are_many():
    assert ["0 files", "1 file", "2 files", "1,000 files"] == [many(n, "file") for n in (0, 1, 2, 1000)]


@pytest.mark.parametrize(("text", "told"), [
    ("one", "one"), ("one\n", "one"), ("one\ntwo", "one (+ 1 line)"), ("a\x1b[2J\r\nb\nc", "a\\x1b[2J\\r (+ 2 lines)"),
    ("", ""), ("\nb", " (+ 1 line)"),
])
def test_of_several_lines_the_first_stands_for_all(text, told):
    assert told == in_one_line(text)
