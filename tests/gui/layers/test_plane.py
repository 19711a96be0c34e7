from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_scsam.config import UserError
from napari_scsam.gui.layers.plane import (
    Plane,
    fit_view,
    full_resolution,
    layer_voxel_size,
    plane_shown_of,
    shown_plane,
)
from napari_scsam.io.lazy import LazyArray


def model(data=None, **kwargs):
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((6, 8, 10), np.uint8) if data is None else data, **kwargs)
    return viewer, layer


def test_plane_of_a_volume_reads_writes_and_names_one_section():
    data = np.arange(24).reshape(2, 3, 4)
    for axis in range(3):
        plane = Plane(axis, 1)
        section = plane.read(data)
        np.testing.assert_array_equal(section, data.take(1, axis))
        rows, columns = np.nonzero(section > 10)
        np.testing.assert_array_equal(data[plane.indices(rows, columns)], section[rows, columns])
        np.testing.assert_array_equal(plane.read(data, slice(1, 2)), section[1:2])
    assert Plane(0, 12).describe() == "slice 12"
    assert Plane().read(data[0]).shape == (3, 4)


def test_voxel_size_of_a_plane_puts_the_axis_across_it_first():
    size = (5.0, 7.68, 10.24)
    assert Plane(0, 3).voxel_size(size) == size
    assert Plane(1, 3).voxel_size(size) == (7.68, 5.0, 10.24)
    assert Plane(2, 3).voxel_size(size) == (10.24, 5.0, 7.68)
    assert Plane(0, 3).voxel_size(None) is None


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1)])
def test_shown_plane_follows_slider_and_axis_order(order):
    viewer, layer = model(scale=(5, 7.68, 10.24), translate=(100, 200, 300), units=("nm",) * 3)
    viewer.dims.order = order
    viewer.dims.set_current_step(order[0], 4)
    assert shown_plane(viewer, layer) == Plane(order[0], 4)


def test_shown_plane_of_a_flat_image_beside_a_volume():
    viewer, _ = model()
    flat = viewer.add_image(np.zeros((8, 10)))
    assert shown_plane(viewer, flat) == Plane()


def test_shown_plane_where_layers_differ_in_unit():
    viewer, small = model(scale=(5, 5, 5), units=("nm",) * 3)
    large = viewer.add_image(np.zeros((6, 8, 10)), scale=(0.005,) * 3, units=("um",) * 3)
    viewer.dims.set_current_step(0, 4)
    assert shown_plane(viewer, small) == Plane(0, 4)
    assert shown_plane(viewer, large) == Plane(0, 4)


def test_multiscale_means_level_0():
    viewer, layer = model(
        [np.zeros((6, 64, 64), np.uint8), np.zeros((6, 32, 32), np.uint8)], multiscale=True
    )
    viewer.dims.set_current_step(0, 5)
    assert full_resolution(layer).shape == (6, 64, 64)
    assert shown_plane(viewer, layer) == Plane(0, 5)


def refusal(viewer, layer) -> str:
    with pytest.raises(UserError) as error:
        shown_plane(viewer, layer)
    return str(error.value)


def test_what_cannot_be_segmented_is_said_in_one_sentence():
    viewer, layer = model()
    viewer.dims.ndisplay = 3
    assert "switch to 2-D" in refusal(viewer, layer)
    assert "RGB" in refusal(*model(np.full((8, 10, 3), (9, 0, 0), np.uint8), rgb=True))
    viewer, movie = model(np.zeros((2, 6, 8, 10), np.uint8))
    viewer.dims.order = (1, 2, 0, 3)
    assert "edge-on" in refusal(viewer, movie)
    assert "bool" in refusal(*model(np.zeros((8, 10), bool)))


def test_a_slider_outside_the_layer_and_a_layer_seen_edge_on():
    viewer, layer = model()
    other = viewer.add_image(np.zeros((20, 8, 10)))
    viewer.dims.set_current_step(0, 15)
    assert "outside" in refusal(viewer, layer)
    assert shown_plane(viewer, other) == Plane(0, 15)
    flat = viewer.add_image(np.zeros((8, 10)))
    viewer.dims.order = (1, 0, 2)
    assert "edge-on" in refusal(viewer, flat)


