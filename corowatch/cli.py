"""The command line: what a person types, and what they read.

Standard output carries only what was asked for; logs and mistakes go to standard error. `run` must start
fast and stay small, so what only a person at a terminal needs is imported where it is used.
"""

from __future__ import annotations

import gc
import json
import os
import shlex
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn, ParamSpec

import click

from corowatch import __version__
from corowatch.commands import Later
from corowatch.core.errors import ConfigError, StateLost, StateRefused
from corowatch.terminal import coloured, speak, width

EX_USAGE, EX_UNAVAILABLE, EX_IOERR, EX_CONFIG = 64, 69, 74, 78
"""sysexits.h."""
MORE_TIME = "allow more time with --deliver-within, or keep what waits with --state-dir"
MOST_ROWS = 1000
"""Rows of the outbox that a person is shown."""
MOST_IDS = 5
"""Ids of alerts that a refusal names."""
A_CONFIG = "`corowatch run` with a config keeps what waits"
"""What to do about alerts that were not delivered."""

SERVICE = "/var/lib/corowatch"
"""Where the unit keeps its state."""

click.UsageError.exit_code = EX_USAGE
P = ParamSpec("P")


def state_folder(given: str | None) -> Path:
    """`--state-dir`, else systemd's, else the user's own."""
    if given:
        return Path(given)
    if systemd := os.environ.get("STATE_DIRECTORY"):
        return Path(systemd.split(":")[0])
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(home) / "corowatch"


def cache_folder() -> Path:
    """Where commands that keep no state keep what takes long to make."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "corowatch"
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def running_state(given: str | None) -> Path:
    """The same, of a daemon that is there: if this user has none, the service's, if that may be seen."""
    own = state_folder(given)
    return own if given or (own / "state.db").exists() or not os.access(SERVICE, os.X_OK) else Path(SERVICE)


def fail(status: int, message: str) -> NoReturn:
    """Say why on standard error and end."""
    click.echo(message, err=True)
    sys.exit(status)


def refusals(command: Callable[P, None]) -> Callable[P, None]:
    """Turn a config's mistakes and a refused state into their message and exit status 78."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ConfigError as error:
            fail(EX_CONFIG, str(error))
        except StateRefused as error:
            fail(EX_CONFIG, f"corowatch: {error}")
        except (StateLost, sqlite3.Error) as error:
            fail(EX_IOERR, f"corowatch: the state cannot be used: {error}")

    return guarded


def time_span(value: str) -> float:
    """A duration such as 30s, as in the config."""
    from corowatch.core.values import duration

    try:
        return duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


# click would tell of what cannot be read as of a wrong word on the command line.
PATH = click.Path(readable=False)


def in_the_way(path: str) -> str:
    """Why a file cannot be written into its folder; nothing where it can."""
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        return f"{folder} is no folder"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"{folder} is not writable"


class Output(click.Path):
    """A file to be written at the end: what would be in the way then is told at once."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if why := in_the_way(value):
            self.fail(why, param, ctx)
        return super().convert(value, param, ctx)


def must_be_new(output: str, *, force: bool) -> None:
    """End with 64 where a file that is to be written is there, unless it may be written over, or is a folder."""
    if os.path.isdir(output):
        fail(EX_USAGE, f"{output} is a folder; name a file in it with --output")
    if os.path.lexists(output) and not force:
        fail(EX_USAGE, f"{output} is there already; name another file with --output, or write over it with --force")


def write(path: str, data: bytes) -> None:
    """Write a whole file, or say why not and end."""
    try:
        Path(path).write_bytes(data)
    except OSError as error:
        fail(EX_IOERR, f"corowatch: {path} cannot be written: {error.strerror}")


