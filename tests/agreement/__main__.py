import os
import sys
import time
from collections.abc import Iterator

from tests.agreement import (
    DATA,
    ENOUGH,
    Share,
    crowdsec,
    fail2ban,
    formats,
    grok,
    mtail,
    multiline,
    rulesets,
    scanned,
    sigma,
)

SETS = (fail2ban, formats, grok, multiline, scanned, rulesets, mtail, sigma, crowdsec)


def shares() -> Iterator[Share]:
    """Every comparison. Raises FileNotFoundError, telling where the samples should be, if there are none."""
    if not (DATA / "fail2ban").is_dir():
        raise FileNotFoundError(f"there are no samples in {DATA}; $COROWATCH_DATA tells where they are")
    for one in SETS:
        yield from one.shares()


def main() -> int:
    """Print the table, every miss and what is left out. 1 if a share is too small, or a miss has no reason we know."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        told = list(shares())
    except FileNotFoundError as error:
        print(f"skipped: {error}")
        return 0
    print(f"{'':30}{'cases':>7}{'agree':>7}{'share':>10}{'left out':>10}")
    for share in told:
        print(f"{share.name:30}{share.cases:7}{share.cases - len(share.misses):7}{share.agree:10.2%}"
              f"{share.left_out.total():10}")
    for share in told:
        for why, count in share.left_out.most_common():
            print(f"\n{share.name}: {count} left out, for {why}")
        for why in sorted({miss.why for miss in share.misses}):
            alike = [miss for miss in share.misses if miss.why == why]
            print(f"\n{share.name}: {len(alike)} where {why or 'WE DO NOT KNOW WHY'}")
            for miss in alike:
                print(f"  {miss.line}")
                if not why:
                    print(f"    expected {miss.expected}\n    found    {miss.found}")
    return int(any(share.agree < ENOUGH or not all(miss.why for miss in share.misses) for share in told))


if __name__ == "__main__":
    sys.exit(main())
