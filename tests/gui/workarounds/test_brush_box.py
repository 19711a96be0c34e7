from __future__ import annotations

from types import SimpleNamespace

import pytest
from napari.components import ViewerModel

from napari_scsam.gui.workarounds.brush_box import leave_brush_box_out


def test_the_brush_has_no_box():
    viewer = ViewerModel()
    if not hasattr(viewer, "canvas"):
        pytest.skip("this napari draws no box")
    circle = viewer.canvas.overlays._brush_circle
    assert circle.box, "the workaround can go"
    leave_brush_box_out(viewer)
    assert not circle.box


def test_an_older_napari_is_left_alone():
    leave_brush_box_out(SimpleNamespace())
