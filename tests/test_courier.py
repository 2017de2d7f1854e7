import contextlib
import sqlite3
import threading
import time
from typing import Annotated

import pytest

from corowatch import courier as courier_module
from corowatch import store as store_module
from corowatch.core.config import SinkUse
from corowatch.core.errors import Place, Undelivered
from corowatch.core.events import Alert, Batch, Consumer, Delivery
from corowatch.core.kinds import Pace, sink
from corowatch.courier import Courier
from corowatch.store import Outbox, Store


class World:
    """What a sink talks to: `answers` maps an alert's id to what is raised for it."""

    def __init__(self):
        self.got, self.tried, self.answers, self.opened, self.closed = [], [], {}, 0, 0
        self.gate = threading.Event()
        self.gate.set()


@sink
def world(*, peer: World) -> Consumer[Alert]:
    """Hand it over."""
    peer.opened += 1
    try:
        while True:
            alert = yield
            peer.tried.append(alert.id)
            peer.gate.wait(10.0)
            if alert.id in peer.answers:
                raise peer.answers[alert.id]
            peer.got.append(alert.id)
    finally:
        peer.closed += 1


@sink
def digest(*, peer: World, every: Annotated[float, "seconds between two", Pace],
           delivery: Delivery) -> Consumer[Batch]:
    """Hand over all that wait as one."""
    peer.opened += 1
    while True:
        alerts = yield
        for one in alerts:
            if one.id in peer.answers:
                raise peer.answers[one.id]
        for name in ("anna", "bert"):
            if name not in delivery.done:
                if name in peer.answers:
                    raise peer.answers[name]
                peer.got.append((name, *(alert.id for alert in alerts)))
                delivery.done.add(name)
        delivery.said = "250 queued"


def until(predicate):
    end = time.monotonic() + 15.0
    while not predicate():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


class Post:
    """A store, a courier for the sink `ops`, and what the courier told."""

    def __init__(self, folder, kind=world, **options):
        self.store, self.peer, self.told = Store(folder), World(), []
        use = SinkUse("ops", kind, {"peer": self.peer, **options}, {}, Place("c.yaml", 1, 1))
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
def office(tmp_path):
    opened = []

    def open_(*args, **options):
        opened.append(Post(tmp_path / f"state{len(opened)}", *args, **options))
        return opened[-1]

    yield open_
    for one in opened:
        with contextlib.suppress(OSError):  # a test may have closed it
            one.close()


@pytest.fixture
def post(office):
    return office()


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


def test_it_finds_what_another_process_made_due_without_being_woken(office, monkeypatch):
    monkeypatch.setattr(courier_module, "LOOK", 0.1)
    post = office()
    post.peer.answers["1"] = Undelivered("no such user", permanent=True)
    post.put("1")
    until(lambda: "alert.refused" in post.events())

    post.peer.answers.clear()
    post.box.retry("1")

    until(lambda: ["1"] == post.peer.got)


@pytest.mark.parametrize(("answer", "state"), [
    (None, "delivered"), (Undelivered("no", permanent=True), "refused"), (Undelivered("later"), "waiting")])
