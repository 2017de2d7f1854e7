import sys

import pytest

from corowatch.core.later import Later


def test_a_module_is_loaded_when_something_of_it_is_used(monkeypatch):
    module = Later("colorsys")
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert "colorsys" not in sys.modules

    assert module.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
    assert "colorsys" in sys.modules


def test_one_that_is_not_there_says_so_when_it_is_used():
    module = Later("no_such_module_at_all")

    with pytest.raises(ImportError):
        module.anything()
