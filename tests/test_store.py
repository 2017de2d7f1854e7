import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from corowatch import store as store_module
from corowatch.core.errors import StateRefused
from corowatch.core.events import Alert, Evidence
from corowatch.core.memory import Memory
from corowatch.discovery import discover
from corowatch.durable import network_file_system
from corowatch.store import Change, Glimpse, Outbox, Store, owner
from corowatch.testing import Collect, line


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "state")
    yield opened
    with contextlib.suppress(OSError):  # a test may have closed it
        opened.close()


def alert(id_, *to, key=None, text="x"):
    return Alert(id=id_, flow="f", node="alert", title=text, severity="error", at="2026-11-22T10:00:00+00:00",
                 key=key or {}, to=to or ("ops",), events=[{"text": text}])


def put(store, *alerts):
    for one in alerts:
        store.put(one)
    return store.commit([], [], [])


def go_live(store, readers, nodes, positions=None):
    store.go_live(readers, nodes, positions or {})
    store.commit([], [], [])


def reopened(store):
    store.close()
    return Store(store.folder)


# --- what a turn writes -----------------------------------------------------------------------------


def test_positions_memory_totals_and_alerts_are_there_after_a_restart(store):
    go_live(store, {"a.tail": "tail:r"}, {"a.threshold": "print"})
    memory = store.memory("a.threshold", "print")
    memory["k"] = [1.5, None, "x"]
    store.put(alert("1"))

    store.commit([("tail:r", "life", {"offset": 7})], [("a.threshold", memory)],
                 [Change("node", "a.grep", "matched", 3)])
    again = reopened(store)

    assert {"life": {"offset": 7}} == again.positions("tail:r", ["a.tail"])
    assert {"k": [1.5, None, "x"]} == dict(again.memory("a.threshold", "print"))
    assert [("node", "a.grep", "matched", 3)] == list(again.totals())
    assert ["1"] == [row.id for row in Outbox(again.path).rows()]
    assert 1 == again.waiting("ops")
    again.close()


def test_a_turn_that_fails_leaves_nothing_and_may_be_tried_again(store):
    memory = Memory()
    memory["k"] = 1
    store.put(alert("1"))
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store._db.execute("PRAGMA busy_timeout = 1")

    with pytest.raises(sqlite3.OperationalError):
        store.commit([("tail:r", "life", {"offset": 7})], [("n", memory)], [])
    assert store.urgent
    assert memory.changed
    other.execute("ROLLBACK")

    assert {"ops"} == store.commit([("tail:r", "life", {"offset": 7})], [("n", memory)], [])
    assert not store.urgent
    assert not memory.changed


def test_totals_add_up(store):
    for _ in range(2):
        store.commit([], [], [Change("node", "n", "matched", 3)])

    assert [("node", "n", "matched", 6)] == list(store.totals())


def test_a_position_that_is_no_longer_needed_goes(store):
    go_live(store, {"a.tail": "tail:r"}, {})
    store.commit([("tail:r", "one", {"offset": 1}), ("tail:r", "two", {"offset": 2})], [], [])

    store.commit([("tail:r", "one", None)], [], [])

    assert {"two": {"offset": 2}} == store.positions("tail:r", ["a.tail"])


def test_a_reader_that_has_never_run_has_no_positions_and_one_that_found_nothing_has_none_saved(store):
    go_live(store, {"a.tail": "tail:r"}, {})

    assert store.positions("tail:new", ["b.tail"]) is None
    assert {} == store.positions("tail:r", ["a.tail"])


def test_a_step_whose_source_got_other_options_takes_its_positions_along(store):
    go_live(store, {"a.tail": "tail:r"}, {})
    store.commit([("tail:r", "life", {"offset": 7})], [], [])

    saved = store.positions("tail:changed", ["a.tail"])
    go_live(store, {"a.tail": "tail:changed"}, {}, {"tail:changed": saved})

    assert {"life": {"offset": 7}} == store.positions("tail:changed", ["a.tail"])
    assert store.positions("tail:r", ["b.tail"]) is None


