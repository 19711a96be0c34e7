from __future__ import annotations

import pytest
from napari.layers import Image
from qtpy.QtGui import QOpenGLContext

pytestmark = pytest.mark.gui


def test_a_layer_that_goes_takes_nothing_from_the_canvas_of_another_viewer(window, stack, qtbot):
    one, two = window(Image(stack)), window(Image(stack))
    one.finish()
    two.finish()
    mine, other = (each.viewer.window._qt_viewer.canvas for each in (one, two))
    other._scene_canvas.set_current()
    assert QOpenGLContext.currentContext() == other.native.context()
    one.viewer.layers.clear()
    assert QOpenGLContext.currentContext() == mine.native.context()
    labels = two.viewer.add_labels(stack % 7)
    for value in range(5):  # what cannot be drawn any more fails the test
        labels.fill((two.viewer.dims.current_step[0], 5, 5), value)
        qtbot.wait(20)
