"""What can go wrong, done on purpose: each row of the fault matrix is one test with a real daemon and real files.

A row breaks something, lets the daemon recover, and counts exactly: lines lost (L) and counted twice (D), alerts lost
(AL) and delivered again under the same id (AD), bytes reported lost (B). What was written stands in the writers' own
ledgers (`writer`), what was counted in the daemon's state and in its sinks (`judge`); nothing is estimated.

    python -m tests.faults                        every row, small: minutes
    python -m tests.faults --scale full T01 T06   two of them, as large as the matrix says
"""
