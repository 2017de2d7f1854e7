import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.accepted import Accepted, template_of, words_in, words_of
from corowatch.core.masks import WILD


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


@pytest.mark.parametrize(("template", "why"), [
    ("port 22 closed", "'22' is always '<num>' in a line"),
    ("sshd[811]: Accepted <*> from 192.0.2.7", "'sshd[811]:' is always 'sshd[<num>]:' in a line"),
    ("Mar 2 08:00:00 web1 sshd[<num>]: closed", "'2' is always '<num>' in a line"),
    ("id deadbeef01", "'deadbeef01' is always '<hex>' in a line"),
    ("<time> web1 sshd[<num>]: closed", "what stands before the first word, such as <time>, does not count"),
    ("[<num>] - closed", "what stands before the first word, such as [<num>], does not count"),
])
def test_a_template_that_no_line_can_have_is_left_out_and_told(template, why):
    known = accepted("a b", template, "took 5 ms")

    assert (1, 2, f"no line can have the template in line 2: {why}") == (len(known), known.left_out, known.why)


@pytest.mark.parametrize("template", [
    "<num>: %SYS-<num>-CONFIG_I: x", "<time> ---", "port 22<*> closed", "say \\<num>", "<*> web1 closed", "v1.2.3 ssh2",
    "<num> <num>", "a <time> b", "<num> <*>", "blk_<num>.1", "12x"])
def test_a_template_that_a_line_may_have_counts(template):
    assert (1, 0) == (len(known := accepted(template)), known.left_out)


pieces = st.sampled_from([
    "<189>", "Mar  2 08:00:00", "2026-03-02T08:00:00Z", "08:00:00", " ", " ", " ", "\t", "\n", "host", "su:", "-",
    "sshd[811]:", "--", "1.2.3.4", "1.1.1.1.1.1.1.1.1.1.1", "5", "x5", "5ms", "[ 612.204418]", "deadbeef01", "::1",
    "a:b", ".", "_", "é", "\xa0", "0" * 41, "/", "[", "]", "Mon ", "ERROR"])


@given(st.lists(pieces, max_size=14).map("".join))
def test_what_a_line_has_is_never_left_out(text):
    words = words_of(text)

    assert bool(words) is bool(accepted(template_of(words)).explain(words))


def test_the_template_of_a_line_is_found_with_its_line_in_the_file():
    known = accepted("# mine", "a b", "", "a <*>", "b <*>")

    assert [(2, ("a", "b")), (4, ("a", WILD)), None] == [known.find(words_of(text)) for text in ("a b", "a c", "c")]


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
