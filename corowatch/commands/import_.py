"""`corowatch import`."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from corowatch.cli import EX_IOERR, PATH, Output, fail, must_be_new, refusals, write
from corowatch.cli import force as overwriting
from corowatch.core.config import ConfigFile
from corowatch.core.text import many, safe
from corowatch.core.values import duration

PEERS = ("fail2ban", "logcheck", "swatchdog", "sec")


def options_of(context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> Mapping[str, str]:
    """NAME=VALUE, as often as there are."""
    for one in given:
        if "=" not in one:
            raise click.BadParameter(f"{one!r} is not NAME=VALUE, such as mode=aggressive")
    return dict(one.split("=", 1) for one in given)


def often(context: click.Context, parameter: click.Parameter, given: str | None) -> tuple[int, float] | None:
    """N/TIME, such as 5/10m."""
    if given is None:
        return None
    count, slash, time = given.partition("/")
    try:
        if not slash or int(count) < 1:
            raise ValueError
        return int(count), duration(time)
    except ValueError:
        raise click.BadParameter(f"{given!r} is not N/TIME, such as 5/10m") from None


def logs_of(peer: str, given: Sequence[str]) -> Sequence[str]:
    """The logs to read as a config names them, wherever it stands. Raises BadParameter where the journal is asked for
    and cannot be read so."""
    if "journal" not in given:
        return [os.path.abspath(one) for one in given]
    if peer == "logcheck" and len(given) == 1:
        return given
    instead = {"logcheck": "the journal is read alone, without other logs",
               "fail2ban": "fail2ban's filters read it with `--set logtype=journal`"}
    why = instead.get(peer, f"the rules of {peer} read files, in whose lines stand a time, a host and a program")
    raise click.BadParameter(f"journal: {why}; a file of this name is ./journal", param_hint="--log")


@click.command("import")
@click.argument("peer", type=click.Choice(PEERS))
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=PATH)
@click.option("--log", "logs", metavar="PATH", multiple=True, help="The log to read, in place of the one that the "
              "rules or their program name; may be given again.")
@click.option("--set", "options", metavar="NAME=VALUE", multiple=True, callback=options_of,
              help="Set an option of fail2ban's filters, such as mode=aggressive, or logcheck's REPORTLEVEL; may be "
              "given again.")
@click.option("--threshold", metavar="N/TIME", callback=often, help="How often is too often, in place of what "
              "fail2ban's jails say, such as 5/10m; of fail2ban alone.")
@click.option("-o", "--output", metavar="FILE", type=Output(), help="Write the config to a file.  "
              "[default: standard output]")
@overwriting
@refusals
def command(peer: str, files: Sequence[str], logs: Sequence[str], options: Mapping[str, str],
            threshold: tuple[int, float] | None, output: str | None, force: bool) -> None:
    """Make a config of the rules of fail2ban, logcheck, swatchdog or SEC.

    The config goes to standard output. What could not be carried over is listed on standard error, each with its place,
    and in comments of the config. The exit status is 0 then, too: read the list, and try the config on a log of yours
    (`corowatch replay`) before you rely on it. It is 1, and nothing is written, where nothing could be carried over.

    \b
    corowatch import fail2ban /etc/fail2ban/jail.local -o bans.yaml
    corowatch import fail2ban /etc/fail2ban/filter.d/sshd.conf --set mode=aggressive
    corowatch import logcheck /etc/logcheck -o logcheck.yaml
    corowatch import swatchdog ~/.swatchdogrc --log /var/log/messages
    corowatch import sec /etc/sec/*.sec --log /var/log/syslog
    """
    from corowatch.loading import load_texts
    from corowatch.rules.importing import Asked, Import, WrongOption, sound

    if threshold is not None and peer != "fail2ban":
        raise click.BadParameter("it is for fail2ban, whose jails say how often is too often; in a config of "
                                 f"{peer}'s rules write a step `threshold`", param_hint="--threshold")
    logs = logs_of(peer, logs)
    if output is not None:
        must_be_new(output, force=force)
    for path in files:
        if not os.access(path, os.R_OK):
            why = "Permission denied" if os.path.exists(path) else "No such file or directory"
            fail(EX_IOERR, safe(f"{path}: cannot be read: {why}"))
    reader: Any = importlib.import_module(f"corowatch.rules.importing.{peer}")
    try:
        imported: Import = reader.read(files, Asked(logs, options, threshold))
    except WrongOption as error:
        raise click.BadParameter(str(error), param_hint="--set") from error
    text = sound(imported, f"Imported from {peer}: {' '.join(files)}",
                 lambda made: load_texts([ConfigFile("the config that was made", made, "/")]))
    for lost in imported.lost:
        click.echo(safe(str(lost)), err=True)
    if not imported.flows:
        fail(1, "nothing could be carried over")
    if output is None:
        sys.stdout.write(text)
    else:
        write(output, text.encode())
    but = f"; {many(len(imported.lost), 'thing')} could not be carried over" if imported.lost else ""
    click.echo(f"{many(len(imported.flows), 'flow')}{but}", err=True)
