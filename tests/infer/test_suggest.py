"""Which slices are suggested, and where on them."""

from __future__ import annotations

from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.infer.suggest import (
    Suggestion,
    check_reviewed,
    entropy,
    next_slices,
    suggest,
    worst_region,
)
from napari_scsam.io.volumes import Volume, as_volume
from napari_scsam.steps import drive

DEPTH = 9
SHAPE = (DEPTH, 30, 60)


class Doubtful:
    """Is in doubt on one spot of a slice, which moves with the slice."""

    classes: tuple[ClassSpec, ...] = (ClassSpec(1, "blob"),)

    def __init__(self) -> None:
        self.model = SimpleNamespace(classes=self.classes)
        self.seen: list[int] = []

    def set_image(self, image, voxel_size, *, contrast) -> None:  # noqa: ARG002 - as Predictor's
        self.seen.append(int(image[0, 0]))
        self.slice = SimpleNamespace(shape=image.shape)

    def class_logits(self, _names=None):
        logits = np.full((1, *SHAPE[1:]), -20, np.float32)
        logits[0, 20:25, 5 * self.seen[-1] : 5 * self.seen[-1] + 5] = 0
        return logits


def volume() -> Volume:
    values = np.zeros(SHAPE, np.uint8)
    values += np.arange(DEPTH, dtype=np.uint8)[:, None, None]
    return as_volume(values)


def slices(depth: int, reviewed: list[int], count: int = 99) -> list[int]:
    return [z for z, _ in islice(next_slices(depth, reviewed), count)]


def test_without_a_review_the_middle_comes_first_then_the_ends_then_the_middles_between() -> None:
    assert slices(9, [], 5) == [4, 0, 8, 2, 6]


def test_the_largest_gap_between_reviewed_slices_is_filled_first() -> None:
    assert slices(21, [0, 4, 20], 3) == [12, 8, 16]


def test_every_slice_that_is_not_reviewed_is_suggested_once() -> None:
    assert sorted([*slices(20, [3, 7]), 3, 7]) == list(range(20))
    assert slices(1, []) == [0]
    assert slices(1, [0]) == slices(3, [0, 1, 2]) == []


def test_scores_are_distances_by_the_depth_and_never_rise() -> None:
    scores = [score for _, score in next_slices(11, [0])]
    assert scores[:3] == [1.0, 0.5, 0.2]
    assert scores == sorted(scores, reverse=True)


def test_no_slice_is_farther_from_a_reviewed_one_than_evenly_spread_slices_leave_it() -> None:
    for count in (2, 3, 5, 9):
        chosen = slices(1000, [500], count)
        gaps = np.abs(np.subtract.outer(np.arange(1000), [500, *chosen])).min(1)
        # Greedy k-centre is at most twice the best (Gonzalez 1985).
        assert gaps.max() <= 2 * 1000 / (2 * (count + 1)) + 1


def test_entropy_is_that_of_the_classes_and_the_background() -> None:
    logits = np.array([[[0.0, 50.0]], [[0.0, 0.0]]], np.float32)
    assert entropy(logits)[0] == pytest.approx([np.log(3), 0], abs=1e-5)


def test_the_worst_region_is_the_square_with_most_doubt() -> None:
    doubt = np.full((30, 60), 0.01, np.float32)
    doubt[20:30, 47:57] = 1
    assert worst_region(doubt) == (20, 47, 30, 57)
    assert worst_region(np.zeros((30, 60), np.float32)) is None
    assert worst_region(np.ones((2, 2), np.float32)) == (0, 0, 1, 1)


def test_only_suggested_slices_are_segmented_and_each_has_its_own_region() -> None:
    predictor = Doubtful()
    first, second = drive(suggest(predictor, volume(), [8], count=2))  # type: ignore[arg-type]
    assert predictor.seen == [0, 4]
    assert (first.slice, second.slice) == (0, 4)
    assert (first.score, second.score) == (1.0, 0.5)
    y0, x0, y1, x1 = second.region or (0, 0, 0, 0)
    assert (y1 - y0, x1 - x0) == (10, 10)
    assert y0 <= 20 < 25 <= y1
    assert x0 <= 20 < 25 <= x1


def test_a_network_without_classes_suggests_slices_without_regions() -> None:
    predictor = Doubtful()
    predictor.model.classes = ()
    (found,) = drive(suggest(predictor, volume(), count=1))  # type: ignore[arg-type]
    assert found == Suggestion(4, 1.0, None)
    assert found.to_dict() == {"slice": 4, "score": 1.0, "region": None}


def test_a_mask_marks_slices_as_reviewed_by_half_and_hides_what_is_reviewed() -> None:
    reviewed = np.zeros(SHAPE, np.uint8)
    reviewed[0] = 1
    reviewed[8, :15] = 1
    reviewed[4, :14] = 1
    assert check_reviewed(volume(), [2], as_volume(reviewed)) == [0, 2, 8]
    reviewed[4] = 0
    reviewed[4, :, 20:25] = 1
    (found,) = drive(suggest(Doubtful(), volume(), mask=as_volume(reviewed), count=1))  # type: ignore[arg-type]
    assert found.slice == 4
    hidden = np.zeros(SHAPE[1:], bool)
    y0, x0, y1, x1 = found.region or (0, 0, 30, 60)
    hidden[20:25, 20:25] = True
    assert not hidden[y0:y1, x0:x1].any()


def test_progress_names_the_slice() -> None:
    steps = list(suggest(Doubtful(), volume(), count=2))  # type: ignore[arg-type]
    assert [(step.done, step.total) for step in steps] == [(0, 2), (1, 2), (2, 2)]
    assert steps[0].what == "slice 4"


def test_a_slice_or_a_mask_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match="no slice 9; its slices are 0 to 8"):
        check_reviewed(volume(), [9], None)
    with pytest.raises(UserError, match="the mask of that image"):
        check_reviewed(volume(), [], as_volume(np.zeros((2, 30, 60), np.uint8)))