def test_two_readers_that_become_one_bring_the_positions_of_both(store):
    go_live(store, {"a.tail": "tail:r", "b.tail": "tail:s"}, {})
    store.commit([("tail:r", "one", {"offset": 1}), ("tail:s", "two", {"offset": 2})], [], [])

    assert {"one": {"offset": 1}, "two": {"offset": 2}} == store.positions("tail:both", ["a.tail", "b.tail"])


def test_a_step_of_another_kind_than_before_has_no_positions(store):
    go_live(store, {"a.app": "tail:r"}, {})
    store.commit([("tail:r", "one", {"offset": 1})], [], [])

    assert store.positions("journal:r", ["a.app"]) is None


def test_what_a_source_counted_goes_on_when_its_options_change(store):
    go_live(store, {"a.tail": "tail:r", "b.tail": "tail:r"}, {})
    store.commit([], [], [Change("source", "tail:r", "lines", 7)])

    go_live(store, {"a.tail": "tail:changed", "b.tail": "tail:r"}, {})
    store.commit([], [], [Change("source", "tail:changed", "lines", 1)])
    go_live(store, {"a.tail": "tail:r", "b.tail": "tail:r"}, {})

    assert {("source", "tail:r", "lines", 7), ("source", "tail:changed", "lines", 8)} == set(store.totals())


def test_a_graph_goes_live_with_its_first_turn_or_not_at_all(store):
    go_live(store, {"a.tail": "tail:r"}, {"n": "old"})
    memory = Memory()
    memory["k"] = 1
    store.commit([("tail:r", "life", {"offset": 7})], [("n", memory)], [])

    store.go_live({"b.tail": "tail:s"}, {"n": "new"}, {"tail:s": {"life": {"offset": 9}}})
    assert store.urgent
    again = reopened(store)

    assert {"life": {"offset": 7}} == again.positions("tail:r", ["a.tail"])
    assert {"k": 1} == dict(again.memory("n", "old"))
    again.close()


def test_memory_of_a_node_with_other_options_is_empty_and_its_old_rows_go(store):
    go_live(store, {}, {"n": "old", "m": "same"})
    for name in ("n", "m"):
        memory = Memory()
        memory["k"] = 1
        store.commit([], [(name, memory)], [])

    assert {} == dict(store.memory("n", "new"))
    go_live(store, {}, {"n": "new", "m": "same"})

    assert [("m",)] == store._db.execute("SELECT DISTINCT node FROM memory").fetchall()
    assert {"k": 1} == dict(store.memory("m", "same"))


# --- the outbox -------------------------------------------------------------------------------------


def test_an_alert_that_is_there_already_is_not_there_twice(store):
    put(store, alert("1"))
    put(store, alert("1"))

    assert 1 == store.waiting("ops")
    assert 1 == len(Outbox(store.path).rows())


def test_each_sink_has_its_own_row(store):
    assert {"ops", "audit"} == put(store, alert("1", "ops", "audit"))

    assert [("ops", "1"), ("audit", "1")] == [(row.sink, row.id) for row in Outbox(store.path).rows()]


def test_rows_come_in_order_and_a_delivered_one_no_more(store):
    put(store, alert("1"), alert("2"))
    box = Outbox(store.path, store)

    first = box.take("ops", 10.0)[0]
    box.delivered([first], 10.0)

    assert ("1", "2") == (first.id, box.take("ops", 10.0)[0].id)
    assert 1 == store.waiting("ops")
    assert ("sink", "ops", "delivered", 1) in list(store.totals())


def test_no_more_is_taken_at_once_than_fits_a_hand(store, monkeypatch):
    monkeypatch.setattr(store_module, "HANDFUL", 1000)
    put(store, *(alert(n, text="x" * 100) for n in "123"), alert("4", text="x" * 5000), alert("5"))
    box, taken = Outbox(store.path, store), []

    while rows := box.take("ops", 1.0, limit=10):
        taken.append([row.id for row in rows])
        box.delivered(rows, 1.0)

    assert [["1", "2"], ["3"], ["4"], ["5"]] == taken


