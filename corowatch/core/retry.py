"""When to try a delivery again: exponential back-off with full jitter.

Full jitter (a wait drawn evenly from nothing to the bound) spreads retries best: Marc Brooker,
"Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

BASE = 1.0
CEILING = 300.0
"""Seconds."""
LONGEST = 3600.0
"""Seconds that a delivery waits at most, whatever the other side asks for."""


def wait_before(attempt: int, chance: float) -> float:
    """Return the seconds to wait before attempt number `attempt` (the first retry is 1), at most `CEILING`.

    `chance` is a random number from 0 to 1, drawn by the caller.
    """
    bound = min(CEILING, BASE * 2.0 ** min(attempt - 1, 30))
    return bound * chance
