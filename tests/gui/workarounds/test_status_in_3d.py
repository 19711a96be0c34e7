"""The status of a labels layer with features, between a turn to 3-D and a move of the mouse."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from napari.layers import Labels

from napari_scsam.gui.workarounds.status_in_3d import keep_status_in_3d

WHERE = {"position": (1, 2, 2), "dims_displayed": [0, 1, 2], "world": True}


def make_layer() -> Labels:
    layer = Labels(np.ones((3, 4, 5), np.uint8), features={"index": [0, 1], "name": ["", "ER"]})
    layer.visible = True
    return layer


def test_napari_still_needs_this() -> None:
    with pytest.raises(TypeError, match="unsized"):
        make_layer().get_status(view_direction=None, **WHERE)


def test_the_status_is_without_features_until_there_is_a_direction() -> None:
    layer = make_layer()
    keep_status_in_3d(layer)
    keep_status_in_3d(layer)
    assert "ER" not in layer.get_status(view_direction=None, **WHERE)["coordinates"]
    flat = {**WHERE, "dims_displayed": [1, 2]}
    assert "ER" in layer.get_status(view_direction=None, **flat)["coordinates"]


def test_the_layer_can_be_freed() -> None:
    layer = make_layer()
    keep_status_in_3d(layer)
    kept = weakref.ref(layer)
    del layer
    gc.collect()
    assert kept() is None
