from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.drafts import DRAFT_MARK
from napari_scsam.project.image import copy_image
from napari_scsam.project.start import (
    ImageSource,
    OpenedProject,
    open_project,
    project_path,
    start_project,
)

TABLE = (ClassSpec(1, "mitochondrion"),)
SIZE, ORIGIN = (40.0, 8.0, 8.0), (400.0, 80.0, 16.0)
IMAGE = np.random.default_rng(0).integers(0, 200, (3, 20, 30)).astype(np.uint8)


@pytest.fixture(params=["in memory", "in a file"])
def source(request, tmp_path: Path) -> ImageSource:
    if request.param == "in memory":
        return ImageSource(IMAGE, None, SIZE, ORIGIN)
    list(copy_image(tmp_path / "cell.zarr", IMAGE, SIZE, ORIGIN))
    return ImageSource(IMAGE, str(tmp_path / "cell.zarr"), SIZE, ORIGIN)


@pytest.mark.parametrize(
    "typed", ["My brain", "My brain.zarr", "My brain.scsam", "My brain.scsam.zarr"]
)
def test_the_name_of_a_project_is_completed_and_nothing_of_it_doubled(typed):
    assert project_path(f"/data/{typed}") == Path("/data/My brain.scsam.zarr")


def finish(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_a_project_appears_when_it_is_complete_and_opens(source, tmp_path):
    path, steps = tmp_path / "mine.scsam.zarr", 0
    making = start_project(path, source, TABLE)
    while True:
        try:
            next(making)
        except StopIteration as end:
            project = end.value
            break
        assert not path.exists(), "whoever is killed now leaves no project behind"
        steps += 1
    assert steps >= 3
    project.array("classes")[1, 2, 3] = 1
    project.close()
    path.rename(tmp_path / "moved.scsam.zarr")
    opened = finish(open_project(tmp_path / "moved.scsam.zarr"))
    np.testing.assert_array_equal(opened.image.data[...], IMAGE)
    assert (opened.image.voxel_size, opened.image.origin) == (SIZE, ORIGIN)
    assert opened.project.array("classes")[1, 2, 3] == 1
    assert opened.project.record.contrast is not None
    opened.project.close()


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_whoever_stops_leaves_nothing_and_the_next_one_begins_anew(source, tmp_path, steps):
    path, before = tmp_path / "mine.scsam.zarr", sorted(tmp_path.iterdir())
    making = start_project(path, source, TABLE)
    for _ in range(steps):
        next(making)
    making.close()
    assert sorted(tmp_path.iterdir()) == before
    with subprocess.Popen([sys.executable, "-c", ""]) as killed:
        left = tmp_path / f".mine.scsam.zarr.{killed.pid}.part"
    left.mkdir()
    (left / DRAFT_MARK).write_text(socket.gethostname())
    (left / "zarr.json").write_text("{")
    finish(start_project(path, source, TABLE)).close()
    assert sorted(tmp_path.iterdir()) == sorted([*before, path])
    with pytest.raises(UserError, match="already exists"):
        next(start_project(path, source, TABLE))


def test_a_project_that_was_closed_can_be_opened_by_others(source, tmp_path):
    path = tmp_path / "mine.scsam.zarr"
    finish(start_project(path, source, TABLE)).close()
    opened = finish(open_project(path))
    with pytest.raises(UserError, match="open"):
        finish(open_project(path))
    opened.close()
    finish(open_project(path)).close()


def test_what_waits_for_its_image_is_closed_without_a_project(tmp_path):
    OpenedProject(tmp_path, None, None, "Where is the image?").close()


def test_a_full_disk_is_a_sentence(source, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(UserError, match="No space left on device"):
        finish(start_project(tmp_path / "mine.scsam.zarr", source, TABLE))
