"""`corowatch init`."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from corowatch.beginning import KNOWN, Beginning, Rules, Sink, fitting, sink
from corowatch.cli import EX_IOERR, EX_USAGE, PATH, SERVICE, fail, in_the_way, must_be_new, refusals
from corowatch.cli import force as overwriting
from corowatch.core.text import many, safe
from corowatch.core.values import nearest
from corowatch.machine import Log, Machine, look

Chosen = TypeVar("Chosen")
OURS = "corowatch.yaml"


@click.command("init")
@click.option("--yes", is_flag=True, help="Ask nothing: take all that is found, and the answers given here.")
@click.option("--to", "where", metavar="WHERE", multiple=True,
              help="Where alerts go: ops@example.org, https://HOST/PATH or /the/path/of/a/file; may be given again.")
@click.option("--log", "logs", metavar="PATH", multiple=True, help="Watch only this of the logs that are found; may be "
              "given again.")
@click.option("--rules", metavar="NAME", multiple=True, type=click.Choice([one.name for one in KNOWN]),
              help=f"Take only these rules: {', '.join(one.name for one in KNOWN)}; may be given again.")
@click.option("-o", "--output", metavar="FILE", type=PATH,
              help=f"The config to write.  [default: /etc/corowatch/{OURS} as root, else ./{OURS}]")
@overwriting
@click.option("--root", metavar="DIR", default="/", type=PATH, hidden=True, help="Look below this folder.")
@refusals
def command(yes: bool, where: Sequence[str], logs: Sequence[str], rules: Sequence[str], output: str | None, force: bool,
            root: str) -> None:
    """Look at this machine and write a config to begin with.

    It finds known logs, or the journal where there are none, asks on a terminal which of them to watch, for what, and
    where alerts should go, and writes a config that is checked. Nothing is started.

    \b
        corowatch init
        corowatch init --yes --to ops@example.org
        corowatch init --yes --rules ssh --rules disks --to /var/log/alerts.jsonl -o rules.yaml
    """
    output = output or (f"/etc/corowatch/{OURS}" if os.geteuid() == 0 else OURS)
    must_be_new(output, force=force)
    if why := in_the_way(_first_missing(output)):  # before anything is asked
        _cannot_write(output, why)
    asks = not yes
    if asks and not sys.stdin.isatty():
        fail(EX_USAGE, "there is no terminal to ask on; take what is found with --yes")
    sinks = [_answer(sink, one, "--to") for one in where]
    machine = look(root)
    _tell(machine)
    chosen = _logs(machine, logs, asks=asks)
    fits = fitting(machine, chosen)
    wanted = [_named(fits, name) for name in dict.fromkeys(rules)] if rules else (
        _ask_rules(fits) if asks else fits)
    if not sinks:
        sinks = _ask_where(_default(output)) if asks else [sink(_default(output))]
    try:
        text = Beginning(machine, chosen, wanted, sinks).text()
    except FileNotFoundError as error:
        fail(EX_IOERR, f"corowatch: {error}")
    _write(output, text)
    _tell_what_next(output, wanted, sinks, machine)


def _first_missing(path: str) -> str:
    """The first folder of a path that is to be made, or itself."""
    folder = os.path.dirname(os.path.abspath(path))
    return path if os.path.lexists(folder) else _first_missing(folder)


def _cannot_write(output: str, why: str) -> NoReturn:
    home = os.path.expanduser("~")
    such = f" such as {home}/{OURS}" if os.access(home, os.W_OK | os.X_OK) and os.geteuid() != 0 else ""
    fail(EX_IOERR, f"{output} cannot be written: {why}; name another file with --output{such}")


def _answer(read: Callable[[str], Chosen], text: str, option: str) -> Chosen:
    try:
        return read(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from error


def _default(output: str) -> str:
    """A file for alerts: in the folder that the service may write, or beside the config."""
    return f"{SERVICE}/alerts.jsonl" if os.geteuid() == 0 else os.path.join(
        os.path.dirname(os.path.abspath(output)), "alerts.jsonl")


# --- what there is ----------------------------------------------------------------------------------


def _tell(machine: Machine) -> None:
    for number, log in enumerate(machine.logs, 1):
        click.echo(f"{number:3}  {log.what:<14} {safe(log.glob)}")
        for path in log.files:
            _tell_closed("     ", path, machine)
    if not machine.logs:
        click.echo("there are no logs in the known places" + ("; the journal is there" if machine.journal else
                   ": the config has a rule to adapt"))
    elif machine.journal and machine.log("syslog") is None:
        click.echo("there is no syslog; the journal is there, and is asked")
    if machine.journal and (machine.log("syslog") is None or machine.log("auth") is None):
        for path in machine.closed.keys() - {path for log in machine.logs for path in log.files}:
            _tell_closed("the journal ", path, machine)
    for what, program in machine.running.items():
        if machine.log(what) is None and not (what == "auth" and machine.journal):
            click.echo(f"{program} runs, and its log is not in a known place; add its path to the config")


def _tell_closed(what: str, path: str, machine: Machine) -> None:
    if barrier := machine.closed.get(path):
        click.echo(f"{what}{barrier.told(path)}")


def _logs(machine: Machine, named: Sequence[str], *, asks: bool) -> Sequence[Log]:
    if not named:
        return _ask_which("Which logs", machine.logs, lambda log: log.what) if asks else machine.logs
    for path in named:
        if not any(path == log.glob or path in log.files for log in machine.logs):
            known = ", ".join(log.glob for log in machine.logs) or "none"
            raise click.BadParameter(f"{path} is none of the logs that were found: {known}", param_hint="--log")
    return [log for log in machine.logs if log.glob in named or set(named) & set(log.files)]


def _named(fits: Sequence[Rules], name: str) -> Rules:
    found = next((one for one in fits if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in fits) or "none"
        raise click.BadParameter(f"there is no log for {name}; those that have one: {known}", param_hint="--rules")
    return found


# --- asking -----------------------------------------------------------------------------------------


def _ask_rules(fits: Sequence[Rules]) -> Sequence[Rules]:
    for number, one in enumerate(fits, 1):
        click.echo(f"{number:3}  {one.name:<12}  {one.tells}")
    return _ask_which("Which rules", fits, lambda one: one.name)


def _ask_which(what: str, all_: Sequence[Chosen], named: Callable[[Chosen], str]) -> Sequence[Chosen]:
    """Some of a list that was shown, by their numbers or names, asked for until these are right."""
    if not all_:
        return all_
    known = [(str(number), named(one)) for number, one in enumerate(all_, 1)]
    names = [name for _, name in known]

    def read(text: str) -> Sequence[Chosen]:
        text = text.strip().lower()
        if text in ("all", "none"):
            return all_ if text == "all" else []
        words = text.replace(",", " ").split()
        wrong = next((word for word in words if not any(word in one for one in known)), None)
        if wrong is not None:
            near = "" if wrong.isdigit() else nearest(wrong, names)
            raise click.UsageError(f"{wrong!r} is none of the numbers 1 to {len(all_)}, and no name{near}")
        return [one for calls, one in zip(known, all_, strict=True) if not set(calls).isdisjoint(words)]

    chosen: Sequence[Chosen] = click.prompt(f"{what}? Numbers or names such as 1,{names[-1 if len(names) < 2 else 1]}, "
                                            "or all or none", default="all", value_proc=read)
    return chosen


def _ask_where(default: str) -> list[Sink]:
    """Where alerts go, asked for until it is right."""
    def read(text: str) -> list[Sink]:
        try:
            return list({one.name: one for one in map(sink, text.replace(",", " ").split())}.values())
        except ValueError as error:
            raise click.UsageError(str(error)) from error

    sinks: list[Sink] = click.prompt("Where should alerts go? ops@example.org, https://HOST/PATH or a file's path",
                                     default=default, value_proc=read)
    return sinks


# --- the outcome ------------------------------------------------------------------------------------


def _write(output: str, text: str) -> None:
    """Check the config as the daemon would, and write it. Raises ConfigError."""
    from corowatch.core.config import ConfigFile
    from corowatch.loading import configs_in, load_texts, read_files

    path = Path(output)
    folder = os.path.abspath(path.parent)
    beside = [str(one) for one in configs_in(folder) if os.path.realpath(one) != os.path.realpath(path)
              ] if folder == "/etc/corowatch" else []
    load_texts([*(read_files(beside) if beside else ()), ConfigFile(output, text, folder)])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        _cannot_write(output, str(error.strerror))


def _tell_what_next(output: str, rules: Sequence[Rules], sinks: Sequence[Sink], machine: Machine) -> None:
    named = shlex.quote(output)
    click.echo(f"\nwrote {safe(output)}, which has no mistakes: {many(len(rules), 'set')} of rules, alerts to "
               f"{', '.join(one.name for one in sinks)}\n")
    click.echo("See what it will do, and send a test alert:")
    click.echo(f"  corowatch check {named} && corowatch send {sinks[0].name} {named}")
    if not machine.systemd:
        click.echo(f"Start it:\n  corowatch run {named}")
        return
    install = "" if os.path.abspath(output).startswith("/etc/corowatch/") else (
        f"install -D -m 644 {named} /etc/corowatch/{OURS} && ")
    click.echo("Install it as a service, as root:")
    click.echo(f"  {install}corowatch service corowatch.service > /etc/systemd/system/corowatch.service && mkdir -p "
               "/etc/sysusers.d && corowatch service corowatch.sysusers > /etc/sysusers.d/corowatch.conf")
    click.echo("  systemd-sysusers && systemctl daemon-reload && systemctl enable --now corowatch")
