"""`python -m tests.fuzz [TARGET [INPUT]] [--minutes N]`: see the package."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

TARGETS = ("framer", "config", "parse", "state")
FOUND = Path("fuzz-found")
"""Where inputs that broke a promise are kept."""


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    asked.add_argument("target", nargs="?", choices=TARGETS)
    asked.add_argument("input", nargs="?", type=Path, help="repeat what is in this file")
    asked.add_argument("--minutes", type=float, default=10.0)
    given = asked.parse_args()
    if given.input:
        importlib.import_module(f"tests.fuzz.{given.target}").one(given.input.read_bytes())
        print(f"{given.input}: nothing is broken")
        return 0
    try:
        import atheris
    except ImportError:
        print("the fuzzers need Atheris: pip install -e '.[fuzz]'", file=sys.stderr)
        return 2
    if given.target:
        fuzz(atheris, given.target, given.minutes)
    share = str(given.minutes / len(TARGETS))
    # Each in a process of its own: libFuzzer ends the one that it ran in.
    ended = {name: subprocess.run([sys.executable, "-m", "tests.fuzz", name, "--minutes", share]).returncode
             for name in TARGETS}
    for name, status in ended.items():
        print(f"{name}: {'nothing is broken' if status == 0 else 'BROKEN, see above'}")
    return max(ended.values())


def fuzz(atheris: object, name: str, minutes: float) -> None:
    """Search until the time is over or a promise is broken; ends the process."""
    with atheris.instrument_imports(include=["corowatch"]):
        target = importlib.import_module(f"tests.fuzz.{name}")
    FOUND.mkdir(exist_ok=True)
    kept = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    for number, seed in enumerate(target.SEEDS):
        (kept / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={round(60 * minutes)}", "-max_len=4096", "-rss_limit_mb=1024", "-print_final_stats=1",
               "-timeout=20", f"-artifact_prefix={FOUND}/{name}-"]
    if words := getattr(target, "WORDS", ()):
        (kept.parent / f"{kept.name}.dict").write_text("".join(f'"{spelt(word)}"\n' for word in words))
        options.append(f"-dict={kept.parent / kept.name}.dict")

    def one(data: bytes) -> None:
        try:
            target.one(data)
        except BaseException:
            print(f"\n== BROKEN. To repeat: python -m tests.fuzz {name} {FOUND}/{name}-crash-…  (its name is below)")
            raise

    print(f"== {name}: {minutes:g} minutes, what is of interest is kept in {kept}", flush=True)
    atheris.Setup([sys.argv[0], *options, str(kept)], one)
    atheris.Fuzz()


def spelt(word: str) -> str:
    """A word as libFuzzer's dictionaries have it."""
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in word.encode())


if __name__ == "__main__":
    sys.exit(main())
