"""python -m tests.faults [--scale ci|full] [-n PROCESSES] [T01 T02 …]: run rows of the fault matrix; prints a table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--scale", choices=["ci", "full"], default="ci")
    parser.add_argument("-n", default="1", help="rows that run at a time")
    parser.add_argument("rows", nargs="*", metavar="T01", help="rows to run; none: all")
    asked = parser.parse_args()
    rows = " or ".join(f"test_{row.lower()}_" for row in asked.rows)
    return pytest.main(["-q", "-m", "faults", "--scale", asked.scale, "-n", asked.n, "-k", rows, str(HERE)])


if __name__ == "__main__":
    sys.exit(main())
