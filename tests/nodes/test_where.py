import pytest

from corowatch.core.config import ConfigFile, load
from corowatch.core.coroutine import finish
from corowatch.core.errors import ConfigError
from corowatch.core.expression import Expr
from corowatch.discovery import discover
from corowatch.nodes.where import where
from corowatch.testing import Collect, line, texts


def test_passes_on_what_fulfils_the_condition():
    passed, rest = Collect(), Collect()
    broken = where(passed, rest, expr=Expr("status >= 500"))

    for text, status in [("a", 503), ("b", 200), ("c", "500")]:
        broken.send(line(text, status=status))

    assert ["a", "c"] == texts(passed)
    assert ["b"] == texts(rest)
    assert {"matched": 2} == finish(broken)


def test_without_otherwise_the_others_end_here():
    passed = Collect()

    where(passed, expr=Expr("status >= 500")).send(line("a"))

    assert [] == passed


def test_built_in_fields_have_their_values():
    passed = Collect()

    where(passed, expr=Expr("text matches 'disk' and file == '/var/log/test.log'")).send(line("disk full"))

    assert ["disk full"] == texts(passed)


def told(step):
    with pytest.raises(ConfigError) as refused:
        load([ConfigFile("c.yaml", f"flows:\n  a:\n    stdin:\n    parse: combined\n    {step}\n", "/")], discover())
    return str(refused.value)


def test_a_mistake_is_pointed_at_inside_the_expression():
    assert """c.yaml:5:19: one '=' compares nothing; write ==
        where: status = 500
                      ^""" == told("where: status = 500")


@pytest.mark.parametrize(("step", "col"), [
    ("where: statis >= 500", 12), ("where: status == 200 and statis >= 500", 30),
    ("where: 'method == ''GET'' and statis >= 500'", 35), ('where: "statis >= 500"', 13),
    ('where: "\\u0073tatus == 1 and statis >= 500"', 12)])
def test_a_field_that_is_not_there_is_told_where_it_stands(step, col):
    assert f"c.yaml:5:{col}: no field 'statis' here; did you mean 'status'?" in told(step)


def test_in_a_folded_text_the_whole_is_pointed_at():
    assert "c.yaml:5:12: no field 'statis' here" in told("where: >\n      status == 1 and\n      statis == 2")


@pytest.mark.parametrize(("step", "why"), [
    ("where: [a]", "expected a condition, found a list"),
    ('where: "text matches \'\\bx\'"', "the condition holds the control character '\\x08'; in double quotes YAML")])
def test_what_is_no_condition(step, why):
    assert f": {why}" in told(step)
