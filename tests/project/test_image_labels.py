from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr_models.v05 import Labels

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import read_class_table
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.image_labels import IMAGE_LABELS, write_into_image
from napari_scsam.project.project import CLASSES, create_project

SIZE, ORIGIN = (40.0, 8.0, 8.0), (400.0, 80.0, 16.0)
TABLE = (ClassSpec(1, "mitochondrion", "#ff0000"), ClassSpec(2, "ER", "#00ff00"))
IMAGE = np.random.default_rng(0).integers(0, 200, (3, 700, 600)).astype(np.uint8)


def result(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.fixture
def project(tmp_path: Path):
    list(copy_image(tmp_path / "cell.zarr", IMAGE, SIZE, ORIGIN))
    path = tmp_path / "mine.scsam.zarr"
    made = create_project(path, ImageReference.of(open_volume(tmp_path / "cell.zarr"), path), TABLE)
    made.array(CLASSES)[1, 100:300, 50:90] = 2
    yield made
    made.close()


def test_the_image_gets_labels_with_scale_colours_and_pyramid(project, tmp_path):
    image = tmp_path / "cell.zarr"
    where = result(write_into_image(project))
    labels = open_labels(where)
    assert (labels.voxel_size, labels.origin) == (SIZE, ORIGIN)
    np.testing.assert_array_equal(labels.data[...], project.array(CLASSES)[...])
    assert read_class_table(where) == TABLE
    assert len(labels.levels) == 1
    model = Labels.from_zarr(zarr.open_group(image / "labels", mode="r"))
    assert model.label_paths == [IMAGE_LABELS]
    np.testing.assert_array_equal(open_volume(image).data[...], IMAGE)


def test_labels_that_are_there_are_replaced_only_when_asked(project, tmp_path):
    result(write_into_image(project))
    project.array(CLASSES)[0] = 1
    assert result(write_into_image(project)) is None
    assert not open_labels(tmp_path / "cell.zarr" / "labels" / IMAGE_LABELS).data[0].any()
    assert result(write_into_image(project, replace=True)) is not None
    assert open_labels(tmp_path / "cell.zarr" / "labels" / IMAGE_LABELS).data[0].all()


def test_an_image_that_is_no_ome_zarr_is_told(tmp_path):
    tifffile.imwrite(tmp_path / "cell.tif", IMAGE, photometric="minisblack")
    path = tmp_path / "mine.scsam.zarr"
    made = create_project(path, ImageReference.of(open_volume(tmp_path / "cell.tif"), path), TABLE)
    with pytest.raises(
        UserError,
        match=r"cell.tif is not an OME-Zarr.*File > Save Selected Layers …, file type ScSAM Organelle labels",
    ):
        list(write_into_image(made))
    made.close()
