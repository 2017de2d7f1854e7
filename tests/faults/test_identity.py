"""Identity: which file is which, when names, numbers and first lines are the same."""

import os
import time

import pytest

from .judge import CLEAN, missing
from .process import until
from .writer import Writer, line


def made_anew(path, number):
    """Unlink `path`, and create it with the same inode number; skips where the file system never does that."""
    os.unlink(path)
    others = []
    for n in range(2000):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))
        if os.stat(path).st_ino == number:
            break
        others.append(path.parent / f".other-{n}")  # it keeps a number that is free, too
        os.rename(path, others[-1])
    for other in others:
        os.unlink(other)
    if not path.exists():
        pytest.skip("T14: needs a file system that gives a number again, as ext4 does")


def anew(area, w, lines):
    """The same path, a file of its own: line 0 again, and so many others behind it."""
    w.open()
    w.put(line(w.name, 0))
    w.written.append(0)
    w.write(lines)


@pytest.mark.parametrize(("before", "after"), [(1, 0), (1, 50), (50, 5), (50, 500)])
def test_t14_the_same_inode_again_while_down(area, before, after):
    """While the daemon is down its file is unlinked, and a new one gets the same number and begins with the same line:
    shorter than the old, longer, or of that line alone."""
    w = area.writer()
    daemon = area.daemon(config={"every": ""}).start()
    w.write(before)
    area.settle(daemon)
    number = os.stat(w.path).st_ino
    assert 0 == daemon.stop()
    w.close()
    made_anew(w.path, number)
    anew(area, w, after)
    daemon.start()

    assert CLEAN == area.judge(daemon, every=1)


def test_t14b_removed_and_created_while_up(area, scale, watch):
    """The same while it runs, again and again: it holds the old file, so the new one has another number."""
    w = area.writer()
    daemon = area.daemon(config={"every": ""}).start()
    w.write(3)
    area.settle(daemon)

    for n in range(scale.pick(3, 100)):
        os.unlink(w.path)
        anew(area, w, 2 + n % 3)
        area.settle(daemon)

    assert CLEAN == area.judge(daemon, every=1)


def test_t17_links_that_lead_nowhere_round_or_out(area, scale, watch, figures):
    """A dangling link, a loop and a link out of the root: not opened, told once each, and no reason to spin."""
    out = Writer(area.folder / "outside.log", "secret")
    out.write(50)
    os.symlink("nowhere", area.logs / "dangling.log")
    os.symlink("loop-b.log", area.logs / "loop-a.log")
    os.symlink("loop-a.log", area.logs / "loop-b.log")
    os.symlink(out.path, area.logs / "out.log")
    os.symlink(area.folder, area.logs / "folder.log")
    w = area.writer("good.log")
    w.write(100)
    daemon = area.daemon("LOGS/*.log", tail=f"root: {area.logs}").start()
    area.settle(daemon)

    used, began = daemon.seconds(), time.monotonic()
    for n in range(scale.pick(1, 12)):  # a search for files each, where there are no notifications
        late = area.writer(f"late-{n}.log", called=f"late{n}")
        late.write(100)
        out.write(50)
        until(lambda late=late: not missing(daemon, late), 20)
    used, took = daemon.seconds() - used, time.monotonic() - began
    opened = daemon.descriptors()
    told = [one["path"] for one in daemon.events("corowatch.unreadable")]

    figures(processor=round(used, 2), took=round(took, 1))
    assert CLEAN == area.judge(daemon)
    assert not [path for path in opened if "outside" in path]
    assert len(told) == len(set(told)), told
    assert {"out.log"} <= {os.path.basename(path) for path in told} <= {"out.log", "loop-a.log", "loop-b.log"}
    assert used < 0.05 * took + 0.2


def test_t17b_a_link_that_is_mended(area, watch):
    """A link that led nowhere is read from the beginning once it leads somewhere."""
    os.symlink("later", area.logs / "app.log")
    daemon = area.daemon().start()

    area.writer("later").write(100)

    assert CLEAN == area.judge(daemon)
