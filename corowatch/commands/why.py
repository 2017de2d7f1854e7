"""`corowatch why`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from corowatch.cli import EX_IOERR, PATH, cache_folder, fail, refusals, running_state, state_dir
from corowatch.commands.replay import configs
from corowatch.core.config import Config
from corowatch.core.events import Alert
from corowatch.core.standing import clock
from corowatch.core.text import in_one_line, many, safe
from corowatch.core.verdict import when
from corowatch.rules.asking import Told, spot_of, why_alert, why_line, why_text
from corowatch.rules.telling import tree
from corowatch.sources.siblings import Folders, newest_first, roots
from corowatch.terminal import speak

_PLACE = re.compile(r"(?P<path>.+):(?P<byte>@)?(?P<number>\d+)", re.DOTALL)
_ID = re.compile(r"[0-9a-f]{6,24}(?:\.r)?")
_BEHIND = 1.0
"""Seconds that a file's time may be behind its last line's: the kernel's clock ticks, and bzip2 keeps whole ones."""


@click.command("why")
@click.argument("what")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=PATH)
@configs
@state_dir
@refusals
def command(what: str, files: Sequence[str], config: Sequence[str], state_dir: str | None) -> None:
    """Tell what each step did with a line, or what led to an alert.

    WHAT is FILE:LINE, FILE:@OFFSET, the id of an alert, or a line itself. A line in a file is met after all before it,
    in that file and in those named behind; an alert is looked for in what these would give, or where none is named, in
    what the running daemon sent, by the logs whose lines it tells, and what they were rotated to. A line itself meets
    what the daemon remembers now, if one runs here.
    """
    from corowatch.cache import DiskCache
    from corowatch.loading import load_paths

    speak(sys.stdout)
    loaded = load_paths(config)
    cache = DiskCache(cache_folder())
    place = _PLACE.fullmatch(what)
    if what.count("\n") == 0 and os.path.isfile(what):
        raise click.UsageError(f"{what} is a file; of a line in it write {what}:LINE")
    if place and not os.path.exists(place["path"]) and " " not in what and "/" in what:
        raise click.UsageError(f"there is no file {place['path']}")
    if place and not place["byte"] and not int(place["number"]) and os.path.exists(place["path"]):
        raise click.UsageError("lines are counted from 1")
    try:
        if place and os.path.exists(place["path"]):
            number = int(place["number"])
            spot = spot_of(place["path"], offset=number) if place["byte"] else spot_of(place["path"], line=number)
            _show(why_line(loaded, spot, files, cache=cache), loaded)
        elif _ID.fullmatch(what):
            _show_alert(what, files, loaded, _glimpse(state_dir), cache)
        else:
            glimpse = _glimpse(state_dir)
            if place and " " not in what:
                click.echo(f"there is no file {safe(place['path'])}; this is looked at as a line", err=True)
            if glimpse:
                click.echo(f"as what {running_state(state_dir)} remembers", err=True)
            _show(why_text(loaded, what, remembered=glimpse.memory) if glimpse else why_text(loaded, what), loaded)
    except BrokenPipeError:
        raise
    except OSError as error:
        named = f"{safe(str(error.filename))}: " if error.filename and error.strerror else ""
        fail(EX_IOERR, f"corowatch: {named}{error.strerror or error}")


def _glimpse(given: str | None) -> Any:
    """What the daemon of a state directory has committed; None where there is none."""
    from corowatch.store import Glimpse

    path = Path(running_state(given)) / "state.db"
    return Glimpse(path) if path.exists() and os.access(path, os.R_OK) else None


def _show(told: Told, config: Config) -> None:
    if not told.sights:
        click.echo("no source of the config reads this file")
    for line in tree(told.sights, config):
        click.echo(line)


def _show_alert(id_: str, files: Sequence[str], config: Config, glimpse: Any, cache: Any) -> None:
    def found(alert: Alert) -> bool:
        return alert.id.startswith(id_)

    asked = glimpse.alert(id_) if glimpse else None
    if asked is not None:
        files = files or _logs_of(asked)

        def found(alert: Alert) -> bool:
            return (alert.flow, alert.at, alert.key, alert.state) == (asked.flow, asked.at, asked.key, asked.state)

    if not files and asked is None:
        fail(1, f"no alert {id_} is kept here. An id that a daemon gave is known in its state directory (--state-dir) "
                "for a while; one that replay gave, in the logs that it read: name them")
    until = when(asked) if asked is not None else None
    answer = why_alert(config, found, files, until=until, cache=cache) if files else None
    if answer is None and asked is not None:
        _show_kept(asked)
    elif answer is None:
        fail(1, f"these logs give no alert {id_}: corowatch replay tells the ids of those that they give, which are "
                "others than those of a daemon")
    else:
        alert, told = answer
        click.echo(_head(asked or alert))
        if asked is not None and (alert.id, alert.title) != (asked.id, asked.title):
            other = "" if alert.title == asked.title else f": {in_one_line(alert.title)}"
            click.echo(f"its logs, read from their beginning, give it as {alert.id}{other}")
        click.echo()
        for one in told:
            _show(one, config)


def _logs_of(alert: Alert) -> list[str]:
    """The files whose lines an alert tells, and what they were rotated to since the first of these, oldest first."""
    began = min((datetime.fromisoformat(str(event["at"])).timestamp() for event in alert.events), default=0.0)
    folders, found = Folders(), list[str]()
    for path in dict.fromkeys(str(event["file"]) for event in alert.events):
        logs = roots(path) if os.path.isabs(path) else ()  # it may be a rotated one already
        rotations = newest_first({other for log in logs for other in folders.rotations(log)})
        found += [other for other, seen in rotations if seen.mtime / 1e9 + _BEHIND >= began][::-1]
        found += [path] if os.path.exists(path) else []
    return list(dict.fromkeys(found))


def _head(alert: Alert) -> str:
    return f"{alert.id}  {clock(when(alert))}  {safe(alert.flow)}: {in_one_line(alert.title)}"


def _show_kept(alert: Alert) -> None:
    """What an alert tells by itself, where its lines are no longer there, or no longer give it."""
    click.echo(f"{_head(alert)}\n")
    click.echo(f"its logs, as they are now, do not give it; it told {many(len(alert.events), 'line')}:")
    for event in alert.events:
        click.echo(f"  {event['file']}:@{event['offset']}  {in_one_line(str(event['text']))}")
