"""`corowatch graph`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from corowatch.cli import EX_IOERR, EX_UNAVAILABLE, fail, refusals, running_state, state_dir
from corowatch.cli import configs as a_config
from corowatch.core.config import Config
from corowatch.core.graph import feed_of
from corowatch.rules.drawing import Drawing, dot, drawing, mermaid, tree
from corowatch.terminal import speak


def _svg(drawn: Drawing) -> str:
    """A picture by Graphviz where it is installed."""
    if program := shutil.which("dot"):
        laid = subprocess.run([program, "-Tsvg"], input="\n".join(dot(drawn)), capture_output=True,  # noqa: S603
                              text=True, check=False, timeout=60)
        if laid.returncode == 0:
            return laid.stdout
    try:
        from corowatch.rules.picture import svg
    except ModuleNotFoundError:
        fail(EX_UNAVAILABLE, "corowatch: a picture needs Graphviz (apt install graphviz) or pip install igraph")
    return svg(drawn)


FORMS: Mapping[str, Callable[[Drawing], str]] = {
    "tree": lambda drawn: "\n".join(tree(drawn)),
    "mermaid": lambda drawn: "\n".join(mermaid(drawn)),
    "dot": lambda drawn: "\n".join(dot(drawn)),
    "svg": _svg,
}


@click.command("graph")
@a_config
@click.option("--as", "form", type=click.Choice(list(FORMS)), default="tree", show_default=True,
              help="A text tree, a flowchart of Mermaid, a graph of Graphviz, or a picture.")
@click.option("--counts", is_flag=True, help="Write on each edge how many went there, as the state of the daemon "
                                             "tells it.")
@state_dir
@refusals
def command(config: Sequence[str], form: str, counts: bool, state_dir: str | None) -> None:
    """Draw the graph of a config: what is read, what becomes of it, who is told.

    \b
        corowatch graph /etc/corowatch --as svg > graph.svg
    """
    from corowatch.loading import load_paths

    speak(sys.stdout)
    loaded = load_paths(config)
    folder = running_state(state_dir)
    drawn = drawing(loaded, _counts(loaded, folder) if counts else None)
    if counts and not any(edge.count for edge in drawn.edges):
        click.echo(f"the state in {folder} has no counts to show yet: nothing went over these edges", err=True)
    click.echo(FORMS[form](drawn), nl=form != "svg")


def _counts(config: Config, folder: Path) -> Mapping[str, Mapping[str, int]]:
    """What each step counted in all runs, as far as it is committed."""
    from corowatch.store import Glimpse

    path = folder / "state.db"
    if not path.exists():
        fail(EX_IOERR, f"corowatch: no state in {folder}: name the daemon's with --state-dir")
    totals: dict[str, dict[str, int]] = {}
    glimpse = Glimpse(path)
    for _, name, counter, value in glimpse.totals():
        totals.setdefault(name, {})[counter] = value
    glimpse.close()
    return {step.id: totals.get(feed_of(step) if step.kind.role == "source" else step.id, {})
            for step in config.steps.values()}
