"""python -m tests.faults.soak --minutes 30 [--seed N]: all faults of ordinary life, mixed, for as long as one likes.

Several logs are written, renamed, copied and truncated, packed and thrown away, by the minute; the daemon is killed,
stopped, held, reloaded and started again. At the end each line has counted once, each alert is there, in the last two
fifths, in which the daemon lives on, its memory has not grown, and once the logs rest it holds no more descriptors than
there are logs; that takes up to twelve minutes more.
"""

from __future__ import annotations

import argparse
import gzip
import random
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from .judge import alerts, tallied
from .process import Daemon
from .writer import Pace, Writer

LOGS, RATE, KEPT = 6, 250, 6
"""Files; lines a second in each; rotated ones that are kept of each."""
CLASSES, ROW = 499, 10_000
"""A line counts under its number's remainder and under its ten thousand: what is lost in one is not made up for by
what is doubled in another."""
SLACK = 6.0
"""MiB by which it may grow."""
REST = 700.0
"""Seconds after which files that were rotated away have been let go."""
CHECK = f'''\
import zlib


def numbered(target, rows):
    while True:
        event = yield
        body, _, crc = event.text.rpartition(",")
        w, _, seq = body.partition(",")
        if crc == f"{{zlib.crc32(body.encode()):08x}}":
            target.send(event.having({{"w": w, "seq": int(seq) // {ROW} if rows else int(seq) % {CLASSES}}}))
        else:
            target.send(event.having({{"w": "garbled", "seq": 0}}))
'''


