from collections import OrderedDict
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core import ages
from corowatch.core.ages import Ages

STEPS = st.lists(st.tuples(st.sampled_from(["touch"] * 4 + ["forget", "first"]), st.integers(0, 12)), max_size=120)


class Rows(dict):
    """Rows that count how often one was looked at."""

    looks = 0

    def peek(self, name):
        self.looks += 1
        return self.get(name)


class Touched:
    """Keys, when each was touched, and their Ages."""

    def __init__(self):
        self.rows = Rows()
        self.ages = Ages(self.rows, [])
        self.now = 0.0

    def touch(self, name, seconds=1.0):
        self.now += seconds
        new = name not in self.rows
        self.rows[name] = (self.now,)
        if new:
            self.ages.add(name, self.now)

    def all_in_order(self):
        """Each is taken out in turn."""
        while (first := self.ages.first()) is not None:
            del self.rows[first]
            yield first


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(ages, "COHORT", 3)


@given(STEPS)
def test_the_first_is_that_of_an_ordered_dict_that_is_moved_in_at_each_touch(steps):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ages, "COHORT", 3)
        keys, model = Touched(), OrderedDict()
        for what, number in steps:
            name = f"k{number}"
            if what == "touch":
                keys.touch(name)
                model[name] = None
                model.move_to_end(name)
            elif what == "forget":
                keys.rows.pop(name, None)
                model.pop(name, None)
            else:
                assert next(iter(model), None) == keys.ages.first()
            assert keys.ages._held <= 2 * len(model) + 3 + 2
        assert list(model) == list(keys.all_in_order())
        assert keys.ages.first() is None
        assert keys.ages._held == 0


def test_of_those_that_were_touched_at_the_same_time_the_first_by_name_is_the_first(few):
    rows = Rows(dict.fromkeys("dbcaef", (5.0,)) | {"z": (4.0,)})
    keys = Ages(rows, [(row[0], name) for name, row in rows.items()])
    order = []

    for late in ("A", None, None, None, None, None, None, None):
        order.append(keys.first())
        del rows[order[-1]]
        if late:  # it comes in while the others are being looked at
            rows[late] = (5.0,)
            keys.add(late, 5.0)

    assert ["z", "A", *"abcdef"] == order


def test_one_that_was_touched_while_it_was_the_first_is_it_no_more(few):
    keys = Touched()
    for name in "abcde":
        keys.touch(name)
    assert "a" == keys.ages.first()

    keys.touch("a")

    assert list("bcdea") == list(keys.all_in_order())


def test_what_is_looked_at_grows_with_the_touches_alone():
    chosen, keys = Random(5), Touched()
    for number in range(20_000):
        keys.touch(f"k{number}")
    for _ in range(20_000):
        keys.touch(f"k{chosen.randrange(20_000)}")

    assert 20_000 == len(list(keys.all_in_order()))

    # Of 20,000 places and one move at most for each touch: once when its cohort is sorted, once or twice as the first.
    assert keys.rows.looks < 3 * 40_000


def test_of_keys_that_were_all_touched_since_the_last_came_in_no_more_than_a_cohort_is_sorted_out():
    keys = Touched()
    for name in 2 * [f"k{number}" for number in range(20_000)]:
        keys.touch(name)

    assert "k0" == keys.ages.first()
    assert ages.COHORT == len(keys.ages._eldest)
    assert [f"k{number}" for number in range(20_000)] == list(keys.all_in_order())


def test_a_key_that_comes_and_goes_is_not_held_a_thousand_times():
    keys = Touched()
    keys.touch("old")

    for _ in range(10_000):
        keys.touch("pair")
        del keys.rows["pair"]

    assert keys.ages._held <= ages.COHORT + 4
    assert sum(map(len, keys.ages._cohorts)) == keys.ages._held
    keys.touch("pair")
    assert ["old", "pair"] == list(keys.all_in_order())


def test_what_is_sorted_already_is_tidied_as_well(few):
    keys = Touched()
    for name in "abcdefgh":
        keys.touch(name)
    assert "a" == keys.ages.first()  # so are b and c
    del keys.rows["a"], keys.rows["b"]

    for number in range(100):
        keys.touch(f"n{number}")
        del keys.rows[f"n{number}"]

    assert [(3.0, "c")] == keys.ages._eldest
    assert list("cdefgh") == list(keys.all_in_order())