def test_an_alert_that_waits_holds_up_its_own_family_only(store):
    put(store, alert("1", key={"ip": "a"}), alert("2", key={"ip": "a"}), alert("3", key={"ip": "b"}))
    box = Outbox(store.path, store)

    box.later(box.take("ops", 10.0), "no answer", 20.0)

    assert "3" == box.take("ops", 10.0)[0].id
    assert "1" == box.take("ops", 20.0)[0].id


def test_a_clock_that_was_ahead_holds_up_nothing(store):
    put(store, alert("1", key={"ip": "a"}), alert("2", key={"ip": "a"}))
    box = Outbox(store.path, store)
    box.later(box.take("ops", 900_000.0), "no answer", 900_060.0)

    soonest, taken = box.soonest("ops", 10.0), box.take("ops", 10.0, limit=2)

    assert soonest is None
    assert ["1", "2"] == [row.id for row in taken]


def test_what_was_refused_is_set_aside_and_may_be_tried_again_or_dropped(store):
    put(store, alert("abc"), alert("def"))
    box = Outbox(store.path, store)
    box.refused(box.take("ops", 1.0), "no such user", 1.0)

    assert ("refused", "no such user", 1) == (lambda row: (row.state, row.why, row.attempts))(box.rows(["refused"])[0])
    assert 1 == box.retry("abc")
    assert "abc" == box.take("ops", 1.0)[0].id
    assert 1 == box.drop("abc")
    assert 0 == box.drop("abc")
    assert "def" == box.take("ops", 1.0)[0].id


def test_an_alert_is_named_by_a_beginning_of_its_id_or_by_all_of_it(store):
    put(store, alert("abc"), alert("abc.r"), alert("b"))
    box = Outbox(store.path)

    assert (["abc"], ["abc", "abc.r"], ["abc.r"], []) == tuple(map(box.named, ("abc", "ab", "abc.", "c")))


def test_what_waits_for_one_sink_is_dropped_alone(store):
    put(store, alert("a", "ops", "chat"), alert("b", "ops", "chat"))
    box = Outbox(store.path)

    assert 1 == box.drop("a", "chat")
    assert 1 == box.drop(None, "chat")
    assert [("a", "ops"), ("b", "ops")] == [(row.id, row.sink) for row in box.rows()]


def test_beyond_the_limit_alerts_of_one_family_fold_into_one_with_an_exact_count(store, monkeypatch):
    monkeypatch.setattr(store_module, "MAX_ROWS", 2)
    put(store, *(alert(str(n), key={"ip": "a"}, text=f"line {n}") for n in range(7)))

    rows = Outbox(store.path).rows()

    assert ["0", "1", "2"] == [row.id for row in rows]
    folded = rows[-1].alert()
    assert 5 == folded.count
    assert 5 == folded.fields["folded"]
    assert ["line 2", "line 6"] == [event["text"] for event in folded.events]
    assert {"ops"} == store.folding


def test_what_another_process_dropped_makes_room_again(store, monkeypatch):
    monkeypatch.setattr(store_module, "MAX_ROWS", 2)
    put(store, alert("1", key={"ip": "a"}), alert("2", key={"ip": "a"}))
    Outbox(store.path).drop("1")

    put(store, alert("3", key={"ip": "a"}))
    put(store, alert("4", key={"ip": "a"}))

    assert [("2", 0), ("3", 0), ("4", 1)] == [(row.id, row.folded) for row in Outbox(store.path).rows()]


def test_what_another_process_tries_again_is_counted_after_a_while(store):
    put(store, alert("1"), alert("2"))
    box = Outbox(store.path, store)
    box.refused(box.take("ops", 1.0), "no", 1.0)
    Outbox(store.path).retry("1")

    store.prune(0.0)

    assert 2 == store._waiting["ops"][0]


def test_the_bytes_that_wait_are_known_exactly(store, monkeypatch):
    monkeypatch.setattr(store_module, "MAX_ROWS", 2)
    put(store, *(alert(str(n), key={"ip": "grün"}, text="€" * n) for n in range(7)))
    box = Outbox(store.path, store)
    box.delivered(box.take("ops", 1.0), 1.0)

    assert [2, sum(len(row.body.encode()) for row in box.rows())] == store._waiting["ops"] == store._counted()["ops"]


