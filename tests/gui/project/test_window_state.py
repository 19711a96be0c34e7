from __future__ import annotations

import json

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points, Shapes

from napari_scsam.gui.layers.locks import lock, locked_labels
from napari_scsam.gui.layers.plane import camera_of
from napari_scsam.gui.project.window_state import (
    describe_drawing,
    describe_layer,
    describe_view,
    plain,
    restore_drawing,
    restore_look,
    restore_view,
)

PLACE = {"scale": (5, 2, 2), "translate": (1, 2, 3), "units": ("nm",) * 3}


def through_json(value):
    return json.loads(json.dumps(value))


def test_an_image_looks_as_it_did():
    image = Image(
        np.zeros((3, 4, 5)),
        name="cell",
        contrast_limits=(2, 9),
        gamma=0.5,
        colormap="magma",
        visible=False,
        **PLACE,
    )
    described = through_json(describe_layer(image, "image"))
    again = Image(np.zeros((3, 4, 5)))
    restore_look(again, described)
    for name in ("name", "gamma", "visible"):
        assert getattr(again, name) == getattr(image, name)
    assert (again.contrast_limits, again.colormap.name, again.units) == (
        image.contrast_limits,
        "magma",
        image.units,
    )
    np.testing.assert_allclose((again.scale, again.translate), (image.scale, image.translate))


def test_locks_come_back():
    layer = Labels(np.zeros((3, 4), np.uint8))
    lock(layer, 2, locked=True)
    again = Labels(np.zeros((3, 4), np.uint8), metadata={"mine": 1})
    restore_look(again, through_json(describe_layer(layer, "classes")))
    assert locked_labels(again) == (2,)
    assert again.metadata["mine"] == 1


def test_what_napari_does_not_take_is_left_as_it_is():
    image = Image(np.zeros((3, 4)))
    restore_look(image, {"state": {"colormap": "no such map", "gamma": 0.7, "from the future": 1}})
    assert (image.colormap.name, image.gamma) == ("gray", 0.7)


def test_layers_of_others_are_not_described():
    assert describe_layer(Image(np.zeros((3, 4))), None) is None
    assert describe_layer(Labels(np.zeros((3, 4), int)), None) is None


@pytest.mark.parametrize(
    "layer",
    [
        Points(
            [[1, 2, 3], [2, 3, 4]],
            features={"side": ["in", "out"]},
            size=4,
            face_color=["red", "blue"],
            **PLACE,
        ),
        Shapes(
            [[[1, 2, 3], [1, 5, 9]], [[2, 0, 0], [2, 0, 4], [2, 3, 4], [2, 3, 0]]],
            shape_type=["line", "rectangle"],
            **PLACE,
        ),
        Points(ndim=3, name="none yet", **PLACE),
    ],
    ids=["points", "shapes", "empty"],
)
def test_drawings_come_back(layer):
    again = restore_drawing(
        {"kind": type(layer).__name__.lower(), "state": through_json(describe_drawing(layer))}
    )
    assert type(again) is type(layer)
    assert again.name == layer.name
    for one, other in zip(again.data, layer.data, strict=True):
        np.testing.assert_allclose(one, other)
    assert list(again.features) == list(layer.features)
    assert again.units == layer.units
    if len(layer.data):
        np.testing.assert_allclose(again.data_to_world((1, 2, 3)), layer.data_to_world((1, 2, 3)))


def test_the_window_looks_at_the_same_place_with_the_layers_in_the_same_order():
    def window(*names: str) -> ViewerModel:
        viewer = ViewerModel()
        for name in names:
            viewer.add_layer(Image(np.zeros((5, 6, 7)), name=name))
        return viewer

    one = window("a", "b", "c")
    one.dims.set_point(0, 3)
    one.layers.selection.active = one.layers["b"]
    camera_of(one).zoom, camera_of(one).center = 2.5, (0, 3, 4)
    described = through_json(describe_view(one, lambda layer: layer.name))
    two = window("c", "a", "b")
    restore_view(two, described)
    assert [layer.name for layer in two.layers] == ["a", "b", "c"]
    assert two.layers.selection.active.name == "b"
    assert two.dims.point[0] == 3
    assert camera_of(two).zoom == 2.5
    assert tuple(camera_of(two).center) == (0, 3, 4)


def test_what_is_no_plain_value_is_refused():
    assert plain({"a": (np.float32(1.5), np.arange(2))}) == {"a": [1.5, [0, 1]]}
    with pytest.raises(TypeError, match="object cannot be stored"):
        plain(object())
