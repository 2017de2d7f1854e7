"""python -m tests.faults [--scale ci|full] [-n PROCESSES] [T01 T02 …]: run rows of the fault matrix; prints a table.

All of them take some five minutes with -n 2. Rows that need root, strace, logrotate … say so, and are skipped.
"""

from __future__ import annotations

import argparse
import re
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
    wrong = [row for row in asked.rows if not re.fullmatch(r"[Tt](0[1-9]|[1-6][0-9]|7[0-2])[A-Za-z]?", row)]
    if wrong:
        parser.error(f"no row {wrong[0]}: rows are T01 to T72")
    rows = " or ".join(f"test_{row.lower()}_" for row in asked.rows)
    return pytest.main(["-q", "-m", "faults", "--scale", asked.scale, "-n", asked.n, "-k", rows, str(HERE)])


if __name__ == "__main__":
    sys.exit(main())
