"""The command, `corowatch` and `python -m corowatch`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line."""
    # Started with a stream closed (`>&-`), Python has none, and the next file opened would take its number.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    from corowatch.cli import cli

    cli(prog_name="corowatch")


if __name__ == "__main__":
    main()
