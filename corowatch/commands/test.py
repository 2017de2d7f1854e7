"""`corowatch test`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from corowatch.cli import PATH, refusals
from corowatch.core.text import many, safe
from corowatch.rules.testing import Outcome, run, suites


@click.command("test")
@click.argument("paths", metavar="[CONFIG]...", nargs=-1, type=PATH)
@click.option("--only", metavar="TEXT", help="Run only tests with this in their name or flow.")
@refusals
def command(paths: Sequence[str], only: str | None) -> None:
    """Run the tests of configs: lines in, time passing as they tell, and the alerts that must be there then.

    CONFIG is a config, a file of tests (*.test.yaml), or a folder with either; without it, the folder you are in.
    Nothing is sent, and nobody waits. Exit status 1: a test failed.
    """
    outcomes = [outcome for suite in suites(paths) for outcome in run(
        suite, wanted=lambda placed: not only or only in placed.case.called or only == placed.case.flow)]
    for outcome in outcomes:
        if not outcome.passed:
            show(outcome)
    failed = sum(not outcome.passed for outcome in outcomes)
    click.echo(f"{many(len(outcomes), 'test')}: {many(failed, 'failure') if failed else 'all pass'}")
    sys.exit(1 if failed or not outcomes else 0)


def show(outcome: Outcome) -> None:
    """What went wrong."""
    click.echo(f"{outcome.placed.place}: {safe(outcome.placed.case.called)}")
    for text in outcome.trouble:
        click.echo(f"  {safe(text)}")
    for raised in outcome.raised:
        click.echo(f"  {raised.node} failed: {type(raised.error).__name__}: {safe(str(raised.error))}")
    for failure in outcome.failures:
        click.echo(f"  {failure.place}")
        click.echo(f"    expected: {safe(failure.wanted)}")
        click.echo(f"    found:    {safe(failure.found)}")
