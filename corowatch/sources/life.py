"""One life of a file: from its creation, truncation or rewriting to the next, or to its end.

It reads what follows and sends it through a frame, and knows whether the bytes before still stand. Which files
there are, and what is told of them, is for `tail`.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, MutableMapping
from math import inf
from typing import Any, NamedTuple

from corowatch.core.ahead import NOTHING_AHEAD, Ahead, Scanned, Sent, Ticket, Window
from corowatch.core.containers import Containers, beside
from corowatch.core.events import Chunk, Origin, Position, Target
from corowatch.core.follow import HEAD, MARKER, Fate, Saved, Seen, digest, fate, is_compressed
from corowatch.core.frame import frame, rfind
from corowatch.core.lines import codec_of, is_part_of_mark, shown
from corowatch.core.merge import comes_whole, turn
from corowatch.core.multiline import Multiline
from corowatch.core.records import Joins
from corowatch.core.rotations import age
from corowatch.core.stamps import Stamps
from corowatch.sources.content import Plain, Unpacked
from corowatch.sources.reads import Reads
from corowatch.sources.report import name_of

GULP = 256 * 1024
"""Bytes a read, at most."""
SIP = 4096
"""Bytes that are looked at to tell when the next line was written."""
NULS = 64 << 20
"""Bytes of NULs that are looked through in one turn; holes between them are not counted."""
REACH = 65536
"""Bytes that are looked at for the lines before or after one."""
NEAR = 32
"""Lines in envelopes that are looked at first, beyond those that are asked for: a line in pieces may begin there."""
LONG = 0.2
"""Seconds that one read, with all that is done with its lines, should take at most: signals and watchdogs wait."""
LEAST = 512
"""Bytes of the first read, and of those where each line takes long."""
BACKLOG = 64 << 20
"""Bytes left to read from which on it is told what comes next, so that it is read and scanned meanwhile."""
SIGHT = 512 * 1024
"""Bytes of which that is told at a time: more than are read, for each costs two messages."""
ALONE = 2 << 20
"""Bytes that were read without a stop for others' lines, after which it is looked ahead although others have some."""
DEPTH = 2
"""So many of them are told beforehand."""
RACY = 2.0
"""Seconds after its last write in which a file may change without its times telling."""


class Reading(NamedTuple):
    """How the files of one source are read."""

    target: Target[Sent]
    reader: str
    stamps: Stamps
    encoding: str
    max_line_bytes: int
    multiline: Multiline | None = None


class AnotherText(Exception):
    """What a compressed file holds is not what was looked for: its beginning is, and what comes later is not."""


