"""What the tests of the tailer share: a Tail by looking alone, without notifications and waiting; time is a number."""

import os

from corowatch.core.coroutine import coroutine
from corowatch.core.lines import shown
from corowatch.sources.tail import Tail


class Reader:
    """A Tail on some globs, with what it read and what it told."""

    opened = []

    def __init__(self, *paths, saved=None, start=None, inherited=None, **options):
        self.lines, self.told = [], []
        self.opened.append(self)
        defaults = {"exclude": (), "start": "end", "timestamp": "auto", "zone": None, "encoding": "utf-8",
                    "max_line_bytes": 65536, "multiline": None, "root": None, "watch": "poll"}
        self.tail = Tail(self._keep(), paths=tuple(map(str, paths)), **{**defaults, **options})
        self.tail.inherit(inherited or {})
        self.tail.open(saved or {}, reader="r", start=start, wake=lambda: None, now=0.0,
                       tell=lambda kind, text, **fields: self.told.append((kind, text)))

    @coroutine
    def _keep(self):
        while True:
            block = yield
            at = block.offset
            for line in block.data.removesuffix(b"\n").split(b"\n"):
                self.lines.append((os.path.basename(block.origin.file), at, shown(line), block.origin.key))
                at += len(line) + 1

    def read(self, now=1.0, look=None):
        """Look and read everything; the texts that came."""
        before = len(self.lines)
        self.tail.look(now, look)
        while head := self.tail.head():
            head.read(now, head.next)
        return [text for _, _, text, _ in self.lines[before:]]

    def saved(self):
        """What a commit would keep of everything so far."""
        self.kept = getattr(self, "kept", {})
        for key, state in self.tail.changes():
            self.kept[key] = state
        self.tail.written()
        return {key: state for key, state in self.kept.items() if state is not None}


def write(path, data, mode="ab"):
    with open(path, mode, buffering=0) as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def balance(tail):
    """What was found and is not accounted for: 0, always."""
    counts, standing = tail.counts, tail.standing()
    return standing["carried"] + counts["found"] - (
        counts["bytes"] + counts["skipped"] + counts["bytes_lost"] + standing["partial"] + standing["unread"])
