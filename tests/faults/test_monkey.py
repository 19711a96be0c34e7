"""Random play in a real window leaves no exception, no half-made class, and no stray pixel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("monkey.py")


@pytest.mark.gui
def test_a_short_play_at_random():
    run = subprocess.run(
        [sys.executable, str(SCRIPT), "--gestures", "30", "--seed", "1"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    found = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    assert run.returncode == 0, (found, run.stderr[-2000:])
    assert found[-1]["faults"] == 0
    assert found[-1]["gestures"] == 30
