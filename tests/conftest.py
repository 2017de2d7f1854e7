"""What only RE2 can do, and its words, are not asked for where it is not installed."""

import os

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)  # a busy machine is no fault
settings.register_profile("few", deadline=None, max_examples=15)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "patient"))


def pytest_runtest_setup(item):
    if item.get_closest_marker("re2"):
        pytest.importorskip("re2", reason="RE2 is not installed")
