"""Templates of lines that nothing explains, as they are kept."""

from collections import Counter

import pytest

from corowatch.core.events import Here
from corowatch.core.keyed import Keyed
from corowatch.core.masks import WILD
from corowatch.core.memory import Memory
from corowatch.core.unexplained import SPARE, Unexplained


@pytest.fixture
def keys():
    return Keyed(Memory(), Counter(), Here(), by=(), max_keys=3, expire=None, lateness=0.0)


def words(text):
    return tuple(text.split())


def test_of_two_with_as_much_in_common_the_first_is_joined(keys):
    known = Unexplained(keys, 3)
    known.add("one", "{}", words("it a b c c"), 1.0)
    known.add("other", "{}", words("it a b d d"), 2.0)

    found = known.find("{}", words("it a b c d"))

    assert ("one", words(f"it a b c {WILD}")) == (found.name, found.words)


def test_what_another_had_that_is_gone_is_not_joined(keys):
    """A template of the same line has its name, and none of what it became."""
    known = Unexplained(keys, 3)
    known.add("name", "{}", words("it a b c d e f"), 1.0)
    known.join(known.find("{}", words("it a b c d x y")), "{}", 2, 2.0)
    keys.forget("name")
    known.add("name", "{}", words("it a b c d e f"), 3.0)

    assert words(f"it a b c d {WILD} f") == known.find("{}", words("it a b c d x f")).words


def test_what_is_gone_is_not_held_for_ever(keys):
    known = Unexplained(keys, 3)

    for number in range(300):
        known.add(str(number), "{}", words(f"it w{number}"), float(number))
        assert len(known._held) <= 2 * 3 + SPARE
    assert "298" == known.find("{}", words("it w298")).name