class Log(threading.Thread):
    """One log, its writer, and who rotates it."""

    def __init__(self, folder: Path, name: str, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.writer = Writer(folder / f"{name}.log", name)
        self.chance, self.over = chance, threading.Event()
        self.rotations = 0

    def run(self) -> None:
        pace, path = Pace(RATE), self.writer.path
        assert path is not None
        due = time.monotonic() + self.chance.uniform(1, 8)
        while not self.over.is_set():
            half = self.writer.make(10)
            cut = self.chance.randrange(len(half))
            self.writer.put(half[:cut])
            self.writer.put(half[cut:])
            if time.monotonic() >= due:
                due = time.monotonic() + self.chance.choice([0.02, 0.3, 3, 10])
                self.rotate(path)
            pace.wait(10)
        self.writer.close()

    def rotate(self, path: Path) -> None:
        self.rotations += 1
        rotated = sorted(path.parent.glob(f"{path.name}.*"), key=lambda one: int(one.name.split(".")[2]))
        for one in rotated[KEPT * 8:]:
            one.unlink()
        for one in reversed(rotated[:KEPT * 8]):
            _, _, number, *packed = one.name.split(".")
            one.rename(path.parent / ".".join([path.name, str(int(number) + 1), *packed]))
        if self.chance.random() < 0.5:
            shutil.copyfile(path, f"{path}.1")  # nothing is written meanwhile: it is this thread that writes
            with open(path, "rb+") as file:
                file.truncate(0)
        else:
            self.writer.rotate(Path(f"{path}.1"))
        if self.chance.random() < 0.4:
            plain = self.chance.choice([one for one in path.parent.glob(f"{path.name}.*") if one.suffix != ".gz"])
            packed = Path(f"{plain}.gz")
            packed.write_bytes(gzip.compress(plain.read_bytes(), 1))
            shutil.copystat(plain, packed)
            plain.unlink()


def config(folder: Path) -> str:
    (folder / "check.py").write_text(CHECK)
    tail = f"{{paths: {folder}/logs/*.log, start: beginning}}"
    return (f"flows:\n"
            f"  count:\n    tail: {tail}\n    python: {{function: check.py:numbered, options: {{rows: false}}}}\n"
            f"    tally: {{by: [w, seq], max_keys: 1000000}}\n"
            f"  rows:\n    tail: {tail}\n    python: {{function: check.py:numbered, options: {{rows: true}}}}\n"
            f"    tally: {{by: [w, seq], max_keys: 1000000}}\n"
            f"  each:\n    tail: {tail}\n    grep: '^(?P<line>[a-z]+,\\d+00),'\n"
            f"    alert: {{to: out, title: '{{line}}'}}\n"
            f"sinks:\n  out: {{file: {folder}/alerts.jsonl}}\n")


def disturb(daemon: Daemon, chance: random.Random, *, may_end: bool) -> str:
    """One thing that happens to the daemon."""
    what = chance.choice(["reload", "hold", *(["kill", "kill", "stop"] if may_end else [])])
    if what == "reload":
        daemon.process.send_signal(signal.SIGHUP)
    elif what == "hold":
        daemon.pause()
        time.sleep(chance.uniform(0.5, 4))
        daemon.resume()
    elif what == "kill":
        daemon.kill()
        time.sleep(chance.uniform(0, 4))
        daemon.start()
    else:
        assert 0 == daemon.stop(), daemon.said()
        time.sleep(chance.uniform(0, 4))
        daemon.start()
    return what


def logs_open(daemon: Daemon, folder: Path) -> int:
    return sum(path.startswith(f"{folder}/logs/") for path in daemon.descriptors())


def judge(daemon: Daemon, logs: list[Log], folder: Path) -> dict[str, int]:
    """Exact counts against the ledgers."""
    figures = {"lost": 0, "doubled": 0}
    for node, of in (("count.tally", lambda seq: seq % CLASSES), ("rows.tally", lambda seq: seq // ROW)):
        wanted = Counter((log.writer.name, of(seq)) for log in logs for seq in log.writer.written)
        counted = Counter(tallied(daemon, node))
        figures["lost"] += sum((wanted - counted).values())
        figures["doubled"] += sum((counted - wanted).values())
    titles = Counter(one["title"] for one in alerts(folder))
    told = {f"{log.writer.name},{seq:010d}" for log in logs for seq in log.writer.written if seq % 100 == 0}
    figures["alerts lost"] = len(told - titles.keys())
    figures["alerts doubled"] = sum(titles.values()) - len(titles)
    figures["bytes lost"] = daemon.bytes_lost()
    return figures


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    asked.add_argument("--minutes", type=float, default=30)
    asked.add_argument("--seed", type=int, default=int(time.time()))
    options = asked.parse_args()
    print(f"seed {options.seed}", flush=True)
    chance = random.Random(options.seed)
    folder = Path(tempfile.mkdtemp(prefix="soak"))
    (folder / "logs").mkdir()
    logs = [Log(folder / "logs", name, random.Random(options.seed + n)) for n, name in enumerate("abcdefgh"[:LOGS])]
    began = time.monotonic()
    calm, end = began + 0.6 * 60 * options.minutes, began + 60 * options.minutes
    happened: Counter[str] = Counter()
    said = began
    samples: list[float] = []
    with Daemon(folder, config(folder)) as daemon:
        daemon.start()
        for log in logs:
            log.start()
        while (now := time.monotonic()) < end:
            time.sleep(min(end - now, chance.uniform(2, 12)))
            happened[disturb(daemon, chance, may_end=now < calm)] += 1
            if now - said >= 60:
                said = now
                print(f"{(now - began) / 60:.0f} of {options.minutes:g} minutes, "
                      f"{sum(len(log.writer.written) for log in logs):,} lines", flush=True)
            if now > calm + 20:
                samples.append(daemon.resident())
        for log in logs:
            log.over.set()
            log.join()
        written = sum(len(log.writer.written) for log in logs)
        settled = time.monotonic() + 120
        while daemon.total("lines") < written and time.monotonic() < settled:
            time.sleep(0.5)
        held, rested = logs_open(daemon, folder), time.monotonic() + REST
        while logs_open(daemon, folder) > LOGS and time.monotonic() < rested:
            time.sleep(0.5)
        left = logs_open(daemon, folder)
        status = daemon.stop()
        figures = judge(daemon, logs, folder)
        told = daemon.source()
    samples = samples or [0.0]  # too short a time to tell
    quarter = max(1, len(samples) // 4)
    grown = statistics.median(samples[-quarter:]) - statistics.median(samples[:quarter])
    ledger = told["ledger"]
    balance = ledger["found"] - sum(ledger[name] for name in ("passed", "partial", "unread", "skipped", "lost"))
    rotations = sum(log.rotations for log in logs)
    print(f"{options.minutes:g} minutes, {written:,} lines in {LOGS} logs, {rotations:,} rotations; "
          + ", ".join(f"{many} × {what}" for what, many in sorted(happened.items())))
    print(", ".join(f"{name} {value:,}" for name, value in figures.items())
          + f"; bytes not accounted for {balance:,}; exit status {status}")
    print(f"memory {samples[0]:.1f} to {samples[-1]:.1f} MiB (median grew by {grown:.1f}); logs held open {held}, and "
          f"{left} at rest")
    good = not any(figures.values()) and not balance and status == 0 and grown <= SLACK and left <= LOGS
    print("all is well" if good else f"FAILED; kept for a look: {folder}")
    if good:
        shutil.rmtree(folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
