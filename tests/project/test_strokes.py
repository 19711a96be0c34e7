"""Strokes that teach classes are kept in the folder of a project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import ClassSpec
from napari_scsam.io.volumes import as_volume
from napari_scsam.project.copy_project import copy_project
from napari_scsam.project.image import ImageReference
from napari_scsam.project.project import Project, create_project
from napari_scsam.project.strokes import ON, StrokeKey
from napari_scsam.steps import drive

SHAPE = (5, 40, 600)
GRANULE = StrokeKey.of("Dense granule / α", 0)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    volume = as_volume(np.zeros(SHAPE, np.uint8))
    image = ImageReference.of(volume, tmp_path / "mine.scsam.zarr")
    return create_project(tmp_path / "mine.scsam.zarr", image, (ClassSpec(1, "membrane"),))


def test_a_project_has_no_strokes_before_any_are_drawn(project: Project) -> None:
    assert project.stroke_keys() == ()
    assert not (project.path / "strokes").exists()
    project.close()


def test_strokes_are_there_again_under_any_name(project: Project) -> None:
    project.strokes(GRANULE)[2, 3, 4:8] = ON
    project.strokes(StrokeKey.of("droplet", 2))[:, 3, 599] = ON
    project.close()
    again = Project(project.path)
    assert again.stroke_keys() == (GRANULE, StrokeKey.of("droplet", 2))
    assert again.stroke_keys()[0].title == "Dense granule / α"
    assert again.strokes(StrokeKey.of("dense GRANULE / α", 0)) is again.strokes(GRANULE)
    assert again.strokes(GRANULE).touched(0) == {2}
    assert again.strokes(StrokeKey.of("droplet", 2)).touched(2) == {599}
    assert np.argwhere(np.asarray(again.strokes(GRANULE))).tolist() == [
        [2, 3, x] for x in range(4, 8)
    ]
    assert again.label_names == ("classes",), "they are no labels"
    assert sorted(each.name for each in (project.path / "strokes").iterdir() if each.is_dir()) == [
        "0",
        "1",
    ]
    again.close()


def test_only_slices_with_strokes_take_space(project: Project) -> None:
    project.strokes(GRANULE)[2, 3, 4] = ON
    project.flush()
    chunks = [path for path in (project.path / "strokes").rglob("c/*/*/*") if path.is_file()]
    assert len(chunks) == 1
    project.strokes(GRANULE)[2] = 0
    project.flush()
    assert not np.asarray(project.strokes(GRANULE)).any()
    project.close()


def test_a_copy_takes_the_strokes_along(project: Project, tmp_path: Path) -> None:
    project.strokes(GRANULE)[2, 3, 4] = ON
    copied = drive(copy_project(project, tmp_path / "copy.scsam.zarr"))
    project.move_to(copied)
    project.strokes(GRANULE)[4, 0, 0] = ON
    project.close()
    original = Project(tmp_path / "mine.scsam.zarr")
    copy = Project(copied)
    assert np.asarray(original.strokes(GRANULE)).sum() == 1
    assert np.asarray(copy.strokes(GRANULE)).sum() == 2
    original.close()
    copy.close()
