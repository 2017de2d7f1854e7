"""`import logcheck`: the lines that no rule explains, as GNU grep tells them; a case is a line of a log.

The rules are those of the samples, one level each, and where Debian's package is installed, all of it: what
`import logcheck /etc/logcheck` tells beside what grep leaves of the log, layer by layer.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from corowatch.rules.importing import Asked, Import
from corowatch.rules.importing.logcheck import read
from tests.agreement import DATA, Share, lines_of, records, run

INSTALLED = Path("/etc/logcheck")
LOG = "loghub/OpenSSH_2k.log"


def shares() -> Iterator[Share]:
    yield of_samples()
    yield of_package()


def of_samples() -> Share:
    share = Share("import logcheck, samples")
    rules: dict[str, list[str]] = defaultdict(list)
    for rule in records("logcheck/patterns.jsonl"):
        rules[rule["file"]].append(rule["ere"])
    for case in records("logcheck/expected_by_grep.jsonl"):
        if not (DATA / case["log"]).exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            for file, eres in rules.items():
                if file.startswith(f"{case['group']}/"):
                    path = Path(folder, file)
                    path.parent.mkdir(exist_ok=True)
                    path.write_text("".join(f"{ere}\n" for ere in eres).replace("\\\n", "\n"), encoding="utf-8")
            told = told_by(read([str(Path(folder, case["group"]))]), lines_of(case["log"]))
        for number, line in enumerate(lines_of(case["log"]), 1):
            if line[-1:].isspace():
                share.left_out["lines that end with blanks, which logcheck takes off and grep alone does not"] += 1
            elif line:
                share.compare(line.decode("utf-8", "replace"), number not in case["lines"], number in told)
    return share


def of_package() -> Share:
    share = Share("import logcheck, Debian's rules")
    if not (INSTALLED / "ignore.d.server").is_dir():
        share.left_out["the rules of Debian's package, which is not installed"] += 1
        return share
    lines = lines_of(LOG) if (DATA / LOG).exists() else []
    told = told_by(read([str(INSTALLED)], Asked(("/var/log/a.log",))), lines)
    lines = [line.rstrip() for line in lines]  # as logcheck does before
    cracking, violations = grep(lines, "cracking.d"), grep(lines, "violations.d")
    known = grep(lines, "ignore.d.server", "ignore.d.paranoid")
    left = set(range(1, len(lines) + 1)) - known - cracking - violations
    expected = left | cracking | (violations - grep(lines, "violations.ignore.d"))
    for number, line in enumerate(lines, 1):
        if line:
            share.compare(line.decode("utf-8", "replace"), number in expected, number in told)
    return share


def told_by(imported: Import, lines: Iterable[bytes]) -> set[int]:
    """The numbers of the lines that the config tells of, from 1."""
    flows = {flow.name: [{"stdin": None} if step.kind == "tail" else {step.kind: step.value} for step in flow.steps]
             for flow in imported.flows}
    starts, data = {}, b""
    for number, line in enumerate(lines, 1):
        starts[len(data)] = number
        data += line + b"\n"
    return {starts[int(str(alert.events[-1]["offset"]))] for alert in run(flows, data)[0]}


def grep(lines: list[bytes], *folders: str) -> set[int]:
    """The numbers of the lines that GNU grep finds with the rules of some folders. The log is ASCII: in the locale C,
    grep is twenty times as fast."""
    rules = "".join(f"{line}\n" for folder in folders for path in sorted((INSTALLED / folder).iterdir())
                    for line in path.read_text("utf-8").splitlines() if line.strip() and not line.startswith("#"))
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(rules)
        file.flush()
        told = subprocess.run(["grep", "-n", "-a", "-E", "-f", file.name], input=b"\n".join(lines) + b"\n",
                              capture_output=True, check=False, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    return {int(line.partition(b":")[0]) for line in told.stdout.splitlines()}
