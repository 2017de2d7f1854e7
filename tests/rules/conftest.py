"""What the tests of rules share: configs and logs in a folder of their own, in UTC."""

import time

import pytest

from corowatch.core.config import ConfigFile
from corowatch.loading import load_texts


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def config(tmp_path):
    """A config of a text."""
    return lambda text: load_texts([ConfigFile("c.yaml", text, str(tmp_path))])
