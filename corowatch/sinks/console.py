import sys
from typing import Annotated, Literal

from corowatch.core.errors import Undelivered
from corowatch.core.events import Alert, Batch, Consumer
from corowatch.core.kinds import sink
from corowatch.core.letter import headline
from corowatch.terminal import coloured

_COLOURS = {"debug": "2", "info": "36", "warning": "33", "error": "31", "critical": "1;31"}


@sink
def console(
    *,
    format: Annotated[Literal["text", "json"], "text for people, or the alert as one line of JSON"] = "text",  # noqa: A002
) -> Consumer[Batch]:
    """Write each alert to standard output.

        console: {format: json}
    """
    colours = coloured(sys.stdout)

    def line(alert: Alert) -> bytes:
        if format == "json":
            return alert.as_json() + b"\n"
        return f"{as_text(alert, colours=colours)}\n".encode(sys.stdout.encoding, "backslashreplace")

    while True:
        alerts = yield
        try:
            sys.stdout.flush()  # what a step of the user's has printed stands before it
            sys.stdout.buffer.write(b"".join(map(line, alerts)))
            sys.stdout.buffer.flush()
        except BrokenPipeError as error:
            raise Undelivered("nobody reads standard output any more", permanent=True) from error


def as_text(alert: Alert, *, colours: bool = False) -> str:
    """One line for people: time, severity and headline. Nothing in it can write to a terminal."""
    severity = f"{alert.severity:<8}"
    if colours:
        severity = f"\x1b[{_COLOURS[alert.severity]}m{severity}\x1b[0m"
    return f"{alert.at[:19]}Z {severity} {headline(alert)}"
