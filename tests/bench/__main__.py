"""What it costs: python -m tests.bench [MEGABYTES]

Ten rules over a backlog of mixed log lines, whole process; start to READY; memory. Figures are for reading:
nothing here passes or fails on a clock. Only the counts must be right.
"""

from __future__ import annotations

import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RULES = [r"Failed password for (?:invalid user )?(?P<user>\S+) from (?P<ip>\S+)", "POSSIBLE BREAK-IN ATTEMPT",
         r"OutOfMemoryError|Out of memory", r"segfault at [0-9a-f]+", "[Cc]onnection refused",
         r"timed? ?out after (\d+)", r"\bFATAL\b",
         r"\bpanic\b", r'HTTP/1\.[01]" 5\d\d', r"authentication failure.*rhost=(\S+)"]
SAMPLES = Path(__file__).parents[2].parent / "shared" / "data" / "loghub"
PLAIN = ["Nov 22 10:00:00 web1 sshd[{n}]: Failed password for root from 192.0.2.{n} port 4242 ssh2",
         "Nov 22 10:00:00 web1 sshd[{n}]: Accepted publickey for deploy from 198.51.100.{n} port 4242 ssh2",
         "2026-11-22 10:00:00,{n:03} INFO dfs.DataNode$PacketResponder: PacketResponder {n} for blk_{n} terminating",
         '192.0.2.{n} - - [22/Nov/2026:10:00:00 +0000] "GET /item/{n} HTTP/1.1" 200 5{n} "-" "Mozilla/5.0"',
         "2026-11-22 10:00:00,{n:03} WARN org.apache.zookeeper.server.NIOServerCnxn: end of stream exception {n}"]


def lines() -> list[str]:
    """Real samples where they are, else lines of the same shapes."""
    found = [line.rstrip("\r") for path in sorted(SAMPLES.glob("*.log"))
             for line in path.read_text(errors="replace").split("\n") if line.strip()]
    return found or [line.format(n=n) for n in range(200) for line in PLAIN]


def build(path: Path, megabytes: int) -> int:
    """Write the corpus, the same for the same samples; gives its lines."""
    chance = random.Random(7)
    base = [re.sub(r"\d{3,}", lambda m: m[0][:-2] + str(chance.randrange(10, 99)), line).encode() + b"\n"
            for line in lines() for _ in range(3)]
    size = count = 0
    with path.open("wb", 1 << 20) as out:
        while size < megabytes * 1_000_000:
            chance.shuffle(base)
            block = b"".join(base)
            size += out.write(block)
            count += len(base)
    return count


def command() -> list[str]:
    """The corowatch of this environment."""
    return [sys.executable, "-m", "corowatch"]


def measured(argv: list[str], **options: object) -> tuple[float, float]:
    """Wall seconds and peak MB of a process that must succeed."""
    began = time.perf_counter()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload]
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{argv} ended with {status}: {said.decode()[-2000:]}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def to_ready(config: Path, work: Path) -> float:
    """Seconds from the start of the process to READY, best of five."""
    best = 9e9
    for n in range(5):
        address = work / f"notify{n}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(address))
            began = time.perf_counter()
            child = subprocess.Popen([*command(), "run", str(config), "--state-dir", str(work / f"ready{n}")],
                                     stderr=subprocess.DEVNULL, env={**os.environ, "NOTIFY_SOCKET": str(address)})
            while b"READY=1" not in notify.recv(4096):
                pass
            best = min(best, time.perf_counter() - began)
            if n == 4:
                status = Path(f"/proc/{child.pid}/status").read_text()
                resident = re.search(r"VmRSS:\s+(\d+)", status)
                assert resident
                print(f"resident when ready: {int(resident[1]) / 1024:.0f} MB")
            child.terminate()
            child.wait()
    return best


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        corpus = work / "corpus.log"
        # In a process of its own: a child's peak memory is never told below what its parent had when it forked.
        code = f"from tests.bench.__main__ import *; print(build(Path({str(corpus)!r}), {megabytes}))"
        subprocess.run([sys.executable, "-c", code], check=True, stdout=(work / "count").open("w"))
        count = int((work / "count").read_text())
        config = work / "rules.yaml"
        config.write_text("flows:\n" + "".join(
            f"  r{n}:\n    tail: {corpus}\n    grep: '{rule}'\n" for n, rule in enumerate(RULES)))
        seconds, peak = measured([*command(), "run", str(config), "--once", "--state-dir", str(work / "state")])
        told = json.loads((work / "state" / "summary.json").read_text())
        for n, rule in enumerate(RULES):
            want = int(subprocess.run(["grep", "-a", "-c", "-P", rule, str(corpus)], env={"LC_ALL": "C"},
                                      capture_output=True, check=False).stdout)
            got = told["nodes"][f"r{n}.grep"]["matched"]
            if want != got:
                sys.exit(f"{rule}: grep finds {want} lines, corowatch {got}")
        assert count == told["sources"]["r0.tail"]["lines"]
        matched = sum(node["matched"] for node in told["nodes"].values())
        print(f"{len(RULES)} rules over {megabytes} MB ({count:,} lines, {matched:,} matches): {seconds:.2f} s, "
              f"{count / seconds / 1e6:.2f} M lines/s, {megabytes / seconds:.0f} MB/s, peak {peak:.0f} MB")
        print(f"start to READY: {to_ready(config, work):.2f} s")


if __name__ == "__main__":
    main()
