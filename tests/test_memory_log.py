"""The log of what nodes know, in a real database."""

import random
import sqlite3

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch import memory_log
from corowatch.core import memory as core
from corowatch.core.events import Evidence


def line(text):
    return Evidence("reader", "/var/log/a.log", 7, 1.5, text)


def texts(memory, key):
    return [one.text for one in memory.lines(key)]


class Log:
    """A node's memory and its log, as the daemon keeps them."""

    def __init__(self):
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.executescript(memory_log.SCHEMA)
        self.restart()

    def restart(self):
        self.memory = memory_log.read(self.db, "n").proved(str)

    def commit(self):
        self.db.execute("BEGIN")
        done = memory_log.write(self.db, "n", self.memory)
        self.db.execute("COMMIT")
        self.memory.written(*done)

    def fail(self):
        self.db.execute("BEGIN")
        done = memory_log.write(self.db, "n", self.memory)
        self.db.execute("ROLLBACK")
        return done

    def rows(self):
        return self.db.execute("SELECT count(*), total(length(entries)) FROM memory").fetchone()


@pytest.fixture
def log():
    return Log()


KEYS = st.sampled_from("abc")
STEPS = st.one_of(
    st.tuples(st.just("set"), KEYS, st.text("xyz", max_size=3)),
    st.tuples(st.just("put"), KEYS, st.integers(1, 4)),
    st.tuples(st.sampled_from(["delete", "clear", "look"]), KEYS, st.none()))
TURNS = st.lists(st.tuples(st.lists(STEPS, max_size=3), st.sampled_from([Log.commit] * 4 + [Log.fail, Log.restart])),
                 min_size=20, max_size=40)


