from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.config import ClassSpec
from napari_scsam.infer.postprocess import label_dtype, label_map

CLASSES = (ClassSpec(1, "a"), ClassSpec(4, "b"), ClassSpec(9, "c"))


@pytest.mark.parametrize(("highest", "dtype"), [(1, "u1"), (255, "u1"), (256, "u2"), (65535, "u2"), (65536, "u4")])
def test_the_smallest_type_that_holds_every_id(highest: int, dtype: str) -> None:
    assert label_dtype([ClassSpec(highest, "a"), ClassSpec(1, "b")] if highest > 1 else [ClassSpec(1, "b")]) == np.dtype(dtype)


def test_the_likeliest_class_wins_and_background_is_zero() -> None:
    logits = np.array([[[2, -1, 0.5, -3]], [[1, -2, 0.6, 4]], [[0, -3, 0.4, 5]]], np.float32)
    labels = label_map(logits, CLASSES, CLASSES)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[1, 0, 4, 9]]


def test_nothing_is_said_where_every_class_is_unlikely() -> None:
    assert not label_map(np.full((3, 2, 2), 0.0, np.float32), CLASSES, CLASSES).any()


def test_classes_that_are_not_wanted_still_compete() -> None:
    logits = np.array([[[3, 1]], [[2, 2]], [[-1, -1]]], np.float32)
    assert label_map(logits, CLASSES, CLASSES[1:2]).tolist() == [[0, 4]]


def test_labels_keep_their_type_whatever_is_wanted() -> None:
    classes = (ClassSpec(1, "a"), ClassSpec(300, "b"))
    assert label_map(np.ones((2, 1, 1), np.float32), classes, classes[:1]).dtype == np.uint16