def test_what_became_of_an_alert_is_noted_before_anything_else_is_sent(office, monkeypatch, answer, state):
    """A disk that is full, or a database that is locked, must not send the same alert again and again."""
    monkeypatch.setattr(store_module, "PATIENCE", 0.01)
    monkeypatch.setattr(courier_module, "LOOK", 0.02)
    monkeypatch.setattr(courier_module, "wait_before", lambda attempt, chance: 60.0)
    post = office()
    post.peer.answers.update({"1": answer} if answer else {})
    post.peer.gate.clear()
    post.put("1", key="a")
    post.put("2", key="b")
    until(lambda: post.peer.tried)
    other = sqlite3.connect(post.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    post.peer.gate.set()
    until(lambda: "sink.failed" in post.events())
    other.execute("ROLLBACK")
    until(lambda: "delivered" == post.row("2").state)

    assert ["1", "2"] == post.peer.tried
    assert (state, 1) == (post.row("1").state, post.row("1").attempts)
    assert 1 == post.events().count("sink.failed")


def test_a_note_that_failed_is_written_at_the_end_if_it_can_be(office, monkeypatch):
    monkeypatch.setattr(store_module, "PATIENCE", 0.01)
    post = office()
    post.peer.gate.clear()
    post.put("1")
    until(lambda: post.peer.tried)
    other = sqlite3.connect(post.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    post.peer.gate.set()
    until(lambda: "sink.failed" in post.events())

    other.execute("ROLLBACK")
    post.courier.stop()

    assert post.courier.join(time.monotonic() + 10.0)
    assert "delivered" == post.row("1").state


# --- one message of many ----------------------------------------------------------------------------


def test_the_first_leaves_at_once_and_then_what_waits_as_one_message_in_its_time(office):
    post = office(digest, every=3600.0)
    post.put("1")
    until(lambda: 2 == len(post.peer.got))
    post.put("2", "3")
    post.put("4", key="other")
    assert 3 == post.store.waiting("ops")

    post.courier.hurry()
    until(lambda: 4 == len(post.peer.got))

    assert [("anna", "1"), ("bert", "1"), ("anna", "2", "3", "4"), ("bert", "2", "3", "4")] == post.peer.got
    until(lambda: 4 == len(post.told))
    assert ("alert.delivered", {"sink": "ops", "id": "4", "said": "250 queued"}) == post.told[-1]


def test_one_bad_alert_does_not_take_the_others_of_its_message_with_it(office):
    post = office(digest, every=0.0)
    post.peer.answers["2"] = Undelivered("no", permanent=True)

    post.put("1", "2", "3")
    until(lambda: 0 == post.store.waiting("ops"))

    assert [("anna", "1"), ("bert", "1"), ("anna", "3"), ("bert", "3")] == post.peer.got
    assert "refused" == post.row("2").state


def test_a_recipient_that_has_the_message_is_not_sent_it_again(office, monkeypatch):
    monkeypatch.setattr(courier_module, "wait_before", lambda attempt, chance: 0.01)
    post = office(digest, every=0.0)
    post.peer.answers["bert"] = Undelivered("try later")
    post.put("1")
    until(lambda: "alert.delayed" in post.events())
    post.put("2")

    post.peer.answers.clear()
    until(lambda: 4 == len(post.peer.got))

    assert [("anna", "1"), ("anna", "2"), ("bert", "1"), ("bert", "2")] == sorted(post.peer.got)
    assert [("anna", "1"), ("anna", "2")] == [one for one in post.peer.got if one[0] == "anna"]


def test_a_message_that_only_some_take_holds_up_no_other_and_is_set_aside_in_the_end(office, monkeypatch):
    monkeypatch.setattr(courier_module, "wait_before", lambda attempt, chance: 0.02)
    post = office(digest, every=0.0)
    post.peer.answers["bert"] = Undelivered("try later")
    post.put("1")
    until(lambda: "alert.delayed" in post.events())
    post.put("2")
    until(lambda: ("anna", "2") in post.peer.got)

    monkeypatch.setattr(courier_module, "PARTLY", 0.0)
    until(lambda: ["1", "2"] == sorted(row.id for row in post.box.rows(["refused"])))

    assert [("anna", "1"), ("anna", "2")] == post.peer.got


def test_what_a_message_in_hand_stands_for_is_what_is_delivered(office, monkeypatch):
    monkeypatch.setattr(courier_module, "wait_before", lambda attempt, chance: 0.02)
    monkeypatch.setattr(store_module, "MAX_ROWS", 0)
    post = office(digest, every=0.0)
    post.peer.answers["bert"] = Undelivered("try later")
    post.put("1")
    until(lambda: "alert.delayed" in post.events())

    post.put("2", "3")  # of the same family: they must not be folded into what anna has already

    post.peer.answers.clear()
    until(lambda: 0 == post.store.waiting("ops"))
    assert [1, 2] == [post.row(id_).alert().count for id_ in ("1", "2")]


def test_a_refused_address_costs_few_messages_however_many_alerts_wait(office):
    post = office(digest, every=0.0)
    post.peer.answers.update((str(n), Undelivered("no such mailbox", permanent=True)) for n in range(1000))

    post.put(*map(str, range(1000)))
    until(lambda: 0 == post.store.waiting("ops"))

    assert 1000 == len(post.box.rows(["refused"]))
    assert post.peer.opened < 60


def test_a_run_of_bad_alerts_takes_no_good_one_with_it(office):
    post = office(digest, every=0.0)
    post.peer.answers.update((str(n), Undelivered("no", permanent=True)) for n in range(20))

    post.put(*map(str, range(1000)))
    until(lambda: 0 == post.store.waiting("ops"))

    assert [str(n) for n in range(20)] == sorted((row.id for row in post.box.rows(["refused"])), key=int)
    assert {str(n) for n in range(20, 1000)} == {id_ for _, *ids in post.peer.got for id_ in ids}


@pytest.mark.parametrize("answer", [Undelivered("greylisted"), Undelivered("no such user", permanent=True)])
def test_the_pace_is_kept_for_those_who_got_a_message_that_others_did_not(office, answer):
    post = office(digest, every=3600.0)
    post.peer.answers["bert"] = answer
    post.put("1")
    until(lambda: post.told)

    assert post.courier._rests_until > time.monotonic() + 3000.0
    assert [("anna", "1")] == post.peer.got


def test_messages_that_some_have_and_new_ones_take_turns(office, monkeypatch):
    monkeypatch.setattr(courier_module, "wait_before", lambda attempt, chance: 0.0)  # they are always due
    post = office(digest, every=0.0)
    post.peer.answers["bert"] = Undelivered("greylisted")
    post.put("1")
    until(lambda: "alert.delayed" in post.events())

    post.put("2")

    until(lambda: ("anna", "2") in post.peer.got)


def test_a_sink_that_asks_for_time_is_left_alone_for_so_long(post):
    post.peer.answers["1"] = Undelivered("too many", after=3600.0)

    post.put("1", key="a")
    until(lambda: "alert.delayed" in post.events())
    post.put("2", key="b")

    assert post.courier._rests_until > time.monotonic() + 3000.0
    assert post.row("1").due > time.time() + 3000.0
    assert [] == post.peer.got


def test_a_sink_that_asks_for_days_gets_an_hour(post):
    post.peer.answers["1"] = Undelivered("too many", after=1e9)

    post.put("1")
    until(lambda: "alert.delayed" in post.events())

    assert post.courier._rests_until <= time.monotonic() + 3600.0
    assert post.row("1").due <= time.time() + 3600.0


def test_who_mends_a_sink_does_not_wait_until_it_is_due(post):
    post.peer.answers["a"] = Undelivered("later", after=1000.0)
    post.put("a", "b", key="k")
    post.store.put(Alert(id="z", flow="f", node="other", title="z", severity="error", to=("ops",),
                         at="2026-11-22T10:00:00+00:00"), due=time.time() + 1000.0)  # it waits for the lines after it
    post.store.commit([], [], [])
    until(lambda: post.told)
    post.peer.answers.clear()
    post.courier.stop()

    post.courier = Courier(post.courier.use, post.store, lambda *told, **fields: None, post.courier)

    until(lambda: post.peer.got == ["a", "b"])
    assert post.row("z").due > time.time()
