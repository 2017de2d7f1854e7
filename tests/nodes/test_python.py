import pytest

from corowatch.core.coroutine import finish
from corowatch.core.values import Function
from corowatch.nodes.python import python
from corowatch.testing import Collect, line, texts


def classic(pattern):
    print("Looking for", pattern)
    try:
        while True:
            line = (yield)
            if pattern in line:
                print(line)
    except GeneratorExit:
        print("Exiting the Co-routine")


def stage(target, *, suffix):
    while True:
        event = yield
        target.send(event.having({"suffix": suffix}))


def function(made, takes_target):
    return Function("rules.py", made.__name__, takes_target, "", lambda: made)


def test_the_classic_coroutine_runs_unchanged(capsys):
    node = python(Collect(), function=function(classic, False), args=("Python",))
    for text in ["Java is cool", "C++ is cool", "Python is cool"]:
        node.send(line(text))
    finish(node)

    assert "Looking for Python\nPython is cool\nExiting the Co-routine\n" == capsys.readouterr().out


def test_a_function_with_a_target_is_a_stage():
    out = Collect()
    node = python(out, function=function(stage, True), options={"suffix": "!"})

    node.send(line("a"))

    assert ["a"] == texts(out)
    assert {"suffix": "!"} == out[0].fields


def test_what_it_raises_comes_out():
    def brittle():
        yield
        raise ZeroDivisionError("boom")

    node = python(Collect(), function=function(brittle, False))

    with pytest.raises(ZeroDivisionError, match="boom"):
        node.send(line("a"))
