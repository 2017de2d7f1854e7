"""What it costs, beside others on the same lines: python -m tests.bench [--megabytes 1000] [--pairs 5] [--json]

A backlog in which one line of a hundred matches, read by whole processes from start to exit; start to READY; memory.
Figures are for reading: nothing here passes or fails on a clock. Only the counts must be equal. Peers are those that
are installed: ripgrep, swatchdog (package swatch), fail2ban, Fluent Bit, SEC (sec), mtail; the slow ones read a tenth,
once, and their seconds are told as ten times that.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .corpus import TEN, thousand
from .dense import rows
from .peers import PEERS, RIPGREP, Peer, Run, corowatch_config, measured

COMMAND = [sys.executable, "-m", "corowatch"]


def ours(rules: Sequence[str], corpus: Path, state: Path) -> tuple[Run, list[int]]:
    """One run over everything, and what each rule matched; caches stay, positions go."""
    for path in state.glob("state.db*"):
        path.unlink()
    config = state.with_suffix(".yaml")
    config.write_text(corowatch_config(rules, corpus))
    seconds, peak, _ = measured([*COMMAND, "run", str(config), "--once", "--state-dir", str(state)])
    nodes = json.loads((state / "summary.json").read_text())["nodes"]
    each = [nodes[f"r{n}.grep"]["matched"] for n in range(len(rules))]
    return Run(seconds, peak, sum(each)), each


def against(peer: Peer, rules: Sequence[str], corpus: Path, pairs: int, work: Path,
            whole: Path | None = None) -> dict[str, Any]:
    """Pairs of runs, in turn; the first warms what may be cached. The counts must be equal. With `whole` we read that,
    and what is compared are the bytes a second."""
    state = work / f"state{len(rules)}"
    cold, each = ours(rules, corpus, state)
    theirs = peer.run(rules, corpus)
    want = each[:10]
    if RIPGREP.there:
        want = [RIPGREP.run([rule], corpus).matched for rule in rules[:10]]
    if each != want + [0] * (len(rules) - 10):
        sys.exit(f"the rules match {want} lines, and corowatch says {each[:10]}")
    if peer.slow and theirs.matched != any_of_lines(rules, corpus):
        sys.exit(f"{peer.name} finds {theirs.matched} lines")
    log = whole or corpus
    runs = [(ours(rules, log, state)[0], theirs if peer.slow else peer.run(rules, corpus)) for _ in range(pairs)]
    megabytes, more = log.stat().st_size / 1e6, log.stat().st_size / corpus.stat().st_size
    seconds = statistics.median(us.seconds for us, _ in runs)
    return {"peer": peer.name, "rules": len(rules), "megabytes": round(megabytes), "seconds": round(seconds, 2),
            "theirs": round(more * statistics.median(them.seconds for _, them in runs), 2),
            "ratio": round(more * statistics.median(them.seconds / us.seconds for us, them in runs), 2),
            "cold": "" if whole else round(theirs.seconds / cold.seconds, 2),
            "mb_per_second": round(megabytes / seconds),
            "peak_mb": round(max(us.peak for us, _ in runs)),
            "their_peak_mb": round(max(them.peak for _, them in runs))}


def replayed(rules: Sequence[str], corpus: Path, pairs: int, work: Path) -> dict[str, Any]:
    """`replay` of the same log beside `run --once`, in turn."""
    config, state = work / "replay.yaml", work / "replayed"
    config.write_text(corowatch_config(rules, corpus))
    runs = [(ours(rules, corpus, state)[0].seconds,
             measured([*COMMAND, "replay", str(corpus), "-c", str(config)])[0]) for _ in range(pairs + 1)][1:]
    return {"run": round(statistics.median(run for run, _ in runs), 2),
            "replay": round(statistics.median(replay for _, replay in runs), 2),
            "ratio": round(statistics.median(replay / run for run, replay in runs), 2)}


def any_of_lines(rules: Sequence[str], corpus: Path) -> int:
    """Lines that any rule matches, by grep."""
    return int(measured(["grep", "-a", "-c", "-P", "|".join(f"(?:{rule})" for rule in rules), str(corpus)],
                        env={**os.environ, "LC_ALL": "C"})[2])


def to_ready(rules: Sequence[str], work: Path) -> dict[str, Any]:
    """Seconds from the start of the process to READY, best of five, and the memory that it has then, the first time,
    when the scanner is compiled, and the last."""
    config, log = work / "ready.yaml", work / "ready.log"
    log.touch()
    config.write_text(corowatch_config(rules, log))
    best = 9e9
    resident: list[int] = []
    for n in range(5):
        address = work / f"notify{len(rules)}.{n}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(address))
            began = time.perf_counter()
            child = subprocess.Popen([*COMMAND, "run", str(config), "--state-dir", str(work / f"ready{len(rules)}")],
                                     stderr=subprocess.DEVNULL, env={**os.environ, "NOTIFY_SOCKET": str(address)})
            while b"READY=1" not in notify.recv(4096):
                pass
            best = min(best, time.perf_counter() - began)
            found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{child.pid}/status").read_text())
            resident.append(round(int(found[1]) / 1024) if found else 0)
            child.terminate()
            child.wait()
    return {"rules": len(rules), "to_ready": round(best, 2), "first_mb": resident[0], "resident_mb": resident[-1]}


def processor() -> str:
    """What this machine computes with."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} × {found[1] if found else os.uname().machine}"


def built(path: Path, megabytes: int) -> Path:
    apart(f"from tests.bench.corpus import build; build(Path({str(path)!r}), {megabytes})")
    return path


def apart(code: str) -> None:
    """In a process of its own: a child's peak memory is never told below what its parent had when it forked."""
    subprocess.run([sys.executable, "-c", f"from pathlib import Path; {code}"], check=True)


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    asked.add_argument("--megabytes", type=int, default=1000)
    asked.add_argument("--pairs", type=int, default=5)
    asked.add_argument("--json", action="store_true", help="one object instead of a table")
    options = asked.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as it is installed: what is imported was compiled before
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        whole, tenth = built(work / "whole.log", options.megabytes), built(work / "tenth.log", options.megabytes // 10)
        told: dict[str, Any] = {"processor": processor(), "against": [], "start": []}
        if RIPGREP.there:
            told["against"] += [against(RIPGREP, rules, whole, options.pairs, work) for rules in (TEN, thousand())]
        told["against"] += [against(peer, TEN, tenth, 1, work, whole) for peer in PEERS if peer.there]
        told["replay"] = replayed(TEN, whole, options.pairs, work)
        told["start"] += [to_ready(rules, work) for rules in (TEN, thousand())]
        apart(f"from tests.bench.dense import build; build(Path({str(work)!r}))")
        told["dense"] = list(rows(COMMAND, work, PEERS))
    if options.json:
        print(json.dumps(told))
        return
    print(f"{told['processor']}\n")
    print("| against | rules | MB | seconds | theirs | times as fast | the first time | MB/s | peak MB | theirs |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in told["against"]:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")
    print("\n| every line | lines a second | peak MB | against | times as fast |\n|---|---|---|---|---|")
    for row in told["dense"]:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")
    row = told["replay"]
    print(f"\nreplay: {row['replay']} s, {row['ratio']} times the {row['run']} s of run --once")
    for row in told["start"]:
        print(f"\n{row['rules']} rules: start to READY {row['to_ready']} s, then {row['resident_mb']} MB "
              f"resident ({row['first_mb']} MB the first time)")


if __name__ == "__main__":
    main()
