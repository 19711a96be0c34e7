from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_scsam.gui.layers.drawn_marks import INSIDE, OUTSIDE
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.prompt_layers import PromptLayers
from napari_scsam.infer.patch import Patch

BOX = np.array([(1, 5, 5), (1, 5, 15), (1, 12, 15), (1, 12, 5)], float)


@pytest.fixture
def one():
    viewer = ViewerModel()
    image = viewer.add_image(
        np.zeros((4, 20, 30), np.uint8), scale=(40, 8, 16), translate=(100, -50, 30)
    )
    pressed: list[str] = []
    layers = PromptLayers(
        viewer, image, {"w": lambda: pressed.append("w")}, {"q": lambda: pressed.append("q")}
    )
    return SimpleNamespace(viewer=viewer, image=image, layers=layers, pressed=pressed)


def add_all(one) -> PromptLayers:
    for _ in one.layers.add_steps():
        pass
    return one.layers


def test_the_layers_come_and_go_and_the_active_layer_is_as_before(one):
    layers = add_all(one)
    assert list(one.viewer.layers)[1:] == [layers.preview, layers.strokes, layers.points]
    assert one.viewer.layers.selection.active is layers.points
    assert layers.points.mode == "add"
    lost = []
    layers.lost.connect(lambda: lost.append(1))
    layers.remove()
    assert list(one.viewer.layers) == [one.image]
    assert one.viewer.layers.selection.active is one.image
    assert lost == []


def test_a_layer_removed_by_the_user_is_lost(one):
    layers = add_all(one)
    lost = []
    layers.lost.connect(lambda: lost.append(1))
    assert layers.complete
    one.viewer.layers.remove(layers.strokes)
    assert lost
    assert not layers.complete


def test_another_slice_is_announced_until_the_layers_are_removed(one):
    layers = add_all(one)
    planes = []
    layers.plane_changed.connect(lambda: planes.append(layers.shown_plane))
    one.viewer.dims.set_current_step(0, 3)
    assert planes[-1] == Plane(0, 3)
    count = len(planes)
    layers.remove()
    one.viewer.dims.set_current_step(0, 1)
    assert len(planes) == count


def test_marks_have_the_side_chosen_when_they_were_drawn(one):
    layers = add_all(one)
    layers.points.add((1, 4, 5))
    layers.set_side(inside=False)
    layers.points.add((1, 6, 7))
    layers.points.add((2, 6, 7))
    marks = layers.read(Plane(0, 1))
    assert marks.points == ((5.0, 4.0), (7.0, 6.0))
    assert marks.inside == (True, False)
    assert list(layers.points.features["side"]) == [INSIDE, OUTSIDE, OUTSIDE]


def test_ctrl_marks_the_other_side_once(one):
    layers = add_all(one)
    for modifiers, where in ((["Control"], (1, 4, 5)), ([], (1, 8, 9))):
        layers._on_press(layers.points, SimpleNamespace(modifiers=modifiers))
        layers.points.add(where)
    assert list(layers.points.features["side"]) == [OUTSIDE, INSIDE]


def test_clearing_a_plane_leaves_the_others_and_is_announced_once(one):
    layers = add_all(one)
    layers.points.add([(1, 4, 5), (2, 6, 7)])
    layers.strokes.add(BOX, shape_type="rectangle")
    changes = []
    layers.changed.connect(lambda: changes.append(1))
    layers.clear(Plane(0, 1))
    assert len(changes) == 1
    np.testing.assert_array_equal(layers.points.data, [(2, 6, 7)])
    assert len(layers.strokes.data) == 0


def test_marks_are_restored_as_they_were(one):
    layers = add_all(one)
    layers.points.add((1, 4, 5))
    layers.set_side(inside=False)
    layers.points.add((2, 6, 7))
    layers.strokes.add(BOX, shape_type="rectangle")
    drawn = layers.drawn_marks()
    layers.remove()
    other = PromptLayers(one.viewer, one.image, {}, {})
    other.restore(drawn)
    again = other.drawn_marks()
    np.testing.assert_array_equal(again.points, [(1, 4, 5), (2, 6, 7)])
    assert again.sides == (INSIDE, OUTSIDE)
    ((kind, vertices, side),) = again.shapes
    assert (kind, side) == ("rectangle", OUTSIDE)
    np.testing.assert_array_equal(vertices, BOX)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_object_is_shown_where_it_was_found(one, axis):
    layers = add_all(one)
    layers.show_object(Plane(axis, 2), Patch(np.ones((3, 4), bool), 1, 6))
    corner = [1, 6]
    corner.insert(axis, 2)
    assert layers.preview.visible
    assert int(layers.preview.data.sum()) == 12
    assert layers.preview.data.shape[axis] == 1
    np.testing.assert_allclose(
        layers.preview.data_to_world((0, 0, 0)), one.image.data_to_world(corner)
    )
    layers.show_object(Plane(axis, 2), Patch(np.zeros((0, 4), bool), 1, 6))
    assert not layers.preview.visible


def test_a_key_that_finishes_a_scribble_ends_the_drag(one):
    layers = add_all(one)
    layers.use("scribble")
    ended = []

    def drag():
        try:
            yield
        finally:
            ended.append(True)

    begun = drag()
    next(begun)
    layers.strokes._mouse_drag_gen["draw"] = begun
    layers.strokes._persisted_mouse_event[begun] = None
    layers.strokes._is_creating = True
    layers.strokes.add(BOX, shape_type="path")
    layers.strokes._moving_value = (0, 1)
    layers._press(lambda: None)
    assert ended == [True]
    assert not layers.strokes._mouse_drag_gen
    assert len(layers.strokes.data) == 1
