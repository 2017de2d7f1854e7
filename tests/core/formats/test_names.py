import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.events import BUILT_IN
from corowatch.core.formats import names
from corowatch.core.formats.json_object import json_object
from corowatch.core.formats.logfmt import logfmt
from corowatch.core.formats.names import field_name, named
from corowatch.core.text import FIELD


@given(st.text())
def test_every_key_gets_a_name_that_a_text_can_say(key):
    name = field_name(key)

    assert FIELD.fullmatch(name)
    assert name not in BUILT_IN
    assert name == field_name(name)


def test_names_that_fit_stay():
    fields = {"fit": 1, "http.status": 2}

    assert fields == named(fields)
    assert named(fields) is fields


def test_what_was_learnt_of_hostile_keys_is_forgotten(monkeypatch):
    monkeypatch.setattr(names, "_MANY", 10)

    for n in range(100):
        named({f"k{n}": 1})

    assert len(names._fit) <= 11


@pytest.mark.parametrize("text", [
    '{"msg": "auth failed", "params": {"' + "a" * 260 + '": 1}}', '{"msg": "auth failed", "' + "a" * 260 + '": 1}'])
def test_a_name_that_is_too_long_hides_nothing_else_of_its_line(text):
    assert {"msg": "auth failed"} == json_object(text)
    assert {"msg": "x"} == logfmt(f"msg=x {'a' * 260}=1")