def test_far_beyond_the_limit_alerts_of_ever_new_keys_fold_by_their_step(store, monkeypatch):
    monkeypatch.setattr(store_module, "MAX_ROWS", 2)

    put(store, *(alert(str(n), key={"ip": str(n)}) for n in range(50)))

    rows = [row.alert() for row in Outbox(store.path).rows()]
    assert [("0", 1), ("1", 1), ("2", 1), ("3", 1), ("4", 46)] == [(one.id, one.count) for one in rows]
    assert [{"ip": "3"}, {}] == [one.key for one in rows[3:]]


def test_once_there_is_room_again_nothing_is_folding(store, monkeypatch):
    monkeypatch.setattr(store_module, "MAX_ROWS", 2)
    put(store, *(alert(str(n), key={"ip": "a"}) for n in range(5)))
    box = Outbox(store.path, store)
    assert {"ops"} == store.folding

    while rows := box.take("ops", 1.0):
        box.delivered(rows, 1.0)

    assert set() == store.folding


def test_the_row_to_fold_into_is_found_without_a_look_at_all(store):
    plan = store._db.execute("EXPLAIN QUERY PLAN SELECT seq, body FROM outbox WHERE sink = ? AND state = 'waiting' AND "
                             "folded > 0 AND family = ? ORDER BY seq DESC LIMIT 1", ("ops", "x")).fetchall()

    assert ["SEARCH outbox USING INDEX outbox_folded (sink=? AND family=?)"] == [row[3] for row in plan]


def test_a_row_in_flight_is_not_folded_into(store, monkeypatch):
    monkeypatch.setattr(store_module, "MAX_ROWS", 0)
    put(store, alert("1"))
    box = Outbox(store.path, store)
    row = box.take("ops", 1.0)[0]
    put(store, alert("2"), alert("3"))
    box.delivered([row], 1.0)

    assert [("2", 2)] == [(row.id, row.alert().count) for row in box.rows()]


@pytest.mark.parametrize("state", ["delivered", "refused"])
def test_delivered_and_refused_rows_go_after_a_while(store, monkeypatch, state):
    monkeypatch.setattr(store_module, "KEEP_ROWS", 2)
    put(store, *(alert(str(n)) for n in range(5)))
    box = Outbox(store.path, store)
    for done in (0.0, 10.0, 20.0, 30.0, 40.0):
        rows = box.take("ops", 1.0)
        box.delivered(rows, done) if state == "delivered" else box.refused(rows, "no", done)

    store.prune(0.0)
    beyond_the_most = [row.id for row in box.rows([state])]
    store.prune(store_module.KEEP_SECONDS + 35.0)

    assert ["3", "4"] == beyond_the_most
    assert ["4"] == [row.id for row in box.rows([state])]


# --- whose it is ------------------------------------------------------------------------------------


def test_a_second_daemon_is_refused_and_told_by_whom(store):
    with pytest.raises(StateRefused, match=rf"in use by process {os.getpid()}; give this one its own with --state-dir"):
        Store(store.folder)

    assert os.getpid() == owner(store.folder)


def test_no_owner_is_left_behind_by_kill_9(tmp_path):
    code = (f"import os, pathlib; from corowatch.store import Store; s = Store(pathlib.Path({str(tmp_path)!r})); "
            "os.kill(os.getpid(), 9)")
    subprocess.run([sys.executable, "-c", code], check=False)

    assert owner(tmp_path) is None
    Store(tmp_path).close()


@pytest.mark.parametrize(("content", "why"), [
    (b"", "damaged or no state of corowatch; move it away, and state.db-wal and state.db-shm with it, to begin anew"),
    (b"garbage" * 100, "is damaged or no state of corowatch"),
    (b"SQLite format 3\x00" + bytes(84), "is another program's database"),
    (b"SQLite format 3\x00" + bytes(52) + bytes.fromhex("636f726f") + bytes(28), "cannot be read"),
    (b"SQLite format 3\x00" + bytes(44) + b"\0\0\0\x63" + bytes(4) + bytes.fromhex("636f726f") + bytes(28),
     "was written by a newer corowatch \\(format 99, this one knows 6\\)"),
])
def test_what_is_not_ours_or_newer_or_broken_is_refused_and_left_untouched(tmp_path, content, why):
    path = tmp_path / "state.db"
    path.write_bytes(content)

    with pytest.raises(StateRefused, match=why):
        Store(tmp_path)

    assert content == path.read_bytes()


