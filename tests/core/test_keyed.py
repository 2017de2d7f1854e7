import json

import pytest

from corowatch.core.errors import StateRefused
from corowatch.core.events import Here
from corowatch.core.keyed import CLOCKS, Keyed, name_of
from corowatch.core.memory import Memory
from corowatch.testing import line, restarted


class Table:
    """A Keyed by `ip`, with its memory and counts."""

    def __init__(self, memory=None, *, by=("ip",), max_keys=3, expire=60.0, lateness=5.0):
        self.memory = Memory() if memory is None else memory
        self.counts = {"unkeyed": 0, "late": 0, "evicted": 0}
        self.keys = Keyed(self.memory, self.counts, Here(), by=by, max_keys=max_keys, expire=expire,
                          lateness=lateness)

    def touch(self, ip, at, due=None):
        name = self.keys.admit(line("x", at=at, ip=ip))
        if name is not None:
            self.keys.put(name, ip.upper(), due)
        return name

    def known(self):
        return [self.keys.key(name)["ip"] for name in self.keys]


def test_a_key_is_its_fields_and_comes_back_from_its_name():
    table = Table(by=("ip", "user"))

    name = table.keys.admit(line("x", ip="é", user=3))

    assert {"ip": "é", "user": "3"} == table.keys.key(name)
    assert name == name_of({"ip": "é", "user": 3})


@pytest.mark.parametrize(("value", "told"), [
    ("é\"\\\n\u2028", "é\"\\\n\u2028"), (3, "3"), (-2.5, "-2.5"), (5.0, "5"), (1e300, "1e+300"), (float("nan"), "nan"),
    (True, "true"), ("\ud800", "\ud800"), ("05", "05")])
def test_the_name_of_a_key_is_the_json_of_what_it_shows(value, told):
    name = Table(by=("ip", "user", "ip")).keys.admit(line("x", ip=value, user="a b"))

    assert name == json.dumps({"ip": told, "user": "a b"}, ensure_ascii=False)


@pytest.mark.parametrize("values", [[500, "500", 500.0], [True, "true"], [0.5, "0.5"]])
def test_what_is_shown_alike_is_one_key(values):
    table = Table(by=("status",))

    assert 1 == len({table.keys.admit(line("x", status=value)) for value in values})


def test_a_key_that_was_kept_as_a_number_goes_on_with_its_lines():
    rows = {'{"n": 3, "ip": "\\": 1"}': (100.0, 110.0, "three"), '{"n": true}0a1b': (101.0, None, "true"),
            '["\\": 1"]': (102.0, None, "list"), '": 1': (103.0, None, "other")}
    memory = Memory(rows)
    for number in range(3):
        memory.put('{"n": 3, "ip": "\\": 1"}', rows['{"n": 3, "ip": "\\": 1"}'], line(f"{number}").evidence(), 2)

    table = Table(restarted(memory))

    first = name_of({"n": "3", "ip": '": 1'})
    assert [first, '{"n": "true"}0a1b', '["\\": 1"]', '": 1'] == list(table.keys)
    assert ["1", "2"] == [one.text for one in table.keys.lines(first)]
    assert [(first, 110.0, "three")] == list(table.keys.due(200.0))


@pytest.mark.parametrize(("number", "text"), [(100.0, 101.0), (101.0, 100.0)])
def test_of_a_key_that_was_kept_as_a_number_and_as_a_text_the_newer_goes_on(number, text):
    table = Table(Memory({'{"n": 3}': (number, None, "number"), '{"n": "3"}': (text, None, "text")}))

    assert ["number" if number > text else "text"] == [table.keys.get(name) for name in table.keys]


@pytest.mark.parametrize("touched", [0.0, -5.0])
def test_a_key_that_was_kept_as_a_number_is_known_whenever_it_was_touched(touched):
    table = Table(Memory({'{"n": 3}': (touched, None, "three")}))

    assert ["three"] == [table.keys.get(name) for name in table.keys]


def test_what_a_former_version_kept_becomes_what_is_kept_today():
    table = Table(Memory({"a": (100.0, 130.0, [1]), "b": (101.0, None, 2)}))
    table.memory.noted()

    table.keys.convert(lambda state: state[0] if isinstance(state, list) else state)

    assert {"a": (100.0, 130.0, 1)} == dict(table.memory.changes())
    assert [("a", 130.0, 1)] == list(table.keys.due(130.0))


