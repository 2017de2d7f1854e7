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


def behind(area, lines, pad=100):
    """A daemon that has read 500 lines of its file and ended, with `lines` more in it, rotated but not yet compressed.

    Gives daemon and writer.
    """
    w = area.writer(pad=pad)
    daemon = area.daemon("LOGS/app.log*").start()
    w.write(500)
    area.settle(daemon)
    daemon.kill()
    w.write(lines)
    w.rotate(area.logs / "app.log.1")
    return daemon, w


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
def test_t12_rotated_and_compressed_while_down(area, scale, kind, figures):
    """The daemon is down while its file grows, is rotated and compressed; it goes on inside the compressed file, and
    then in the new one. Where no library reads the format, exactly what stands unread in it is told as lost."""
    if kind == "zst" and not shutil.which("zstd"):
        pytest.skip("T12: needs the zstd command")
    daemon, w = behind(area, *scale.pick((5000, 100), (100_000, 1000)))
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
    w = area.writer(pad=scale.pick(100, 1000))
    daemon = area.daemon("LOGS/app.log*").start()
    w.write(500)
    area.settle(daemon)
    assert 0 == daemon.stop()
    w.write(scale.pick(5000, 100_000))
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


DAMAGE = {
    "cut": lambda good: good[:len(good) // 2],
    "flipped": lambda good: good[:(half := len(good) // 2)] + bytes(
        byte ^ 0xFF for byte in good[half:half + 64]) + good[half + 64:],
    "garbage": lambda good: good + b"\0garbage" * 100,
}


def test_t13b_damaged_gzips(area, figures):
    """What can be read of them is read, the rest is told as lost, once, when nothing has come for a minute; it is not
    tried for ever, and nothing crashes. Garbage behind the last member is no damage."""
    writers = {name: area.writer(f"{name}.log", called=name, pad=100) for name in DAMAGE}
    daemon = area.daemon("LOGS/*.log").start()
    for w in writers.values():
        w.write(500)
    area.settle(daemon)
    daemon.kill()
    for name, w in writers.items():
        w.write(3000)
        w.rotate(area.logs / f"{name}.log.1")
        good = gzip.compress((area.logs / f"{name}.log.1").read_bytes())
        (area.logs / f"{name}.log.1.gz").write_bytes(DAMAGE[name](good))
        os.unlink(area.logs / f"{name}.log.1")
    daemon.start()
    after = area.writer("after.log", called="after")
    after.write(100)
    until(lambda: not missing(daemon, after), 30)
    used = daemon.seconds()
    until(lambda: len(area.losses()) >= 2, 75, daemon.said)
    used = daemon.seconds() - used
    unread = {name: missing(daemon, w) for name, w in writers.items()}
    for name, w in writers.items():
        w.forget(unread[name])
    told = area.judge(daemon)
    lost = {os.path.basename(one["fields"]["path"]).partition(".")[0]: one["fields"]["bytes"] for one in area.losses()}
    figures(processor=round(used, 2), **{f"lost_lines_{name}": len(seqs) for name, seqs in unread.items()})

    assert (0, 0, 0, 0) == (told.lost, told.doubled, told.alerts_lost, told.alerts_doubled)
    assert told.strange <= 2, "the lines in which it broke off"
    assert used < 5
    assert [] == daemon.events("node.failed")
    assert [] == unread["garbage"]
    assert 0 < len(unread["cut"]) < 3000, "the good part is read"
    assert 0 < len(unread["flipped"]) < 3000, "the good part is read"
    assert {"cut", "flipped"} == lost.keys()
    assert 2 == len(area.losses())
    assert lost["cut"] > 0
    size = writers["flipped"].size
    assert (len(unread["flipped"]) - 1) * size < lost["flipped"] <= len(unread["flipped"]) * size, "its trailer tells"
    assert {"damaged": sum(lost.values())} == daemon.source()["bytes_lost_by"]
