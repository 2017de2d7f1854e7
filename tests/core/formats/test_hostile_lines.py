"""A line of 32 KiB, made to be slow, must not hold up the daemon: each format looks at a character a few times."""

from itertools import product
from time import process_time

import pytest

from corowatch.nodes.parse import FORMATS

SIZE = 32768
ACCESS = '1 - - [x] "'
UNITS = ["a", "a ", ' [x] "', "[ ", "a=", ' a="', " a='", '\\"', ' a="\\" a=\'', "- ", '"" ', "<1>", '[a b="c"]', ":",
         "{", "[", '{"a":', ",", '1 - - [x] "\\" 200 1 ']
HEADS = ["", ACCESS, "Nov 25 10:00:00 ", "1 - - - - - ", 'a="']
TAILS = ["", '"', "]"]


@pytest.mark.parametrize("name", FORMATS)
def test_it_takes_no_longer_than_another(name):
    for head, unit, tail in product(HEADS, UNITS, TAILS):
        text = (head + unit * SIZE)[:SIZE] + tail
        start = process_time()
        FORMATS[name](text)
        # Ordinary ones take some milliseconds here, and one that is quadratic ten seconds.
        assert process_time() - start < 1.0, (head, unit, tail)
