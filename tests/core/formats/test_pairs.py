import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.formats.pairs import pairs


@pytest.mark.parametrize(("text", "fields"), [
    ("a=1 b=2,c=3;d=4, e=5", {"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"}),
    ("kernel: DROP IN=eth0 OUT= SRC=192.0.2.7 DF PROTO=TCP",
     {"IN": "eth0", "OUT": "", "SRC": "192.0.2.7", "PROTO": "TCP"}),
    ("""user="eve adams" why='a, b' say="\\"x\\"" """, {"user": "eve adams", "why": "a, b", "say": '"x"'}),
    ("url=/x?a=b sig=ab==", {"url": "/x?a=b", "sig": "ab=="}),
    ("it's a=1", {"a": "1"}), ("a='open b=2", {"a": "'open", "b": "2"}), ("a=1 a=2", {"a": "2"}),
    ("host=web1 x/y=2", {"_host": "web1", "x_y": "2"})])
def test_pairs_among_other_words(text, fields):
    assert fields == pairs(text)


@pytest.mark.parametrize("text", ["", "plain prose", "a = b", "=x", ";;=,"])
def test_without_a_pair_it_is_none(text):
    assert pairs(text) is None


@given(st.text())
def test_no_text_makes_it_raise(text):
    pairs(text)
    pairs(f"a={text} b='{text}'")
