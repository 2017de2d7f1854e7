"""Hostile bytes for what reads them: the framer, the config, the formats of `parse`, the state.

    python -m tests.fuzz framer --minutes 60      one target
    python -m tests.fuzz --minutes 60             all of them, the time shared out
    python -m tests.fuzz framer crash-1a2b        repeat what was found

One module a target: `one(data)` raises where a promise is broken, `SEEDS` are inputs to begin with. Coverage guides
the search, which needs Atheris (`pip install -e '.[fuzz]'`); to repeat an input needs nothing, and `test_sample.py`
drives the same functions in the ordinary suite.
"""