def test_the_clocks_are_written_when_they_move():
    table = Table()
    table.touch("a", 100.0)
    table.memory.noted()

    table.touch("a", 100.0)
    assert CLOCKS not in dict(table.memory.changes())
    table.touch("a", 101.0)
    assert dict(table.memory.changes())[CLOCKS] == (101.0, 101.0, None)


def test_without_by_there_is_one_key():
    table = Table(by=())

    assert "{}" == table.keys.admit(line("x", ip="a")) == table.keys.admit(line("y"))


def test_built_in_fields_make_keys_too():
    table = Table(by=("host",))

    assert {"host": "host"} == table.keys.key(table.keys.admit(line("x")))


def test_an_event_without_the_field_is_counted_and_moves_no_clock():
    table = Table()

    assert table.keys.admit(line("x", at=1000.0)) is None
    assert {"unkeyed": 1, "late": 0, "evicted": 0} == table.counts
    assert 0.0 == table.keys.now


def test_an_event_older_than_the_newest_by_more_than_lateness_is_counted():
    table = Table()

    admitted = [table.touch("a", at) is not None for at in (100.0, 95.0, 94.0)]

    assert [True, True, False] == admitted
    assert 1 == table.counts["late"]


def test_an_event_that_time_sent_counts_as_of_then():
    table = Table(lateness=5.0)

    table.keys.admit(line("x", at=100.0, ip="a").having({}, tick=160.0))

    assert 160.0 == table.keys.now
    assert table.touch("b", at=154.0) is None


def test_a_tick_makes_no_event_late():
    table = Table()
    table.touch("a", 100.0)

    table.keys.pass_time(200.0)

    assert table.touch("a", 101.0)
    assert 200.0 == table.keys.now


def test_a_key_untouched_for_longer_than_expire_is_forgotten():
    table = Table()
    table.touch("a", 100.0)
    table.touch("b", 130.0)

    table.keys.pass_time(160.0)
    assert ["a", "b"] == table.known()
    table.keys.pass_time(161.0)

    assert ["b"] == table.known()
    assert table.keys.get(name_of({"ip": "a"})) is None


def test_without_expire_nothing_is_forgotten():
    table = Table(expire=None)
    table.touch("a", 100.0)

    table.keys.pass_time(1e9)

    assert ["a"] == table.known()


def test_beyond_max_keys_the_one_longest_untouched_goes():
    table = Table()
    for at, ip in enumerate(["a", "b", "c", "a", "d"]):
        table.touch(ip, float(at))

    assert ["c", "a", "d"] == table.known()
    assert 1 == table.counts["evicted"]


@pytest.mark.parametrize("restart", [False, True])
def test_of_those_touched_in_one_second_the_one_longest_untouched_goes(restart):
    table = Table()
    for ip in "abca":
        table.touch(ip, 5.0)
    if restart:
        table = Table(restarted(table.memory))
    assert ["b", "c", "a"] == table.known()

    table.touch("d", 5.0)
    table.touch("a", 5.0)
    table.touch("0", 5.0)

    assert ["d", "a", "0"] == table.known()
    table.keys.pass_time(65.0)
    assert 3 == len(table.keys)
    table.keys.pass_time(65.1)
    assert 0 == len(table.keys)


def test_at_a_start_and_to_tell_what_is_due_no_key_is_unpacked_for_good():
    rows = {name_of({"ip": ip}): (100.0, 110.0, ip) for ip in "abcdef"}
    table = Table(Memory(rows), max_keys=100)
    assert set() == table.memory._warm.keys()

    for due in range(200):  # most deadlines are superseded by then
        table.touch("a", 101.0, due=1000.0 + due)
    assert len(table.keys._due) < 100
    assert {name_of({"ip": "a"}), CLOCKS} == table.memory._warm.keys() | dict(table.memory.changes()).keys()
    assert sorted("abcdef") == sorted(state.lower() for _, _, state in table.keys.due(2000.0))


def test_to_find_the_one_longest_untouched_the_others_are_not_unpacked():
    table = Table(max_keys=200)
    for ip in 2 * [f"10.0.0.{number}" for number in range(200)]:
        table.touch(ip, 5.0)
    for _ in range(2):
        table.memory.noted()

    table.touch("10.0.1.0", 5.0)

    assert (200, 1) == (len(table.keys), table.counts["evicted"])
    assert len(table.memory._warm) <= 2


