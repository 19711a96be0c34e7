"""Scoring a checkpoint against labels, with predictors whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError, select_classes
from napari_scsam.infer.postprocess import label_map
from napari_scsam.io.volumes import Volume, as_volume, open_labels, open_volume
from napari_scsam.metrics import ObjectMatch
from napari_scsam.steps import Progress
from napari_scsam.train.scoring.evaluate import (
    UnknownLabelError,
    class_probabilities,
    default_mapping,
    evaluate,
)
from napari_scsam.train.scoring.scores import Scores

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "er"), ClassSpec(6, "membrane"))
TRUTH = np.random.default_rng(0).choice([0, 1, 2], (3, 20, 30)).astype(np.uint8)
IMAGE = as_volume(
    np.random.default_rng(1).integers(0, 255, TRUTH.shape).astype(np.uint8), (20.0, 8.0, 8.0)
)


class Oracle:
    """Answers each slice with the labels it was given, and is sure of them."""

    def __init__(self, answers: np.ndarray, classes: tuple[ClassSpec, ...] = CLASSES) -> None:
        self.answers, self.classes = iter(answers), classes
        self.asked: list[dict[str, Any]] = []

    def set_image(self, plane: np.ndarray, voxel_size: Any, *, contrast: Any) -> None:
        self.asked.append({"shape": plane.shape, "voxel_size": voxel_size, "contrast": contrast})

        self.answer = next(self.answers)

    def segment(self, names: list[str]) -> np.ndarray:
        return label_map(self.class_logits(), self.classes, select_classes(self.classes, names))

    def class_logits(self) -> np.ndarray:
        return np.stack([np.where(self.answer == c.id, 20, -20) for c in self.classes]).astype(
            np.float32
        )


def score(
    answers: np.ndarray,
    labels: Volume,
    mapping: dict[int, ClassSpec] | None = None,
    image: Volume = IMAGE,
    classes: tuple[ClassSpec, ...] = CLASSES,
    **options: Any,
) -> Scores:
    steps = evaluate(Oracle(answers, classes), image, labels, mapping, **options)  # type: ignore[arg-type]
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


def test_a_class_that_nobody_labelled_is_not_scored() -> None:
    answer = TRUTH.copy()
    answer[0, :5] = 6
    scores = score(answer, as_volume(TRUTH))
    assert scores.unlabelled == (CLASSES[2],)
    table = scores.to_dict()
    assert table["classes"][-1] == {
        "id": 6,
        "name": "membrane",
        "pixels": 0,
        **dict.fromkeys(table["classes"][0].keys() - {"id", "name", "pixels"}),
    }
    assert table["mean_dice"] == pytest.approx(np.mean([r["dice"] for r in table["classes"][:2]]))
    said = score(answer, as_volume(TRUTH), {c.id: c for c in CLASSES})
    assert (said.unlabelled, said.to_dict()["classes"][-1]["dice"]) == ((), 0.0), (
        "who names it says that it was labelled"
    )


def test_a_class_that_is_labelled_on_another_slice_is_scored() -> None:
    truth, answer = TRUTH.copy(), TRUTH[:1].copy()
    truth[2, 0], answer[0, :5] = 6, 6
    scores = score(answer, as_volume(truth), slices=[0])
    assert scores.unlabelled == ()
    assert scores.to_dict()["classes"][-1]["dice"] == 0


def test_labels_without_any_class_are_refused() -> None:
    with pytest.raises(UserError, match="the labels hold no class at all"):
        score(TRUTH, as_volume(np.zeros_like(TRUTH)))


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
    assert [s.what for s in steps] == ["slice 0", "slice 1", "slice 2", "done"]
    assert len({str(a) for a in oracle.asked}) == 1
    assert oracle.asked[0]["voxel_size"] == (8.0, 8.0)


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
    scores = score(
        truth[None],
        as_volume(truth),
        dict(zip((44, 300), wide, strict=True)),
        as_volume(np.array([[1, 2], [3, 4]])),
        wide,
    )
    assert [o.truth for o in scores.overlaps] == [1, 2]
    assert [o.dice for o in scores.overlaps] == [1, 1]


def test_a_value_that_is_no_class_is_asked_about() -> None:
    labels = TRUTH.copy()
    labels[2, 0, 0] = 9
    with pytest.raises(
        UserError, match=r"the labels hold the value 9, .* as in --map 1=mitochondrion"
    ):
        score(TRUTH, as_volume(labels))
    with pytest.raises(UnknownLabelError, match="the value -1"):
        default_mapping(as_volume(np.array([[-1, 1]])), CLASSES, [0])
    assert score(TRUTH[:2], as_volume(labels), slices=[0, 1]).overlaps[0].dice == 1


def test_an_unknown_value_is_found_before_the_long_work() -> None:
    labels, oracle = TRUTH.copy(), Oracle(TRUTH)
    labels[2, 0, 0] = 9
    with pytest.raises(UserError, match="the value 9"):
        next(evaluate(oracle, IMAGE, as_volume(labels)))  # type: ignore[arg-type]
    assert oracle.asked == []


def test_labels_of_another_shape_are_refused() -> None:
    with pytest.raises(
        UserError, match=r"the image has shape \(3, 20, 30\) but the labels have \(3, 20, 29\)"
    ):
        score(TRUTH, as_volume(TRUTH[..., 1:]))


def test_chosen_slices_are_scored_once_and_in_order() -> None:
    oracle = Oracle(TRUTH[[0, 2]])
    steps = list(evaluate(oracle, IMAGE, as_volume(TRUTH), slices=[2, 0, 2]))  # type: ignore[arg-type]
    assert [s.what for s in steps] == ["slice 0", "slice 2", "done"]
    assert score(TRUTH[[0, 2]], as_volume(TRUTH), slices=[2, 0, 2]).to_dict()["slices"] == 2
    with pytest.raises(UserError, match="the image has no slice 3; its slices are 0 to 2"):
        score(TRUTH, as_volume(TRUTH), slices=[1, 3])
    with pytest.raises(UserError, match="no slice is chosen; name at least one"):
        score(TRUTH, as_volume(TRUTH), slices=[])


def test_outlines_and_objects_are_scored_in_nm() -> None:
    truth, answer = np.zeros((2, 1, 20, 30), np.uint8)
    truth[0, 2:8, 2:8] = truth[0, 12:18, 2:8] = 1
    answer[0, 2:8, 3:9] = 1
    image = as_volume(IMAGE.plane(0)[None], (20.0, 8.0, 8.0))
    row = score(answer, as_volume(truth), image=image, tolerance=8.0).to_dict()["classes"][0]
    assert row["boundary_f1"] == pytest.approx(
        2 / 3
    )  # all that is drawn is right, half of the truth is found
    assert (row["object_f1"], row["pq"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3 * 30 / 42))
    assert (
        score(answer, as_volume(truth), image=image, tolerance=7.9).to_dict()["classes"][0][
            "boundary_f1"
        ]
        < 0.6
    )
    assert score(answer, as_volume(truth), image=image).totals[0]["objects"] == ObjectMatch(
        1, 1, 2, pytest.approx(30 / 42)
    )
    assert (
        score(answer, as_volume(truth), image=image, smallest=37).totals[0]["objects"]
        == ObjectMatch()
    )
    assert "2 px (voxel size unknown)" in str(
        score(answer, as_volume(truth), image=as_volume(IMAGE.plane(0)[None]))
    )


def test_probabilities_are_shares_of_one_with_the_background() -> None:
    class Undecided:
        classes = CLASSES

        def class_logits(self) -> np.ndarray:
            return np.log(np.array([1, 2, 5], np.float32))[:, None, None] * np.ones(
                (1, 4, 6), np.float32
            )

    shares = class_probabilities(Undecided(), Undecided.classes)  # type: ignore[arg-type]
    assert {i: float(p[3, 5]) for i, p in shares.items()} == {
        1: pytest.approx(1 / 9),
        2: pytest.approx(2 / 9),
        6: pytest.approx(5 / 9),
    }


def test_being_surely_wrong_is_badly_calibrated() -> None:
    wrong = np.where(TRUTH == 1, 2, np.where(TRUTH == 2, 1, 0)).astype(np.uint8)
    right, swapped = (score(a, as_volume(TRUTH)).to_dict()["classes"] for a in (TRUTH, wrong))
    assert right[0]["calibration_error"] < 1e-6
    assert swapped[0]["calibration_error"] == pytest.approx(
        ((TRUTH == 1) | (TRUTH == 2)).mean(), abs=1e-5
    )


@pytest.mark.emdata
def test_real_labels_moved_by_one_pixel_are_right_within_two(emdata: Path) -> None:
    image, labels = (
        open_(emdata / "hippocampus" / f"dev_{name}.tif")
        for open_, name in ((open_volume, "raw"), (open_labels, "labels"))
    )
    names = ("mitochondrion", "mitochondrial_boundary", "vesicle", "PSD", "myelin", "membrane")
    classes = tuple(ClassSpec(i, name) for i, name in enumerate(names, start=1))
    truth = np.stack([labels.plane(z) for z in (0, 11)])
    moved = np.pad(truth, ((0, 0), (0, 0), (1, 0)), mode="edge")[..., :-1]
    table = score(moved, labels, image=image, classes=classes, slices=[0, 11]).to_dict()
    assert (table["tolerance"], table["tolerance_unit"]) == (10, "nm")
    rows = {row["name"]: row for row in table["classes"]}
    assert all(row["boundary_f1"] > 0.99 > row["dice"] > 0.85 for row in rows.values())
    assert all(rows[name]["object_f1"] > 0.9 > rows[name]["pq"] for name in ("PSD", "vesicle"))
    assert (
        rows["mitochondrion"]["object_f1"] > 0.9
    )  # though most of its regions are specks of a pixel or two


def test_a_part_counts_with_its_whole_where_the_labels_know_the_whole_alone() -> None:
    classes = (ClassSpec(1, "whole"), ClassSpec(2, "part", part_of="whole"), ClassSpec(3, "other"))
    answer = np.zeros((1, 12, 12), np.uint8)
    answer[0, 2:10, 2:10], answer[0, 4:8, 4:8] = 2, 1
    truth = (answer > 0).astype(np.uint8)
    image = as_volume(np.arange(144, dtype=np.uint8).reshape(1, 12, 12))
    assert (
        score(answer, as_volume(truth), {1: classes[0]}, image=image, classes=classes)
        .overlaps[0]
        .dice
        == 1
    )
    apart = score(
        answer, as_volume(answer), {1: classes[0], 2: classes[1]}, image=image, classes=classes
    )
    assert [o.dice for o in apart.overlaps] == [1, 1]
