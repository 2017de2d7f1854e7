from corowatch.core.coroutine import finish
from corowatch.core.events import Tick
from corowatch.core.flags import Flags
from corowatch.nodes.flag import flag
from corowatch.nodes.when import when
from corowatch.testing import Collect, line, texts


def test_it_passes_what_comes_while_the_flag_is_set_for_its_key():
    out, flags = Collect(), Flags()
    node = when(out, flag="f", by=("name",), flags=flags)
    sets = flag(Collect(), name="f", by=("host",), for_=10.0, flags=flags)
    node.send(line("before", at=100.0, name="a"))
    sets.send(line("x", at=100.0, host="a"))
    for text, at, name in (("a", 100.0, "a"), ("b", 101.0, "b"), ("last", 109.9, "a"), ("over", 110.0, "a")):
        node.send(line(text, at=at, name=name))
    node.send(line("no key", at=105.0))

    assert ["a", "last"] == texts(out)
    assert {"matched": 2, "unkeyed": 1} == finish(node)


def test_a_deadline_asks_at_its_own_time():
    out, flags = Collect(), Flags()
    sets = flag(Collect(), name="f", for_=10.0, flags=flags)
    sets.send(line("x", at=100.0))
    sets.send(Tick(105.0))
    when(out, flag="f", flags=flags).send(line("old", at=50.0).having({}, tick=105.0))

    assert ["old"] == texts(out)
