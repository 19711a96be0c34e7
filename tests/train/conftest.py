"""A small recipe that trains on a synthetic cell."""

from __future__ import annotations

import pytest
import tifffile

from napari_scsam.io.labels import write_labels
from napari_scsam.model import ScSAMConfig
from napari_scsam.samples.phantom import PHANTOM_CLASSES, make_phantom
from napari_scsam.train.recipe import Recipe
from napari_scsam.train.recipe_tables import LabelledSource, Training


@pytest.fixture(scope="package")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    folder = tmp_path_factory.mktemp("cell")
    phantom = make_phantom((2, 96, 96), (20.0, 8.0, 8.0))
    tifffile.imwrite(folder / "image.tif", phantom.image, imagej=True, metadata={"axes": "ZYX"})
    write_labels(folder / "labels.tif", phantom.labels, phantom.voxel_size, phantom.classes)
    source = LabelledSource(
        folder / "image.tif",
        folder / "labels.tif",
        objects=((1, 2), (7,)),
        voxel_size=phantom.voxel_size,
    )
    training = Training(steps=4, batch=2, crop=64, prompts=1, pool=4, save_every=2)
    return Recipe(ScSAMConfig(nm_per_pixel=8.0, tile=128), PHANTOM_CLASSES[:6], (source,), training)
