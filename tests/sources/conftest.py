"""Nothing is left open behind a test."""

import pytest
from reading import Reader


@pytest.fixture(autouse=True)
def _readers_are_closed():
    yield
    while Reader.opened:
        Reader.opened.pop().tail.close()
