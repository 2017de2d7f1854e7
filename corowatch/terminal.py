"""Whether a person watches, and in what dress they want to be told."""

from __future__ import annotations

import locale
import os
import select
from typing import TextIO


def coloured(stream: TextIO) -> bool:
    """Whether to write colours: to a terminal that has some, unless asked for none (https://no-color.org)."""
    try:
        terminal = stream.isatty()
    except ValueError:  # it is closed
        return False
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width(stream: TextIO) -> int:
    """Columns of the terminal; 100 where there is none."""
    import shutil

    return shutil.get_terminal_size((100, 24)).columns if stream.isatty() else 100


def speak(stream: TextIO) -> None:
    """Write each line at once; what the encoding lacks becomes its escape; UTF-8 where the locale says nothing."""
    if hasattr(stream, "reconfigure"):
        nothing = locale.setlocale(locale.LC_CTYPE) in ("C", "POSIX") and "PYTHONIOENCODING" not in os.environ
        stream.reconfigure(line_buffering=True, errors="backslashreplace", encoding="utf-8" if nothing else None)


def unread(stream: TextIO) -> bool:
    """Whether it is a pipe that nobody reads any more: only a write would tell otherwise, and that may be long."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)
        return any(what & select.POLLERR for _, what in poll.poll(0))
    except (OSError, ValueError):
        return False