class Life:
    """One open file. Every method that touches it may raise OSError.

    `counts` is told of every byte once: `found` when the file is seen to hold it, `bytes` when its line was passed on,
    `skipped` if it was of a hole.
    """

    def __init__(self, key: str, path: str, content: Plain | Unpacked, seen: Seen, how: Reading,
                 counts: MutableMapping[str, int], position: Position | None = None, before: bytes = b"",
                 found_to: int | None = None, unproven: Saved | None = None, head: bytes = b"",
                 hashed: tuple[str, int] = ("", 0)) -> None:
        self.path = self.home = path
        """Where it is now, and where it was first."""
        self.age = age(os.path.basename(name_of(path)))
        self.content = content
        if isinstance(content, Plain):
            content.named = lambda: self.gone is None and not self.failed
            content.wanted = lambda: self.ready
        self.dev, self.ino = seen.dev, seen.ino
        self.gone: float | None = None
        """Since when no path leads here."""
        self.grew = 0.0
        """When it was last seen to change."""
        self.written = seen.mtime
        """When it was last written, while its home led to it and what was read before stood (nanoseconds)."""
        self.failed = False
        """It could not be read when it was tried last."""
        self.order: tuple[Any, ...] = ()
        """By which it is read before others or after, while it has something to read."""
        self._how = how
        self._counts = counts
        self._unproven = unproven  # what it must be, where that shows only once its bytes are unpacked up to there
        self._reads = Reads()
        self._were_read = Reads()  # of the life before
        self._begin(key, seen, position or Position(), before, found_to, head, hashed)

    def _begin(self, key: str, seen: Seen, position: Position, before: bytes, found_to: int | None = None,
               head: bytes = b"", hashed: tuple[str, int] = ("", 0)) -> None:
        self.key = key
        self.position = position
        self.seen = seen
        self.read_to = position.offset
        self.size = seen.size
        """The end of what can be read, as far as is known."""
        self.found_to = position.offset if found_to is None else found_to
        """How long it was seen to be: up to there its bytes are found."""
        self.compressed = False
        self.dirty = True
        self._passed = position.done
        self._skipped = position.skipped
        self._sure = seen.size  # its size when the bytes before were last seen to stand
        self._before = before  # up to MARKER bytes before position.done
        self._overlap = before  # up to MARKER bytes before read_to
        self._head = head  # up to HEAD bytes at its beginning
        self._hashed = hashed
        self._gulp = LEAST
        self._data_at = 0  # where the next byte stands that is no NUL, behind a run of them
        self._nuls_to = 0  # and up to where there was none
        self._uncut = 0  # so many bytes since others were to be read between
        self._tickets: deque[Ticket] = deque()  # for what was told to come next
        self._looks_ahead = False
        self._frame: Any = None
        self._origin: Origin
        self._records: Joins | None = None
        self._codec: tuple[str, int] | None = None
        if not self.packed:
            self.find(seen.size)
            self._see_beginning()

    def _see_beginning(self) -> None:
        """By how it begins a copy is known that is made before anything of it is read."""
        if not self._head and self.found_to:
            with contextlib.suppress(OSError):  # reading it will tell
                head = self.content.pread(HEAD, 0)
                now = self.content.status()
                if now.size >= self.found_to:
                    self._head = head
                else:  # truncated between two calls: what it held, nobody saw, and only its copy can tell
                    self.unfind(now.size)
                    self.seen, self.size, self._sure = now, now.size, now.size

    def find(self, size: int) -> None:
        """Its bytes up to `size` are found, though they may not be there to be read."""
        if size > self.found_to:
            self._counts["found"] += size - self.found_to
            self.found_to = size
            self.dirty = True

    @property
    def packed(self) -> bool:
        """Whether its bytes are unpacked from a compressed file's."""
        return self.content.packed

    @property
    def ready(self) -> bool:
        """Whether there is something to read."""
        return self.size > self.read_to and not self.compressed

    @property
    def partial(self) -> int:
        """Bytes of an unfinished line that were read, or of a record that may still go on."""
        return self.read_to - self.position.done

    @property
    def unread(self) -> int:
        """Bytes that are known to be there, or of a life that is over, to have been there, and were not read."""
        known = self.ready or self.failed or self.packed
        return self.found_to - self.read_to if known and not self.compressed else 0

    @property
    def room(self) -> int:
        """Bytes behind what can be read: NULs, laid out in advance."""
        return max(0, self.found_to - self.read_to - self.unread)

    @property
    def strayed(self) -> bool:
        """Whether its path leads to another file or to none."""
        return strayed(self.path, self.dev, self.ino)

    def move(self, path: str) -> None:
        """It stands under another name now."""
        self.path = self.content.path = path
        self.age = age(os.path.basename(name_of(path)))
        self.dirty = True

    def leave(self, path: str | None, now: float) -> None:
        """It strayed, to `path`, or nobody knows whereto: until a glob finds it there, it is only read to its end."""
        if path is not None:
            self.move(path)
        if self.gone is None:
            self.gone = self.grew = now

    def status(self) -> Seen:
        """What its descriptor tells."""
        return self.content.status()

    # --- what became of it ----------------------------------------------------------------------------

    def notice(self, seen: Seen, now: float) -> bool:
        """Take note of what stat tells; False if this life is over, for the file was truncated or written anew."""
        if self.packed:  # only that it is still being written is of interest
            if seen.mtime != self.seen.mtime:
                self.grew = now
            self.seen = seen
            self.size = max(self.read_to, seen.size)
            return True
        what = fate(self.dev, self.ino, self.read_to, self.seen.size, seen)
        if what is Fate.SHRUNK:
            return False
        if seen == self.seen and now - seen.mtime / 1e9 > RACY:
            return True
        if what is Fate.SAME and not self._stands():
            return False
        if seen != self.seen:
            self.seen, self.grew = seen, now
        self.size = seen.size
        if not self.compressed:
            self.find(seen.size)
            self._see_beginning()
        return True

    @property
    def intact(self) -> bool:
        """Whether what is known of it still stands, as far as can be told."""
        known, at = (self._overlap, self.read_to - len(self._overlap)) if self.read_to else (self._head, 0)
        try:
            return self.content.pread(len(known), at) == known
        except OSError:
            return True

    def _stands(self) -> bool:
        """Whether the bytes that were read last are still there."""
        return self._standing(self.content.pread(MARKER if self.read_to else HEAD, self.read_to - len(self._overlap)))

    def _standing(self, data: bytes) -> bool:
        if data.startswith(self._overlap if self.read_to else self._head[:self._gulp]):
            self._sure = self.size
            if self.path == self.home and self.gone is None and self.found_to:  # of nothing nothing is proved
                self.written = self.seen.mtime
            return True
        self.size = self._sure  # what was seen to come since is of the next life
        self.unfind(max(self._sure, self.read_to))
        return False

    def unfind(self, size: int) -> None:
        """What was found beyond `size` was not of this life."""
        self._counts["found"] -= max(0, self.found_to - size)
        self.found_to = min(self.found_to, size)

    def renew(self, key: str, seen: Seen, now: float) -> None:
        """The file begins another life, at its beginning."""
        self.let_go()
        self._were_read, self._reads = self._reads, Reads()
        self._begin(key, seen, Position(), b"")
        self.grew = now

    def finish(self, now: float) -> None:
        """Nothing will follow: an unfinished last line is a line, and room that is left stays empty."""
        self._counts["skipped"] += self.room
        if self._frame is not None:
            self._frame.send(Chunk(now, b"", last=True))
            if self._records is not None:
                self._records.end()
            self._pass_on()
            self.let_go()

    def let_go(self) -> None:
        """Forget what was read of an unfinished line or record; it stays unread."""
        self._foresee_nothing()
        if self._frame is not None:
            self._frame.close()
            self._frame = self._records = None
        self.position.nearest()  # else it and its Blocks keep each other: they are none that the collector looks at

    @property
    def waiting(self) -> bool:
        """Whether a record is held back, for more of it might come."""
        return self._records is not None and self._records.since is not None

    def pass_time(self, now: float) -> None:
        """A record is whole when all is read and nothing was written for as long as it may take."""
        since = None if self._records is None else self._records.since
        if since is None or self._how.multiline is None or self.ready:
            return
        last = min(since, self.seen.mtime / 1e9) if self.read_to <= self.seen.size else since
        if last + self._how.multiline.timeout <= now:
            self.end_record()

    def end_record(self) -> None:
        """Nothing more belongs to the record that is held back, if one is."""
        if self._records is not None:
            done = self.position.done
            self._records.end()
            self._passed_on(done, self._overlap)

    def _pass_on(self) -> None:
        """Count what went through the frame."""
        skipped = self.position.skipped - self._skipped
        self._counts["skipped"] += skipped
        self._counts["bytes"] += self.position.done - self._passed - skipped
        self._passed, self._skipped = self.position.done, self.position.skipped

    # --- reading --------------------------------------------------------------------------------------

    def begins(self) -> float:
        """When the next line was written, or the record that is held back (seconds since the epoch): by its stamp, else
        that of the nearest stamped line before, else of one soon after, else by the file's last write."""
        written = self.seen.mtime / 1e9
        for line in self.content.pread(SIP, self.position.done).split(b"\n", 8)[:8]:
            told = self._how.stamps.read(line, written)
            if told is not None:
                return told
            if stamped := self.position.nearest():
                return stamped[1]
        return written

    def read(self, now: float, until: float = inf) -> int | None:
        """Send what follows, at most one gulp, and of it the lines up to the time `until`; gives the bytes sent.

        None: the bytes before are others now, so the file was written anew, and this life is over. Raises AnotherText.
        """
        if self.packed and not self._reached():
            return 0
        if (window := self._foreseen(now, until)) is not None:
            return self._see(window, now)
        overlap = self._overlap
        data = self.content.pread(self._gulp + len(overlap), self.read_to - len(overlap))
        if not self._standing(data):
            return None
        chunk = data[len(overlap):]
        short = len(chunk) < self._gulp
        self.find(self.read_to + len(chunk))
        if self.read_to == 0 and short and is_part_of_mark(chunk):
            self.size = 0  # which encoding it is, the next byte tells
            return 0
        codec, mark = self._codec_of(chunk)
        single = len("\n".encode(codec)) == 1
        if single and not self.packed and chunk.endswith(b"\0") and self._data_at < self.read_to + len(chunk):
            # NULs at the end are room laid out in advance, or a hole whose other side is still to be written.
            if not chunk.strip(b"\0"):
                if not self._look_behind_nuls(len(chunk)):
                    self._foresee_nothing()
                    return 0
            else:
                chunk = chunk.rstrip(b"\0")
        if short:
            self.size = self.read_to + len(chunk)
        if len(self._head) == self.read_to < HEAD:
            self._head += chunk[:HEAD - self.read_to]
        if self.read_to == 0 and is_compressed(chunk) and not self.packed:
            self.compressed = True
            self.unfind(0)
            return 0
        gulp = self._gulp
        if single and until < inf:
            chunk = chunk[:turn(chunk, until, self._stamp(now))]
            self._gulp = max(SIP // 4, len(chunk))
        if codec == "utf-8" and self._how.multiline is None:
            end = chunk.rfind(b"\n") + 1
            self._uncut += len(chunk)
            if len(chunk) < gulp:  # others are to be read, or what follows, if anything does, is room
                self._foresee_nothing()
            elif (until == inf or self._uncut >= ALONE) and end and self._foresee(self.read_to + end):
                chunk = chunk[:end]
        began = time.monotonic()
        self._send(Chunk(now, chunk), data[:len(overlap) + len(chunk)], codec, mark)
        self._pace(len(chunk), time.monotonic() - began)
        return len(chunk)

    def _pace(self, size: int, took: float) -> None:
        """Read less at a time where so many bytes take so many seconds, or more."""
        if took > LONG:
            self._gulp = max(LEAST, int(size * LONG / took))
        elif took < LONG / 4:
            self._gulp = min(GULP, 4 * self._gulp)

    def _foresee(self, at: int) -> bool:
        """Tell what comes from an offset on, where a line begins, DEPTH times SIGHT; whether somebody looks ahead."""
        if self.size - at < (DEPTH * SIGHT if self._looks_ahead else BACKLOG) or isinstance(self.content, Unpacked):
            self._foresee_nothing()
            return False
        if self._gulp < GULP:  # its lines take long: one may take a signal between them
            self._let_tickets_go()
            return False
        while len(self._tickets) < DEPTH:
            behind = self._tickets[-1] if self._tickets else None
            ahead = Ahead(self.content.fd, at, SIGHT, self._how.max_line_bytes, behind)
            self._how.target.send(ahead)
            if ahead.ticket is None:
                break
            self._tickets.append(ahead.ticket)
            self._looks_ahead = True
        return bool(self._tickets)

    def _foresee_nothing(self) -> None:
        self._uncut = 0
        self._let_tickets_go()
        if self._looks_ahead:
            self._looks_ahead = False
            self._how.target.send(NOTHING_AHEAD)

    def _let_tickets_go(self) -> None:
        while self._tickets:
            self._tickets.popleft().let_go()

    def _stamp(self, now: float) -> Callable[[bytes], float | None]:
        return lambda line: self._how.stamps.read(line, now)

    def _foreseen(self, now: float, until: float) -> Window | None:
        """What comes next, if it was read and scanned meanwhile, and all of it is to be sent."""
        if not self._tickets:
            return None
        window = self._tickets[0].window()
        if window is None or window.offset != self.read_to:
            self._let_tickets_go()  # each follows the one before
            return None
        if until < inf and not comes_whole(window[0:window.size], until, self._stamp(now)):
            self._foresee_nothing()
            return None
        self._tickets.popleft()
        return window

    def _see(self, window: Window, now: float) -> int | None:
        """Send what was read and scanned meanwhile, as `read`."""
        at, done, size = self.read_to, self.position.done, window.size
        try:
            if not self._stands():
                return None
            self.find(at + size)
            self._foresee(at + size)
            began = time.monotonic()
            self.read_to = self.position.offset = at + size
            self._how.target.send(Scanned(self._origin, at, now, window, self.position))
            self._overlap = window[max(0, size - MARKER):size]
        finally:
            window.let_go()
        self._passed_on(done, self._overlap)
        self._reads.add(self.read_to, self._overlap)
        self._pace(size, time.monotonic() - began)
        return size

    def _reached(self) -> bool:
        """Whether a compressed file is unpacked up to where it is to be read, and holds there what it must."""
        if not self.content.reach(self.position.offset):
            return False
        saved, self._unproven = self._unproven, None
        if saved is not None:
            before = self.content.pread(saved.marker_bytes, saved.offset - saved.marker_bytes)
            if digest(before) != saved.marker:
                if not self.content.damage:
                    raise AnotherText
                self._unproven, self.size = saved, self.read_to
                return False
            self._before = self._overlap = before
        return True

    def _look_behind_nuls(self, length: int) -> bool:
        """`length` NULs come next. Find what stands behind them; whether they are to be sent, for they are inside a
        line. At the start of a line they are a hole, and passed over; with nothing behind them they are left."""
        at = self._next_data(max(self.read_to + length, self._nuls_to))
        if at is None:
            self.size = self.read_to
        if at is None or at == self.read_to:
            return False
        self._data_at = at
        if self.position.offset != self.read_to:
            return True
        self.position.skipped += at - self.read_to
        self.position.offset = self.read_to = at
        self._overlap = self.content.pread(MARKER, at - MARKER) if at > MARKER else bytes(at)
        if self.position.open is None:
            self._before = self._overlap
        self._pass_on()
        self.dirty = True
        return False

    def _next_data(self, at: int) -> int | None:
        """Where the first byte stands, from `at` on, that is no NUL; `read_to`: not known yet, there are too many."""
        left = NULS
        while left > 0:
            try:
                at = self.content.next_data(at)  # anew each time: a hole costs nothing, however long it is
            except OSError:  # ENXIO: a hole to the end
                return None
            data = self.content.pread(GULP, at)
            if behind := data.lstrip(b"\0"):
                return at + len(data) - len(behind)
            at = self._nuls_to = at + len(data)
            left -= len(data)
            if len(data) < GULP:
                return None
        return self.read_to

    def _send(self, chunk: Chunk, data: bytes, codec: str, mark: int) -> None:
        """Send a chunk; `data` are the same bytes with those that overlap before them."""
        if self._frame is None:
            self._origin = Origin(self._how.reader, self.key, name_of(self.path))
            if self._how.multiline is not None:
                self._records = self._how.multiline.records(self._how.target)
            self._frame = frame(self._records or self._how.target, position=self.position, codec=codec, mark=mark,
                                origin=self._origin,
                                max_line_bytes=self._how.max_line_bytes)
        self.read_to += len(chunk.data)
        done = self.position.done
        self._frame.send(chunk)
        self._passed_on(done, data)
        self._overlap = data[-MARKER:]
        self._reads.add(self.read_to, self._overlap)

    def has_read(self, content: Plain | Unpacked) -> bool:
        """Whether a file ends within what was read here, as a copy does that was made some reads before the truncation,
        be it seen or not."""
        return not content.packed and any(
            reads.reach(content.status().size, lambda size, at: content.pread(size, at))
            for reads in (self._reads, self._were_read))

    def _passed_on(self, done: int, data: bytes) -> None:
        """All may be dealt with up to another place than before; `data` are the last bytes that were read."""
        if self.position.done == done:
            return
        end = len(data) - (self.read_to - self.position.done)
        if end > 0:
            self._before = data[max(0, end - MARKER):end]
        else:  # a record ended that began long before
            at = self.position.done
            self._before = self.content.pread(min(MARKER, at), max(0, at - MARKER))
        self._pass_on()
        self.dirty = True

    def _codec_of(self, chunk: bytes) -> tuple[str, int]:
        """The file's codec and the length of its byte-order mark, told by its first bytes."""
        if self._codec is None:
            head = chunk[:4] if self.read_to == 0 else self.head(4)
            self._codec = codec_of(self._how.encoding, head)
        return self._codec

    def lines_before(self, offset: int, count: int) -> list[str]:
        """At most so many lines that end at `offset`, oldest first; looks REACH bytes back. Of containers, those that
        they wrote and that begin before it."""
        if not count:
            return []
        if containers := self._containers:
            near, _ = self._beside(containers, offset, 1, count + NEAR, NEAR)
            return (near if len(near) >= count else self._beside(containers, offset, 1, REACH, NEAR)[0])[-count:]
        begin = max(0, offset - REACH)
        begin += self._codec[1] if self._codec and not begin else 0
        lines = self._lines(self.content.pread(offset - begin, begin))[:-1]
        return lines[offset - begin >= REACH:][-count:]

    def lines_after(self, offset: int, count: int, own: int = 1) -> list[str]:
        """At most so many whole lines behind the `own` ones that begin at `offset`; looks REACH bytes ahead. Of
        containers, those that they wrote, of all streams."""
        if containers := self._containers:
            _, near = self._beside(containers, offset, own, NEAR, own + count + NEAR)
            return (near if len(near) >= count else self._beside(containers, offset, own, NEAR, REACH)[1])[:count]
        return self._lines(self.content.pread(REACH, offset))[own:-1][:count]

    @property
    def _containers(self) -> Containers | None:
        """What takes envelopes off, if there are any; runtimes write UTF-8."""
        utf8 = self._codec is not None and self._codec[0] == "utf-8"
        return self._records if utf8 and isinstance(self._records, Containers) else None

    def _beside(self, containers: Containers, offset: int, own: int, back: int, ahead: int,
                ) -> tuple[list[str], list[str]]:
        """The lines that containers wrote before `offset` and behind the `own` ones there, of so many lines of the file
        back and ahead, and REACH bytes."""
        mark = self._codec[1] if self._codec else 0
        begin = max(mark, offset - REACH)
        before = self.content.pread(offset - begin, begin).split(b"\n")[begin > mark:-1][-back:]
        lines = before + self.content.pread(REACH, offset).split(b"\n")[:-1][:ahead]
        first = offset - sum(map(len, before)) - len(before)
        return beside(containers.written(b"".join(line + b"\n" for line in lines), first), offset, own)

    def _lines(self, data: bytes) -> list[str]:
        codec = self._codec[0] if self._codec else "utf-8"
        if codec == "utf-8":
            return [shown(line) for line in data.split(b"\n")]
        return [line.removesuffix("\r") for line in data.decode(codec, "backslashreplace").split("\n")]

    # --- what is kept ---------------------------------------------------------------------------------

    def head(self, size: int) -> bytes:
        """The first bytes, at most `size`."""
        if len(self._head) < size and (head := self.content.pread(HEAD, 0)).startswith(self._head):
            self._head = head  # else it was written anew, which the next read shows
        return self._head[:size]

    def saved(self) -> Saved:
        """What is kept, so that a restart goes on here."""
        marker, marked = digest(self._before), len(self._before)
        if self._sure < self.found_to and not self.packed and self.intact:
            self._sure = self.found_to
        if self._unproven is not None:
            marker, marked = self._unproven.marker, self._unproven.marker_bytes
        return Saved(self.path, self.dev, self.ino, self.position.done, marker, marked, self.position.nearest(),
                     self.home, self.content.gen, *self._known_head(), self.found_to, self.written, packed=self.packed,
                     room=self.room, sure=0 if self.packed else max(self.read_to, min(self._sure, self.found_to)))

    def _known_head(self) -> tuple[str, int]:
        """A hash of the first bytes, as far as they were seen, and how many."""
        _, length = self._hashed
        size = HEAD if self.packed else min(HEAD, self.found_to)
        if self._unproven is None and size > length:
            with contextlib.suppress(OSError):
                head = self.head(size)
                if len(head) > length:  # of what is unpacked the beginning may be far behind
                    self._hashed = digest(head), len(head)
        return self._hashed


def strayed(path: str, dev: int, ino: int) -> bool:
    """Whether a path leads to another file or to none; what cannot be seen now may still be there."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return (status.st_dev, status.st_ino) != (dev, ino)


def last_line(content: Plain | Unpacked, size: int, how: Reading) -> tuple[int, bytes]:
    """Where the line at the end begins, and the bytes before: at the end itself, unless it is unfinished.

    Looks one line's greatest length back.
    """
    newline = "\n".encode(codec_of(how.encoding, content.pread(4, 0))[0])
    begin = max(0, size - how.max_line_bytes - MARKER) // len(newline) * len(newline)
    data = content.pread(size - begin, begin)
    reach = max(0, len(data) - how.max_line_bytes)
    line = max(reach, rfind(data, newline) + len(newline))
    return begin + line, data[max(0, line - MARKER):line]
