"""`corowatch accept`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import inf

import click

from corowatch.cli import EX_CONFIG, EX_IOERR, MOST_ROWS, PATH, fail, in_the_way, refusals
from corowatch.commands.replay import all_read, files, progress_bar, since, until
from corowatch.core.masks import shown
from corowatch.core.text import many, safe
from corowatch.rules.accepting import Accepting
from corowatch.rules.lines import read_lines
from corowatch.rules.replaying import spooled
from corowatch.terminal import speak


@click.command("accept")
@click.argument("templates", metavar="TEMPLATES", type=PATH)
@files
@since
@until
@click.option("--dry-run", is_flag=True, help="Show what would be added, and leave the file as it is.")
@refusals
def command(templates: str, files: Sequence[str], since: float | None, until: float | None, dry_run: bool) -> None:
    """Learn what is expected of logs: add the templates of their lines to the file TEMPLATES.

    The step `unexpected` passes on what has none of them. What stands in the file stays as it is; its new lines can be
    looked through, made narrower or wider, and taken out again. A daemon reads it again within seconds. FILE is a log,
    plain or packed, an export of the journal, or - for standard input.

    \b
        corowatch accept syslog.templates /var/log/syslog*
        corowatch accept syslog.templates /var/log/syslog --since 1d --dry-run
        echo 'the line that I was told of' | corowatch accept syslog.templates -
    """
    speak(sys.stdout)
    if not dry_run and (why := in_the_way(templates)):
        fail(EX_IOERR, f"{templates} cannot be written: {why}")
    try:
        accepting = Accepting(templates)
    except (OSError, ValueError) as error:
        fail(EX_CONFIG, str(error))
    with spooled(files, sys.stdin.buffer) as paths, progress_bar() as progress:
        read = read_lines(paths, accepting.add, since=-inf if since is None else since,
                          until=inf if until is None else until, progress=progress)
    for note in read.notes:
        click.echo(f"note: {safe(note)}", err=True)
    new = accepting.new()
    for template in new[:MOST_ROWS]:
        click.echo(f"{template.count:7,}  {safe(shown(template.text))}")
    if len(new) > MOST_ROWS:
        click.echo(f"… and {len(new) - MOST_ROWS:,} more")
    if not accepting.templates.lines and not accepting.explained:
        fail(EX_IOERR if read.failed else 1, "there is no line to learn from")
    count = len(new)
    if new and not dry_run:
        try:
            count = accepting.save()
        except OSError as error:
            fail(EX_IOERR, f"{templates} cannot be written: {error.strerror}")
        except ValueError as error:
            fail(EX_CONFIG, str(error))
    added = "would be added to" if dry_run else "added to"
    kept = f"; {accepting.templates.forgotten:,} more had to go" if accepting.templates.forgotten else ""
    known = f"{many(len(accepting), 'template')} there before {'explains' if len(accepting) == 1 else 'explain'}"
    click.echo(f"{many(count, 'template')} {added} {safe(templates)}, of {many(accepting.templates.lines, 'line')}; "
               f"{known} {accepting.explained:,} more{kept}", err=True)
    all_read(read.failed)
