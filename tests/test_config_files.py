"""The config that is installed, as it stands and with what it leaves to be taken in."""

import re
from pathlib import Path

from corowatch.loading import load_paths

INSTALLED = Path(__file__).parents[1] / "config" / "corowatch.yaml"


def test_the_installed_config_has_no_mistakes_and_no_notes():
    config = load_paths([str(INSTALLED)])

    assert {"ssh-guessing", "out-of-memory", "own"} == {step.flow for step in config.steps.values()}
    assert () == config.notes


def test_what_is_commented_out_is_right_when_it_is_taken_in(tmp_path):
    taken = re.sub(r"^  # (?=my-app:|  |ops:)", "  ", INSTALLED.read_text(), flags=re.MULTILINE)
    (tmp_path / "c.yaml").write_text(taken)

    config = load_paths([str(tmp_path / "c.yaml")])

    assert "my-app.tail" in config.steps
    assert {"alerts", "ops"} == set(config.sinks)