@given(TURNS, st.integers(1, 4), st.sampled_from([0, 2 ** 40 - 20]))
def test_it_knows_what_a_dict_of_all_would_whatever_fails_and_restarts(turns, chunk, first):
    """Also where the numbers of the log no longer go into five bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "SLACK", 0)
        patch.setattr(memory_log, "CHUNK", chunk)
        log, known, kept = Log(), {}, {}
        log.memory._begin = log.memory._next = first
        for number, (steps, end) in enumerate(turns):
            for step in steps:
                follow(log.memory, known, number, *step)
            end(log)
            known, kept = (known, kept) if end is Log.fail else (known, dict(known)) if end is Log.commit else (
                dict(kept), kept)
            assert known == {key: (log.memory[key], texts(log.memory, key)) for key in log.memory}
            assert log.memory.changed or log.memory.size == sum(
                len(packed) - packed[-1] + len(key) for key, packed in log.memory._packed.items())
            assert sum(len(lines) for _, lines in known.values()) == log.memory._shown


def follow(memory, known, number, what, key, value):
    if what == "set":
        memory[key] = value
        known[key] = (value, known.get(key, ("", []))[1])
    elif what == "put":
        memory.put(key, f"v{number}", line(f"l{number}"), value)
        known[key] = (f"v{number}", [*known.get(key, ("", []))[1], f"l{number}"][-value:])
    elif what == "delete" and key in known:
        del memory[key]
        del known[key]
    elif what == "clear":
        memory.clear_lines(key)
        known |= {key: (known[key][0], [])} if key in known else {}
    elif what == "look":
        assert known.get(key, (None,))[0] == memory.get(key)


def test_most_of_the_log_is_never_void_for_long_and_what_is_not_is_still_known(log, monkeypatch):
    monkeypatch.setattr(core, "SLACK", 0)
    chosen, sizes, known = random.Random(7), [], {"cold": []}
    log.memory["cold"] = "known since the beginning"
    for turn in range(300):
        for key in chosen.choices(range(200), k=50):
            log.memory.put(f"k{key}", "x" * 100, line(f"{turn:0100}"), 3)
            known[f"k{key}"] = [*known.get(f"k{key}", []), f"{turn:0100}"][-3:]
        log.commit()
        sizes.append(log.memory.stored)
        assert log.rows()[1] == sizes[-1]

    # A key has some 120 bytes, each of its three lines 140: more than 3 times that goes with the next turn.
    assert max(sizes) < 4 * 200 * (120 + 3 * 140)
    log.restart()
    assert sizes[-1] == log.memory.stored
    assert known == {key: texts(log.memory, key) for key in log.memory}
    assert "known since the beginning" == log.memory["cold"]


def test_large_and_small_keys_side_by_side_do_not_make_the_log_grow(log, monkeypatch):
    monkeypatch.setattr(core, "SLACK", 0)
    sizes = []
    for number in range(2000):
        log.memory[f"k{number}"] = "v" * 50
    for _ in range(100):
        log.memory["large"] = "x" * 100_000
        log.commit()
        sizes.append(log.memory.stored)

    assert log.memory.size * 4 > max(sizes)
    assert log.rows()[1] == sizes[-1]


def test_what_is_known_and_what_changes_side_by_side_do_not_make_the_log_grow(log, monkeypatch):
    monkeypatch.setattr(core, "SLACK", 0)
    sizes = []
    for number in range(2000):
        log.memory[f"k{number}"] = "v" * 50
    for turn in range(2000):
        for number in range(64):
            log.memory[f"busy {turn % 3} {number}"] = "v" * 50
        log.commit()
        sizes.append(log.memory.stored)

    assert log.memory.size * 4 > max(sizes)


def test_of_the_eldest_only_what_is_not_void_is_written_anew(log, monkeypatch):
    for value in "abcdefgh":
        for number in range(32):
            log.memory[f"k{number}"] = value
        log.commit()
    log.memory["k0"] = "i"
    monkeypatch.setattr(core, "SLACK", 0)

    assert log.memory.wasteful
    assert 1 == log.fail()[0]


@pytest.mark.parametrize("after", [Log.commit, Log.restart])
def test_lines_that_are_known_are_not_void(log, monkeypatch, after):
    monkeypatch.setattr(core, "SLACK", 0)
    for number in range(30):
        log.memory.put(f"k{number % 10}", "v", line("x" * 1000), 3)
    log.commit()
    after(log)

    assert not log.memory.wasteful
    for number in range(10):
        log.memory.clear_lines(f"k{number}")
    assert log.memory.wasteful


def test_keys_at_rest_are_packed(log):
    for number in range(100):
        log.memory[f"k{number}"] = "v"
    log.commit()
    log.memory["k7"] = "w"
    log.commit()

    assert {"k7"} == log.memory._warm.keys()


def test_of_a_busy_key_only_the_lines_that_are_kept_are_written(log):
    for number in range(1000):
        log.memory.put("k", "v", line(f"{number}"), 9)
    log.commit()

    assert 2 == log.rows()[0]
    log.restart()
    assert [f"{number}" for number in range(991, 1000)] == texts(log.memory, "k")


def test_a_node_that_knows_little_has_a_small_log(log):
    """There may be hundreds of them, and all are read at the start."""
    for turn in range(3000):
        log.memory.put("k", "v", line(f"{turn:0100}"), 1)
        log.commit()

    assert log.rows()[1] < 100_000


def test_a_turn_that_fails_again_and_again_does_not_grow(log, monkeypatch):
    monkeypatch.setattr(core, "SLACK", 0)
    for number in range(1000):
        log.memory.put(f"k{number}", "v", line("x"), 1)
    while not log.memory.wasteful:
        log.memory["k7"] = "v" * 1000
        log.commit()
    log.memory["k7"] = "w"
    first = log.fail()

    assert first[0] > 1  # of the eldest, something is written anew
    assert {first[0]} == {log.fail()[0] for _ in range(10)}
    log.commit()
    log.restart()
    assert {"x"} == {text for key in log.memory for text in texts(log.memory, key)}
    assert 1000 == len(log.memory)


def test_a_turn_is_written_in_pieces_of_thirty_two_entries(log):
    for number in range(100):
        log.memory.put(f"k{number}", "v", line("x"), 1)
    log.commit()

    assert 4 == log.rows()[0]


def former(log, numbers):
    """The log as it was when the numbers of lines stood in a list."""
    evidence = list(msgspec.structs.astuple(line("first")))
    entries = [["k", None, evidence], ["k", [numbers, "v"], list(msgspec.structs.astuple(line("second")))]]
    log.db.execute("INSERT INTO memory VALUES ('n', 0, ?)", (msgspec.msgpack.encode(entries),))


def test_lines_whose_numbers_stood_in_a_list_are_known(log):
    former(log, [0, 1])
    log.restart()

    assert ("v", ["first", "second"]) == (log.memory["k"], texts(log.memory, "k"))
    assert log.memory.size == sum(len(packed) - packed[-1] + len(key) for key, packed in log.memory._packed.items())


@pytest.mark.parametrize("numbers", [[-1], [2 ** 40], [2], b"\2\0\0\0\0", b"\0\0\0\0"])
def test_a_number_that_no_line_has_is_refused(log, numbers):
    former(log, numbers)

    with pytest.raises(ValueError, match="no line has such a number"):
        log.restart()


def test_what_did_not_change_is_not_written_again(log):
    for number in range(1000):
        log.memory[f"k{number}"] = "v"
    log.commit()
    before = log.rows()[1]

    log.memory["k7"] = "w"
    log.commit()

    assert log.rows()[1] - before < 40


def test_lines_that_are_written_are_not_held_but_read_when_they_are_shown(log):
    log.memory.put("k", "v", line("first"), 9)
    log.commit()
    log.memory.put("k", "v", line("second"), 9)

    assert {"second"} == {held.text for _, held in log.memory._lines.values()}
    assert ["first", "second"] == texts(log.memory, "k")


def test_it_knows_how_many_keys_and_lines_are_to_be_written(log):
    for text in ("first", "second", "third"):
        log.memory.put("k", "v", line(text), 2)
    log.memory["other"] = "v"
    assert 2 + 2 == log.memory.unwritten

    log.fail()
    assert 2 + 2 == log.memory.unwritten
    log.commit()

    assert 0 == log.memory.unwritten
    del log.memory["other"]
    assert 1 == log.memory.unwritten


def test_of_lines_one_at_least_is_kept(log):
    for text in ("first", "second"):
        log.memory.put("k", "v", line(text), 0)

    assert ["second"] == texts(log.memory, "k")
    assert 1 == log.memory._shown


def test_who_looks_on_without_writing_loses_nothing(log):
    log.memory.put("k", "v", line("first"), 9)
    log.commit()
    log.memory.put("k", "w", line("second"), 9)
    log.memory.noted()
    log.memory.noted()

    assert not log.memory.changed
    assert ("w", ["first", "second"]) == (log.memory["k"], texts(log.memory, "k"))


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_line_that_the_log_has_lost_is_left_out(log, lost):
    for text in ("0", "1", "2"):
        log.memory.put("k", "v", line(text), 9)
        log.commit()
    log.db.execute("DELETE FROM memory WHERE first = ?", (lost,))

    assert [text for text in ("0", "1", "2") if text != str(lost)] == texts(log.memory, "k")


@pytest.mark.parametrize("harm", ["UPDATE memory SET entries = x'9193' WHERE first = 0", "DROP TABLE memory"])
def test_a_line_that_cannot_be_read_does_not_keep_an_alert_from_its_others(log, harm):
    log.memory.put("k", "v", line("first"), 9)
    log.commit()
    log.memory.put("k", "v", line("second"), 9)
    log.db.execute(harm)

    assert ["second"] == texts(log.memory, "k")


@pytest.mark.parametrize("chunk", [b"", b"x", b"\x91\x93\xa1k\x01"])
def test_what_nobody_of_us_wrote_is_an_error(log, chunk):
    log.db.execute("INSERT INTO memory VALUES ('n', 0, ?)", (chunk,))

    with pytest.raises(ValueError, match=r"."):
        log.restart()


def test_a_value_of_another_type_is_an_error(log):
    log.memory["k"] = 7
    log.commit()

    with pytest.raises(ValueError, match="Expected `str`, got `int`"):
        log.restart()


def test_a_number_of_any_size_is_kept(log):
    log.memory = memory_log.empty(log.db, "n")
    log.memory.put("k", {"id": 1 << 70, "time": 1.5}, line("x"), 9)
    log.commit()

    assert {"k": {"id": 1 << 70, "time": 1.5}} == dict(memory_log.read(log.db, "n"))
    assert ["x"] == texts(memory_log.read(log.db, "n"), "k")


@pytest.mark.parametrize("size", [1, 1 << 8, 1 << 16])
def test_beside_a_number_of_any_size_the_eldest_lines_are_written_anew(log, monkeypatch, size):
    monkeypatch.setattr(core, "SLACK", 0)
    log.memory = memory_log.empty(log.db, "n")
    for text in ("first", "second"):
        log.memory.put("k", [1 << 70, "x" * size], line(text), 2)
        log.commit()
    for _ in range(50):
        log.memory["other"] = "y" * size
        log.commit()

    assert log.db.execute("SELECT min(first) > 1 FROM memory").fetchone()[0]
    assert ["first", "second"] == texts(log.memory, "k")


def test_nodes_know_nothing_of_each_other(log):
    log.memory.put("k", "v", line("x"), 9)
    log.commit()
    other = memory_log.empty(log.db, "m")
    other.put("k", "w", line("y"), 9)
    other.written(*memory_log.write(log.db, "m", other))

    assert (["x"], ["y"]) == (texts(log.memory, "k"), texts(other, "k"))
    assert {"k": "w"} == dict(memory_log.read(log.db, "m"))
