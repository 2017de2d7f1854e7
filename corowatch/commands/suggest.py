"""`corowatch suggest`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from math import inf

import click

from corowatch.cli import EX_IOERR, Output, fail, must_be_new, refusals, write
from corowatch.cli import force as overwriting
from corowatch.commands.replay import all_read, files, progress_bar, since, until
from corowatch.core.standing import clock, span
from corowatch.core.text import many, safe
from corowatch.rules.access_rules import by_format
from corowatch.rules.lines import Read, read_lines
from corowatch.rules.replaying import spooled
from corowatch.rules.suggesting import Finding, as_json, as_table, as_yaml, findings, rules
from corowatch.rules.templates import Templates
from corowatch.terminal import coloured, speak, width


@click.command("suggest")
@files
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, metavar="N",
              help="So many templates are shown, and so many rules made.")
@since
@until
@click.option("--table", "how", flag_value="table", help="Print the table alone.")
@click.option("--yaml", "how", flag_value="yaml", help="Print the rules alone; so it is where no person reads.")
@click.option("--json", "how", flag_value="json", help="Print the templates as JSON, with their patterns.")
@click.option("-o", "--output", metavar="FILE", type=Output(),
              help="Write the rules into this file.")
@overwriting
@refusals
def command(files: Sequence[str], top: int, since: float | None, until: float | None, how: str | None,
            output: str | None, force: bool) -> None:
    """Tell what stands out in logs, and print rules for that, with tests.

    Lines that differ only in numbers, addresses and the like are one template. First come those that are new (first
    seen in the last tenth of the time), rare or loud, and those with words such as error, failed, denied or panic.
    FILE is a log, plain or packed, an export of the journal, or - for standard input.

    \b
        corowatch suggest /var/log/syslog*
        corowatch suggest /var/log/auth.log --since 7d -o ssh.yaml && corowatch test ssh.yaml
        journalctl -o export --since today | corowatch suggest - --table
    """
    speak(sys.stdout)
    if output is not None:
        must_be_new(output, force=force)
    templates = Templates()
    with spooled(files, sys.stdin.buffer) as paths, progress_bar() as progress:
        read = read_lines(paths, templates.add, since=-inf if since is None else since,
                          until=inf if until is None else until, progress=progress)
    found = findings(templates)
    tell(templates, read)
    if not found:
        fail(EX_IOERR if read.failed else 1, "there is no line to learn from")
    made = rules(found, top)
    how = how or ("both" if sys.stdout.isatty() and output is None else "table" if output is not None else "yaml")
    if how in ("table", "both"):
        show(found[:top])
    if how == "json":
        click.echo(json.dumps({"lines": templates.lines, "templates": len(found), "forgotten": templates.forgotten,
                               "found": [as_json(one) for one in found[:top]]}, ensure_ascii=False, indent=1))
    if output is not None or how in ("yaml", "both"):
        if not made and not by_format([one.template for one in found]):
            fail(1, "no line says a word of which a rule could be made")
        text = as_yaml(made, [one.template for one in found], files)
        if output is None:
            click.echo(("\n" if how == "both" else "") + text, nl=False)
        else:
            write(output, text.encode())
            click.echo(f"wrote {output}: see it with `corowatch check {output}`, try it with `corowatch test {output}`",
                       err=True)
    all_read(read.failed)


def show(found: Sequence[Finding]) -> None:
    """A table of them; below each template, the first line that has it."""
    from rich.console import Console
    from rich.table import Column, Table

    table = Table(Column("lines", justify="right", no_wrap=True), Column("why", no_wrap=True),
                  Column("template, and its first line", overflow="fold"), box=None, padding=(0, 2, 0, 0))
    for lines, why, template, example in as_table(found):
        table.add_row(lines, why, f"{template}\n  {example}")
    Console(highlight=False, markup=False, width=width(sys.stdout), force_terminal=coloured(sys.stdout)).print(table)


def tell(templates: Templates, read: Read) -> None:
    """How much was read and how fast, on standard error."""
    for note in read.notes:
        click.echo(f"note: {safe(note)}", err=True)
    spans = f" from {clock(templates.began)} to {clock(templates.ended)}" if templates.lines else ""
    rate = f", {read.lines / read.seconds:,.0f} lines/s" if read.seconds > 1 else ""
    kept = f"; {templates.forgotten:,} that were not seen for long had to go" if templates.forgotten else ""
    click.echo(f"{many(len(templates), 'template')} of {many(templates.lines, 'line')}{spans}, in "
               f"{span(round(read.seconds, 1))}{rate}{kept}", err=True)
