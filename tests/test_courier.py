import contextlib
import threading
import time

import pytest

from corowatch.core.config import SinkUse
from corowatch.core.errors import Place, Undelivered
from corowatch.core.events import Alert, Consumer
from corowatch.core.kinds import sink
from corowatch.courier import Courier
from corowatch.store import Outbox, Store


class World:
    """What a sink talks to: `answers` maps an alert's id to what is raised for it."""

    def __init__(self):
        self.got, self.answers, self.opened, self.closed = [], {}, 0, 0
        self.gate = threading.Event()
        self.gate.set()


@sink
def world(*, peer: World) -> Consumer[Alert]:
    """Hand it over."""
    peer.opened += 1
    try:
        while True:
            alert = yield
            peer.gate.wait(10.0)
            if alert.id in peer.answers:
                raise peer.answers[alert.id]
            peer.got.append(alert.id)
    finally:
        peer.closed += 1


def until(predicate):
    end = time.monotonic() + 15.0
    while not predicate():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


class Post:
    """A store, a courier for the sink `ops`, and what the courier told."""

    def __init__(self, folder):
        self.store, self.peer, self.told = Store(folder), World(), []
        use = SinkUse("ops", world, {"peer": self.peer}, {}, Place("c.yaml", 1, 1))
        self.box = Outbox(self.store.path, self.store)
        self.courier = Courier(use, self.store, lambda event, **fields: self.told.append((event, fields)))

    def put(self, *ids, key="k"):
        for id_ in ids:
            self.store.put(Alert(id=id_, flow="f", node="alert", title=id_, severity="error", to=("ops",),
                                 at="2026-11-22T10:00:00+00:00", key={"k": key}))
        self.store.commit([], [], [])
        self.courier.wake()

    def events(self):
        return [event for event, _ in self.told]

    def row(self, id_):
        return next(row for row in self.box.rows(["waiting", "refused", "delivered"]) if row.id == id_)

    def close(self):
        self.peer.gate.set()
        self.courier.stop()
        ended = self.courier.join(time.monotonic() + 10.0)
        self.box.close()
        self.store.close()
        return ended


@pytest.fixture
def post(tmp_path):
    opened = Post(tmp_path / "state")
    yield opened
    with contextlib.suppress(OSError):  # a test may have closed it
        opened.close()


def test_alerts_are_delivered_in_order_by_one_sink_that_stays_open(post):
    post.put("1", "2", "3")

    until(lambda: 0 == post.store.waiting("ops"))

    assert ["1", "2", "3"] == post.peer.got
    assert 1 == post.peer.opened
    until(lambda: ["alert.delivered"] * 3 == post.events())


def test_what_is_refused_for_good_is_set_aside_and_the_next_goes_on(post):
    post.peer.answers["1"] = Undelivered("no such user", permanent=True)

    post.put("1", "2")
    until(lambda: ["2"] == post.peer.got)

    assert ("refused", "no such user", 1) == (post.row("1").state, post.row("1").why, post.row("1").attempts)
    assert ("alert.refused", {"sink": "ops", "id": "1", "why": "no such user"}) == post.told[0]


def test_what_fails_is_kept_and_tried_again_with_a_fresh_sink(post):
    post.peer.answers["1"] = Undelivered("no answer")
    post.put("1")
    until(lambda: "alert.delayed" in post.events())
    assert post.row("1").why == "no answer"

    post.peer.answers.clear()
    post.box.retry("1")
    post.courier.wake()

    until(lambda: ["1"] == post.peer.got)
    assert post.peer.opened >= 2
    until(lambda: post.events()[-2:] == ["sink.recovered", "alert.delivered"])
    assert 0 == post.courier.failures


@pytest.mark.parametrize("error", [Undelivered("no answer"), ValueError("a bug")])
def test_an_alert_that_fails_does_not_hold_up_another_family(post, error):
    post.peer.answers["bad"] = error

    post.put("bad", "after", key="a")
    post.put("good", key="b")
    until(lambda: "alert.delivered" in post.events())

    assert ["good"] == post.peer.got
    assert {"bad", "after"} == {row.id for row in post.box.rows(["waiting"])}


def test_what_a_sink_raises_beside_undelivered_is_told_with_its_type(post):
    post.peer.answers["1"] = ValueError("a bug")

    post.put("1")
    until(lambda: post.told)

    assert ("ValueError: a bug", 1) == (post.told[0][1]["why"], post.told[0][1]["attempts"])


def test_it_ends_after_the_alert_in_hand_and_closes_its_sink(post):
    post.peer.gate.clear()
    post.put("1", "2")
    until(lambda: post.peer.opened)

    post.courier.stop()
    assert not post.courier.join(time.monotonic())
    post.peer.gate.set()

    assert post.courier.join(time.monotonic() + 10.0)
    assert not post.courier.alive
    assert ["1"] == post.peer.got
    assert (1, 1) == (post.peer.opened, post.peer.closed)
    assert ["2"] == [row.id for row in post.box.rows(["waiting"])]


def test_it_finds_what_another_process_made_due_without_being_woken(post):
    post.peer.answers["1"] = Undelivered("no such user", permanent=True)
    post.put("1")
    until(lambda: "alert.refused" in post.events())

    post.peer.answers.clear()
    post.box.retry("1")

    until(lambda: ["1"] == post.peer.got)