@pytest.mark.parametrize("restart", [False, True])
def test_a_key_whose_state_is_amended_is_not_touched_by_that(restart):
    table = Table()
    name = table.touch("a", 100.0, 110.0)
    table.touch("b", 130.0)

    table.keys.amend(name, "new")
    if restart:
        table = Table(Memory(json.loads(json.dumps(dict(table.memory)))))

    assert ("new", None) == (table.keys.get(name), table.keys.deadline(name))
    assert [] == list(table.keys.due(1000.0))
    assert ["a", "b"] == table.known()
    table.keys.pass_time(160.1)
    assert ["b"] == table.known()


@pytest.mark.parametrize("restart", [False, True])
def test_a_key_may_be_amended_with_another_deadline(restart):
    table = Table()
    name = table.touch("a", 100.0, 110.0)

    table.keys.amend(name, "new", 120.0)
    if restart:
        table = Table(Memory(json.loads(json.dumps(dict(table.memory)))))

    assert [(name, 120.0, "new")] == list(table.keys.due(120.0))
    table.keys.pass_time(160.1)
    assert [] == table.known()


def test_what_is_due_comes_earliest_first_and_once():
    table = Table()
    for ip, due in (("a", 30.0), ("b", 10.0), ("c", 99.0)):
        table.touch(ip, 1.0, due)

    told = [(deadline, state) for _, deadline, state in table.keys.due(30.0)]

    assert [(10.0, "B"), (30.0, "A")] == told
    assert [] == list(table.keys.due(30.0))
    assert [None, 99.0] == [table.keys.deadline(name_of({"ip": ip})) for ip in ("a", "c")]


def test_a_deadline_that_was_replaced_or_whose_key_is_gone_does_not_come():
    table = Table()
    table.touch("a", 1.0, 10.0)
    table.touch("a", 2.0, 20.0)
    table.keys.forget(table.touch("b", 2.0, 10.0))

    assert [] == list(table.keys.due(10.0))
    assert ["A"] == [state for _, _, state in table.keys.due(20.0)]


def test_a_new_deadline_may_be_set_while_what_is_due_is_walked():
    table = Table()
    name = table.touch("a", 1.0, 10.0)

    told = []
    for _, deadline, state in table.keys.due(30.0):
        told.append(deadline)
        table.keys.put(name, state, deadline + 10.0)

    assert [10.0, 20.0, 30.0] == told


@pytest.mark.parametrize("restart", [False, True])
def test_order_deadlines_and_clocks_survive_a_restart(restart):
    table = Table()
    for at, ip in ((100.0, "b"), (101.0, "a"), (102.0, "c")):
        table.touch(ip, at, at + 50.0)
    if restart:
        table = Table(Memory(json.loads(json.dumps(dict(table.memory)))))

    late = table.touch("d", 96.0)
    table.touch("d", 103.0)

    assert late is None
    assert ["a", "c", "d"] == table.known()
    assert [151.0, 152.0] == [deadline for _, deadline, _ in table.keys.due(1000.0)]


def test_keys_are_in_the_order_of_their_touches_in_whatever_order_they_are_read():
    rows = {name_of({"ip": ip}): (at, None, ip) for ip, at in (("b", 3.0), ("a", 1.0), ("c", 2.0))}

    assert ["a", "c", "b"] == Table(Memory(rows)).known()


def test_the_clocks_are_no_key():
    table = Table()
    table.touch("a", 1.0)

    assert CLOCKS in table.memory
    assert ["a"] == Table(table.memory).known()


def test_deadlines_of_keys_that_are_gone_take_no_room():
    table = Table(max_keys=10)

    for at in range(5000):
        table.touch(str(at), at=float(at) / 100, due=1e9)

    assert 10 == len(table.known())
    assert len(table.keys._due) <= 2 * 10 + 64


def test_deadlines_that_are_set_anew_take_no_room_and_the_last_holds():
    table = Table()

    for at in range(500):
        name = table.touch("a", at=float(at) / 100, due=1000.0 + at)

    assert len(table.keys._due) <= 2 + 64
    assert [(name, 1499.0, "A")] == list(table.keys.due(2000.0))


@pytest.mark.parametrize("rows", [{"{}": (5.0, None, None)}, {CLOCKS: (5.0, None, None)}])
def test_rows_that_none_of_us_wrote_are_refused(rows):
    with pytest.raises(StateRefused, match="what a step remembers is damaged"):
        Table(Memory(rows))
