import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.formats.logfmt import logfmt


@pytest.mark.parametrize(("text", "fields"), [
    ('level=info msg="it works" took=5ms', {"level": "info", "msg": "it works", "took": "5ms"}),
    ("method=GET debug path=/a?b=c", {"method": "GET", "debug": True, "path": "/a?b=c"}),
    (r'msg="say \"hi\"\n\u00e9\\" n=1', {"msg": 'say "hi"\né\\', "n": "1"}),
    (r'msg="\ud83d\ude00 \ud83d"', {"msg": "😀 \ufffd"}),
    ('empty= quoted=""', {"empty": "", "quoted": ""}),
    ("  a=1 \t b=2  ", {"a": "1", "b": "2"}),
    ("a=1 a=2", {"a": "2"}),
    ("req.id=7 x-y=8 host=web1 a/b=9", {"req.id": "7", "x-y": "8", "_host": "web1", "a_b": "9"})])
def test_a_line_made_of_words(text, fields):
    assert fields == logfmt(text)


@pytest.mark.parametrize("text", ["", "   ", "plain prose", 'a="open', 'a="x"y', 'say "hi" a=1', "=x a=1", 'a=b"c"'])
def test_other_lines_are_none(text):
    assert logfmt(text) is None


@given(st.text())
def test_no_text_makes_it_raise(text):
    logfmt(text)
    logfmt(f'a="{text}" b={text}')


@given(st.dictionaries(st.from_regex(r"k[a-z0-9_]{0,8}", fullmatch=True), st.text(st.characters(codec="utf-8")),
                       min_size=1))
def test_quoted_values_come_back(fields):
    quoted = {key: value.replace("\\", "\\\\").replace('"', '\\"') for key, value in fields.items()}

    assert fields == logfmt(" ".join(f'{key}="{value}"' for key, value in quoted.items()))
