from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.label_header import label_header

CLASSES = (ClassSpec(2, "ER", "#00ff80"), ClassSpec(1, "mitochondrion", "#ff0000"))


def test_attributes_hold_scale_translation_colours_and_classes() -> None:
    header = label_header(
        "classes", (4, 40, 50), (5.0, 7.68, 10.24), CLASSES, (1, 2, 3), np.dtype("u1")
    )
    attributes = header.attributes([[1, 1, 1], [1, 2, 2]])
    multiscale = attributes["ome"]["multiscales"][0]
    assert multiscale["axes"] == [{"name": a, "type": "space", "unit": "nanometer"} for a in "zyx"]
    assert multiscale["datasets"][1] == {
        "path": "1",
        "coordinateTransformations": [
            {"type": "scale", "scale": [5.0, 15.36, 20.48]},
            {"type": "translation", "translation": [1.0, 2.0, 3.0]},
        ],
    }
    label = attributes["ome"]["image-label"]
    assert label["colors"][1] == {"label-value": 2, "rgba": [0, 255, 128, 255]}
    assert label["properties"] == [
        {"label-value": 1, "class": "mitochondrion"},
        {"label-value": 2, "class": "ER"},
    ]
    assert [c["id"] for c in attributes["scsam"]["classes"]] == [1, 2]


def test_an_unknown_size_is_scale_one_without_unit() -> None:
    multiscale = label_header("a", (40, 50), None, (), (1, 2, 3), np.dtype("u1")).attributes(
        [[1, 1]]
    )["ome"]["multiscales"][0]
    assert multiscale["axes"] == [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    assert multiscale["datasets"][0]["coordinateTransformations"] == [
        {"type": "scale", "scale": [1.0, 1.0]}
    ]


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((4, 40, 50), "f4", "float32"),
        ((50,), "u1", "shape"),
        ((1, 4, 40, 50), "u1", "shape"),
        ((0, 50), "u1", "shape"),
    ],
)
def test_what_cannot_be_labels_is_refused(shape: tuple[int, ...], dtype: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        label_header("a", shape, None, CLASSES, (0, 0, 0), np.dtype(dtype))


def test_a_class_beyond_the_type_is_refused() -> None:
    with pytest.raises(UserError, match="'granule' has id 300, which does not fit into uint8"):
        label_header("a", (4, 4), None, (ClassSpec(300, "granule"),), (0, 0, 0), np.dtype("u1"))
