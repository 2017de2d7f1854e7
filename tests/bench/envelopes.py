"""What containers' envelopes cost: `python -m tests.bench.envelopes [MEGABYTES]`.

Lines a second of `run --once`, start and end of the process included, over a log of so many megabytes (100) in which a
line in a hundred matches one rule: as the runtimes write it (CRI; Docker's json-file), and the same lines bare. Best of
three.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from .peers import measured

COMMAND = [sys.executable, "-m", "corowatch"]
STAMP = "2026-11-22T10:{:02}:{:02}.{:09}Z"
Wrap = Callable[[str, str], str]
WRAPS: dict[str, tuple[str, Wrap]] = {
    "bare": ("", lambda stamp, text: f"{stamp} {text}\n"),
    "cri": (", multiline: cri", lambda stamp, text: f"{stamp} stdout F {text}\n"),
    "docker-json": (", multiline: docker-json",
                    lambda stamp, text: json.dumps({"log": f"{text}\n", "stream": "stdout", "time": stamp}) + "\n"),
}


def lines(wrap: Wrap) -> Iterator[str]:
    """A service's lines, the same each time, without end."""
    chance = random.Random(5)
    number = 0
    while True:
        stamp = STAMP.format(number // 600_000 % 60, number // 10_000 % 60, number % 10_000 * 100_000)
        level = "ERROR" if number % 100 == 0 else "INFO"
        yield wrap(stamp, f"{level} order {chance.randrange(10**6)} of user {chance.randrange(9999)} was taken in "
                          f"{chance.randrange(900)} ms by worker-{number % 16}")
        number += 1


def build(path: Path, wrap: Wrap, megabytes: int) -> int:
    """Write the log; gives its lines."""
    size = count = 0
    with path.open("w", buffering=1 << 20) as out:
        for line in lines(wrap):
            if size >= megabytes * 1_000_000:
                break
            size += out.write(line)
            count += 1
    return count


def seconds_of(log: Path, options: str, wanted: int, work: Path) -> float:
    """Wall seconds of one run from nothing. Raises SystemExit where it does not find what is there."""
    config = work / "c.yaml"
    config.write_text(f"flows:\n  a:\n    tail: {{paths: {log}{options}}}\n    grep: ERROR order\n    tally:\n")
    with tempfile.TemporaryDirectory(dir=work) as state:
        seconds, _, _ = measured([*COMMAND, "run", str(config), "--once", "--state-dir", state])
        found = json.loads((Path(state) / "summary.json").read_text())["nodes"]["a.grep"]["matched"]
    if found != wanted:
        sys.exit(f"{log.name}: {found} of {wanted} lines")
    return seconds


def main() -> None:
    """Print a row for each."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(f"{megabytes} MB{'':12}{'lines':>12}{'seconds':>10}{'lines a second':>16}")
    with tempfile.TemporaryDirectory() as folder:
        for name, (options, wrap) in WRAPS.items():
            log = Path(folder) / f"{name}.log"
            count = build(log, wrap, megabytes)
            best = min(seconds_of(log, options, (count + 99) // 100, Path(folder)) for _ in range(3))
            print(f"{name:18}{count:12,}{best:10.1f}{count / best:16,.0f}", flush=True)
            log.unlink()


if __name__ == "__main__":
    main()