@pytest.mark.parametrize(
    ("scale", "units", "size"),
    [
        ((5, 7.68, 10.24), ("nm",) * 3, (5, 7.68, 10.24)),
        ((0.04, 0.01, 0.01), ("um",) * 3, (40, 10, 10)),
        ((40, 0.01, 0.01), ("nm", "um", "um"), (40, 10, 10)),
        ((5, 5, 5), ("pixel",) * 3, None),
        ((5, 5, 5), ("pixel", "nm", "nm"), None),
    ],
)
def test_voxel_size_comes_from_scale_and_units_or_not_at_all(scale, units, size):
    layer = Image(np.zeros((2, 3, 4)), scale=scale, units=units)
    assert layer_voxel_size(layer) == (None if size is None else pytest.approx(size))


def test_voxel_size_of_a_flat_image_takes_y_for_z():
    assert layer_voxel_size(Image(np.zeros((3, 4)), scale=(8, 4), units=("nm", "nm"))) == (8, 8, 4)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@pytest.mark.parametrize(
    "place", [{"shear": (0.3, 0, 0)}, {"shear": (0, 0.3, 0)}, {"rotate": (0, 30, 0)}], ids=str
)
def test_a_volume_sheared_through_its_slices_is_refused(place):
    viewer, layer = model(**place)
    assert "sheared or rotated through its slices; reset" in refusal(viewer, layer)
    labels = viewer.add_labels(np.zeros((6, 8, 10), np.uint8), **place)
    with pytest.raises(UserError, match="sheared or rotated through its slices"):
        plane_shown_of(viewer, labels)


def test_a_volume_turned_within_its_slices_is_not():
    viewer, layer = model(shear=(0, 0, 0.3), scale=(4, 2, 2))
    viewer.dims.set_current_step(0, 4)
    assert shown_plane(viewer, layer).axis == 0


def test_a_plane_of_several_volumes():
    plane = Plane(3, 7, (1, 2))
    assert plane.key(slice(4, 5)) == (1, 2, slice(4, 5), 7, slice(None))
    assert plane.corner(8, 9) == (1, 2, 8, 7, 9)
    assert plane.shape((2, 3, 40, 50, 60)) == (40, 60)
    assert plane.expand(np.zeros((40, 60))).shape == (1, 1, 40, 1, 60)
    assert plane.voxel_size((5, 6, 7)) == (6, 5, 7)
    assert plane.at(9).neighbours((2, 3, 40, 10, 60)) == (plane.at(8),)
    assert plane.describe() == "slice 7 of volume 1, 2"
    assert plane.holds((1, 2, 0, 7, 0))
    assert not plane.holds((0, 2, 0, 7, 0))
    found = plane.indices(np.array([8]), np.array([9]))
    assert np.ravel(found).tolist() == [1, 2, 8, 7, 9]
    np.testing.assert_array_equal(plane.flat(np.array([[1, 2, 8, 7, 9]])), [[8, 9]])


def test_a_volume_of_several_is_read_lazily():
    data = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    plane = Plane(1, 0, (1,))
    assert plane.volume(data).base is not None
    lazy = plane.volume(LazyArray(data, (None,) * 4, "cell"))
    assert isinstance(lazy, LazyArray)
    np.testing.assert_array_equal(lazy[...], data[1])


def test_the_view_goes_to_a_layer_that_the_sliders_are_outside_of():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((100, 8, 8)), scale=(5, 8, 8))
    viewer.dims.set_point(0, 300)
    near = viewer.add_image(np.zeros((80, 8, 8)), scale=(5, 8, 8))
    fit_view(viewer, near)
    assert viewer.dims.point[0] == 300, "it is seen where the slider stands"
    small = viewer.add_image(np.zeros((3, 8, 8)))
    fit_view(viewer, small)
    assert shown_plane(viewer, small).position == 1
    assert -0.5 <= viewer.dims.point[0] <= 2.5
    flat = viewer.add_image(np.zeros((8, 8)))
    fit_view(viewer, flat)
