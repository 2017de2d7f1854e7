"""What other flows look for: the patterns of those steps that are the first to see what the same sources send.

The graph keeps it as the config is, also for a step that goes on over a reload while its neighbours change.
"""

from __future__ import annotations

from collections.abc import Sequence

from corowatch.core.pattern import Pattern


class Others:
    """The other flows of one step's sources, as far as patterns say what they look for."""

    def __init__(self, patterns: Sequence[Pattern] = ()) -> None:
        self.patterns = patterns

    def want(self, text: str) -> bool:
        """Whether one of them looks for this line. May raise OverBudget, as Pattern.test does."""
        return any(pattern.test(text) for pattern in self.patterns)
