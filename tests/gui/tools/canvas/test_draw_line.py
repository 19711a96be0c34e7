from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels, Shapes

from napari_scsam.config import UserError
from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY
from napari_scsam.gui.layers.locks import lock
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.pointing import LayerPlane
from napari_scsam.gui.tools.canvas.draw_line import MIN_LENGTH, LineTool, object_under_line

WHERE = {"scale": (40, 8, 16), "translate": (100, -50, 30)}


@pytest.fixture
def one():
    viewer = ViewerModel()
    labels = viewer.add_labels(np.zeros((3, 20, 20), np.uint8), **WHERE)
    lines: list[np.ndarray] = []
    later: list = []
    tool = LineTool(viewer, labels, lines.append, later.append)
    return SimpleNamespace(viewer=viewer, labels=labels, lines=lines, later=later, tool=tool)


def drag(one, *ends) -> None:
    """Draw a line as napari does, and run what waits for the end of the mouse event."""
    event = SimpleNamespace(type="mouse_press")
    steps = one.tool._drag(one.tool.layer, event)
    next(steps)
    if ends:
        one.tool.layer.add(np.array(ends, float), shape_type="line")
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(steps)
    for waiting in one.later:
        for _ in waiting:
            pass
    one.later.clear()


def test_the_line_lies_on_the_labels_and_is_not_kept(one):
    layer = one.tool.layer
    assert one.viewer.layers.selection.active is layer
    assert layer.mode == "add_line"
    assert layer.metadata[NOT_KEPT_KEY]
    np.testing.assert_allclose(layer.data_to_world((1, 2, 3)), one.labels.data_to_world((1, 2, 3)))


def test_a_drawn_line_is_passed_on_after_the_mouse_event(one):
    drag(one, (1, 2, 3), (1, 12, 13))
    np.testing.assert_array_equal(one.lines, [[(1, 2, 3), (1, 12, 13)]])


@pytest.mark.parametrize(
    ("length", "count"), [(0.0, 0), (MIN_LENGTH - 0.1, 0), (MIN_LENGTH + 0.1, 1)]
)
def test_a_slip_of_the_mouse_is_no_line(one, length, count):
    drag(one, (1, 5, 5), (1, 5, 5 + length))
    assert len(one.lines) == count


def test_a_click_that_draws_nothing_is_no_error(one):
    drag(one)
    assert one.lines == []


def test_closing_selects_the_labels_unless_another_layer_was_selected(one):
    one.tool.close()
    assert not [layer for layer in one.viewer.layers if isinstance(layer, Shapes)]
    assert one.viewer.layers.selection.active is one.labels
    one.tool.close()
    other = LineTool(one.viewer, one.labels, one.lines.append, one.later.append)
    points = one.viewer.add_points(ndim=3)
    one.viewer.layers.selection.active = points
    other.close()
    assert one.viewer.layers.selection.active is points
    assert other.layer not in one.viewer.layers


def target(axis: int | None = 0, position: int = 1) -> LayerPlane:
    """Object 3 in columns 2 to 5, object 8 in columns 8 to 15, of rows 4 to 11 of a plane."""
    section = np.zeros((16, 20), np.uint8)
    section[4:12, 2:6] = 3
    section[4:12, 8:16] = 8
    if axis is None:
        return LayerPlane(Labels(section), Plane())
    data = np.stack([np.zeros_like(section)] * 3, axis=axis)
    data[Plane(axis, position).key()] = section
    return LayerPlane(Labels(data), Plane(axis, position))


def line(axis: int | None, *ends, position: int = 1) -> np.ndarray:
    points = np.array(ends, float)
    if axis is None:
        return points
    return np.insert(points, axis, position, axis=1)


@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_the_object_nearest_to_the_middle_of_the_line_is_cut(axis):
    one = target(axis)
    seed, wall = object_under_line(one, line(axis, (7, 0), (7, 18)))
    assert one.layer.data[seed] == 8, "the middle is column 9"
    expected = np.zeros((16, 20), bool)
    expected[7, :19] = True
    if axis is not None:
        assert seed[axis] == 1
        expected = np.expand_dims(expected, axis)
    np.testing.assert_array_equal(wall, expected)
    seed, _ = object_under_line(one, line(axis, (7, 0), (7, 9)))
    assert one.layer.data[seed] == 3, "the middle is column 4.5"


def test_a_locked_object_is_passed_over():
    one = target()
    lock(one.layer, 8, locked=True)
    seed, _ = object_under_line(one, line(0, (7, 0), (7, 18)))
    assert one.layer.data[seed] == 3
    lock(one.layer, 3, locked=True)
    with pytest.raises(UserError, match="crosses no unlocked object"):
        object_under_line(one, line(0, (7, 0), (7, 18)))


@pytest.mark.parametrize("ends", [((1, 0), (1, 18)), ((-9, -9), (-3, -1))])
def test_a_line_beside_all_objects_is_told(ends):
    with pytest.raises(UserError, match="draw it across one"):
        object_under_line(target(), line(0, *ends))
