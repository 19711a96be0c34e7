from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_scsam.gui.tools.canvas.click import ClickTool

LEFT = 1
RIGHT = 2


@pytest.fixture
def one():
    """A viewer with two labels layers, of which the upper one is being painted in."""
    viewer = ViewerModel()
    viewer.mouse_drag_callbacks.clear()  # napari's own need more of an event
    lower = viewer.add_labels(np.zeros((9, 9), np.uint8))
    upper = viewer.add_labels(np.zeros((9, 9), np.uint8))
    lower.mode = "paint"
    clicks: list[int] = []
    tool = ClickTool(viewer, lower, lambda: clicks.append(1))
    return SimpleNamespace(viewer=viewer, lower=lower, upper=upper, clicks=clicks, tool=tool)


def press(one, *path, button=LEFT) -> None:
    """Press a button, move along a path of screen positions, and release it."""
    event = SimpleNamespace(type="mouse_press", pos=np.array((100, 100)), button=button)
    running = [call(one.viewer, event) for call in one.viewer.mouse_drag_callbacks]
    for drag in running:
        next(drag)
    for position in path:
        event.type = "mouse_move"
        event.pos = np.array(position)
        for drag in running:
            next(drag)
    event.type = "mouse_release"
    for drag in running:
        with pytest.raises(StopIteration):
            next(drag)


def test_its_layer_becomes_active_and_a_click_does_not_paint(one):
    assert one.viewer.layers.selection.active is one.lower
    assert one.lower.mode == "pan_zoom"


def test_each_click_counts(one):
    press(one)
    press(one)
    assert len(one.clicks) == 2


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ([(105, 95)], True),
        ([(106, 100)], False),
        ([(100, 94)], False),
        ([(140, 130), (100, 100)], False),
    ],
    ids=["trembling", "drag right", "drag up", "drag and return"],
)
def test_a_drag_moves_the_picture_and_is_no_click(one, path, counts):
    press(one, *path)
    assert bool(one.clicks) == counts


def test_other_buttons_do_nothing(one):
    press(one, button=RIGHT)
    assert not one.clicks


def test_a_closed_tool_waits_no_longer_and_may_be_closed_again(one):
    one.tool.close()
    assert one.viewer.mouse_drag_callbacks == []
    one.tool.close()
    assert one.viewer.mouse_drag_callbacks == []


def test_a_tool_closed_while_the_button_is_down_does_not_act(one):
    event = SimpleNamespace(type="mouse_press", pos=np.array((5, 5)), button=LEFT)
    (callback,) = one.viewer.mouse_drag_callbacks
    drag = callback(one.viewer, event)
    next(drag)
    one.tool.close()
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(drag)
    assert not one.clicks
