"""The manual page, made from the command's own help: man(7)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from corowatch import __version__
from corowatch.core.describe import ROLES
from corowatch.core.kinds import Kinds

FILES = (
    ("/etc/corowatch/*.yaml", "the config, all files as one"),
    ("/var/lib/corowatch/state.db", "positions, memory and outbox of the service"),
    ("/var/lib/corowatch/summary.json", "what was counted, in the last run and in all"),
)
STATUS = ((0, "clean"), (1, "a step's goodbye failed, or --once could not deliver"), (64, "usage"),
          (74, "input or output"), (78, "config or state refused"))


def page(group: click.Group, kinds: Kinds) -> str:
    """corowatch(1), with every command, every kind, the files and the exit statuses."""
    rows = [f'.TH COROWATCH 1 "" "corowatch {__version__}" "User Commands"', ".SH NAME",
            r"corowatch \- watch log files and say something sensible when they say X", ".SH SYNOPSIS",
            r".B corowatch", r"\fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]",
            ".SH DESCRIPTION", *_prose(group.help or ""), ".SH COMMANDS"]
    whole = click.Context(group)
    for name in group.list_commands(whole):
        command = group.get_command(whole, name)
        assert command is not None
        context = click.Context(command, info_name=f"corowatch {name}")
        rows += [f".SS {_plain(' '.join([name, *command.collect_usage_pieces(context)]))}", *_prose(command.help or "")]
        for parameter in command.params:
            told = parameter.get_help_record(context)
            if told and isinstance(parameter, click.Option):
                rows += [".TP", rf"\fB{_plain(told[0])}\fR", _plain(told[1])]
    rows.append(".SH KINDS")
    for role, heading in ROLES.items():
        rows.append(f".SS {heading}")
        for name, kind in sorted(getattr(kinds, role).items()):
            rows += [".TP", rf"\fB{name}\fR", _plain(kind.summary)]
    rows += [".PP", r"\fBcorowatch kinds\fR \fIKIND\fR tells each option in a sentence.", ".SH FILES"]
    for path, what in FILES:
        rows += [".TP", rf"\fI{_plain(path)}\fR", what]
    rows.append(".SH EXIT STATUS")
    for status, what in STATUS:
        rows += [".TP", str(status), _plain(what)]
    return "\n".join(rows) + "\n"


def _plain(text: str) -> str:
    """A text as one line that roff takes for itself."""
    return _kept(re.sub(r"\s+", " ", text.strip()))


def _prose(text: str) -> Iterator[str]:
    r"""The paragraphs of a help text; one that begins with `\b` keeps its lines, as click has it."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if not paragraph.lstrip().startswith("\b"):
            yield from (".PP", _plain(paragraph))
            continue
        lines = paragraph.split("\n")[1:]
        indent = min(len(row) - len(row.lstrip()) for row in lines)
        yield from (".PP", ".nf", ".RS", *(_kept(row[indent:]) for row in lines), ".RE", ".fi")


def _kept(line: str) -> str:
    """A line that roff takes for itself: no escape, no request at its start, real hyphens, ASCII."""
    told = line.replace("\\", r"\e").replace("-", r"\-")
    told = "".join(char if char.isascii() else rf"\[u{ord(char):04X}]" for char in told)
    return rf"\&{told}" if told.startswith((".", "'")) else told
