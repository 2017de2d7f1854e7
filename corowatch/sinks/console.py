import sys
from typing import Annotated, Literal

from corowatch.core.errors import Undelivered
from corowatch.core.events import Alert, Consumer
from corowatch.core.kinds import sink
from corowatch.core.text import safe

_COLOURS = {"debug": "2", "info": "36", "warning": "33", "error": "31", "critical": "1;31"}


@sink
def console(
    *,
    format: Annotated[Literal["text", "json"], "text for people, or the alert as one line of JSON"] = "text",  # noqa: A002
) -> Consumer[Alert]:
    """Write each alert to standard output.

        console: {format: json}
    """
    colours = sys.stdout.isatty()
    while True:
        alert = yield
        line = alert.as_json().decode() if format == "json" else as_text(alert, colours=colours)
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise Undelivered("nobody reads standard output any more", permanent=True) from error


def as_text(alert: Alert, *, colours: bool = False) -> str:
    """One line for people: time, severity, title. Nothing in it can write to a terminal."""
    severity = f"{alert.severity:<8}"
    if colours:
        severity = f"\x1b[{_COLOURS[alert.severity]}m{severity}\x1b[0m"
    return f"{alert.at[:19]}Z {severity} {safe(alert.title)}"
