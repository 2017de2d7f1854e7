import json
import random
from itertools import chain

import msgspec
import pytest

from corowatch.core.sketch import ERROR, EXACT, MOST, NONE, ranked, sampled


def sketch(values):
    samples = NONE
    for value in values:
        samples = json.loads(msgspec.json.encode(sampled(samples, value)))
    return samples


def test_a_few_numbers_are_kept_as_they_are():
    few, two = ([3.0, 1.0], 0, []), ([2.0], 0, [])

    assert ([[3.0, 1.0], 0, []], [1.0, 2.0, 3.0]) == (sketch([3.0, 1.0]), [ranked([few, two], n) for n in (1, 2, 3)])


def test_one_more_than_can_be_kept_and_all_are_in_buckets():
    assert EXACT == len(sketch([1.5] * EXACT)[0])
    assert ([], [EXACT + 1]) == (sketch([1.5] * (EXACT + 1))[0], sketch([1.5] * (EXACT + 1))[2])


@pytest.mark.parametrize("seed", range(5))
def test_in_buckets_each_number_is_off_by_two_percent_at_most(seed):
    draw = random.Random(seed)
    parts = [[draw.choice((-1, 1, 1)) * draw.lognormvariate(0, 4) for _ in range(many)] for many in (3, 65, 500)]
    parts[1].append(0.0)
    samples = [sketch(part) for part in parts]

    for rank, value in enumerate(sorted(chain(*parts)), 1):
        assert pytest.approx(value, rel=0.02, abs=1e-9) == ranked(samples, rank)


@pytest.mark.parametrize("value", [1e-9, 1.0, 12345.678, MOST, -1e-9, -2.5, -MOST, 0.0, 1e-10])
def test_the_bounds_of_a_bucket_are_within_the_error(value):
    assert pytest.approx(value, rel=0.02, abs=1e-9) == ranked([sketch([value] * 65)], 33)


def test_buckets_are_few():
    """From a microsecond to an hour."""
    assert 540 < len(sketch(1e-6 * 1.01 ** n for n in range(2_200))[2]) < 560


def test_the_error_is_used():
    """Buckets as wide as may be: else they are more than needed."""
    assert max(abs(ranked([sketch([1 + n / 1000] * 65)], 1) / (1 + n / 1000) - 1) for n in range(60)) > 0.9 * ERROR


def test_a_rank_beyond_all_is_the_greatest():
    assert (2.0, 0.0) == (ranked([([1.0, 2.0], 0, [])], 5), ranked([NONE], 1))