def test_a_damaged_page_for_which_sqlite_asks_too_much_memory_is_refused(tmp_path, monkeypatch):
    """Found by the fuzzer: sixteen bytes of 0xff in a page, and `PRAGMA journal_mode` ends with SQLITE_NOMEM."""
    Store(tmp_path).close()
    monkeypatch.setattr(store_module, "connect", lambda path: (_ for _ in ()).throw(MemoryError()))

    with pytest.raises(StateRefused, match="cannot be read: it asks for too much memory"):
        Store(tmp_path)


@pytest.mark.parametrize("left", [["state.db-wal"], ["state.db-shm"], ["state.db-wal", "state.db-shm"]])
def test_what_another_database_left_behind_is_not_replayed_into_a_fresh_one(tmp_path, left):
    """After kill -9, who moves state.db away leaves its log behind, and SQLite would take that for the new one's."""
    for name in left:
        (tmp_path / name).write_bytes(b"x")

    with pytest.raises(StateRefused) as refused:
        Store(tmp_path)

    assert (f"{tmp_path} holds {' and '.join(left)} without state.db: what a killed corowatch wrote last; put state.db "
            "back, or move away what is left of it, to begin anew") == str(refused.value)
    assert {*left, "lock"} == set(os.listdir(tmp_path))


def test_after_a_kill_a_state_that_is_moved_away_whole_lets_it_begin_anew(tmp_path):
    code = ("import os, pathlib; from corowatch.store import Change, Store; "
            f"s = Store(pathlib.Path({str(tmp_path)!r})); s.commit([], [], [Change('node', 'n', 'matched', 1)]); "
            "os.kill(os.getpid(), 9)")
    subprocess.run([sys.executable, "-c", code], check=False)
    assert {"state.db", "state.db-wal", "state.db-shm", "lock"} == set(os.listdir(tmp_path))

    (tmp_path / "state.db").rename(tmp_path / "old.db")
    with pytest.raises(StateRefused, match="state.db-wal and state.db-shm"):
        Store(tmp_path)
    for name in ("state.db-wal", "state.db-shm"):
        (tmp_path / name).unlink()

    fresh = Store(tmp_path)
    assert [] == list(fresh.totals())
    fresh.close()


def test_a_refused_state_is_not_kept_locked(tmp_path):
    (tmp_path / "state.db").write_bytes(b"x")
    with pytest.raises(StateRefused):
        Store(tmp_path)

    (tmp_path / "state.db").unlink()

    Store(tmp_path).close()


