import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.accepted import Accepted, template_of, words_in, words_of


def accepted(*templates):
    return Accepted([f"{one}\n" for one in templates])


@pytest.mark.parametrize(("template", "line", "explained"), [
    ("session closed", "session closed", True),
    ("session closed", "session opened", False),
    ("session closed", "session closed now", False),
    ("took <num> ms", "2026-03-02 08:00:00 took 12 ms", True),
    ("took <num> ms", "took -1.5 ms", True),
    ("took <num> ms", "took long ms", False),
    ("took <*> ms", "took long ms", True),
    ("took <*> ms", "took 12 ms", True),
    ("user=<*>, x", "user=eve, x", True),
    ("user=<*>, x", "user=, x", True),
    ("user=<*>, x", "user=eve x", False),
    ("a<*>a", "a", False),
    ("<*> closed", "session closed", True),
    ("say \\<num>", "say <num>", True),
    ("say \\<num>", "say 5", False),
    ("session closed\t12\tan example", "session closed", True),
    ("# session closed", "session closed", False),
    ("\\# of it", "# of it", False),
    ("", "", False),
    ("<*> <*>", "any two", True),
    ("<*> <*>", "any", False),
    ("<*> b <*>", "a b c", True),
    ("<*> b <*>", "a c c", False),
    ("a " * 70, "a " * 80, True),
    ("a " * 70, "a " * 64, True),
    ("a " * 70, "a " * 63, False),
])
def test_a_line_has_a_template_if_each_word_is_the_same(template, line, explained):
    assert explained is accepted(template).explain(words_of(line))


def test_each_counts_once():
    assert 2 == len(accepted("a b", "a <*>", "a b", "", "# a", "  "))
    assert [("a", "b")] == list(accepted("a b"))


def test_a_file_that_is_no_text_is_refused():
    with pytest.raises(ValueError, match="there is a NUL in line 1"):
        accepted("a\0b")


@given(st.text(max_size=30).filter(lambda text: words_of(text)))
def test_each_line_has_the_template_that_is_made_of_it(text):
    words = words_of(text)

    assert words == words_in(template_of(words))
    assert accepted(template_of(words)).explain(words)
    assert 1 == len(accepted(template_of(words)))


@pytest.mark.parametrize("words", [("#", "#"), ("\\#", "#"), ("\\\\#",), ("#x",), ("\\",)])
def test_a_template_is_no_comment(words):
    assert words == words_in(template_of(words))
    assert [words] == list(accepted(template_of(words)))
