"""The root of an OME-Zarr of labels is a valid image, and no second copy of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr
from ome_zarr_models.v05.image import Image
from ome_zarr_models.v05.image_label import ImageLabel

from napari_scsam.config import ClassSpec
from napari_scsam.gui.layers.files import label_images
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.find_labels import find_labels
from napari_scsam.io.label_root import is_label_root, point_root
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import as_volume, open_labels, open_volume
from napari_scsam.io.zarr_access import ngff_attributes
from napari_scsam.model import ScSAM
from napari_scsam.steps import drive
from napari_scsam.volume.run import segment_volume

STACK = np.random.default_rng(0).integers(1, 200, (2, 600, 72), dtype=np.uint8)
SIZE = (20.0, 8.0, 8.0)


@pytest.fixture(scope="module")
def out(random_model: ScSAM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels of a run, with two levels and probabilities."""
    path = tmp_path_factory.mktemp("labels") / "out.zarr"
    predictor = Predictor(random_model, "cpu")
    drive(segment_volume(as_volume(STACK, SIZE), predictor, path, probabilities=True))
    return path


def test_the_root_is_an_ome_zarr_image_of_all_levels(out: Path) -> None:
    root = zarr.open_group(out, mode="r")
    image = Image.from_zarr(root)
    multiscale = image.ome_attributes.multiscales[0]
    assert [dataset.path for dataset in multiscale.datasets] == [
        "labels/classes/0",
        "labels/classes/1",
    ]
    for dataset in multiscale.datasets:
        assert isinstance(root[dataset.path], zarr.Array)
    ImageLabel.from_zarr(zarr.open_group(out / "labels" / "classes", mode="r"))


def test_the_plugin_takes_the_root_as_labels_alone(out: Path) -> None:
    assert label_images(out) == ([out / "labels" / "classes"], False)
    assert find_labels(out) == out / "labels" / "classes"
    labels = open_labels(out)
    assert labels.voxel_size == SIZE
    assert len(labels.levels) == 1
    inside = open_labels(out / "labels" / "classes")
    np.testing.assert_array_equal(labels.data[...], inside.data[...])


def test_probabilities_are_an_ome_zarr_image_with_channels(out: Path) -> None:
    folder = out / "labels" / "classes" / "probabilities"
    group = zarr.open_group(folder, mode="r")
    image = Image.from_zarr(group)
    assert [axis.name for axis in image.ome_attributes.multiscales[0].axes] == list("czyx")
    labels = open_labels(out).data[...]
    values = group["0"]
    channels = [channel["label"] for channel in ngff_attributes(group)["omero"]["channels"]]
    assert channels == ["mitochondrion", "membrane", "vesicle"]
    assert values.shape == (3, *labels.shape)
    total = values[...].astype(int).sum(axis=0)
    assert 0 < total.max() <= 257, "with background they add up to one"
    assert open_volume(f"{folder}:channel=1").shape == labels.shape


def test_other_images_at_the_root_stay(tmp_path: Path) -> None:
    path = tmp_path / "em.zarr"
    write_labels(path, STACK, SIZE, (ClassSpec(1, "er"),))
    root = zarr.open_group(path, mode="r+")
    foreign = {"version": "0.5", "multiscales": [{"datasets": [{"path": "0"}], "axes": []}]}
    root.update_attributes({"ome": foreign})
    point_root(path, "classes")
    assert ngff_attributes(zarr.open_group(path, mode="r")) == foreign


@pytest.mark.parametrize(
    "attributes", [{}, {"multiscales": []}, {"multiscales": [{"datasets": []}]}]
)
def test_a_root_without_levels_is_no_label_root(attributes: dict) -> None:
    assert not is_label_root(attributes)


def test_labels_of_older_versions_open(tmp_path: Path) -> None:
    path = tmp_path / "old.zarr"
    write_labels(path, STACK, SIZE, (ClassSpec(1, "er"),))
    root = zarr.open_group(path, mode="r+")
    root.attrs.pop("ome", None)
    np.testing.assert_array_equal(open_labels(path).data[...], STACK)
