"""What only RE2 can do, and its words, are not asked for where it is not installed."""

import pytest


def pytest_runtest_setup(item):
    if item.get_closest_marker("re2"):
        pytest.importorskip("re2", reason="RE2 is not installed")