def _complete_kind(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    from corowatch.discovery import discover

    return [kind.name for kind in discover() if kind.name.startswith(begun)]


state_dir = click.option("--state-dir", metavar="DIR", type=PATH,
                         help="Where positions, memory and outbox are kept.  "
                              "[default: $STATE_DIRECTORY or ~/.local/state/corowatch]")
configs = click.argument("config", nargs=-1, type=PATH)
force = click.option("--force", is_flag=True, help="Write over a file that is there.")


@click.group(cls=Later, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
             epilog="Begin with `corowatch demo`, or with three lines of YAML:  corowatch kinds")
@click.version_option(__version__, message="corowatch %(version)s")
def cli() -> None:
    """Watch log files and say something sensible when they say X.

    A config describes flows: where lines come from, what is looked for, who is told.

    \b
        flows:
          app-errors:
            tail: /var/log/myapp/*.log
            grep: 'ERROR|CRITICAL|Traceback'
            alert: console
    """


# --- running ----------------------------------------------------------------------------------------


@cli.command()
@configs
@click.option("--once", is_flag=True, help="Read to the present end (without saved positions: from the beginning), "
                                           "deliver, and exit. Without --state-dir nothing is kept, and the next "
                                           "time all is read again.")
@click.option("--deliver-within", type=time_span, default=None, metavar="TIME",
              help="How long deliveries may take at the end.  [default: 30s with --once, else 10s]")
@state_dir
@refusals
def run(config: Sequence[str], once: bool, deliver_within: float | None, state_dir: str | None) -> None:
    """Run the daemon in the foreground.

    CONFIG is a file, or a folder of *.yaml; without it /etc/corowatch. SIGTERM or Ctrl-C stops, and tells what
    happened; SIGHUP reads the config again; SIGUSR1 has the log tell what a stop would, and nothing stops.
    """
    from corowatch.loading import load_paths

    if os.geteuid() == 0:
        warn("running as root; a service user with the group `adm` is enough")
    for broken in _broken():
        warn("plugin.broken", entry=broken.entry, package=broken.package, why=broken.why)
    throw_away = once and state_dir is None
    with _state(state_dir, throw_away=throw_away) as folder:
        sys.exit(serve(lambda: load_paths(config), folder, once=once, lost=MORE_TIME if throw_away else "",
                       deliver=deliver_within if deliver_within is not None else 30.0 if once else None))


@contextmanager
def _state(given: str | None, *, throw_away: bool) -> Iterator[Path]:
    if not throw_away:
        yield state_folder(given)
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="corowatch-") as folder:
        yield Path(folder)


def warn(what: str, **fields: Any) -> None:
    """One warning in the log."""
    from corowatch.log import log, set_up

    set_up()
    log.warning(what, **fields)


def _broken() -> Sequence[Any]:
    """What other packages offer and cannot be used."""
    from corowatch.discovery import at_hand

    return at_hand().broken


def _tell_broken() -> None:
    from corowatch.core.text import safe

    for broken in _broken():
        click.echo(f"warning: {safe(str(broken))}", err=True)


def serve(load: Callable[[], Any], folder: Path, *, quiet: bool = False, lost: str = "", **options: Any) -> int:
    """Load, take the state directory, run to the end; gives the exit status. Nothing is touched before the config
    has proved right. `lost`: the state is thrown away, and what to do about alerts that are lost with it."""
    import faulthandler
    import logging

    gc.disable()  # nearly all that is made until it has begun stays
    config = load()

    from corowatch.daemon import Daemon
    from corowatch.log import log, set_up
    from corowatch.store import Store
    from corowatch.survey import bare_passwords, open_secrets

    faulthandler.enable()  # its watchdog's SIGABRT leaves the stacks of all threads
    set_up(level=logging.WARNING if quiet else logging.INFO)
    speak(sys.stdout)
    if not quiet:
        for note in (*open_secrets(config), *bare_passwords(config)):
            log.warning("config.secret", why=note)
    store = Store(folder)
    try:
        daemon = Daemon(load, store, for_reader=quiet or options.get("once", False), **options)
        daemon.handle_signals(reloads=not quiet)
        daemon.begin(config)
        status = daemon.run()
        if quiet or sys.stderr.isatty():
            show_summary(daemon.told, daemon.readers)
        if lost:
            _tell_lost(daemon.told, lost)
        return status
    finally:
        store.close()
        _let_go_of_output()


def _tell_lost(told: dict[str, Any], cure: str) -> None:
    from corowatch.core.text import many
    from corowatch.daemon import END_OF_OUTPUT

    left = sum(counts["pending"] + counts["refused"] for counts in told["sinks"].values())
    if left and told["reason"] != END_OF_OUTPUT:
        click.echo(f"{many(left, 'alert')} {'was' if left == 1 else 'were'} not delivered, and this run keeps no "
                   f"state: {cure}", err=True)


