from math import inf

import pytest

from corowatch.core.config import ConfigFile, load
from corowatch.core.errors import ConfigError
from corowatch.discovery import discover
from corowatch.sources.corowatch import INTERNAL, corowatch
from corowatch.testing import Collect, texts


def opened(out, **options):
    own = corowatch(out, **options)
    own.open({}, reader="r", start=None, tell=lambda *told, **fields: None, wake=lambda: None, now=0.0)
    return own


def read(own):
    while head := own.head():
        head.read(99.0, inf)


def test_what_it_is_told_is_sent_when_the_pump_reads_it():
    out = Collect()
    own = opened(out)

    own.tell("lost", "5 bytes are lost", 7.0, {"path": "/a", "bytes": 5})
    assert [] == out
    assert own.behind
    read(own)

    event, = out
    assert ("5 bytes are lost", 7.0) == (event.text, event.at)
    assert {"kind": "lost", "path": "/a", "bytes": 5} == event.fields
    assert not own.behind


def test_events_come_in_order_each_at_a_place_of_its_own():
    out = Collect()
    own = opened(out)

    for text in ("one", "two"):
        own.tell("shut", text, 1.0, {})
    read(own)

    assert ["one", "two"] == texts(out)
    assert [1, 2] == [event.place for event in out]


def test_what_is_told_while_it_sends_follows():
    class Echo(Collect):
        def send(self, item):
            super().send(item)
            if len(self) < 3:
                own.tell("shut", f"echo {len(self)}", 1.0, {})

    out = Echo()
    own = opened(out)
    own.tell("shut", "first", 1.0, {})
    read(own)

    assert ["first", "echo 1", "echo 2"] == texts(out)


def test_two_runs_have_two_origins():
    outs = Collect(), Collect()
    for out in outs:
        own = opened(out)
        own.tell("started", "x", 1.0, {})
        read(own)

    one, two = (out[0].origin for out in outs)
    assert one.reader == two.reader
    assert one.key != two.key


def test_it_hears_what_its_option_says_else_everything():
    assert frozenset(INTERNAL) == opened(Collect()).hears
    assert {"lost", "shut"} == opened(Collect(), kinds=("lost", "shut")).hears


def test_it_does_not_keep_the_daemon_running():
    own = opened(Collect())

    assert own.ended
    assert not own.endless


def test_an_event_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="lots"):
        load([ConfigFile("c.yaml", "flows:\n  a:\n    corowatch: {kinds: [lots]}\n    alert:\n", "/")], discover())
