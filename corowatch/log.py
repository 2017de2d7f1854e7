"""The log, set up once: coloured on a terminal, `<N>` and key=value for the journal, JSON otherwise.

Text from watched logs may stand in a value: every control character in it is escaped before a renderer
sees it, and a standard error that is closed or full must not stop the pump.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

from corowatch.core.later import Later
from corowatch.core.text import safe
from corowatch.terminal import coloured


def _lean() -> Any:
    """Import structlog without rich, which it takes if it finds it (40 ms and 5 MB at every start), and without
    asyncio, of which nothing is used here (15 ms and 9 MB)."""
    if "structlog" not in sys.modules:
        instead: dict[str, Any] = {"rich": None, "asyncio": Later("asyncio")}
        instead = {name: module for name, module in instead.items() if name not in sys.modules}
        sys.modules.update(instead)
        try:
            import structlog
        finally:
            for name in instead:
                del sys.modules[name]
    import structlog

    return structlog


structlog = _lean()

_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""syslog(3) levels."""


class _Stream:
    """Writes to a stream, or not at all."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def _escaped(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {safe(str(key)): _plain(value) for key, value in event.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        # A traceback keeps its lines; each of them is made safe.
        return "\n".join(map(safe, value.split("\n"))) if value.startswith("Traceback") else safe(value)
    if isinstance(value, (int, float)) or value is None:
        return value
    if isinstance(value, dict):
        return {safe(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return safe(str(value))


class _Prefix:
    """For the journal: the level as `<N>`, so that log text can never stand first on a line; no time, it has one."""

    def __init__(self) -> None:
        self._render = structlog.processors.LogfmtRenderer(key_order=["event"], bool_as_flag=False)

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        priority = _PRIORITY.get(str(event.pop("level", "info")), 6)
        trace = event.pop("exception", "")
        told = {key.replace(" ", "_"): value if not isinstance(value, (dict, list)) else
                json.dumps(value, ensure_ascii=False) for key, value in event.items()}
        lines = [self._render(logger, method, told), *str(trace).splitlines()]
        return "\n".join(f"<{priority}>{line}" for line in lines)


def in_journal(stream: TextIO) -> bool:
    """Whether this stream is the journal's: systemd.exec(5), $JOURNAL_STREAM."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def set_up(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send the log to `stream` (standard error), in the form that its reader wants."""
    stream = stream or sys.stderr
    processors: list[Any] = [structlog.processors.add_log_level, structlog.processors.format_exc_info]
    if in_journal(stream):
        processors += [_escaped, _Prefix()]
    elif stream.isatty():
        processors += [structlog.processors.TimeStamper("%H:%M:%S", utc=False), _escaped,
                       structlog.dev.ConsoleRenderer(colors=coloured(stream), pad_event_to=24)]
    else:
        processors += [structlog.processors.TimeStamper("iso", utc=True), _escaped,
                       structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=processors, wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(_Stream(stream)), cache_logger_on_first_use=False)


log = structlog.get_logger()
