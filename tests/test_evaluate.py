"""Scoring a checkpoint against labels, with predictors whose answers are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, Progress, UserError
from napari_scsam.data.volumes import Volume, as_volume
from napari_scsam.train.evaluate import Scores, default_mapping, evaluate

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "er"), ClassSpec(6, "membrane"))
TRUTH = np.random.default_rng(0).choice([0, 1, 2], (3, 20, 30)).astype(np.uint8)
IMAGE = as_volume(np.random.default_rng(1).integers(0, 255, TRUTH.shape).astype(np.uint8), (20.0, 8.0, 8.0))


class Oracle:
    """Answers each slice with the labels it was given."""

    classes = CLASSES

    def __init__(self, answers: np.ndarray) -> None:
        self.answers = iter(answers)
        self.asked: list[dict[str, Any]] = []

    def set_image(self, plane: np.ndarray, voxel_size: Any, *, contrast: Any) -> None:
        self.asked.append({"shape": plane.shape, "voxel_size": voxel_size, "contrast": contrast})

    def segment(self) -> np.ndarray:
        return next(self.answers)


def score(answers: np.ndarray, labels: Volume, mapping: dict[int, ClassSpec] | None = None, image: Volume = IMAGE) -> Scores:
    steps = evaluate(Oracle(answers), image, labels, mapping)  # type: ignore[arg-type]
    while True:
        try:
            assert isinstance(next(steps), Progress)
        except StopIteration as end:
            return end.value


def test_a_perfect_answer_has_dice_1_and_absent_classes_do_not_count() -> None:
    table = score(TRUTH, as_volume(TRUTH)).to_dict()
    assert [(r["id"], r["name"], r["dice"], r["iou"]) for r in table["classes"]] == [
        (1, "mitochondrion", 1.0, 1.0),
        (2, "er", 1.0, 1.0),
        (6, "membrane", None, None),
    ]
    assert (table["mean_dice"], table["mean_iou"]) == (1.0, 1.0)
    assert table["classes"][0]["pixels"] == int((TRUTH == 1).sum())


def test_slices_are_summed_before_dividing() -> None:
    truth = np.zeros((2, 10, 10), np.uint8)
    truth[0, 0], truth[1, 0, :2] = 1, 1
    answer = truth.copy()
    answer[1] = 0
    image = as_volume(np.arange(200, dtype=np.uint8).reshape(2, 10, 10))
    dice = score(answer, as_volume(truth), image=image).to_dict()["classes"][0]["dice"]
    assert dice == pytest.approx(2 * 10 / (10 + 12))


def test_every_slice_has_the_contrast_of_the_volume_and_its_voxel_size() -> None:
    oracle = Oracle(TRUTH)
    steps = list(evaluate(oracle, IMAGE, as_volume(TRUTH)))  # type: ignore[arg-type]
    assert [s.what for s in steps] == ["slice 0", "slice 1", "slice 2"]
    assert len({str(a) for a in oracle.asked}) == 1
    assert oracle.asked[0]["voxel_size"] == (20.0, 8.0, 8.0)


def test_mapping_renames_values_and_the_rest_is_background() -> None:
    theirs = np.zeros_like(TRUTH, np.int32)
    theirs[TRUTH == 1], theirs[TRUTH == 2] = 70_000, -4
    scores = score(TRUTH, as_volume(theirs), {70_000: CLASSES[0]})
    assert [c.name for c in scores.classes] == ["mitochondrion"]
    assert scores.overlaps[0].dice == 1
    assert scores.overlaps[0].truth == int((TRUTH == 1).sum())


def test_two_values_may_mean_one_class() -> None:
    both = np.where(TRUTH == 2, 1, TRUTH).astype(np.uint8)
    scores = score(both, as_volume(TRUTH), {1: CLASSES[0], 2: CLASSES[0]})
    assert len(scores.classes) == 1
    assert scores.overlaps[0].dice == 1


def test_class_ids_beyond_a_byte_are_kept_apart() -> None:
    wide = (ClassSpec(44, "a"), ClassSpec(300, "b"))
    truth = np.array([[44, 300], [300, 0]], np.uint16)
    scores = score(truth[None], as_volume(truth), dict(zip((44, 300), wide, strict=True)), as_volume(np.array([[1, 2], [3, 4]])))
    assert [o.truth for o in scores.overlaps] == [1, 2]
    assert [o.dice for o in scores.overlaps] == [1, 1]


def test_a_value_that_is_no_class_is_asked_about() -> None:
    labels = TRUTH.copy()
    labels[2, 0, 0] = 9
    with pytest.raises(UserError, match=r"the labels hold the value 9, .* as in --map 1=mitochondrion"):
        score(TRUTH, as_volume(labels))
    with pytest.raises(UserError, match="the value -1"):
        default_mapping(np.array([[-1, 1]]), CLASSES)


def test_labels_of_another_shape_are_refused() -> None:
    with pytest.raises(UserError, match=r"the image has shape \(3, 20, 30\) but the labels have \(3, 20, 29\)"):
        score(TRUTH, as_volume(TRUTH[..., 1:]))
