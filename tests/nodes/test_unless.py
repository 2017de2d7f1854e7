from corowatch.core.coroutine import finish
from corowatch.core.flags import Flags
from corowatch.nodes.flag import flag
from corowatch.nodes.unless import unless
from corowatch.testing import Collect, line, texts


def test_it_passes_what_comes_while_the_flag_is_not_set_for_its_key():
    out, flags = Collect(), Flags()
    node = unless(out, flag="f", by=("name",), flags=flags)
    sets = flag(Collect(), name="f", by=("host",), for_=10.0, flags=flags)
    node.send(line("before", at=100.0, name="a"))
    sets.send(line("x", at=100.0, host="a"))
    for text, at, name in (("a", 100.0, "a"), ("b", 101.0, "b"), ("last", 109.9, "a"), ("over", 110.0, "a")):
        node.send(line(text, at=at, name=name))
    node.send(line("no key", at=105.0))

    assert ["before", "b", "over"] == texts(out)
    assert {"matched": 3, "unkeyed": 1} == finish(node)


def test_what_nobody_sets_holds_nothing_back():
    out = Collect()
    unless(out, flag="f").send(line("x"))

    assert ["x"] == texts(out)
