"""The command, `corowatch` and `python -m corowatch`."""

from __future__ import annotations

import gc
import os
import sys

YOUNG = 10_000
"""So many objects are made before the collector looks for rings among them. Hardly any is part of one, and those of a
turn live until it is committed: looked at after each 700, as is usual, they cost a keyed node a fifth of its time."""


def main() -> None:
    """Run the command line."""
    # Started with a stream closed (`>&-`), Python has none, and the next file opened would take its number.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    from corowatch.cli import cli

    cli(prog_name="corowatch")


if __name__ == "__main__":
    main()
