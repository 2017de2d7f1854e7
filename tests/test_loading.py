import pytest

from corowatch.core.config import ConfigFile
from corowatch.core.errors import ConfigError
from corowatch.loading import load_texts


def test_standard_input_is_read_one_way_only():
    text = "flows:\n  a: {stdin: , alert: }\n  b: {stdin: , alert: }\n  c: {stdin: {timestamp: none}, alert: }\n"

    with pytest.raises(ConfigError) as refused:
        load_texts([ConfigFile("c.yaml", text, "/")])

    assert ["standard input is read with other options by a.stdin, at c.yaml:2:7; it can be read one way only"] == [
        mistake.what for mistake in refused.value.mistakes]
