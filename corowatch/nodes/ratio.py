from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from corowatch.core import judging
from corowatch.core.events import Consumer, Event, Fields, Here, Target, Tick
from corowatch.core.expression import Expr
from corowatch.core.judging import Judged, judged, standing
from corowatch.core.keyed import Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.values import AtLeast, FieldName, Seconds, Share

Pane: TypeAlias = tuple[float, int, int]
"""Time of its first event, how many there were, and how many of them matched."""


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where options do not go together, or a share can never be out of its bounds."""
    judging.check(options)
    if options["above"] == 1:
        raise ValueError("no share is above 100%")
    if options["below"] == 0:
        raise ValueError("no share is below 0%")


@node(adds=("ratio", "percent", "matched", "count", "first", "last", "suppressed"), check=check, standing=standing)
def ratio(
    target: Target[Event],
    *,
    of: Annotated[Expr, "what must hold of an event that matches, such as `status >= 500`"],
    within: Annotated[Seconds, "it is looked back so far, by twelfths"],
    at_least: Annotated[int, "fewer events within that time are not judged", AtLeast(1)],
    above: Annotated[Share | None, "more than this share of the events match, such as 2%"] = None,
    below: Annotated[Share | None, "less than this share of the events match"] = None,
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key is judged alone"] = (),
    rest: Annotated[Seconds | None, "silence of a key after it fired (default: `within`)"] = None,
    calm: Annotated[Seconds | None, "it is over when by no event of this time the share was out of bounds"] = None,
    max_keys: Annotated[int, "keys held at most; beyond, the one longest untouched goes", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key untouched for so long is forgotten (default: 2 × `within`)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[Judged[Pane]]],
    counts: Counts[Literal["fired", "resolved", "suppressed", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Pass on the event by which the share of those that match a condition is out of bounds; then the key rests.

    What the condition names and the event has not is absent, as in `where`: such an event counts among all. It adds
    `ratio` (from 0 to 1, to four places), `percent` (to two), `matched`, `count` (all that were judged), `first` and
    `last` (times) and `suppressed`: how many came while the key rested before. An alert shows the newest lines that
    matched, with `below` alone those that did not.

    The window goes by twelfths of `within`, counted from the epoch: it is that of the key's newest event and the eleven
    before. An event that is older by up to `lateness` counts where its time belongs. The share is looked at with each
    event, never as time passes. The window empties when it fires, and what comes while the key rests opens none.

    With `calm` the window stays and the key rests until, for that time, no event came by which the share was out of
    bounds. At that moment the event that fired goes on again, resolved, with `suppressed` = how many came meanwhile,
    and the window is empty.

    Beyond `max_keys` the key longest untouched goes with its window, and is told of no more. Nothing is sent at close:
    windows and rests survive a restart.

        ratio: {of: status >= 500, above: 2%, within: 5m, at_least: 100}
    """
    return judged(target, Matching(of, above, below, here), memory, counts, here, within=within, at_least=at_least,
                  by=by, rest=rest, calm=calm, max_keys=max_keys, expire=expire, lateness=lateness)


@dataclass(frozen=True)
class Matching:
    """The share of the events that match."""

    of: Expr
    above: float | None
    below: float | None
    here: Here

    def worth(self, event: Event) -> bool:
        """Whether it matches."""
        return self.of.holds({name: self.here.value(event, name) for name in self.of.names})

    def grown(self, pane: Pane | None, when: float, worth: bool) -> Pane:
        """The pane with one event more."""
        first, count, matched = pane or (when, 0, 0)
        return min(first, when), count + 1, matched + worth

    def speaks(self, worth: bool) -> bool:
        """Too many that match are shown; where they are too few, the others."""
        return worth is (self.above is not None)

    def wrong(self, panes: list[Pane], count: int) -> bool:
        """Whether the share is out of bounds."""
        share = sum(matched for *_, matched in panes) / count
        return (self.above is not None and share > self.above) or (self.below is not None and share < self.below)

    def told(self, panes: list[Pane], count: int) -> Fields:
        """The share, as a person and as a condition would have it."""
        matched = sum(matched for *_, matched in panes)
        return {"ratio": round(matched / count, 4), "percent": round(100 * matched / count, 2), "matched": matched}
