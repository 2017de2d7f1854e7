"""`corowatch backtest`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from math import inf

import click

from corowatch.cli import MOST_ROWS, PATH, cache_folder, fail, refusals
from corowatch.commands.replay import all_read, configs, files, in_order, progress_bar, since, until
from corowatch.core.events import Alert
from corowatch.core.letter import headline
from corowatch.core.standing import clock, span
from corowatch.core.text import many, safe
from corowatch.core.verdict import when
from corowatch.rules.comparing import Difference, compare
from corowatch.rules.replaying import replay_all, spooled
from corowatch.rules.summaries import apart
from corowatch.terminal import speak


@click.command("backtest")
@files
@configs
@click.option("--against", "old", metavar="OLD", multiple=True, required=True, type=PATH,
              help="The config that it is compared with; may be given again.")
@since
@until
@click.option("--json", "as_json", is_flag=True, help="Print the difference as JSON.")
@refusals
def command(files: Sequence[str], config: Sequence[str], old: Sequence[str], since: float | None, until: float | None,
            as_json: bool) -> None:
    """Compare two configs on the same old logs: which alerts are new, gone, at another time, or say something else.

    The logs are read once for both, as `corowatch replay` reads them. Exit status, as of diff: 0, there is no
    difference; 1, there is one; 2, a file could not be read, or not to its end, or none was.
    """
    from corowatch.cache import DiskCache
    from corowatch.loading import load_paths

    speak(sys.stdout)
    in_order(since, until)
    loaded = [load_paths(old), load_paths(config)]
    with spooled(files, sys.stdin.buffer) as paths, progress_bar() as progress:
        before, after = replay_all(loaded, paths, since=-inf if since is None else since,
                                   until=inf if until is None else until, cache=DiskCache(cache_folder()),
                                   progress=progress)
    difference = compare(before.alerts, after.alerts)
    for note in dict.fromkeys([*before.notes, *after.notes]):
        click.echo(f"note: {safe(note)}", err=True)
    if not after.lines:
        fail(2, "nothing was read")
    if as_json:
        click.echo(json.dumps(_plain(difference), ensure_ascii=False))
    else:
        _show(before.alerts, after.alerts)
    all_read(after.failed, status=2)
    sys.exit(1 if difference else 0)


def _show(before: Sequence[Alert], after: Sequence[Alert]) -> None:
    """The news, and then what sums up what was held back."""
    (old, old_held), (new, new_held) = apart(before), apart(after)
    news, held = compare(old, new), compare(old_held, new_held)
    click.echo(f"{many(len(new), 'alert')} instead of {len(old):,}: {_changes(news)}")
    if old_held or new_held:
        head = f"{len(new_held):,} that {'sums' if len(new_held) == 1 else 'sum'} up what was held back"
        click.echo(f"{head}, instead of {len(old_held):,}: {_changes(held)}")
    if news:
        _flows(news)
    _each(news, "")
    _each(held, "held back, ")


def _changes(difference: Difference) -> str:
    if not difference:
        return "the same"
    changes = [f"{len(alerts):,} {name}" for name, alerts in (
        ("new", difference.new), ("gone", difference.gone), ("at another time", difference.moved),
        ("changed", difference.changed)) if alerts]
    return f"{', '.join(changes)}, {difference.same:,} as before"


def _flows(difference: Difference) -> None:
    """A table of how many."""
    counts = difference.by_flow()
    width = max(len("flow"), *map(len, counts))
    click.echo(f"\n{'flow':<{width}}     new    gone   moved changed")
    for flow, one in counts.items():
        click.echo(f"{flow:<{width}} {one['new']:7,} {one['gone']:7,} {one['moved']:7,} {one['changed']:7,}")


def _each(difference: Difference, which: str) -> None:
    """Each that is not as it was."""
    for name, alerts in (("new", difference.new), ("gone", difference.gone)):
        if alerts:
            click.echo(f"\n{which}{name}:")
            for alert in alerts[:MOST_ROWS]:
                click.echo(f"  {_line(alert)}")
            _more(alerts)
    if difference.moved:
        click.echo(f"\n{which}at another time:")
        for was, now in difference.moved[:MOST_ROWS]:
            by = when(now) - when(was)
            click.echo(f"  {_line(now)} ({span(abs(by))} {'later' if by > 0 else 'earlier'})")
        _more(difference.moved)
    if difference.changed:
        click.echo(f"\n{which}changed:")
        for was, now in difference.changed[:MOST_ROWS]:
            click.echo(f"  {_line(now)}\n    was {was.severity}: {headline(was)}")
        _more(difference.changed)


def _more(shown: Sequence[object]) -> None:
    if len(shown) > MOST_ROWS:
        click.echo(f"  … and {len(shown) - MOST_ROWS:,} more; --json tells all")


def _line(alert: Alert) -> str:
    over = "over: " if alert.state == "resolved" else ""
    return f"{clock(when(alert))}  {alert.flow}  {over}{headline(alert)}"


def _plain(difference: Difference) -> dict[str, object]:
    return {"same": difference.same, "new": [alert.as_dict() for alert in difference.new],
            "gone": [alert.as_dict() for alert in difference.gone],
            "moved": [{"was": was.as_dict(), "now": now.as_dict()} for was, now in difference.moved],
            "changed": [{"was": was.as_dict(), "now": now.as_dict()} for was, now in difference.changed]}
