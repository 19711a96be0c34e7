"""A process that is killed loses nothing that was on the screen a second before."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_scsam.config import ClassSpec
from napari_scsam.io.volumes import open_volume
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.project import create_project

HERE = Path(__file__).parent
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks the processes that are killed")
TABLE = tuple(ClassSpec(number, f"class {number}") for number in range(1, 6))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    image = tmp_path / "cell.zarr"
    path = tmp_path / "mine.scsam.zarr"
    list(
        copy_image(
            image,
            np.random.default_rng(0).integers(0, 255, (5, 300, 400)).astype(np.uint8),
            (40.0, 8.0, 8.0),
            (400.0, 80.0, 16.0),
        )
    )
    create_project(path, ImageReference.of(open_volume(image), path), TABLE).close()
    return path


def rounds_of(script: str, *arguments: str, **environment: str) -> list[dict[str, Any]]:
    """Run a script that kills processes; print and return its verdicts."""
    run = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    print(run.stdout)  # noqa: T201  # shown when the test fails
    assert run.returncode == 0, run.stderr[-2000:]
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def fifteen_kills(project: Path, first_seed: str) -> list[dict[str, Any]]:
    """Paint into a project and kill the painter, fifteen times."""
    return rounds_of("painter.py", str(project), "15", first_seed, QT_QPA_PLATFORM="offscreen")


@pytest.mark.slow
@forks
def test_nothing_is_lost_in_thirty_kills(project):
    """Two projects, painted at the same time: a painter mostly waits."""
    other = shutil.copytree(project, project.with_name("other.scsam.zarr"))
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(fifteen_kills, (project, other), ("0", "15")))
    rounds = [*both[0], *both[1]]
    assert [r["lost"] for r in rounds] == [0] * 30
    assert sum(r["held"] for r in rounds) > 100, "too few edits were old enough to say anything"
    assert all(part[-1]["labelled"] > 0 for part in both)


@pytest.mark.slow
@pytest.mark.gui
@pytest.mark.emdata
@forks
def test_nothing_is_lost_when_a_window_is_killed(emdata):
    """Play some of the rounds of ``python tests/faults/player.py``."""
    rounds = rounds_of("player.py", "--rounds", "4", "--seconds", "5", "--emdata", str(emdata))
    assert [(r["lost"], r["locks"], r["opened as left"], r["trouble"]) for r in rounds] == [
        (0, True, True, [])
    ] * 4
    assert sum(r["held"] for r in rounds) > 3, "too few edits were old enough to say anything"
