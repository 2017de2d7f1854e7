"""A log is written, renamed, copied and truncated, and packed *between any two system calls* of one look.

Who writes does its next step before a call of the tail, by chance; time is a number, and so are the times of files, so
that a seed tells the whole story. No line should be lost or come twice, no loss be told, and every byte be accounted
for. By hand: RACE_CASES=2000 pytest -n 2 tests/sources/test_tail_races.py. It is no part of the suite as long as some
cases fail (README, "Limits"): which ones depends on the numbers that the file system gives to files.
"""

import gzip
import itertools
import os
import random
import secrets
import shutil
import time
from collections import Counter

import pytest
from reading import Reader, balance

CALLS = ("stat", "lstat", "fstat", "scandir", "open", "pread")
CASES = int(os.environ.get("RACE_CASES", "0"))
STEPS = int(os.environ.get("RACE_STEPS", "6"))
"""Of the writer, during one look, at most."""
BEGAN = 1.8e9


class Writer:
    """One log and who rotates it, step by step."""

    def __init__(self, folder, chance):
        self.folder, self.chance, self.now = folder, chance, BEGAN
        self.log = folder / "app.log"
        self.written, self.over, self.stepping = [], False, False
        self.may_step = 0
        """How often it may act before a call, until the next look."""
        self.log.touch()
        self._stamp(self.log)
        self._steps = self._run()

    def step(self):
        if not self.stepping:
            self.stepping = True
            self.now += self.chance.choice([0.0005, 0.002, 0.02, 0.04])
            next(self._steps, None)
            self.stepping = False

    def _stamp(self, *paths):
        for path in (*paths, self.folder):
            os.utime(path, ns=(int(self.now * 1e9),) * 2)

    def _put(self, path, data, mode="ab"):
        """In one piece or in two, the first long enough to know the text by."""
        cut = self.chance.choice([0, self.chance.randrange(10, len(data) + 1)])
        with open(path, mode, buffering=0) as file:
            for piece in (data[:cut], data[cut:]):
                if piece:
                    file.write(piece)
                self._stamp(path)
                yield

    def _run(self):
        pauses = self.chance.choice([(0.02, 0.3, 3), (0.02, 0.3, 3, 10)])
        due = self.now + self.chance.uniform(0, 3)
        while not self.over:
            lines = [f"{self.chance.randrange(10**9):09} {len(self.written) + n:07}" for n in range(10)]
            self.written += lines
            yield from self._put(self.log, "".join(f"{line}\n" for line in lines).encode())
            if self.now >= due:
                due = self.now + self.chance.choice(pauses)
                yield from self._rotate()

    def _rotations(self):
        rotated = [path for path in self.folder.iterdir() if path != self.log]
        return sorted(rotated, key=lambda path: int(path.name.split(".")[2]))

    def _rotate(self):
        for path in reversed(self._rotations()):
            _, _, number, *packed = path.name.split(".")
            path.rename(self.folder / ".".join(["app.log", str(int(number) + 1), *packed]))
            self._stamp()
            if self.chance.random() < 0.1:
                yield
        first = self.folder / "app.log.1"
        if self.chance.random() < 0.5:
            yield from self._put(first, self.log.read_bytes(), "wb")
            os.truncate(self.log, 0)
            self._stamp(self.log)
        else:
            self.log.rename(first)
            self._stamp()
            yield
            self.log.touch()
            self._stamp(self.log)
        yield
        if self.chance.random() < 0.4:
            yield from self._pack(self.chance.choice([path for path in self._rotations() if path.suffix != ".gz"]))

    def _pack(self, plain):
        packed = plain.with_name(f"{plain.name}.gz")
        yield from self._put(packed, gzip.compress(plain.read_bytes(), 1), "wb")
        shutil.copystat(plain, packed)
        yield
        plain.unlink()
        self._stamp()
        yield


class Watched:
    """A reader that is stopped, killed and started again, and what of it is committed."""

    def __init__(self, log):
        self.log, self.saved, self.committed, self.told = log, {}, [], []
        self.start()

    def start(self):
        self.reader, self.counted = Reader(self.log, saved=self.saved, start="beginning", timestamp="none"), 0
        self.commit()

    def commit(self):
        self.saved = {**self.saved, **self.reader.saved()}
        self.saved = {key: state for key, state in self.saved.items() if self.reader.kept.get(key, state) is not None}
        self.committed += [text for _, _, text, _ in self.reader.lines[self.counted:]]
        self.counted = len(self.reader.lines)

    def end(self):
        self.told += [text for kind, text in self.reader.told if kind == "lost"]
        self.reader.tail.close()

    def look(self, now, paths, reads):
        self.reader.tail.look(now, paths)
        while reads and (head := self.reader.tail.head()):
            head.read(now, head.next)
            reads -= 1


@pytest.fixture
def interleaved(tmp_path, monkeypatch):
    """A writer for a seed, that acts before calls of the tail, and the chance that decides all."""
    def make(seed):
        chance = random.Random(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        writer = Writer(folder, chance)
        often, numbers = chance.choice([0.02, 0.1, 0.3]), itertools.count()

        def before(call):
            def called(*args, **options):
                if writer.may_step > 0 and not writer.stepping and chance.random() < often:
                    for _ in range(chance.choice([1, 1, 1, 2, 3, 8])):
                        writer.may_step -= 1
                        writer.step()
                return call(*args, **options)
            return called

        for name in CALLS:
            monkeypatch.setattr(os, name, before(getattr(os, name)))
        monkeypatch.setattr(time, "time", lambda: writer.now)
        monkeypatch.setattr(secrets, "token_hex", lambda size: f"{next(numbers):0{2 * size}}")
        return writer, chance

    return make


@pytest.mark.parametrize("seed", range(CASES))
def test_what_happens_between_two_calls_costs_no_line_and_none_comes_twice(interleaved, seed):
    writer, chance = interleaved(seed)
    watched = Watched(writer.log)
    for _ in range(chance.randrange(5, 25)):
        for _ in range(chance.choice([0, 1, 3, 10])):
            writer.step()
        writer.may_step = STEPS
        watched.look(writer.now, chance.choice([None, [], [str(writer.log)]]), chance.choice([1, 3, 50]))
        assert 0 == balance(watched.reader.tail)
        if chance.random() < 0.8:
            watched.commit()
        if chance.random() < 0.12:
            watched.end()
            for _ in range(chance.choice([0, 3, 30, 100])):
                writer.step()
            writer.may_step = STEPS
            watched.start()
    writer.over, writer.may_step = True, 0
    for _ in range(300):
        writer.step()
    for _ in range(4):
        writer.now += 61
        watched.look(writer.now, None, 10_000)
    watched.commit()
    watched.end()

    assert Counter(writer.written) == Counter(watched.committed)
    assert [] == watched.told
    assert 0 == balance(watched.reader.tail)
