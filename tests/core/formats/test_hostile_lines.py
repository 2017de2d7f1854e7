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


MANY = [f"{n}" for n in range(3000)]
KEYS = {
    "json": ['{"' + "A" * SIZE + '":{' + ",".join(f'"k{n}":1' for n in MANY) + "}}",
             ('{"' + "a" * 100 + '":') * 40 + "{" + ",".join(f'"k{n}":1' for n in MANY) + "}" + "}" * 40,
             '{"' + "A" * SIZE + '":1}'],
    "syslog": ["<34>1 - h a p m [" + "A" * SIZE + " " + " ".join(f'k{n}=""' for n in MANY) + "] x"],
    "logfmt": ["A" * SIZE + "=1"],
    "kv": ["A" * SIZE + "=1"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in KEYS.items() for text in texts],
                         ids=lambda value: value[:20])
def test_a_key_that_nobody_could_say_makes_no_fields(name, text):
    """Else a line of 64 KiB fills memory with names: a long one, repeated before each of those inside."""
    assert not FORMATS[name](text)
