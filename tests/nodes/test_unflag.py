from corowatch.core.coroutine import finish
from corowatch.core.flags import Flags
from corowatch.nodes.flag import flag
from corowatch.nodes.unflag import unflag
from corowatch.nodes.when import when
from corowatch.testing import Collect, line, texts


def test_it_takes_a_flag_down_for_its_key_whoever_has_set_it():
    out, passed, flags = Collect(), Collect(), Flags()
    first, second = (flag(Collect(), name="f", by=("host",), flags=flags) for _ in range(2))
    node, asks = unflag(passed, flag="f", by=("name",), flags=flags), when(out, flag="f", by=("host",), flags=flags)
    for sets in (first, second):
        sets.send(line("x", at=100.0, host="a"))
    first.send(line("x", at=100.0, host="b"))
    node.send(line("down", at=101.0, name="a"))
    node.send(line("down again", at=102.0, name="a"))
    node.send(line("no key", at=103.0))
    for host in "ab":
        asks.send(line(host, at=104.0, host=host))

    assert ["down", "down again"] == texts(passed)
    assert ["b"] == texts(out)
    assert {"cleared": 1, "unkeyed": 1} == finish(node)


def test_what_is_taken_down_may_be_set_again():
    out, flags = Collect(), Flags()
    sets, node = flag(Collect(), name="f", flags=flags), unflag(Collect(), flag="f", flags=flags)
    for one, at in ((sets, 100.0), (node, 101.0), (sets, 102.0)):
        one.send(line("x", at=at))
    asks = when(out, flag="f", flags=flags)
    for at in (101.5, 102.0):
        asks.send(line(f"{at}", at=at))

    assert ["102.0"] == texts(out)
