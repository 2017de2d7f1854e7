import pytest

from corowatch.core.coroutine import Broadcast, coroutine, finish
from corowatch.testing import Collect


@coroutine
def count(target):
    counted = 0
    try:
        while True:
            item = yield
            counted += 1
            target.send(item)
    except GeneratorExit:
        target.send("goodbye")
        return {"counted": counted}


def test_a_coroutine_is_at_its_first_yield():
    out = Collect()

    consumer = count(out)
    consumer.send("a")

    assert ["a"] == out


def test_finish_lets_it_flush_and_returns_what_it_returns():
    out = Collect()
    consumer = count(out)
    consumer.send("a")

    assert {"counted": 1} == finish(consumer)
    assert ["a", "goodbye"] == out
    assert {} == finish(consumer)


def test_a_consumer_that_tells_nothing_has_nothing_to_tell():
    @coroutine
    def silent():
        while True:
            yield

    assert {} == finish(silent())


def test_what_the_handler_raises_comes_out():
    @coroutine
    def broken():
        try:
            yield
        except GeneratorExit:
            raise ZeroDivisionError from None

    with pytest.raises(ZeroDivisionError):
        finish(broken())


def test_a_yield_in_the_handler_is_an_error():
    @coroutine
    def clinging():
        try:
            yield
        except GeneratorExit:
            yield

    with pytest.raises(RuntimeError, match="the consumer yielded in its GeneratorExit handler"):
        finish(clinging())


def test_broadcast_sends_to_all_in_order():
    seen = []

    class Named:
        def __init__(self, name):
            self.name = name

        def send(self, item):
            seen.append((self.name, item))

    Broadcast([Named("a"), Named("b")]).send(1)
    Broadcast().send(2)

    assert [("a", 1), ("b", 1)] == seen


def test_broadcast_can_be_led_elsewhere():
    first, second = Collect(), Collect()
    outlet = Broadcast([first])

    outlet.lead_to([second])
    outlet.send(1)

    assert ([], [1]) == (first, second)
