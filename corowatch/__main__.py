"""The command, `corowatch` and `python -m corowatch`."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from corowatch.cli import cli

    cli(prog_name="corowatch")


if __name__ == "__main__":
    main()
