"""A small, always equal sample of what the fuzzers do, so that their targets cannot rot."""

import base64
import importlib
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import framer, state
from tests.fuzz.__main__ import TARGETS, spelt

MUTATED = {"framer": 250, "config": 150, "parse": 600, "state": 0}
"""So many inputs of each besides its seeds."""


def mutated(seeds, count):
    """Seeds with some bytes replaced, put in or taken out."""
    chance = random.Random(20261125)
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(data) + 1)
            data[at:at + chance.randrange(3)] = bytes(chance.choices(range(256), k=chance.randrange(3)))
        yield bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_their_mutations_break_no_promise(name):
    target = importlib.import_module(f"tests.fuzz.{name}")

    for data in (b"", *target.SEEDS, *mutated(target.SEEDS, MUTATED[name])):
        target.one(data)


def test_a_line_that_is_lost_is_found(monkeypatch):
    """The framer's reference must be able to disagree."""
    honest = framer.frame

    class Forgetful:
        def __init__(self, target):
            self.target, self.blocks = target, 0

        def send(self, block):
            self.blocks += 1
            if self.blocks != 2:
                self.target.send(block)

    monkeypatch.setattr(framer, "frame", lambda target, **given: honest(Forgetful(target), **given))

    with pytest.raises(AssertionError):
        framer.one(framer.SEEDS[0])


BROKEN = {
    "a position without its path": b"\2\1{}",
    "a position that is no mapping": b"\2\1[]",
    "a page's text that is not UTF-8, in what SQLite says": b"A\0\x0b\t\tC[0\xc1%2",
    "a row that is NULL": b"I! \3\1\0\2?\3\2\1\1\1",
    "a key's row is a text": b'\3\2\1"x"',
    "a column has another name": base64.b64decode(
        "AQDf39/f39/f39/f39/f39/f39/f39/f39/f39/f39/f39/f39/f39/f39/f39/f39/f39/f39/f3wE="),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_rows_that_no_corowatch_wrote_are_refused(data):
    state.one(data)


def test_a_text_that_is_not_utf_8_is_refused():
    state.one(base64.b64decode("AQH///////////////////////////////////EB8f//8QHx"))


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("limit", "chunks"), [
    (1, [b"\xff\xfe", b"a\0", b"\n", b"\0"]),
    (4, [b"\xff\xfe\0\n\1\1", b"\0\0\0\n\0\n\0\n\0\n", b"\0"]),
], ids=["a limit", "an end"])
def test_code_units_that_are_torn(limit, chunks, last):
    want = framer.lines(b"".join(chunks), "utf-16-le", limit, 2, last=last)

    assert want == framer.framed(chunks, "utf-16-le", limit, 2, framer.Position(), last=last)


def test_an_input_is_repeated_from_its_file(tmp_path):
    kept = tmp_path / "crash-1"
    kept.write_bytes(framer.SEEDS[0])

    done = subprocess.run([sys.executable, "-m", "tests.fuzz", "framer", kept], capture_output=True, text=True,
                          cwd=Path(__file__).parents[2])

    assert (0, f"{kept}: nothing is broken\n") == (done.returncode, done.stdout), done.stderr


def test_words_are_spelt_as_a_dictionary_has_them():
    assert r"a\x22\x5c\x0a\xc2\x85" == spelt('a"\\\n\x85')
