from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from napari_scsam.config import ClassSpec
from napari_scsam.infer.postprocess import keep_only, label_dtype, label_map, labels_from_logits

CLASSES = (ClassSpec(1, "a"), ClassSpec(4, "b"), ClassSpec(9, "c"))


@pytest.mark.parametrize(
    ("highest", "dtype"), [(1, "u1"), (255, "u1"), (256, "u2"), (65535, "u2"), (65536, "u4")]
)
def test_the_smallest_type_that_holds_every_id(highest: int, dtype: str) -> None:
    assert label_dtype(
        [ClassSpec(highest, "a"), ClassSpec(1, "b")] if highest > 1 else [ClassSpec(1, "b")]
    ) == np.dtype(dtype)


def test_the_likeliest_class_wins_and_background_is_zero() -> None:
    logits = np.array([[[2, -1, 0.5, -3]], [[1, -2, 0.6, 4]], [[0, -3, 0.4, 5]]], np.float32)
    labels = label_map(logits, CLASSES, CLASSES)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[1, 0, 4, 9]]


def test_a_look_up_gives_what_the_logits_give() -> None:
    classes = (
        ClassSpec(1, "whole"),
        ClassSpec(4, "part", part_of="whole"),
        ClassSpec(300, "other"),
    )
    logits = np.random.default_rng(0).normal(size=(3, 5, 6)).astype(np.float32)
    every = label_map(logits, classes, classes)
    for wanted in (classes, classes[:1], classes[1:], classes[::-2]):
        found = keep_only(every, classes, wanted)
        np.testing.assert_array_equal(found, label_map(logits, classes, wanted))
        assert found.dtype == np.uint16


def test_nothing_is_said_where_every_class_is_unlikely() -> None:
    assert not label_map(np.full((3, 2, 2), 0.0, np.float32), CLASSES, CLASSES).any()


def test_classes_that_are_not_wanted_still_compete() -> None:
    logits = np.array([[[3, 1]], [[2, 2]], [[-1, -1]]], np.float32)
    assert label_map(logits, CLASSES, CLASSES[1:2]).tolist() == [[0, 4]]


def test_a_class_goes_before_those_it_is_over_wherever_it_is_found() -> None:
    classes = (*CLASSES[:2], replace(CLASSES[2], overrides=("a", "gone")))
    logits = np.array([[[5, 5, -1, 5]], [[1, 6, 6, -1]], [[2, 2, 2, -2]]], np.float32)
    before = logits.copy()
    assert label_map(logits, classes, classes).tolist() == [[9, 4, 4, 1]]
    assert label_map(logits, CLASSES, CLASSES).tolist() == [[1, 4, 4, 1]]
    np.testing.assert_array_equal(logits, before)


def test_labels_keep_their_type_whatever_is_wanted() -> None:
    classes = (ClassSpec(1, "a"), ClassSpec(300, "b"))
    assert label_map(np.ones((2, 1, 1), np.float32), classes, classes[:1]).dtype == np.uint16


def test_a_part_goes_with_its_whole_unless_it_is_asked_for() -> None:
    classes = (ClassSpec(1, "whole"), ClassSpec(2, "part", part_of="whole"), ClassSpec(3, "other"))
    logits = np.array([[[2, 1, 1, -1]], [[1, 2, 1, -1]], [[1, 1, 2, -1]]], np.float32)
    assert label_map(logits, classes, classes).tolist() == [[1, 2, 3, 0]]
    assert label_map(logits, classes, classes[:1]).tolist() == [[1, 1, 0, 0]]
    assert label_map(logits, classes, classes[1:]).tolist() == [[0, 2, 3, 0]]


def test_a_class_with_an_outline_of_its_own_ends_inside_its_part() -> None:
    """Where it is asked for alone, a part counts as it where its own logit is above 0 only."""
    part = ClassSpec(2, "part", part_of="whole")
    classes = (ClassSpec(1, "whole", own_outline=True), part, ClassSpec(3, "other"))
    logits = np.array([[[2, 1, -1, -1]], [[1, 2, 2, 1]], [[-1, -1, -1, 2]]], np.float32)
    assert label_map(logits, classes, classes[:1]).tolist() == [[1, 1, 0, 0]]
    assert label_map(logits, classes, classes).tolist() == [[1, 2, 2, 3]]
    assert label_map(logits, classes, classes[1:]).tolist() == [[0, 2, 2, 3]]
    taught = ClassSpec(9, "taught")
    every = np.concatenate([logits, np.full((1, 1, 4), -1, np.float32)])
    levels = {"whole": 0.0, "part": 0.0, "other": 0.0, "taught": 0.0}
    both = (*classes, taught)
    found = labels_from_logits(every, both, levels, classes[:1], taught=[taught])
    assert found.tolist() == [[1, 1, 0, 0]], "beside a taught class, too"
    levels["whole"] = 1.5
    assert labels_from_logits(logits, classes, levels, classes[:1]).tolist() == [[1, 0, 0, 0]]


