from __future__ import annotations

from types import SimpleNamespace

import pytest
from napari.components import ViewerModel

from napari_scsam.gui.workarounds.brush_box import leave_brush_box_out


def test_the_brush_has_no_box():
    viewer = ViewerModel()
    circle = getattr(getattr(viewer, "canvas", None), "overlays", SimpleNamespace())
    if not hasattr(circle, "_brush_circle"):
        pytest.skip("this napari draws no box")
    assert circle._brush_circle.box, "the workaround can go"
    leave_brush_box_out(viewer)
    assert not circle._brush_circle.box


def test_an_older_napari_is_left_alone():
    leave_brush_box_out(SimpleNamespace())
