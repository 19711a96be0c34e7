from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, PATH_KEY, classes_of
from napari_scsam.gui.layers.locks import LOCKED, locked_labels
from napari_scsam.gui.project.layers import (
    can_be_kept,
    find_image,
    image_source,
    new_layer,
    remove_layers,
    show_position,
    shows_image,
    smallest_dtype,
    take_over,
)
from napari_scsam.io.saved.saved_array import SavedArray
from napari_scsam.io.volumes import open_volume
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.project import CLASSES, create_project

SHAPE = (4, 20, 24)
SIZE = (40.0, 8.0, 16.0)
ORIGIN = (400.0, 80.0, 0.0)
TABLE = (ClassSpec(1, "mitochondrion", "#ff0000"), ClassSpec(300, "vesicle", "#00ff00"))
GREY = np.random.default_rng(1).integers(0, 255, SHAPE).astype(np.uint8)


@pytest.fixture
def file(tmp_path):
    list(copy_image(tmp_path / "cell.zarr", GREY, SIZE, ORIGIN))
    return tmp_path / "cell.zarr"


@pytest.fixture
def project(file, tmp_path):
    path = tmp_path / "mine.scsam.zarr"
    made = create_project(path, ImageReference.of(open_volume(file), path), TABLE, dtype="uint16")
    yield made
    made.close()


def image(**options) -> Image:
    return Image(GREY, **({"scale": SIZE, "translate": ORIGIN, "units": ("nm",) * 3} | options))


def test_a_project_learns_size_place_and_file_of_its_image(file):
    source = image_source(image(metadata={PATH_KEY: str(file)}))
    assert source.path == str(file)
    assert source.voxel_size == SIZE
    assert source.origin == ORIGIN
    assert source.data is not None
    microns = image(scale=(0.04, 0.008, 0.016), translate=(0.4, 0.08, 0), units=("um",) * 3)
    assert image_source(microns).voxel_size == pytest.approx(SIZE)
    assert image_source(microns).origin == pytest.approx(ORIGIN)
    assert image_source(image(units=("pixel",) * 3)).voxel_size is None


def test_no_image_and_an_image_in_colour_make_no_project():
    with pytest.raises(UserError, match="no image to make a project for"):
        image_source(None)
    with pytest.raises(UserError, match="RGB"):
        image_source(Image(np.full((8, 8, 3), (9, 0, 0), np.uint8), rgb=True))


def test_the_layer_of_a_volume_has_its_file_and_its_shape(file):
    viewer = ViewerModel()
    volume = open_volume(file)
    viewer.add_image(GREY)
    viewer.add_image(GREY[:2], metadata={PATH_KEY: str(file)})
    assert find_image(viewer, volume) is None
    shown = viewer.add_image(GREY, metadata={PATH_KEY: str(file)})
    assert find_image(viewer, volume) is shown


def test_an_image_is_known_by_its_pixels(project):
    reference = project.record.image
    assert shows_image(image(), reference)
    assert shows_image(Image([GREY, GREY[:, ::2, ::2]], multiscale=True), reference)
    assert not shows_image(Image(GREY[:, :, :-1]), reference)
    assert not shows_image(Image(255 - GREY), reference)


def test_only_labels_on_the_grid_of_the_image_are_kept():
    one = image()
    place = {"scale": SIZE, "translate": ORIGIN, "units": ("nm",) * 3}
    zeros = np.zeros(SHAPE, np.uint8)
    assert can_be_kept(Labels(zeros, **place), one)
    assert not can_be_kept(Labels(zeros, **place, metadata={NOT_KEPT_KEY: True}), one)
    assert not can_be_kept(Labels(zeros, **(place | {"translate": (0, 0, 0)})), one)
    assert not can_be_kept(Labels(zeros[1:], **place), one)
    assert not can_be_kept(Labels([zeros, zeros[:, ::2]], multiscale=True, **place), one)
    assert not can_be_kept(image(), one)


@pytest.mark.parametrize("index", [0, 3])
def test_the_viewer_moves_to_an_index_whatever_its_units(index):
    viewer = ViewerModel()
    viewer.add_image(np.zeros((2, *SHAPE)))  # one axis more
    layer = viewer.add_layer(
        image(scale=(0.04, 0.008, 0.016), translate=(0.4, 0.08, 0), units=("um",) * 3)
    )
    other = ViewerModel()
    alone = other.add_layer(image())
    for shown, one in ((viewer, layer), (other, alone)):
        show_position(shown, one, 0, index)
        expected = one.translate[0] + index * one.scale[0]
        assert shown.dims.point[shown.dims.ndim - 3] == pytest.approx(expected)


def test_the_labels_of_a_project_are_shown_with_their_classes_and_look(project):
    project.array(CLASSES)[1, 2:5, 3] = 300
    layer = new_layer(project, CLASSES, image(), {"state": {"opacity": 0.25}, "locked": [300]})
    assert layer.data is project.array(CLASSES)
    assert np.count_nonzero(np.asarray(layer.data[...]) == 300) == 3
    assert classes_of(layer) == TABLE
    np.testing.assert_allclose(layer.data_to_world((1, 2, 3)), image().data_to_world((1, 2, 3)))
    assert layer.opacity == 0.25
    assert locked_labels(layer) == (300,)


def test_instances_have_no_class_table(project):
    project.add_labels("cells", np.uint16, ())
    layer = new_layer(project, "cells", image(), {})
    assert classes_of(layer) is None
    assert LOCKED not in layer.metadata
    assert tuple(layer.get_color(1)) != tuple(layer.get_color(2))


def as_zarr(data):
    return zarr.array(data, chunks=(1, 8, 8))


@pytest.mark.parametrize("wrap", [np.array, as_zarr], ids=["numpy", "zarr"])
def test_a_layer_is_taken_over_with_its_labels_and_its_undo(project, wrap):
    labels = np.zeros(SHAPE, np.uint16)
    labels[2, 3:9, 4:9] = 300
    layer = Labels(wrap(labels))
    layer.data_setitem((np.array([2]), np.array([4]), np.array([5])), np.array([1]))
    array = project.add_labels("mine", np.uint16, ())
    take_over(layer, array)
    assert layer.data is array
    edited = labels.copy()
    edited[2, 4, 5] = 1
    np.testing.assert_array_equal(array[...], edited)
    layer.undo()
    project.flush()
    stored = zarr.open_group(project.path, mode="r")["labels/mine/0"][...]
    np.testing.assert_array_equal(stored, labels)


def test_only_the_layers_of_this_project_are_removed(project):
    viewer = ViewerModel()
    mine = viewer.add_layer(new_layer(project, CLASSES, image(), {}))
    foreign = SavedArray(as_zarr(np.zeros(SHAPE, np.uint8)))
    kept = [viewer.add_layer(image()), viewer.add_labels(foreign)]
    viewer.add_points(ndim=3, metadata={NOT_KEPT_KEY: True})
    remove_layers(viewer, project.path)
    assert mine not in viewer.layers
    assert list(viewer.layers) == kept


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (np.array([[[0, 255]]], np.int64), np.uint8),
        (np.array([[[0, 256]]], np.int64), np.uint16),
        (np.array([[[0]], [[70_000]]], np.uint64), np.uint32),
        (np.array([[[-1, 3]]], np.int32), np.int32),
        (np.array([[[0, 1]]], np.uint16), np.uint16),
    ],
)
def test_labels_are_stored_in_the_smallest_type(data, dtype):
    assert smallest_dtype(SimpleNamespace(data=data, metadata={})) == np.dtype(dtype)