def test_a_state_on_a_network_file_system_is_refused(tmp_path):
    device = os.stat(tmp_path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    mounts = tmp_path / "mounts"
    mounts.write_text("22 1 0:21 / /proc rw - proc proc rw\n"
                      f"36 35 {number} / /mnt rw,noatime master:1 - nfs4 server:/x rw\n")

    assert "nfs4" == network_file_system(tmp_path, mounts)
    mounts.write_text(mounts.read_text().replace("nfs4", "ext4"))
    assert network_file_system(tmp_path, mounts) is None
    assert network_file_system(tmp_path) is None
    assert network_file_system(tmp_path, tmp_path / "none") is None


def test_nobody_else_can_read_the_state(store):
    assert 0o600 == store.path.stat().st_mode & 0o777
    assert 0o700 == store.folder.stat().st_mode & 0o777


@pytest.mark.parametrize(("version", "former", "clocks"), [
    (1, "DROP INDEX outbox_tried; PRAGMA user_version=1;", "[5.0,6.0]"),
    (2, "PRAGMA user_version=2;", "[5.0,6.0,null]"),
    (3, "PRAGMA user_version=3;", "[5.0,6.0,null]")])
def test_a_state_of_a_former_format_becomes_one_of_today(tmp_path, version, former, clocks):
    one = Store(tmp_path)
    one.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as old:
        old.executescript(f"{former} INSERT INTO nodes VALUES ('a.tally', 'f'); DROP TABLE memory;"
                          "CREATE TABLE memory (node TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (node, key)) "
                          f"WITHOUT ROWID; INSERT INTO memory VALUES ('a.tally', '', '{clocks}'), "
                          "('a.tally', '{}', '[5.0,null,[1,null]]');")

    again = Store(tmp_path)

    assert {"": [5.0, 6.0, None], "{}": [5.0, None, [1, None]]} == dict(again.memory("a.tally", "f"))
    assert [] == Outbox(tmp_path / "state.db").take("ops", 0.0, untried=True)
    assert (6,) == again._db.execute("PRAGMA user_version").fetchone()
    again.close()


def test_of_a_state_of_today_nothing_is_written_when_it_is_opened(store):
    with contextlib.closing(sqlite3.connect(store.path)) as onlooker:
        before = onlooker.execute("PRAGMA data_version").fetchone()

        reopened(store).close()
        assert before == onlooker.execute("PRAGMA data_version").fetchone()


def of_format_3(folder, state):
    """A state of format 3."""
    Store(folder).close()
    with contextlib.closing(sqlite3.connect(folder / "state.db")) as old:
        old.executescript("PRAGMA user_version=3; INSERT INTO nodes VALUES ('a', 'f'); DROP TABLE memory;"
                          "CREATE TABLE memory (node TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (node, key))")
        old.execute("INSERT INTO memory VALUES ('a', '{}', ?)", (json.dumps([5.0, None, state]),))
        old.commit()


LINES = [["tail", "/var/log/a.log", 5, 1.0, "one"], ["tail", "/var/log/a.log", 9, 2.0, "two"]]
LAST = {"origin": {"reader": "tail", "key": "k", "file": "/var/log/a.log"}, "place": 12, "at": 3.0, "text": "three",
        "fields": {}, "key": {}, "past": [], "tick": 0.0, "count": 1}


@pytest.mark.parametrize(("kind", "options", "state", "now", "texts"), [
    ("threshold", {"at_least": 9, "within": 60.0}, [[1.0, 2.0], LINES, 0.0, 3, None], [[1.0, 2.0], 0.0, 3, None],
     ["one", "two"]),
    ("threshold", {"at_least": 9, "within": 60.0}, [[], [], 70.0, 3, None], [[], 70.0, 3, None], []),
    ("bucket", {"capacity": 9, "leak": 60.0}, [1.5, 2.0, 2, 1.0, [], LINES, 0.0, 0], [1.5, 2.0, 2, 1.0, [], 0.0, 0],
     ["one", "two"]),
    ("spike", {"times": 2.0, "within": 60.0, "at_least": 1}, [[[0.0, 3, 0.0]], 0.0, LINES, 0.0, 0, None],
     [[[0.0, 3, 0.0]], 0.0, 0.0, 0, None], ["one", "two"]),
    ("collect", {"within": 60.0}, [3, 1.0, 3.0, LAST, LINES], [3, 1.0, 3.0, LAST], ["one", "two", "three"]),
    ("distinct", {"of": ("ip",), "at_least": 3, "within": 60.0}, [[[["a"], 1.0, LINES[0]]], 0.0, 1],
     [[[["a"], 1.0, LINES[0]]], 0.0, 1], []),
    ("tally", {"every": 60.0}, [7, None], [7, None], [])])
def test_lines_that_stood_in_a_state_of_format_3_stand_beside_it(tmp_path, kind, options, state, now, texts):
    of_format_3(tmp_path, state)

    again = Store(tmp_path)

    memory = again.memory("a", "f")
    assert {"{}": [5.0, None, now]} == dict(memory)
    assert texts == [line.text for line in memory.lines("{}")]
    discover().node[kind](Collect(), **options, memory=memory.proved(discover().node[kind].remembers))
    again.close()


def test_a_state_of_format_3_that_looks_like_one_with_lines_stays_as_it_is(tmp_path):
    """It is of a kind that is not ours."""
    state = [[1.0, 2.0], ["no", "line"], 0.0, 3, None]
    of_format_3(tmp_path, state)

    again = Store(tmp_path)

    assert {"{}": [5.0, None, state]} == dict(again.memory("a", "f"))
    again.close()


def test_a_window_of_format_4_goes_on_with_its_lines(tmp_path):
    Store(tmp_path).close()
    row = [101.0, None, [[100.0, 101.0], 0.0, 0, None]]
    entries = [["{}", None, LINES[0]], ["{}", [[0, 1], row], LINES[1]]]
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as old:
        old.execute("INSERT INTO memory VALUES ('a', 0, ?)", (msgspec.msgpack.encode(entries),))
        old.executescript("PRAGMA user_version=4; INSERT INTO nodes VALUES ('a', 'f');")
    again, out = Store(tmp_path), Collect()
    threshold = discover().node["threshold"]

    memory = again.memory("a", "f").proved(threshold.remembers)
    threshold(out, at_least=3, within=60.0, memory=memory).send(line("three", at=102.0))

    assert ["one", "two"] == [earlier.text for earlier in out[0].past]
    assert "1970-01-01T00:01:40.000000+00:00" == out[0].fields["first"]
    again.close()


@pytest.mark.parametrize("most", [9, 2 ** 70])
def test_the_lines_of_a_window_of_format_5_are_found(tmp_path, most):
    """Their numbers took six bytes each; what holds a number beyond 64 bits stood there as JSON."""
    Store(tmp_path).close()
    record = [b"\0\0\0\0\0\0\1\0\0\0\0\0", [101.0, None, [b"\0" * 16, 0, most, None]]]
    if most > 9:
        record = msgspec.json.encode(record)
    entries = [["{}", None, LINES[0]], ["{}", record, LINES[1]], None, ["b", [[], 7], None], ["c", None, None]]
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as old:
        old.execute("INSERT INTO memory VALUES ('a', 0, ?)", (msgspec.msgpack.encode(entries),))
        old.executescript("PRAGMA user_version=5; INSERT INTO nodes VALUES ('a', 'f');")

    again = Store(tmp_path)

    memory = again.memory("a", "f").proved(Any)
    assert {"{}", "b"} == set(memory)
    assert ([101.0, None], most) == (memory["{}"][:2], memory["{}"][2][2])
    assert ["one", "two"] == [earlier.text for earlier in memory.lines("{}")]
    again.close()


@pytest.mark.parametrize("damaged", [
    "a text", 7, b"\xc1", *(msgspec.msgpack.encode([["k", known, None]]) for known in (7, [7, 7], b"{}"))])
def test_a_damaged_state_of_a_former_format_is_refused_and_stays_as_it_is(tmp_path, damaged):
    Store(tmp_path).close()
    whole = msgspec.msgpack.encode([["k", [b"\0" * 6, "v"], LINES[0]]])
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as old:
        old.executemany("INSERT INTO memory VALUES ('a', ?, ?)", [(0, whole), (1, damaged)])
        old.commit()
        old.executescript("PRAGMA user_version=5;")

    with pytest.raises(StateRefused, match="cannot be read"):
        Store(tmp_path)

    with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as old:
        assert (5,) == old.execute("PRAGMA user_version").fetchone()
        assert [(whole,), (damaged,)] == old.execute("SELECT entries FROM memory ORDER BY first").fetchall()


def test_the_header_tells_the_format_as_soon_as_a_state_is_of_it(tmp_path):
    """A former corowatch looks at nothing else, and would write its own into what a killed one left."""
    of_format_3(tmp_path, [7, None])

    again = Store(tmp_path)

    assert 6 == int.from_bytes((tmp_path / "state.db").read_bytes()[60:64], "big")
    again.close()


KILLED_AT_EACH_STATEMENT = """
import os, pathlib, shutil, sys
from corowatch.store import connect
from corowatch.upgrade import upgrade

left = 1
while left:
    folder = pathlib.Path(sys.argv[1], str(left))
    shutil.copytree(sys.argv[2], folder)
    child = os.fork()
    if not child:
        db, said = connect(folder / "state.db"), []
        db.set_trace_callback(lambda text: said.append(text) or len(said) == left and os.kill(os.getpid(), 9))
        upgrade(db)
        os._exit(0)
    left = left + 1 if os.waitpid(child, 0)[1] else 0
"""


def test_a_state_of_a_former_format_that_was_killed_at_any_statement_becomes_one_of_today(tmp_path):
    former, killed = tmp_path / "former", tmp_path / "killed"
    Store(former).close()
    with contextlib.closing(sqlite3.connect(former / "state.db")) as old:
        old.executemany("INSERT INTO memory VALUES ('a', ?, ?)", [
            (0, msgspec.msgpack.encode([["k", None, LINES[0]]])),
            (1, msgspec.msgpack.encode([["k", [b"\0\0\0\0\0\0\1\0\0\0\0\0", "v"], LINES[1]]]))])
        old.commit()
        old.executescript("PRAGMA user_version=5; INSERT INTO nodes VALUES ('a', 'f');")

    subprocess.run([sys.executable, "-c", KILLED_AT_EACH_STATEMENT, killed, former], check=True)

    assert len(os.listdir(killed)) > 8
    for folder in killed.iterdir():
        again = Store(folder)
        memory = again.memory("a", "f").proved(str)
        assert {"k": ["one", "two"]} == {key: [one.text for one in memory.lines(key)] for key in memory}
        again.close()


def test_why_a_state_of_a_former_format_cannot_be_written_anew_is_told(tmp_path):
    """SQLite undoes by itself what it cannot write, and there is nothing left to be undone then."""
    Store(tmp_path).close()
    entries = msgspec.msgpack.encode([["k", [b"\0" * 6, "x" * 2000], LINES[0]]])
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as old:
        old.executemany("INSERT INTO memory VALUES ('a', ?, ?)", [(first, entries) for first in range(4000)])
        old.commit()
        old.executescript("PRAGMA user_version=5;")
    code = ("import pathlib, resource, signal, sys; from corowatch.store import Store; "
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
            f"resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); Store(pathlib.Path({str(tmp_path)!r}))")

    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert "cannot be read: disk I/O error; look after its disk, and start again" in done.stderr.splitlines()[-1]
    Store(tmp_path).close()


def test_who_looks_at_what_a_former_corowatch_remembers_is_told_so(tmp_path):
    of_format_3(tmp_path, [7, None])
    glimpse = Glimpse(tmp_path / "state.db")

    with pytest.raises(StateRefused) as refused:
        glimpse.memory("a", "f")

    assert (f"{tmp_path}/state.db was written by an older corowatch (format 3, this one reads 6); it becomes one of "
            "today when the daemon starts anew") == str(refused.value)
    glimpse.close()


def test_only_what_was_never_tried_and_waits_behind_nothing_that_was(store):
    put(store, *(alert(str(n), key={"k": n % 2}) for n in range(4)))
    outbox = Outbox(store.path)
    outbox.later(outbox.take("ops", 10.0), "down", due=20.0)

    assert ["1"] == [row.id for row in outbox.take("ops", 30.0, untried=True)]
    assert ["1", "3"] == [row.id for row in outbox.take("ops", 30.0, 9, untried=True)]
    assert ["0"] == [row.id for row in outbox.take("ops", 30.0)]
    outbox.close()


def test_who_looks_on_sees_what_all_nodes_knew_at_one_moment(store):
    store.go_live({}, {"a": "f", "b": "f"}, {})
    a, b = store.memory("a", "f"), store.memory("b", "f")
    a.put("k", 1, Evidence("tail", "/var/log/a.log", 5, 1.0, "one"), 9)
    b["k"] = 1
    store.commit([], [("a", a), ("b", b)], [])
    glimpse = Glimpse(store.path)
    seen = glimpse.memory("a", "f")

    b["k"] = 2
    store.go_live({}, {"a": "another", "b": "f"}, {})
    store.commit([], [("b", b)], [])

    assert ["one"] == [line.text for line in seen.lines("k")]
    assert {"k": 1} == dict(glimpse.memory("b", "f"))
    glimpse.close()
