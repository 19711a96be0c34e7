from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, class_table
from napari_scsam.gui.layers.locks import lock
from napari_scsam.gui.layers.plane import Plane, camera_of
from napari_scsam.gui.layers.pointing import (
    LayerPlane,
    center_on,
    labels_layer,
    shown_layer_plane,
    voxel_under_mouse,
)

SHAPE = (6, 20, 30)
WHERE = {"scale": (40, 8, 16), "translate": (100, -50, 30), "units": ("nm",) * 3}
CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(4, "vesicle"))


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def add(viewer, **options) -> Labels:
    return viewer.add_labels(np.zeros(SHAPE, np.uint16), **(WHERE | options))


def test_the_active_layer_is_corrected_even_when_it_is_hidden(viewer):
    lower = add(viewer, visible=False)
    upper = add(viewer)
    viewer.layers.selection.active = lower
    assert labels_layer(viewer) is lower
    viewer.layers.selection.active = None
    assert labels_layer(viewer) is upper


def test_else_the_topmost_that_is_visible_and_can_be_edited(viewer):
    lowest = add(viewer)
    middle = add(viewer)
    middle.editable = False
    add(viewer, visible=False)
    add(viewer, metadata={NOT_KEPT_KEY: True})
    viewer.layers.selection.active = viewer.add_image(np.zeros(SHAPE))
    assert labels_layer(viewer) is lowest
    lowest.visible = False
    assert labels_layer(viewer) is middle, "it is named in the error, as there is no other"


def test_what_cannot_be_corrected_is_explained(viewer):
    with pytest.raises(UserError, match="no labels layer to correct"):
        labels_layer(viewer)
    add(viewer, visible=False)
    viewer.layers.selection.active = None
    with pytest.raises(UserError, match="no labels layer to correct"):
        labels_layer(viewer)
    viewer.add_labels(
        [np.zeros(SHAPE, np.uint8), np.zeros((6, 10, 15), np.uint8)], name="levels", multiscale=True
    )
    with pytest.raises(UserError, match="'levels' is a pyramid"):
        labels_layer(viewer)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_voxel_under_the_mouse_is_on_the_plane_shown(viewer, axis):
    layer = add(viewer)
    viewer.dims.order = (axis, *(a for a in range(3) if a != axis))
    viewer.cursor.position = tuple(
        start + step * index
        for start, step, index in zip((100, -50, 30), (40, 8, 16), (2.3, 11.4, 6.6), strict=True)
    )
    viewer.dims.set_current_step(axis, 4)  # after the mouse was moved
    target = shown_layer_plane(viewer)
    assert target == LayerPlane(layer, Plane(axis, 4))
    expected = [2, 11, 7]
    expected[axis] = 4
    assert voxel_under_mouse(viewer, target) == tuple(expected)


@pytest.mark.parametrize("index", [(2, -0.6, 5), (2, 19.6, 5), (2, 5, 29.6)])
def test_a_mouse_beside_the_layer_is_told(viewer, index):
    layer = add(viewer, name="cells")
    viewer.cursor.position = tuple(layer.data_to_world(index))
    with pytest.raises(UserError, match="outside 'cells'"):
        voxel_under_mouse(viewer, shown_layer_plane(viewer))


def test_the_outermost_half_pixels_belong_to_the_layer(viewer):
    layer = add(viewer)
    viewer.dims.set_current_step(0, 0)
    for index, voxel in (((0, -0.4, -0.4), (0, 0, 0)), ((0, 19.4, 29.4), (0, 19, 29))):
        viewer.cursor.position = tuple(layer.data_to_world(index))
        assert voxel_under_mouse(viewer, shown_layer_plane(viewer)) == voxel


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_voxel_is_centred_and_then_pointed_at(viewer, axis):
    layer = add(viewer)
    viewer.dims.order = (axis, *(a for a in range(3) if a != axis))
    voxel = (3, 17, 2)
    center_on(viewer, shown_layer_plane(viewer), voxel)
    target = shown_layer_plane(viewer)
    assert target.plane == Plane(axis, voxel[axis])
    assert voxel_under_mouse(viewer, target) == voxel
    world = np.array((100, -50, 30)) + np.array((40, 8, 16)) * voxel
    np.testing.assert_allclose(layer.data_to_world(voxel), world)
    across = [a for a in range(3) if a != axis]
    np.testing.assert_allclose(camera_of(viewer).center[-2:], world[across])


@pytest.mark.parametrize(
    ("axis", "whole", "within", "spacing"),
    [
        (0, True, ((0, 6), (0, 20), (0, 30)), (5.0, 1.0, 2.0)),
        (0, False, ((4, 5), (0, 20), (0, 30)), (1.0, 1.0, 2.0)),
        (1, False, ((0, 6), (4, 5), (0, 30)), (2.5, 1.0, 1.0)),
        (2, False, ((0, 6), (0, 20), (4, 5)), (5.0, 1.0, 1.0)),
    ],
)
def test_tools_work_in_the_plane_or_in_all_with_the_finest_step_as_unit(
    viewer, axis, whole, within, spacing
):
    layer = add(viewer)
    lock(layer, 3, locked=True)
    place = LayerPlane(layer, Plane(axis, 4)).place(None, whole=whole)
    assert tuple((side.start, side.stop) for side in place.within) == within
    assert place.spacing == pytest.approx(spacing)
    assert tuple(place.locked) == (3,)
    assert not place.classes


def test_a_mirrored_layer_has_positive_spacing(viewer):
    layer = add(viewer, scale=(-40, 8, -16))
    assert LayerPlane(layer, Plane(0, 0)).place(None, whole=True).spacing == (5.0, 1.0, 2.0)


def test_labels_are_named_and_locked_ones_are_refused(viewer):
    objects = LayerPlane(add(viewer), Plane(0, 0))
    classes = LayerPlane(add(viewer, **class_table(CLASSES)), Plane(0, 0))
    assert [objects.label_name(value) for value in (0, 4)] == ["background", "object 4"]
    assert [classes.label_name(value) for value in (0, 4, 5)] == [
        "background",
        "vesicle",
        "label 5",
    ]
    assert (objects.holds_classes, classes.holds_classes) == (False, True)
    classes.check_unlocked(4)
    lock(classes.layer, 4, locked=True)
    classes.check_unlocked(1)
    with pytest.raises(UserError, match="vesicle is locked; unlock it first"):
        classes.check_unlocked(4)
