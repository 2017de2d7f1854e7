"""How many examples are drawn, and what is left out: what only RE2 can do, where it is not installed."""

import gc
import os

import pytest
from hypothesis import settings

# A busy machine is no fault, so none has a deadline. .ci/run draws many once, and few where only an engine differs.
for name, examples in {"patient": 40, "few": 15, "many": 200}.items():
    settings.register_profile(name, deadline=None, max_examples=examples)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "patient"))


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Nearly all that is made meanwhile stays: the collector of garbage need not look through it, then or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_runtest_setup(item):
    if item.get_closest_marker("re2"):
        pytest.importorskip("re2", reason="RE2 is not installed")
