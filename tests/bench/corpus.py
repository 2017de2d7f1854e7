"""What is read: a log of mixed real lines, one in a hundred of which matches, and the rules that are looked for."""

from __future__ import annotations

import random
import re
from pathlib import Path

TEN = [r"Failed password for (invalid user )?(\S+) from (\S+) port (\d+)", "POSSIBLE BREAK-IN ATTEMPT",
       "OutOfMemoryError|Out of memory", r"segfault at [0-9a-f]+", "[Cc]onnection refused", r"timed? ?out after (\d+)",
       r"\bFATAL\b", r"\bpanic\b", r'HTTP/1\.[01]" 5\d\d', r"authentication failure.*rhost=(\S+)"]
SHAPES = [r"{a}[: ]+{b}X{n}", r"\b{a}\b.*\b{b}_fail(ed|ure)", r"(?:{a}|{b})\.Error{n}: (\S+)",
          r"user=\w+ {a} code={n}\d"]
"""Of the rules that match nothing, on words of the lines themselves."""
SAMPLES = Path(__file__).parents[2].parent / "shared" / "data" / "loghub"
PLAIN = ["Nov 22 10:00:00 web1 sshd[{n}]: Failed password for root from 192.0.2.{n} port 4242 ssh2",
         "Nov 22 10:00:00 web1 sshd[{n}]: Accepted publickey for deploy from 198.51.100.{n} port 4242 ssh2",
         "2026-11-22 10:00:00,{n:03} INFO dfs.DataNode$PacketResponder: PacketResponder {n} for blk_{n} terminating",
         '192.0.2.{n} - - [22/Nov/2026:10:00:00 +0000] "GET /item/{n} HTTP/1.1" 200 5{n} "-" "Mozilla/5.0"',
         "2026-11-22 10:00:00,{n:03} WARN org.apache.zookeeper.server.NIOServerCnxn: end of stream exception {n}"]
AT_ONCE, WANTED = 100_000, 1_000
"""Lines that are shuffled and written again and again, and those of them that match."""


def samples() -> list[str]:
    """Real lines where they are, else lines of the same shapes."""
    found = [line.rstrip("\r") for path in sorted(SAMPLES.glob("*.log"))
             for line in path.read_text(errors="replace").split("\n") if line.strip()]
    return found or [line.format(n=n) for n in range(200) for line in PLAIN]


def thousand() -> list[str]:
    """The ten, and 990 that match nothing."""
    words = sorted({word for line in samples() for word in re.findall("[A-Za-z]{5,12}", line)})
    pick = random.Random(3).choice
    return TEN + [SHAPES[n % len(SHAPES)].format(a=pick(words), b=pick(words), n=n) for n in range(990)]


def build(path: Path, megabytes: int) -> int:
    """Write the corpus, the same for the same samples; gives its lines."""
    chance = random.Random(7)
    any_rule = re.compile("|".join(f"(?:{rule})" for rule in TEN))
    lines = samples()
    wanted = [line for line in lines if any_rule.search(line)]
    rest = [line for line in lines if not any_rule.search(line)]

    def fresh(line: str) -> bytes:
        salt = str(chance.randrange(10, 99))
        return re.sub(r"\d{3,}", lambda found: found[0][:-2] + salt, line).encode(errors="replace") + b"\n"

    base = [fresh(chance.choice(rest)) for _ in range(AT_ONCE - WANTED)]
    base += [fresh(chance.choice(wanted)) for _ in range(WANTED)]
    size = count = 0
    with path.open("wb", 1 << 20) as out:
        while size < megabytes * 1_000_000:
            chance.shuffle(base)
            size += out.write(b"".join(base))
            count += len(base)
    return count
