from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from corowatch.core import judging
from corowatch.core.events import Consumer, Event, Here, Target, Tick
from corowatch.core.figures import FigureName, Numbers, Pane, percentile
from corowatch.core.judging import Judged, judged, reported, standing
from corowatch.core.keyed import Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.values import AtLeast, FieldName, Seconds


def adds(options: Mapping[str, Any]) -> Iterable[str]:
    """The figures under their names, and what is told with them."""
    return (*options["show"], "count", "first", "last", *(() if options["every"] else ("suppressed",)))


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where options do not go together."""
    if options["every"] is None:
        if options["within"] is None:
            raise ValueError("it needs `within` and a bound, or `every`")
        judging.check(options)
        return
    judges = ("within", "above", "below", "at_least", "rest", "calm", "expire")
    if idle := [name for name in judges if options[name] is not None]:
        raise ValueError(f"`{idle[0]}` has no use beside `every`, which tells all figures, right or wrong")


@node(adds=adds, check=check, standing=standing)
def stats(
    target: Target[Event],
    *,
    of: Annotated[FieldName, "the field that holds the number"],
    show: Annotated[tuple[FigureName, ...], "min, max, avg, sum, median, p95…; of several the first is judged"],
    within: Annotated[Seconds | None, "it is looked back so far, by twelfths"] = None,
    above: Annotated[float | None, "it fires when the figure is more"] = None,
    below: Annotated[float | None, "it fires when the figure is less"] = None,
    at_least: Annotated[int | None, "fewer numbers are not judged (default: 1, of p95 or p5 20, and so on)",
                        AtLeast(1)] = None,
    every: Annotated[Seconds | None, "tell each key's figures after this time, then begin anew"] = None,
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key has figures of its own"] = (),
    rest: Annotated[Seconds | None, "silence of a key after it fired (default: `within`)"] = None,
    calm: Annotated[Seconds | None, "it is over when by no event of this time the figure was out of bounds"] = None,
    max_keys: Annotated[int, "keys held at most; beyond, the one longest untouched goes", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key untouched for so long is forgotten (default: 2 × `within`)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[Judged[Pane]]],
    counts: Counts[Literal["fired", "resolved", "suppressed", "unkeyed", "non_numeric", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Pass on the event by which a figure of a field's numbers is out of bounds; or tell figures every so often.

    It adds the figures, each under its name, `count` (how many numbers), `first` and `last` (times) and `suppressed`:
    how many came while the key rested before. pNN is the least number that NN percent of all do not exceed, `median` is
    p50. Whether it fires is exact. So are the figures, but for a percentile told of more than 64 numbers in a twelfth,
    which is off by 2 % at most. An alert shows the newest lines whose own number is beyond the bound, of `sum` all.

    An event without a number (up to ±10¹⁸) in the field is counted `non_numeric`. One older by up to `lateness` counts
    where its time belongs. The window goes by twelfths of `within`, counted from the epoch: it is that of the key's
    newest event and the eleven before. The figure is looked at with each event, never as time passes. When it fires the
    window empties, and the key rests: what comes then opens none.

    With `calm` the window stays and the key rests until, for that time, no event came by which the figure was out of
    bounds. At that moment the event that fired goes on again, resolved, with `suppressed` = how many came meanwhile,
    and the window is empty.

    With `every`, as in `tally`, the last event of a key goes on at that time after its first, with the figures of all
    since then; the next event begins anew. Percentiles are exact of 64 numbers.

    Beyond `max_keys` the key longest untouched goes with its numbers, and is told of no more. Nothing is sent at close:
    windows and rests survive a restart.

        stats: {of: seconds, show: p95, above: 2, within: 5m, by: path}
    """
    figure = Numbers(of, show, above, below, here)
    if every is not None:
        return reported(target, figure, memory, counts, here, every=every, by=by, max_keys=max_keys, lateness=lateness)
    assert within is not None
    part = percentile(show[0])
    least = at_least or (part[1] // min(part[0], part[1] - part[0]) if part else 1)
    return judged(target, figure, memory, counts, here, within=within, at_least=least, by=by, rest=rest, calm=calm,
                  max_keys=max_keys, expire=expire, lateness=lateness)
