"""`corowatch replay`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf

import click

from corowatch.cli import EX_IOERR, MOST_ROWS, PATH, Output, cache_folder, fail, refusals, write
from corowatch.core.cases import moment
from corowatch.core.events import Alert
from corowatch.core.letter import headline
from corowatch.core.standing import clock, span
from corowatch.core.text import many, safe
from corowatch.core.verdict import when
from corowatch.rules.replaying import Progress, Replayed, spooled
from corowatch.rules.replaying import replay as run
from corowatch.rules.summaries import counted
from corowatch.rules.timeline import picture, timeline
from corowatch.terminal import coloured, speak, width


def a_moment(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """A time on the command line: 2026-03-02, 2026-03-02T08:00:00Z, or so long ago, such as 7d."""
    import time

    from corowatch.core.values import duration

    if value is None:
        return None
    for read in (moment, lambda text: time.time() - duration(text)):
        try:
            return read(value)
        except ValueError:
            continue
    raise click.BadParameter(f"{value!r} is no time; write 2026-03-02T08:00:00Z, 2026-03-02, or 7d for a week ago")


configs = click.option("-c", "--config", "config", metavar="CONFIG", multiple=True, type=PATH,
                       help="A config, or a folder of *.yaml; may be given again.  [default: /etc/corowatch]")
since = click.option("--since", callback=a_moment, metavar="TIME", help="Leave out what was before.")
until = click.option("--until", callback=a_moment, metavar="TIME", help="Leave out what was after.")
files = click.argument("files", metavar="FILE...", nargs=-1, required=True, type=PATH)


SHORT = 8
"""Characters of an id that are enough to find an alert again."""


@click.command("replay")
@files
@configs
@since
@until
@click.option("--json", "as_json", is_flag=True, help="Print alerts as JSON lines, as sinks are given them.")
@click.option("--report", metavar="HTML", type=Output(), help="Write a page with the timeline, "
              "counts, the noisiest keys and every alert.")
@refusals
def command(files: Sequence[str], config: Sequence[str], since: float | None, until: float | None, as_json: bool,
            report: str | None) -> None:
    """Tell which alerts a config would have sent of old logs. Nothing is sent.

    FILE is a log, plain or packed (gzip, bzip2, xz, zstd), an export of the journal (journalctl -o export or -o json),
    or - for standard input. It is read by the flows whose `tail` names it, also as it was called before it was rotated;
    one that none names, by all. Several are merged by the time of their lines.

    A terminal shows a table; a pipe or a file gets JSON lines, as --json does. Exit status: 74, a file could not be
    read, or not to its end, and the others were; 1, nothing was read.
    """
    from corowatch.cache import DiskCache
    from corowatch.loading import load_paths
    from corowatch.scout import Scouts

    speak(sys.stdout)
    loaded = load_paths(config)
    in_order(since, until)
    with spooled(files, sys.stdin.buffer) as paths, progress_bar() as progress:
        outcome = run(loaded, paths, since=-inf if since is None else since, until=inf if until is None else until,
                      cache=DiskCache(cache_folder()), scouts=Scouts(), progress=progress)
    if report is not None:
        from corowatch.rules.report import page

        write(report, page(outcome, loaded).encode())
    if as_json or not sys.stdout.isatty():
        for alert in outcome.alerts:
            click.echo(alert.as_json())
    else:
        show_alerts(outcome.alerts)
    tell(outcome)
    if outcome.notes and not outcome.lines:
        fail(EX_IOERR if outcome.failed else 1, "nothing was read")
    all_read(outcome.failed)


def all_read(failed: int, status: int = EX_IOERR) -> None:
    """End with a status that says so where so many files could not be read."""
    if failed:
        fail(status, f"{many(failed, 'file')} could not be read, or not to the end")


def in_order(since: float | None, until: float | None) -> None:
    """Raises UsageError where a time ends before it begins."""
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--since is not before --until: there is no time between them")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """How far it is, on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    with Progress(BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(), transient=True,
                  console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)
        told: Callable[[int, int], object] = lambda done, total: bar.update(task, completed=done, total=total)  # noqa: E731
        yield told


def show_alerts(alerts: Sequence[Alert]) -> None:
    """A table of them, the first thousand."""
    from rich.console import Console
    from rich.table import Column, Table

    if not alerts:
        return
    table = Table(*(Column(name, no_wrap=True) for name in ("id", "time", "flow", "severity")),
                  Column("title", overflow="fold"), box=None, padding=(0, 2, 0, 0))
    for alert in alerts[:MOST_ROWS]:
        table.add_row(alert.id[:SHORT], clock(when(alert)), alert.flow, alert.severity, headline(alert))
    Console(highlight=False, markup=False, width=width(sys.stdout),
            force_terminal=coloured(sys.stdout)).print(table)
    if len(alerts) > MOST_ROWS:
        click.echo(f"… and {len(alerts) - MOST_ROWS:,} more; --json tells all")


def tell(outcome: Replayed) -> None:
    """The picture and the numbers, on standard error."""
    for note in outcome.notes:
        click.echo(f"note: {safe(note)}", err=True)
    if outcome.alerts:
        click.echo(err=True)
        columns = min(100, max(40, width(sys.stderr) - 40))
        for line in picture(timeline(outcome.alerts, outcome.began, outcome.ended, columns)):
            click.echo(line, err=True)
    mib = outcome.bytes / (1 << 20)
    rate = f", {mib / outcome.seconds:,.0f} MiB/s" if mib > outcome.seconds > 1 else ""
    spans = f" from {clock(outcome.began)} to {clock(outcome.ended)}" if -inf < outcome.began <= outcome.ended else ""
    lines = many(outcome.lines, "line")
    were = f"{'was' if outcome.lines == 1 else 'were'} read"
    of = f"{spans}; {lines} {were}" if outcome.part else f" of {lines}{spans}"
    click.echo(f"{counted(outcome.alerts)}{of}, in {span(round(outcome.seconds, 1))}{rate}", err=True)
