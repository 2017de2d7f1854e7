import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.formats.json_object import DEEPEST, json_object


def test_values_keep_their_types_and_null_is_absent():
    text = '{"a": "x", "n": 5, "f": 0.5, "t": true, "none": null}'

    assert {"a": "x", "n": 5, "f": 0.5, "t": True} == json_object(text)


def test_objects_inside_are_joined_with_dots():
    assert {"http.req.path": "/", "http.status": 503} == json_object(
        '{"http": {"req": {"path": "/", "no": null}, "status": 503}, "empty": {}}')


def test_a_list_is_its_json_text():
    assert {"tags": '["a",{"b":1}]', "x.y": "[]"} == json_object('{"tags": ["a", {"b": 1}], "x": {"y": []}}')


def test_built_in_names_and_odd_characters():
    assert {"_host": "web1", "_at": 1, "a_b": 2, "_0": 3, "_": 4, "http.host": 5} == json_object(
        '{"host": "web1", "at": 1, "a b": 2, "0": 3, "": 4, "http": {"host": 5}}')


def test_of_equal_keys_the_last_counts():
    assert {"a": 2} == json_object('{"a": 1, "a": 2}')


def test_integers_beyond_64_bits():
    assert {"n": 2**70} == json_object(f'{{"n": {2**70}}}')


@pytest.mark.parametrize("text", [
    "", "null", "5", '"x"', "[1]", "{", "{}x", '{"a": NaN}', '{"a": 1e999}', r'{"a": "\ud800"}', "ERROR {}",
    "[" * 100_000, '{"a":' * 1000 + "1" + "}" * 1000, '{"a":' * DEEPEST + "{}" + "}" * DEEPEST, '{"a": "\ud800"}'])
def test_what_is_no_object_is_none(text):
    assert json_object(text) is None


def test_what_is_nested_as_deep_as_it_may_be():
    depth = DEEPEST - 1

    assert {".".join("a" * (depth + 1)): 1} == json_object('{"a":' * (depth + 1) + "1" + "}" * (depth + 1))


plain = st.dictionaries(st.from_regex(r"k[a-z0-9_]{0,8}", fullmatch=True),
                        st.text(st.characters(codec="utf-8")) | st.integers() | st.booleans())


@given(plain)
def test_a_flat_object_is_its_fields(fields):
    assert fields == json_object(json.dumps(fields))


@given(st.text())
def test_no_text_makes_it_raise(text):
    json_object(text)
    json_object(f'{{"a": {text}}}')
