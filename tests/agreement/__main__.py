import os
import sys
import time
from collections.abc import Sequence

from tests.agreement import (
    DATA,
    ENOUGH,
    crowdsec,
    fail2ban,
    formats,
    grok,
    logcheck,
    mtail,
    multiline,
    rulesets,
    scanned,
    sigma,
)

SETS = {one.__name__.rpartition(".")[2]: one for one in (
    fail2ban, formats, grok, logcheck, multiline, scanned, rulesets, mtail, sigma, crowdsec)}


def main(names: Sequence[str]) -> int:
    """Print the table of some sets, or all, every miss and what is left out. 1 if a share is too small, or a miss has
    no reason we know."""
    if not (DATA / "fail2ban").is_dir():
        print(f"skipped: there are no samples in {DATA}; $COROWATCH_DATA tells where they are")
        return 0
    os.environ["TZ"] = "UTC"
    time.tzset()
    told = [share for name in names or SETS for share in SETS[name].shares()]
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
    sys.exit(main(sys.argv[1:]))
