"""Archives: what was rotated and compressed is read on inside the compressed file."""

import bz2
import gzip
import importlib.util
import lzma
import os
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from .judge import CLEAN, missing
from .process import until

PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
ZSTD = any(importlib.util.find_spec(name) for name in ("zstandard", "pyzstd", "compression"))
"""Whether a library for zstd is there; the daemon runs with the same Python."""


def packed(path: Path, kind: str) -> None:
    """What logrotate's `compress` does: a compressed file beside the plain one, which is then unlinked."""
    if kind == "zst":
        subprocess.run(["zstd", "-q", "--rm", path], check=True)
        return
    (path.parent / f"{path.name}.{kind}").write_bytes(PACKERS[kind](path.read_bytes()))
    os.unlink(path)


def behind(area, lines, end="kill"):
    """A daemon that has read 500 lines of its file and ended, with `lines` more in it, rotated but not yet compressed.

    Gives daemon and writer.
    """
    w = area.writer(pad=100)
    daemon = area.daemon("LOGS/app.log*").start()
    w.write(500)
    area.settle(daemon)
    daemon.kill() if end == "kill" else daemon.stop()
    w.write(lines)
    w.rotate(area.logs / "app.log.1")
    return daemon, w


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
def test_t12_rotated_and_compressed_while_down(area, scale, kind, figures):
    """The daemon is down while its file grows, is rotated and compressed; it goes on inside the compressed file, and
    then in the new one. Where no library reads the format, exactly what stands unread in it is told as lost."""
    if kind == "zst" and not shutil.which("zstd"):
        pytest.skip("T12: needs the zstd command")
    daemon, w = behind(area, scale.pick(5000, 1_000_000))
    rotated = list(w.written[500:])
    packed(area.logs / "app.log.1", kind)
    w.write(100)
    daemon.start()

    if kind != "zst" or ZSTD:
        assert CLEAN == area.judge(daemon)
        assert [] == area.losses()
        return
    w.forget(rotated)
    told = area.judge(daemon)
    figures(lost_lines=len(rotated))
    assert (0, 0, 0, 0, len(rotated) * w.size, 0) == told
    assert [len(rotated) * w.size] == [one["fields"]["bytes"] for one in area.losses()]


def test_t12b_copied_compressed_and_truncated_while_down(area, scale):
    """The same with copytruncate and compress: the original begins anew under its old number."""
    w = area.writer(pad=100)
    daemon = area.daemon("LOGS/app.log*").start()
    w.write(500)
    area.settle(daemon)
    assert 0 == daemon.stop()
    w.write(scale.pick(5000, 1_000_000))
    (area.logs / "app.log.1.gz").write_bytes(gzip.compress((area.logs / "app.log").read_bytes()))
    os.truncate(area.logs / "app.log", 0)
    w.write(100)
    daemon.start()

    assert CLEAN == area.judge(daemon)
    assert [] == area.losses()


def test_t13_a_gzip_of_many_members(area):
    """Several members one behind the other, as `cat a.gz b.gz` makes them, cut in the middle of lines."""
    daemon, w = behind(area, 3000)
    plain = (area.logs / "app.log.1").read_bytes()
    at = [0, 7, 40_001, 40_002, 200_000, len(plain)]
    (area.logs / "app.log.1.gz").write_bytes(b"".join(
        gzip.compress(plain[begin:end]) for begin, end in pairwise(at)))
    os.unlink(area.logs / "app.log.1")
    daemon.start()
    w.write(100)

    assert CLEAN == area.judge(daemon)
    assert [] == area.losses()


@pytest.mark.parametrize("damage", ["cut", "flipped", "garbage behind"])
def test_t13b_a_damaged_gzip(area, damage, figures):
    """What can be read of it is read, the rest is told as lost, once; it is not tried for ever, and nothing crashes."""
    daemon, w = behind(area, 3000)
    good = gzip.compress((area.logs / "app.log.1").read_bytes())
    half = len(good) // 2
    (area.logs / "app.log.1.gz").write_bytes({
        "cut": good[:half],
        "flipped": good[:half] + bytes(byte ^ 0xFF for byte in good[half:half + 64]) + good[half + 64:],
        "garbage behind": good + b"\0garbage" * 100,
    }[damage])
    os.unlink(area.logs / "app.log.1")
    daemon.start()
    after = area.writer("app.log", called="after")
    after.write(100)
    until(lambda: not missing(daemon, after), 30)
    used = daemon.seconds()
    for _ in range(2):  # two searches later
        after.write(1)
        (area.logs / f"app.log.late{_}").write_bytes(after.make(1))
        until(lambda: not missing(daemon, after), 30)
    used = daemon.seconds() - used
    unread = missing(daemon, w)
    figures(lost_lines=len(unread), processor=round(used, 2))

    w.forget(unread)
    told = area.judge(daemon)
    assert (0, 0, 0, 0) == (told.lost, told.doubled, told.alerts_lost, told.alerts_doubled)
    assert told.strange <= 1, "the line in which it broke off"
    assert used < 1
    assert daemon.events("node.failed") == []
    if damage == "garbage behind":
        assert [] == unread
        return
    assert 0 < len(unread) < 3000, "the good part is read"
    assert 1 == len(area.losses())
    assert told.bytes_lost == area.losses()[0]["fields"]["bytes"] > 0
    assert {"damaged": told.bytes_lost} == daemon.source()["bytes_lost_by"]
    if damage == "flipped":
        assert (len(unread) - 1) * w.size < told.bytes_lost <= len(unread) * w.size, "its trailer tells its length"
