from inspect import signature

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


@pytest.mark.parametrize(("step", "made", "told"), [
    ("{function: r.py:classic}", classic, "'classic' in /r.py: missing a required argument: 'pattern'"),
    ("{function: r.py:classic, args: [a, b]}", classic, "'classic' in /r.py: too many positional arguments"),
    ("{function: r.py:classic, args: [a], options: {b: 1}}", classic,
     "'classic' in /r.py: got an unexpected keyword argument 'b'"),
    ("{function: r.py:stage}", stage, "'stage' in /r.py: missing a required argument: 'suffix'"),
    ("{function: r.py:stage, args: [a], options: {suffix: b}}", stage,
     "'stage' in /r.py: multiple values for argument 'target'"),
])
def test_a_function_that_does_not_take_what_it_is_handed_is_a_mistake(step, made, told):
    from corowatch.core.config import ConfigFile, load
    from corowatch.core.errors import ConfigError
    from corowatch.discovery import discover

    with pytest.raises(ConfigError) as refused:
        load([ConfigFile("c.yaml", f"flows:\n  a:\n    stdin:\n    python: {step}\n", "/")], discover(),
             function=lambda file, name: Function(file, name, made is stage, "", lambda: made, signature(made)))

    assert [f"c.yaml:4:5 {told}"] == [f"{one.place} {one.what}" for one in refused.value.mistakes][:1]


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