def _let_go_of_output() -> None:
    """Lest Python complain at its end that nobody reads: https://docs.python.org/3/library/signal.html#note-on-sigpipe."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_summary(told: dict[str, Any], readers: Sequence[Sequence[str]]) -> None:
    """The goodbye as a table on standard error."""
    from rich.console import Console
    from rich.table import Table

    from corowatch.summary import summary_table

    table = Table("", "in this run", title=f"corowatch ended: {told['reason']}", title_justify="left", box=None,
                  padding=(0, 2, 0, 0))
    for name, counts in summary_table(told, readers):
        table.add_row(name, counts)
    Console(stderr=True, highlight=False, markup=False, force_terminal=coloured(sys.stderr)).print(table)


@cli.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--grep", "pattern", metavar="PATTERN", required=True, help="What to look for (a regular expression).")
@click.option("--except", "noise", metavar="PATTERN", help="Lines that do not count.")
@click.option("--threshold", metavar="N/TIME", help="Tell only of N lines within a time, such as 5/1m.")
@click.option("--from-start", is_flag=True, help="Begin at the beginning of the files, not at their end.")
@click.option("--exec", "command", metavar="CMD", help="Run this for each alert, the Alert as JSON on its standard "
                                                       "input; no shell looks at it.")
@refusals
def watch(paths: Sequence[str], pattern: str, noise: str | None, threshold: str | None, from_start: bool,
          command: str | None) -> None:
    """Watch files without a config, to the console; nothing is kept.

    \b
        corowatch watch /var/log/syslog --grep 'error|fail' --threshold 5/1m
    """
    flow: dict[str, Any] = {"tail": {"paths": [os.path.abspath(path) for path in paths],
                                     "start": "beginning" if from_start else "end"},
                            "grep": {"pattern": pattern, **({"except": noise} if noise else {})}}
    title = "{text}"
    if threshold:
        at_least, slash, within = threshold.partition("/")
        if not slash or not at_least.isdigit():
            raise click.UsageError(f"--threshold {threshold}: write N/TIME, such as 5/1m")
        flow["threshold"] = {"at_least": int(at_least), "within": within}
        title = f"{{text}} ({{count}} times within {within.replace('{', '{{').replace('}', '}}')})"
    flow["alert"] = {"to": ["console", *(["command"] if command else [])], "title": title}
    sinks = {"command": {"exec": _words(command)}} if command else {}
    with _state(None, throw_away=True) as folder:
        sys.exit(serve(_composed({"flows": {"watch": flow}, "sinks": sinks}), folder, quiet=True, lost=A_CONFIG))


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command) or [""]
    except ValueError as error:
        raise click.UsageError(f"--exec {command}: {error}") from error


OF_WATCH = {"paths": "PATHS", "pattern": "--grep", "except": "--except", "threshold": "--threshold", "exec": "--exec"}
"""From a key of the config that `watch` makes to what the user gave."""


def _composed(config: dict[str, Any]) -> Callable[[], Any]:
    """A config that the command line made; JSON is YAML. Its mistakes are those of the command line."""
    from corowatch.core.config import ConfigFile
    from corowatch.loading import load_texts

    text = json.dumps(config, indent=1, ensure_ascii=False)

    def load() -> Any:
        try:
            return load_texts([ConfigFile("command line", text, os.getcwd())])
        except ConfigError as error:
            told = [f"{_given(text, mistake.place.line)}: {mistake.what}" for mistake in error.mistakes]
            raise click.UsageError("\n".join(dict.fromkeys(told))) from error

    return load


def _given(text: str, line: int) -> str:
    """What the user gave that stands in this line of the config made of it."""
    keys = [row.strip().partition('"')[2].partition('"')[0] for row in text.split("\n")[:line]]
    return next((OF_WATCH[key] for key in reversed(keys) if key in OF_WATCH), "watch")


@cli.command()
@click.option("--for", "seconds", type=time_span, metavar="TIME", help="End by itself after this time.")
@refusals
def demo(seconds: float | None) -> None:
    """Show what it does: lifelike lines in a temporary log, alerts as they come, and on Ctrl-C the summary."""
    from corowatch.demo import CONFIG, Writer

    with _state(None, throw_away=True) as folder, Writer(folder / "demo.log", seconds) as writer:
        text = CONFIG.format(log=folder / "demo.log")
        click.echo(f"This config, on a log that is being written meanwhile:\n\n{text}\nCtrl-C ends it.\n", err=True)
        from corowatch.core.config import ConfigFile
        from corowatch.loading import load_texts

        writer.start()
        sys.exit(serve(lambda: load_texts([ConfigFile("demo.yaml", text, str(folder))]), folder / "state",
                       start="beginning", quiet=True, lost=A_CONFIG))


# --- asking -----------------------------------------------------------------------------------------


@cli.command()
@configs
@refusals
def check(config: Sequence[str]) -> None:
    """Tell every mistake in a config, or what it will do; nothing is started."""
    from corowatch import tables
    from corowatch.core.describe import expression
    from corowatch.core.text import many, safe
    from corowatch.loading import load_paths
    from corowatch.survey import (
        bare_passwords,
        closed_journal,
        closed_to_the_service,
        folders,
        look_around,
        missing_programs,
        open_secrets,
        timeless,
    )

    _tell_broken()
    loaded = load_paths(config)
    flows = list(dict.fromkeys(step.flow for step in loaded.steps.values()))
    click.echo(f"{many(len(flows), 'flow')}, {many(len(loaded.declared), 'sink')}: no mistakes\n")
    for flow in flows:
        click.echo(_heading(flow))
        for line in expression(loaded, flow, width(sys.stdout) - 2):
            click.echo(f"  {safe(line)}")
    click.echo()
    for found in look_around(loaded):
        later = "" if found.files else "; it is followed once it appears"
        click.echo(f"{found.step}: {safe(found.glob)}: {many(len(found.files), 'file')}{later}")
        if found.hidden and found.unreadable:
            click.echo(f"  cannot be read: {many(len(found.unreadable), 'file')}")
        for path, barrier in found.unreadable.items() if not found.hidden else ():
            click.echo(f"  {barrier.told(path)}")
    for path, barrier in closed_journal(loaded).items():
        click.echo(f"the journal {barrier.told(path)}")
    for told in tables.counted():
        click.echo(safe(told))
    for what, path, (whom, why, cure) in closed_to_the_service(loaded):
        click.echo(f"{what}: {safe(path)} is closed to {whom or 'you'}: {why}; the cure: {safe(cure)}")
    for what, program, why in missing_programs(loaded):
        click.echo(f"{what}: {safe(program)} cannot be run: {why}")
    _tell_scanner(loaded)
    for note in (*loaded.notes, *folders(loaded), *timeless(loaded), *tables.notes(), *open_secrets(loaded),
                 *bare_passwords(loaded)):
        click.echo(f"note: {safe(note)}")


def _heading(text: str) -> str:
    return click.style(text, bold=True) if coloured(sys.stdout) else text


def _tell_scanner(config: Any) -> None:
    """Which patterns earned the fast scanner, and why the others did not."""
    from corowatch.core.expression import Expr
    from corowatch.core.kinds import Gate
    from corowatch.core.pattern import Pattern
    from corowatch.core.text import many, safe
    from corowatch.engines import scanner, why_not_scanned

    fast = 0
    for step in config.steps.values():
        for name, value in step.options.items():
            held = value.patterns if isinstance(value, Expr) else value
            for pattern in held if isinstance(held, tuple) else (held,):
                if not isinstance(pattern, Pattern):
                    continue
                if not pattern.linear:
                    click.echo(f"{step.id}: '{safe(pattern.source)}' gets every line, under a time budget: "
                               f"{pattern.why}")
                elif Gate in step.kind.options[name].markers:
                    why = why_not_scanned(pattern)
                    fast += not why
                    if why:
                        click.echo(f"{step.id}: '{safe(pattern.source)}' gets every line: {why}")
    click.echo(f"{many(fast, 'pattern')} on the fast scanner ({scanner()})")


@cli.command()
@click.argument("sink")
@configs
@refusals
def send(sink: str, config: Sequence[str]) -> None:
    """Send one test alert through SINK of a config, and tell what the other side said.

    Nothing is kept, and a running daemon does not notice. Exit status 0: the sink took it. 1: it did not.
    """
    from corowatch.core.errors import Undelivered
    from corowatch.core.text import safe
    from corowatch.core.wiring import near_or_all
    from corowatch.courier import send_one
    from corowatch.loading import console, load_paths

    sinks = {"console": console(), **load_paths(config).sinks}
    if sink not in sinks:
        fail(EX_USAGE, f"no sink {sink!r}{near_or_all(sink, sinks)}")
    speak(sys.stdout)
    try:
        said = send_one(sinks[sink], _test_alert(sink))
    except Undelivered as error:
        fail(1, f"{sink}: {safe(error.why)} ({'refused for good' if error.permanent else 'it would be tried again'})")
    except Exception as error:  # noqa: BLE001 - whatever a sink raises is the answer
        fail(1, f"{sink}: {type(error).__name__}: {safe(str(error))}")
    click.echo(f"{sink}: delivered{': ' if said else ''}{safe(said)}")


def _test_alert(sink: str) -> Any:
    import secrets
    import socket
    import time

    from corowatch.core.events import Alert, rfc3339

    title = "This is a test: corowatch can reach you"
    at = rfc3339(time.time())
    return Alert(id=f"test.{secrets.token_hex(8)}", flow="corowatch", node="send", title=title, severity="info", at=at,
                 host=socket.gethostname(), to=(sink,),
                 events=[{"source": "corowatch", "file": "", "offset": 0, "at": at, "text": title}])


@cli.command()
@click.argument("kind", required=False, shell_complete=_complete_kind)
@click.option("--write", type=click.Path(exists=True, file_okay=False), metavar="FOLDER", hidden=True,
              help="Renew what is generated in this checkout: README.md, config/schema.json, config/corowatch.1.")
def kinds(kind: str | None, write: str | None) -> None:
    """List every kind of source, node and sink; of one KIND, all its options."""
    from corowatch.core.describe import ROLES, help_page
    from corowatch.core.values import nearest
    from corowatch.discovery import discover

    _tell_broken()
    known = discover()
    if write:
        from corowatch.generate import generate

        generate(Path(write))
        return
    if kind:
        found = [one for one in known if one.name == kind]
        if not found:
            fail(EX_USAGE, f"no kind is named {kind!r}{nearest(kind, [one.name for one in known])}")
        click.echo("\n\n".join(map(help_page, found)))
        return
    for role, heading in ROLES.items():
        click.echo(_heading(heading))
        for name, one in sorted(getattr(known, role).items()):
            click.echo(f"  {name:<12} {one.summary}")
        click.echo()
    click.echo("corowatch kinds KIND tells its options.")


@cli.command()
def schema() -> None:
    """Print the JSON Schema of a config, for editors."""
    from corowatch.core.describe import json_schema
    from corowatch.discovery import discover

    click.echo(json.dumps(json_schema(discover()), indent=1, ensure_ascii=False))


# --- the outbox -------------------------------------------------------------------------------------


@cli.command()
@click.argument("action", required=False, type=click.Choice(["retry", "drop"]))
@click.argument("id", required=False)
@click.option("--sink", metavar="SINK", help="Only what waits for this sink, or was refused by it; without an ID, all.")
@state_dir
@refusals
def outbox(action: str | None, id: str | None, sink: str | None, state_dir: str | None) -> None:  # noqa: A002
    """Show what waits and what was refused, and why; retry or drop an alert by its ID.

    Works beside a running daemon. Of the ID a beginning is enough with which no other begins.
    """
    from corowatch.core.text import many
    from corowatch.store import Outbox, examine

    path = running_state(state_dir) / "state.db"
    if not path.exists():
        fail(EX_IOERR, f"no state in {path.parent}: name the daemon's with --state-dir; the service's is {SERVICE}")
    examine(path)
    box = Outbox(path)
    try:
        if action is None:
            _show_outbox(box, sink)
            return
        if id == "" or (id is None and sink is None):  # a script's empty variable names nothing
            raise click.UsageError(f"outbox {action} needs the ID of an alert, or --sink")
        named = [] if id is None else box.named(id, sink)
        if len(named) > 1:
            fail(1, f"{many(len(named), 'alert')} have an id beginning with {id!r}: {', '.join(named[:MOST_IDS])}"
                    f"{' …' if len(named) > MOST_IDS else ''}; write more of it")
        change = box.retry if action == "retry" else box.drop
        count = change(named[0] if named else id, sink)
        if not count:
            fail(1, f"nothing waits or was refused for {sink}" if id is None else
                 f"no alert that waits or was refused{f' for {sink}' if sink else ''} has an id beginning with {id}")
        done = "tried again" if action == "retry" else "dropped"
        click.echo(f"{many(count, 'alert')} {done}" if id is None or count == 1 else
                   f"1 alert {done}, for {count} sinks")
    finally:
        box.close()


def _show_outbox(box: Any, sink: str | None) -> None:
    from corowatch.core.text import safe

    rows = [row for row in box.rows() if sink in (None, row.sink)]
    if not rows:
        click.echo("the outbox is empty: everything was delivered" if sink is None else f"nothing waits for {sink}")
        return
    heads = ("id", "sink", "state", "tries", "title", "why")
    lines = ((row.id, row.sink, row.state, str(row.attempts), safe(row.alert().title), safe(row.why)) for row in rows)
    if not sys.stdout.isatty():
        for line in (heads, *lines):
            click.echo("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Column, Table

    shown = list(islice(lines, MOST_ROWS))
    fixed = [max(map(len, column)) for column in zip(heads, *shown, strict=True)][:4]
    table = Table(*(Column(name, min_width=least, no_wrap=True) for name, least in zip(heads, fixed, strict=False)),
                  *(Column(name, overflow="fold") for name in heads[4:]), box=None, padding=(0, 2, 0, 0))
    for line in shown:
        table.add_row(*line)
    columns = max(width(sys.stdout), sum(fixed) + 2 * len(heads) + 24)
    Console(highlight=False, markup=False, width=columns, force_terminal=coloured(sys.stdout)).print(table)
    if len(rows) > MOST_ROWS:
        click.echo(f"… and {len(rows) - MOST_ROWS:,} more")


@cli.command()
@state_dir
def reload(state_dir: str | None) -> None:
    """Let the daemon of this state directory read its config again, and wait for the outcome.

    Exit status 0: the new config runs. 78: it was refused, the old one goes on; the mistakes are told.
    """
    import signal
    import time

    from corowatch.store import owner

    folder = running_state(state_dir)
    pid = owner(folder)
    if pid is None:
        fail(EX_IOERR, f"no daemon runs on {folder}: name its directory with --state-dir; the service's is {SERVICE}")
    told = folder / "reloaded.json"
    before = told.stat().st_ino if told.exists() else None
    os.kill(pid, signal.SIGHUP)
    until = time.monotonic() + 60.0
    while not told.exists() or told.stat().st_ino == before:
        if time.monotonic() > until or owner(folder) != pid:
            fail(EX_IOERR, "the daemon did not answer")
        time.sleep(0.02)
    if mistakes := json.loads(told.read_text())["mistakes"]:
        fail(EX_CONFIG, mistakes)
    click.echo("reloaded")


@cli.command()
@click.argument("name", required=False)
def service(name: str | None) -> None:
    """Print the systemd units, with this installation's own paths; of NAME, that one alone.

    \b
        corowatch service corowatch.service  > /etc/systemd/system/corowatch.service
        mkdir -p /etc/sysusers.d
        corowatch service corowatch.sysusers > /etc/sysusers.d/corowatch.conf
        systemd-sysusers && systemctl daemon-reload && systemctl enable --now corowatch
    """
    from corowatch.core.values import nearest
    from corowatch.units import PLACES, command, hidden, unit

    if name and name not in PLACES:
        fail(EX_USAGE, f"no unit is named {name!r}{nearest(name, PLACES)}; there are {', '.join(PLACES)}")
    for one in [name] if name else PLACES:
        if not name:
            click.echo(f"# --- {PLACES[one]}/{one}" if one.endswith(".service") else f"# --- {PLACES[one]}")
        click.echo(unit(one))
    if hidden(where := command()):
        click.echo(f"corowatch: the unit cannot run {where}: its ProtectHome hides home folders; install corowatch "
                   "elsewhere, such as in a virtual environment in /opt", err=True)


@cli.command()
def version() -> None:
    """Tell the version, and those of what it stands on."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as of

    click.echo(f"corowatch {__version__}, Python {sys.version.split()[0]}")
    for name in ("watchdog", "google-re2", "hyperscan", "regex", "stringzilla", "pyyaml", "structlog", "msgspec",
                 "click", "rich"):
        try:
            click.echo(f"  {name} {of(name)}")
        except PackageNotFoundError:
            click.echo(f"  {name} is not installed")


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion of a shell. A new shell reads it from here; make the folder if it is not there.

    \b
        corowatch completion bash > ~/.local/share/bash-completion/completions/corowatch
        corowatch completion zsh > ~/.zfunc/_corowatch
        corowatch completion fish > ~/.config/fish/completions/corowatch.fish

    bash needs the package bash-completion; zsh the line `fpath+=~/.zfunc` before `compinit` in ~/.zshrc.
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "corowatch", "_COROWATCH_COMPLETE").source())
