"""Others that find lines, each told the same rules: how it is asked, and how many lines it says match any of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """What one run took and gave."""

    seconds: float
    peak: float
    """MB"""
    matched: int


@dataclass(frozen=True)
class Peer:
    """A program. `ask` gives its arguments, `tell` reads the number of matching lines from what it wrote."""

    name: str
    program: str
    ask: Callable[[Sequence[str], Path, Path], list[str]]
    tell: Callable[[bytes], int]
    slow: bool = True
    """It gets a tenth of the lines, once."""
    statuses: tuple[int, ...] = (0,)

    @property
    def there(self) -> bool:
        return shutil.which(self.program) is not None

    def run(self, rules: Sequence[str], corpus: Path) -> Run:
        """Raises SystemExit where it fails."""
        with tempfile.TemporaryDirectory() as folder:
            seconds, peak, said = measured(self.ask(rules, corpus, Path(folder)), self.statuses, cwd=folder)
        return Run(seconds, peak, self.tell(said))


def measured(argv: Sequence[str], statuses: Sequence[int] = (0,), **options: object) -> tuple[float, float, bytes]:
    """Wall seconds, peak MB and standard output of a process that must succeed."""
    with tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors, **options)  # type: ignore[call-overload]
        said = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in statuses:
            errors.seek(0)
            sys.exit(f"{argv} ended with {child.returncode}: {errors.read().decode(errors='replace')[-2000:]}")
    return seconds, usage.ru_maxrss / 1024, said


def any_of(rules: Sequence[str]) -> str:
    return "|".join(f"(?:{rule})" for rule in rules)


def slashed(rule: str) -> str:
    return rule.replace("/", r"\/")


def corowatch_config(rules: Sequence[str], corpus: Path) -> str:
    """A flow for each rule, as a config would have it."""
    return "flows:\n" + "".join(f"  r{n}:\n    tail: {corpus}\n    grep: '{rule.replace(chr(39), 2 * chr(39))}'\n"
                                for n, rule in enumerate(rules))


def _ripgrep(rules: Sequence[str], corpus: Path, work: Path) -> list[str]:
    (work / "rules").write_text("\n".join(rules) + "\n")
    return ["rg", "-c", "-a", "--no-config", "--no-unicode", "-f", str(work / "rules"), str(corpus)]


def _sec(rules: Sequence[str], corpus: Path, work: Path) -> list[str]:
    (work / "conf").write_text("\n".join(f"type=Single\nptype=RegExp\npattern={rule}\ndesc=x\naction=write - hit\n"
                                         for rule in rules))
    return ["sec", f"--conf={work}/conf", f"--input={corpus}", "--notail", "--fromstart"]


def _swatchdog(rules: Sequence[str], corpus: Path, work: Path) -> list[str]:
    (work / "conf").write_text("".join(f"watchfor /{slashed(rule)}/\n    echo\n" for rule in rules))
    return ["swatchdog", f"--config-file={work}/conf", f"--examine={corpus}", f"--script-dir={work}"]


def _mtail(rules: Sequence[str], corpus: Path, work: Path) -> list[str]:
    (work / "hits.mtail").write_text(f"counter hits\n/{slashed(any_of(rules))}/ {{\n  hits++\n}}\n")
    return ["mtail", "--one_shot", "--progs", str(work / "hits.mtail"), "--logs", str(corpus)]


def _fail2ban(rules: Sequence[str], corpus: Path, work: Path) -> list[str]:
    return ["fail2ban-regex", "--datepattern", "{NONE}", str(corpus), f"(?:{any_of(rules)})<F-ID></F-ID>"]


def _fluent_bit(rules: Sequence[str], corpus: Path, work: Path) -> list[str]:
    sections = {
        "SERVICE": {"flush": "1", "log_level": "error"},
        "INPUT": {"name": "tail", "path": str(corpus), "read_from_head": "true", "exit_on_eof": "true",
                  "buffer_max_size": "1M"},
        "FILTER": {"name": "grep", "match": "*", "regex": f"log {any_of(rules)}"},
        "OUTPUT": {"name": "stdout", "match": "*", "format": "json_lines"}}
    (work / "conf").write_text("".join(f"[{name}]\n" + "".join(f"    {key} {value}\n" for key, value in keys.items())
                                       for name, keys in sections.items()))
    return ["fluent-bit", "-q", "-c", str(work / "conf")]


def _lines(said: bytes) -> int:
    shown = re.sub(rb"\x1b\[\d*m", b"", said)  # swatchdog colours what it echoes
    return sum(bool(line.strip()) and not line.startswith(b"***") for line in shown.split(b"\n"))


def _of_mtail(said: bytes) -> int:
    return int(json.loads(said)["hits"][0]["LabelValues"][0]["Value"]["Value"])


def _of_fail2ban(said: bytes) -> int:
    found = re.search(rb"(\d+) matched", said)
    assert found, said
    return int(found[1])


RIPGREP = Peer("ripgrep", "rg", _ripgrep, lambda said: int(said or 0), slow=False, statuses=(0, 1))
PEERS = [Peer("swatchdog", "swatchdog", _swatchdog, _lines),
         Peer("fail2ban-regex", "fail2ban-regex", _fail2ban, _of_fail2ban),
         Peer("Fluent Bit", "fluent-bit", _fluent_bit, _lines), Peer("SEC", "sec", _sec, _lines),
         Peer("mtail", "mtail", _mtail, _of_mtail)]
