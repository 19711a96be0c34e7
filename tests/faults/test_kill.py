"""A process that is killed loses nothing that was on the screen a second before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import ClassSpec
from napari_scsam.data.project import create_project
from napari_scsam.data.project_image import ImageReference, copy_image
from napari_scsam.data.volumes import open_volume

HERE = Path(__file__).parent
TABLE = tuple(ClassSpec(number, f"class {number}") for number in range(1, 6))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    image, path = tmp_path / "cell.zarr", tmp_path / "mine.scsam.zarr"
    list(
        copy_image(image, np.random.default_rng(0).integers(0, 255, (5, 300, 400)).astype(np.uint8), (40.0, 8.0, 8.0), (400.0, 80.0, 16.0))
    )
    create_project(path, ImageReference.of(open_volume(image), path), TABLE).close()
    return path


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks the painters")
def test_nothing_is_lost_in_thirty_kills(project):
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    run = subprocess.run(  # noqa: S603
        [sys.executable, str(HERE / "painter.py"), str(project), "30"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    rounds = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(rounds) == 30, run.stderr[-2000:]
    assert [r["lost"] for r in rounds] == [0] * 30
    assert sum(r["held"] for r in rounds) > 100, "too few edits were old enough to say anything"
    assert rounds[-1]["labelled"] > 0
