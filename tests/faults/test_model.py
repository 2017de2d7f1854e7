"""Random histories of files, readers and kills."""

import os
import subprocess
import sys

from .process import ROOT


def test_t35_random_histories_against_a_model(scale, figures):
    """Writes, rotations, copies, truncations, packings, removals, pauses, stops and kills by chance: what was read is
    what the model of the files says, and every byte is accounted for."""
    cases = scale.pick(500, 50_000)
    ran = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist",
                          "tests/sources/test_tail_model.py"], cwd=ROOT, capture_output=True, text=True,
                         env={**os.environ, "MODEL_CASES": str(cases), "PYTHONPATH": str(ROOT)}, check=False)

    figures(cases=cases)
    assert 0 == ran.returncode, ran.stdout[-4000:]
