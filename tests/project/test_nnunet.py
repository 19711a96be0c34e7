"""A project as a data set of nnU-Net, as another program reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_scsam.config import ClassSpec
from napari_scsam.io.volumes import open_volume
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.nnunet import (
    labels_with_ignore,
    nnunet_table,
    reviewed_table,
    write_nnunet,
)
from napari_scsam.project.project import CLASSES, Project, create_project

STACK = np.random.default_rng(0).integers(0, 200, (5, 13, 19)).astype(np.uint8)
TABLE = (ClassSpec(2, "membrane"), ClassSpec(5, "vesicle"), ClassSpec(200, "PSD"))


def project_of(folder: Path, image: np.ndarray, size: tuple | None) -> Project:
    """Create a project of an image whose first rows hold a vesicle, and the next a PSD."""
    list(copy_image(folder / "cell.zarr", image, size, (0.0, 0.0, 0.0)))
    path = folder / "mine.scsam.zarr"
    made = create_project(path, ImageReference.of(open_volume(folder / "cell.zarr"), path), TABLE)
    made.array(CLASSES)[..., :3, :] = 5
    made.array(CLASSES)[..., 3:5, :] = 200
    return made


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = project_of(tmp_path, STACK, (40.0, 8.0, 4.0))
    yield made
    made.close()


def expected_rows(number_of_psd: int, number_of_vesicle: int, rest: int) -> np.ndarray:
    rows = np.full((13, 19), rest, np.uint8)
    rows[:3] = number_of_vesicle
    rows[3:5] = number_of_psd
    return rows


def test_only_slices_from_the_first_reviewed_to_the_last_are_written(
    project: Project, tmp_path: Path
) -> None:
    project.reviewed[1] = 1
    project.reviewed[3, :, :10] = 1
    out = tmp_path / "draft"
    out.mkdir()
    steps = list(write_nnunet(project, out, [3, 1], tmp_path / "Dataset007_cell_b"))
    assert [(step.done, step.total) for step in steps] == [(2, 4), (3, 4), (3, 4)]
    assert sorted(str(path.relative_to(out).as_posix()) for path in out.rglob("*.*")) == [
        "dataset.json",
        "imagesTr/cell_b.json",
        "imagesTr/cell_b_0000.tif",
        "labelsTr/cell_b.json",
        "labelsTr/cell_b.tif",
    ]
    np.testing.assert_array_equal(tifffile.imread(out / "imagesTr" / "cell_b_0000.tif"), STACK[1:4])
    labels = tifffile.imread(out / "labelsTr" / "cell_b.tif")
    np.testing.assert_array_equal(labels[0], expected_rows(3, 2, 0))
    assert (labels[1] == 4).all(), "nobody has looked at it"
    np.testing.assert_array_equal(labels[2, :, :10], expected_rows(3, 2, 0)[:, :10])
    assert (labels[2, :, 10:] == 4).all()
    for part in ("imagesTr", "labelsTr"):
        spacing = json.loads((out / part / "cell_b.json").read_text(encoding="utf-8"))
        assert spacing == {"spacing": [40.0, 8.0, 4.0]}


def test_the_table_numbers_classes_from_1_and_ends_with_ignore(
    project: Project, tmp_path: Path
) -> None:
    project.reviewed[0] = 1
    (tmp_path / "draft").mkdir()
    list(write_nnunet(project, tmp_path / "draft", [0], tmp_path / "Dataset001_x"))
    table = json.loads((tmp_path / "draft" / "dataset.json").read_text(encoding="utf-8"))
    assert table["labels"] == {"background": 0, "membrane": 1, "vesicle": 2, "PSD": 3, "ignore": 4}
    assert list(table["labels"])[-1] == "ignore", "nnU-Net wants it to be the last"
    assert (table["numTraining"], table["file_ending"]) == (1, ".tif")
    assert table == nnunet_table(TABLE)


@pytest.mark.parametrize("size", [None, (30.0, 6.0, 6.0)])
def test_a_single_slice_becomes_a_stack_of_one(tmp_path: Path, size: tuple | None) -> None:
    project = project_of(tmp_path, STACK[0], size)
    project.reviewed[...] = 1
    (tmp_path / "draft").mkdir()
    list(write_nnunet(project, tmp_path / "draft", [0], tmp_path / "Dataset001_flat"))
    project.close()
    for name in ("imagesTr/flat_0000.tif", "labelsTr/flat.tif"):
        with tifffile.TiffFile(tmp_path / "draft" / name) as tif:
            assert tif.series[0].asarray().reshape(-1, 13, 19).shape == (1, 13, 19)
    spacing = json.loads((tmp_path / "draft" / "imagesTr" / "flat.json").read_text("utf-8"))
    assert len(spacing["spacing"]) == 3
    if size is None:
        assert spacing["spacing"] == [1.0, 1.0, 1.0]


def test_a_pixel_reviewed_for_some_classes_is_known_where_it_has_one(project: Project) -> None:
    project.update(reviewed_classes={"1": (2, 5, 200), "2": (5,)})
    project.reviewed[0] = 1
    project.reviewed[1] = 2
    classes = reviewed_table(project)
    assert [spec.id for spec in classes] == [2, 5, 200]
    labels = labels_with_ignore(project, slice(0, 2), classes)
    np.testing.assert_array_equal(labels[0], expected_rows(3, 2, 0))
    np.testing.assert_array_equal(labels[1], expected_rows(4, 2, 4))


def test_classes_that_nobody_looked_for_are_not_in_the_table(project: Project) -> None:
    project.update(reviewed_classes={"1": (200,)})
    project.reviewed[2] = 1
    classes = reviewed_table(project)
    assert [spec.name for spec in classes] == ["PSD"]
    labels = labels_with_ignore(project, slice(2, 3), classes)
    np.testing.assert_array_equal(labels[0], expected_rows(1, 0, 0))


def test_labels_do_not_depend_on_which_values_occur(project: Project) -> None:
    project.array(CLASSES)[4] = 0
    project.reviewed[4] = 1
    assert not labels_with_ignore(project, slice(4, 5), TABLE).any()
