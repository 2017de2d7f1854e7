"""Random writes, rotations, copies, truncations, packings, pauses, stops and kills, against a model of the files.

No line twice, ever. A line is missing only if the last file that held it was destroyed while nobody had it open and
before anybody looked; and every byte that was found is accounted for.
"""

import gzip
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from reading import Reader, balance

from corowatch.sources.tail import QUIET

GLOBS = ["app.log", "app.log*"]


class Files(RuleBasedStateMachine):
    """One log, what it was rotated to, and who reads it."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.log = self.folder / "app.log"
        self.now, self.count = 1000.0, 0
        self.reader = None
        self.saved, self.committed, self.since = {}, [], []
        self.written = []
        self.may_be_missing = set()
        self.held = {}  # inode → lines, of files that were removed and that the reader has open
        self.text = {}  # inode → lines, of files that are there
        self.packed = {}  # path → lines

    @initialize(glob=st.sampled_from(GLOBS))
    def begin(self, glob):
        self.glob = glob
        self._create()
        self.start()

    def _create(self):
        self.log.touch()
        self.text[self._inode(self.log)] = []

    def _inode(self, path):
        return os.stat(path).st_ino

    def _rotations(self):
        found = [path for path in self.folder.iterdir() if path.name != "app.log"]
        return sorted(found, key=lambda path: int(path.name.split(".")[2]))

    def _seen(self):
        return set(self.committed) | set(self.since)

    def _unless_elsewhere(self, lines):
        """These lines are gone from one place; those that stand nowhere else, and were not read, may be missing."""
        left = {line for there in (*self.text.values(), *self.packed.values(), *self.held.values()) for line in there}
        self.may_be_missing |= set(lines) - left - self._seen()

    # --- who writes -------------------------------------------------------------------------------

    @rule(many=st.integers(1, 8), long=st.sampled_from([0, 0, 0, 700]))
    def write(self, many, long):
        lines = []
        for _ in range(many):
            self.count += 1
            lines.append(f"line {self.count} " + "x" * long)
        with open(self.log, "ab", buffering=0) as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
        self.text[self._inode(self.log)] += lines
        self.written += lines

    @rule(create=st.booleans())
    def rotate(self, create):
        self._shift()
        os.rename(self.log, self.folder / "app.log.1")
        self._create()

    def _shift(self):
        for path in reversed(self._rotations()):
            _, _, number, *packed = path.name.split(".")
            to = self.folder / ".".join(["app.log", str(int(number) + 1), *packed])
            os.rename(path, to)
            if path in self.packed:
                self.packed[to] = self.packed.pop(path)

    @rule()
    def copy_and_truncate(self):
        self._shift()
        copy = self.folder / "app.log.1"
        shutil.copyfile(self.log, copy)
        inode = self._inode(self.log)
        self.text[self._inode(copy)] = self.text[inode]
        os.truncate(self.log, 0)
        self.text[inode] = []

    @rule()
    def truncate(self):
        os.truncate(self.log, 0)
        lines, self.text[self._inode(self.log)] = self.text[self._inode(self.log)], []
        self._unless_elsewhere(lines)

    @rule(data=st.data())
    def pack(self, data):
        plain = [path for path in self._rotations() if path not in self.packed]
        if plain:
            path = data.draw(st.sampled_from(plain))
            packed = path.with_name(path.name + ".gz")
            packed.write_bytes(gzip.compress(path.read_bytes()))
            shutil.copystat(path, packed)
            self.packed[packed] = self.text[self._inode(path)]
            self._remove(path)

    @rule(data=st.data())
    def remove_a_rotated_one(self, data):
        if rotations := self._rotations():
            self._remove(data.draw(st.sampled_from(rotations)))

    @rule()
    def remove_and_create(self):
        self._remove(self.log)
        self._create()

    def _remove(self, path):
        lines = self.packed.pop(path, None)
        inode = self._inode(path)
        os.unlink(path)
        if lines is None:
            lines = self.text.pop(inode)
            if self.reader and any(life.ino == inode for life in self.reader.tail._lives):
                self.held[inode] = lines
        self._unless_elsewhere(lines)

    # --- who reads --------------------------------------------------------------------------------

    def start(self):
        self.reader = Reader(self.folder / self.glob, saved=self.saved, start="beginning", timestamp="none")
        self.commit()  # as the daemon does before it says that it is ready

    @precondition(lambda self: self.reader)
    @rule(everything=st.booleans(), hours=st.sampled_from([0.0, 0.0, 0.0, QUIET + 1]))
    def look(self, everything, hours):
        self.now += 6.0 + hours
        before = len(self.reader.lines)
        if everything:
            self.reader.tail.look(self.now, None)
        else:
            self.reader.tail.glance(self.now)
        while head := self.reader.tail.head():
            head.read(self.now, head.next)
        self.since += [text for _, _, text, _ in self.reader.lines[before:]]
        if everything:
            self.held = {inode: lines for inode, lines in self.held.items() if not set(lines) <= self._seen()}

    @precondition(lambda self: self.reader)
    @rule()
    def commit(self):
        self.saved = {**self.saved, **self.reader.saved()}
        self.saved = {key: state for key, state in self.saved.items() if self.reader.kept.get(key, state) is not None}
        self.committed += self.since
        self.since = []

    @precondition(lambda self: self.reader)
    @rule(commits=st.booleans())
    def stop(self, commits):
        if commits:
            self.commit()
        rolled_back, self.since = self.since, []
        self.reader.tail.close()
        self.reader = None
        held, self.held = self.held, {}
        for lines in (rolled_back, *held.values()):
            self._unless_elsewhere(lines)

    @precondition(lambda self: not self.reader)
    @rule()
    def start_again(self):
        self.start()

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def no_line_came_twice(self):
        seen = self.committed + self.since
        assert len(seen) == len(set(seen)), [line for line in seen if seen.count(line) > 1]

    @invariant()
    def every_byte_is_accounted_for(self):
        if self.reader:
            assert 0 == balance(self.reader.tail)

    def teardown(self):
        if self.reader is None:
            self.start()
        for _ in range(3):
            self.look(everything=True, hours=QUIET)
        seen = self._seen()
        missing = [line for line in self.written if line not in seen]
        try:
            assert seen <= set(self.written)
            assert set(missing) <= self.may_be_missing, (missing, self.reader.told)
            self.no_line_came_twice()
            self.every_byte_is_accounted_for()
        finally:
            self.reader.tail.close()
            shutil.rmtree(self.folder)


CASES = int(os.environ.get("MODEL_CASES", "60"))
"""As many as one likes, by hand: MODEL_CASES=10000 pytest tests/sources/test_tail_model.py"""

Files.TestCase.settings = settings(max_examples=CASES, stateful_step_count=30, deadline=None, derandomize=CASES == 60,
                                   report_multiple_bugs=False, suppress_health_check=list(HealthCheck))
TestFiles = Files.TestCase