def test_a_part_lies_within_its_reach_of_the_whole() -> None:
    classes = (
        ClassSpec(1, "mitochondrion"),
        ClassSpec(2, "boundary", part_of="mitochondrion", reach=20),
        ClassSpec(4, "membrane"),
    )
    logits = np.full((3, 9, 40), -1, np.float32)
    logits[0, :, 10:12] = 3
    logits[1, :, 12:40] = 2
    logits[2, :, 30:] = 1
    near = (
        [0] * 10 + [1] * 2 + [2] * 4 + [0] * 14 + [4] * 10
    )  # beyond it the next argmax_or_background, or nothing
    assert (label_map(logits, classes, classes, (5.0, 5.0)) == near).all()
    assert (
        label_map(logits, classes, classes[:1], (5.0, 5.0)) == [0] * 10 + [1] * 6 + [0] * 24
    ).all()
    far = [0] * 10 + [1] * 2 + [2] * 28
    assert (label_map(logits, classes, classes) == far).all()  # of unknown size
    anywhere = tuple(replace(spec, reach=0.0) for spec in classes)
    assert (label_map(logits, anywhere, anywhere, (5.0, 5.0)) == far).all()
    coarse = label_map(logits, classes, classes, (200.0, 200.0))  # a pixel is wider than the reach
    assert (coarse == [0] * 10 + [1] * 2 + [2] + [0] * 17 + [4] * 10).all()
    across = label_map(logits.transpose(0, 2, 1), classes, classes, (10.0, 5.0))
    assert (across[:, 4] == [0] * 10 + [1] * 2 + [2] * 2 + [0] * 16 + [4] * 10).all()


def test_crumbs_go_to_the_next_likeliest_class() -> None:
    classes = (
        ClassSpec(1, "mitochondrion", smallest=400),
        ClassSpec(2, "boundary", part_of="mitochondrion"),
        ClassSpec(4, "membrane"),
    )
    logits = np.full((3, 12, 30), -1, np.float32)
    logits[0, 2:6, 2:4] = logits[1, 2:6, 4:6] = 3  # together large enough
    logits[0, 8:10, 10:17] = 3  # a crumb, half of it on membrane
    logits[2, :, 14:] = 1
    expected = np.zeros((12, 30), np.uint8)
    expected[:, 14:] = 4
    expected[2:6, 2:4], expected[2:6, 4:6] = 1, 2
    assert (label_map(logits, classes, classes, (5.0, 5.0)) == expected).all()
    assert (
        label_map(logits, classes, classes, (10.0, 5.0)) != expected
    ).sum() == 14  # the same pixels, twice as large
    assert (label_map(logits, classes, classes)[8:10, 10:17] == 1).all()  # of unknown size
    assert (logits[0, 8:10, 10:17] == 3).all()


def test_sections_of_which_the_network_is_too_little_sure_go_to_the_next_likeliest_class() -> None:
    classes = (
        ClassSpec(1, "mitochondrion", least_mean=2),
        ClassSpec(2, "boundary", part_of="mitochondrion"),
        ClassSpec(4, "membrane"),
    )
    logits = np.full((3, 12, 30), -1, np.float32)
    logits[0, 2:6, 2:4] = 1.5
    logits[1, 2:6, 4:6] = 3  # together sure enough
    logits[0, 8:10, 10:17] = 1.9  # not sure enough, half of it on membrane
    logits[2, :, 14:] = 1
    expected = np.zeros((12, 30), np.uint8)
    expected[:, 14:] = 4
    expected[2:6, 2:4], expected[2:6, 4:6] = 1, 2
    assert (label_map(logits, classes, classes, (5.0, 5.0)) == expected).all()
    assert (label_map(logits, classes, classes) == expected).all(), "of unknown size"
    unsure = (ClassSpec(1, "mitochondrion"), *classes[1:])
    assert (label_map(logits, unsure, unsure)[8:10, 10:17] == 1).all()


def shuffled(logits: np.ndarray, classes: tuple[ClassSpec, ...]) -> list[np.ndarray]:
    """Return the labels that each order of the classes makes of the same logits."""
    orders = [list(order) for order in permutations(range(len(classes)))]
    return [
        label_map(logits[order], [classes[i] for i in order], classes, (5.0, 5.0))
        for order in orders
    ]


def test_crumbs_do_not_depend_on_the_order_of_the_classes() -> None:
    classes = (ClassSpec(1, "a", smallest=400), ClassSpec(2, "b", smallest=400), ClassSpec(4, "c"))
    logits = np.full((3, 12, 30), -1, np.float32)
    logits[0, 2:4, 2:6], logits[1, 2:4, 2:6] = (
        3,
        2,
    )  # a crumb each, side by side, where the other is the next argmax_or_background
    logits[1, 2:4, 6:10], logits[0, 2:4, 6:10] = 3, 2
    logits[0, 8:10, 2:6], logits[1, 8:10, 2:6] = (
        3,
        2,
    )  # a crumb of a, which makes a crumb of b larger in vain
    logits[1, 8:10, 6:8], logits[2, 8:10, 6:8] = 3, 1
    logits[0, 2:8, 20:24] = 3  # large enough, and a crumb of b beside it goes to it
    logits[1, 2:4, 24:26], logits[0, 2:4, 24:26] = 3, 2
    expected = np.zeros((12, 30), np.uint8)
    expected[2:8, 20:24] = expected[2:4, 24:26] = 1
    expected[8:10, 6:8] = 4
    for labels in shuffled(logits, classes):
        assert (labels == expected).all()


def test_reaches_do_not_depend_on_the_order_of_the_classes() -> None:
    wholes = ClassSpec(1, "a"), ClassSpec(2, "b")
    classes = (
        *wholes,
        ClassSpec(4, "rim of a", part_of="a", reach=20),
        ClassSpec(5, "rim of b", part_of="b", reach=20),
    )
    logits = np.full((4, 6, 40), -1, np.float32)
    logits[0, :, :4], logits[1, :, 36:] = 3, 3
    logits[2, :, 4:20], logits[3, :, 20:36] = 2, 2
    logits[3, :, 4:20], logits[2, :, 20:36] = 1, 1  # too far from the one, and the other too
    for labels in shuffled(logits, classes):
        assert (labels == [1] * 4 + [4] * 4 + [0] * 24 + [5] * 4 + [2] * 4).all()
