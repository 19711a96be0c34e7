"""Files that say that they hold labels are no images; nothing is guessed from values."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.images import open_grey_volume, says_labels
from napari_scsam.io.labels import write_labels
from napari_scsam.project.image import copy_image
from napari_scsam.steps import drive

CLASSES = (ClassSpec(1, "mitochondrion"),)
LABELS = np.zeros((2, 40, 50), np.uint8)
LABELS[:, 5:20, 5:20] = 1


@pytest.mark.parametrize("classes", [CLASSES, ()], ids=["classes", "objects"])
@pytest.mark.parametrize("suffix", ["zarr", "tif", "mrc", "h5", "precomputed"])
def test_labels_that_we_wrote_are_no_image(
    tmp_path: Path, suffix: str, classes: tuple[ClassSpec, ...]
) -> None:
    path = tmp_path / f"labels.{suffix}"
    write_labels(path, LABELS, (8.0, 8.0, 8.0), classes)
    with pytest.raises(UserError, match="holds labels and no grey values"):
        open_grey_volume(path)


@pytest.mark.parametrize("inside", ["labels/classes", "labels/classes/0"])
def test_labels_inside_of_an_image_are_no_image(tmp_path: Path, inside: str) -> None:
    drive(copy_image(tmp_path / "em.zarr", LABELS * 90, (8.0, 8.0, 8.0), (0.0, 0.0, 0.0)))
    write_labels(tmp_path / "labels.zarr", LABELS, None, CLASSES)
    (tmp_path / "labels.zarr" / "labels").rename(tmp_path / "em.zarr" / "labels")
    assert says_labels(str(tmp_path / "em.zarr" / inside))
    assert not says_labels(str(tmp_path / "em.zarr"))
    assert not says_labels(str(tmp_path / "em.zarr" / "0"))


def test_labels_of_other_programs_are_no_image(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "theirs.zarr", mode="w", zarr_format=2)
    cells = group.create_group("labels/cells")
    cells.create_array("0", data=LABELS)  # without any metadata but its place
    assert says_labels(str(tmp_path / "theirs.zarr/labels/cells/0"))
    (tmp_path / "segments").mkdir()
    info = {"type": "segmentation", "scales": [{}]}
    (tmp_path / "segments" / "info").write_text(json.dumps(info))
    assert says_labels(str(tmp_path / "segments"))


def test_few_values_or_a_folder_called_labels_are_an_image(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    tifffile.imwrite(folder / "em.tif", LABELS)
    zarr.save_array(str(folder / "em.zarr"), LABELS)
    assert open_grey_volume(folder / "em.tif").shape == LABELS.shape
    assert open_grey_volume(folder / "em.zarr").shape == LABELS.shape


def test_an_image_beside_labels_in_one_file_is_an_image(tmp_path: Path) -> None:
    path = tmp_path / "both.h5"
    write_labels(path, LABELS, (8.0, 8.0, 8.0), CLASSES)
    with h5py.File(path, "a") as file:
        file["em"] = LABELS * 90
    assert open_grey_volume(f"{path}:/em").shape == LABELS.shape
    with pytest.raises(UserError, match="holds labels"):
        open_grey_volume(f"{path}:/labels")
