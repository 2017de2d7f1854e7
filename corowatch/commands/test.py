"""`corowatch test`."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence

import click

from corowatch.cli import PATH, Output, refusals, write
from corowatch.core.errors import ConfigError
from corowatch.core.text import many, safe
from corowatch.rules.coverage import Coverage
from corowatch.rules.testing import Outcome, Suite, run, suites

SETTLED = 0.2
"""Seconds without another change after which the tests run again."""


@click.command("test")
@click.argument("paths", metavar="[CONFIG]...", nargs=-1, type=PATH)
@click.option("--only", metavar="TEXT", help="Run only tests with this in their name, or of this flow.")
@click.option("--coverage", is_flag=True, help="Tell what no test reaches: flows, steps, alternatives of patterns.")
@click.option("--junit", "report", metavar="FILE", type=Output(), help="Write the outcome for a CI "
              "server.")
@click.option("--watch", is_flag=True, help="Run them again whenever a file beside them changes.")
@refusals
def command(paths: Sequence[str], only: str | None, coverage: bool, report: str | None, watch: bool) -> None:
    """Run the tests of configs: lines in, time passing as they tell, and the alerts that must be there then.

    CONFIG is a config, a file of tests (*.test.yaml), or a folder with either; without it, the folder you are in.
    Nothing is sent, and nobody waits. Exit status 1: a test failed, or there is none.
    """
    if watch:
        _watch(paths, only, coverage)
        return
    outcomes = list(_all(paths, only, coverage))
    if report is not None:
        from corowatch.rules.junit import junit

        write(report, junit(outcomes))
    sys.exit(0 if outcomes and all(outcome.passed for outcome in outcomes) else 1)


def _all(paths: Sequence[str], only: str | None, coverage: bool) -> Iterator[Outcome]:
    """Run them, telling each that fails, and at last how many there were."""
    ran = failed = 0
    reach: list[tuple[Suite, Coverage]] = []
    for suite in suites(paths):
        reach.append((suite, Coverage(suite.config)))
        for outcome in run(suite, lambda placed: not only or only in placed.case.called or only == placed.case.flow):
            ran += 1
            failed += not outcome.passed
            reach[-1][1].add(outcome.sights)
            _show(outcome)
            yield outcome
    click.echo(f"{many(ran, 'test')}: {many(failed, 'failure') if failed else 'all pass' if ran else 'there is none'}")
    if ran:
        _show_coverage(reach, missed=coverage)


def _show(outcome: Outcome) -> None:
    if not outcome.passed:
        click.echo(f"{outcome.placed.place}: {safe(outcome.placed.case.called)}")
        for told in outcome.told():
            click.echo("\n".join(f"  {line}" for line in told.split("\n")))


def _show_coverage(reach: Sequence[tuple[Suite, Coverage]], *, missed: bool) -> None:
    told = []
    for kind, noun in (("flow", "flow"), ("step", "step"), ("pattern", "alternative")):
        shares = [one.share(kind) for _, one in reach]
        told.append(f"{sum(share[0] for share in shares)} of {many(sum(share[1] for share in shares), noun)}")
    click.echo(f"reached: {', '.join(told)}")
    for suite, one in reach if missed else ():
        for part in one.missed():
            click.echo(f"{suite.name}: no test reaches the {part.kind} {safe(part.name)}")


def _watch(paths: Sequence[str], only: str | None, coverage: bool) -> None:
    """Run them, and again after each change, until Ctrl-C."""
    from corowatch.watch import Watch

    changed = threading.Event()
    watch = Watch(changed.set)
    folders = {path if os.path.isdir(path) else os.path.dirname(path) for path in paths or ["."]}
    watch.refresh({os.path.abspath(folder): True for folder in folders})
    try:
        while True:
            click.clear()
            try:
                for _ in _all(paths, only, coverage):
                    pass
            except ConfigError as error:
                click.echo(str(error))
            changed.wait()
            while changed.is_set():
                changed.clear()
                watch.take()
                changed.wait(SETTLED)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        watch.stop()
