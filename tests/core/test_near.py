from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.near import COMPARED, LOOKED, Near, pieces

WORDS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=12)


@given(WORDS, st.data())
def test_what_shares_70_of_100_words_is_found(words, data):
    near = Near()
    others = data.draw(st.lists(st.lists(st.sampled_from("abcd"), min_size=len(words), max_size=len(words)),
                                max_size=LOOKED))
    for number, other in enumerate(others):
        near.add("it", other, number)

    like = {number for number, other in enumerate(others)
            if 10 * sum(map(str.__eq__, other, words)) >= 7 * len(words)}
    assert like <= near.find("it", words)
    assert set() == near.find("other", words)
    assert set() == near.find("it", [*words, "a"])


@given(st.integers(1, 4096))
def test_one_piece_more_than_places_in_which_words_may_differ(count):
    differ = max(differ for differ in range(count + 1) if 10 * (count - differ) >= 7 * count)

    assert differ + 1 == len(pieces(count))
    assert list(range(count)) == [at for begin, end in pieces(count) for at in range(begin, end)]


def test_so_many_are_looked_at_and_those_with_a_rare_piece_first():
    near = Near()
    for number in range(1000):
        near.add("it", ["a", "b", "c", str(number)], number)
        near.add("it", [*map(str, range(100)), *"abc" * 30, str(number)], number)

    assert {7, *range(1000 - LOOKED + 1, 1000)} == near.find("it", ["a", "b", "c", "7"])
    assert COMPARED // 191 == len(near.find("it", [*map(str, range(100)), *"abc" * 30, "7"]))
