"""Where a simulated user clicks, on drawings whose deepest points are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_scsam.infer.patch import Patch, agreement
from napari_scsam.train.scoring.simulated_user import Click, next_click, objects_of_slice


def rectangle(y: int, x: int, height: int, width: int) -> Patch:
    return Patch(np.ones((height, width), bool), y, x)


NOTHING = Patch(np.zeros((1, 1), bool), 0, 0)


def test_objects_are_connected_regions_of_one_value() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[0:4, 0:4], labels[0:4, 4:8] = 7, 900  # touching instances
    labels[10:13, 20:23] = labels[13:16, 23:26] = 7  # joined by a corner
    labels[18, 28], labels[5:15, 0:10] = 7, -1
    found = objects_of_slice(labels, 2)
    assert sorted((p.box, int(p.mask.sum())) for p in found) == [
        ((0, 0, 4, 4), 16),
        ((4, 0, 8, 4), 16),
        ((20, 10, 26, 16), 18),
    ]
    assert len(objects_of_slice(labels, 1)) == 4
    assert len(objects_of_slice(labels, 17)) == 1
    assert objects_of_slice(np.zeros((4, 4), np.uint8), 1) == []


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint64, np.int64])
def test_objects_cover_the_labels_whatever_the_dtype(dtype: type) -> None:
    labels = (
        ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((50, 60)), 3) > 0
    ).astype(dtype) * 3
    canvas = np.zeros(labels.shape, int)
    for patch in objects_of_slice(labels, 1):
        x0, y0, x1, y1 = patch.box
        canvas[y0:y1, x0:x1] += patch.mask
    np.testing.assert_array_equal(canvas, labels > 0)


def test_the_first_click_is_the_deepest_point() -> None:
    assert next_click(rectangle(10, 20, 7, 9), NOTHING) in [
        Click(13, x, inside=True) for x in range(23, 26)
    ]
    dumbbell = np.zeros((9, 30), bool)
    dumbbell[4], dumbbell[:, 20:29], dumbbell[2:7, 0:5] = True, True, True
    assert next_click(Patch(dumbbell, 100, 50), NOTHING) == Click(104, 74, inside=True)


def test_the_next_click_mends_the_largest_error() -> None:
    truth = rectangle(10, 10, 9, 30)
    assert next_click(truth, rectangle(10, 10, 9, 13)) in [
        Click(14, x, inside=True) for x in range(27, 36)
    ]
    spilled = next_click(truth, rectangle(10, 10, 30, 30))
    assert spilled is not None
    assert not spilled.inside
    assert 25 <= spilled.y <= 33
    assert next_click(truth, truth) is None


def test_a_large_blob_counts_before_many_specks() -> None:
    truth = rectangle(10, 10, 20, 20)
    answer = truth.mask.copy()
    answer[::4, ::4] = False  # 25 specks
    answer[5:8, 5:8] = False  # one blob of 9, one of which is a speck
    assert next_click(truth, Patch(answer, 10, 10)) == Click(16, 16, inside=True)


@pytest.mark.parametrize("seed", range(5))
def test_a_click_is_always_on_an_error_and_deepest_in_its_region(seed: int) -> None:
    noise = ndimage.gaussian_filter(
        np.random.default_rng(seed).standard_normal((2, 40, 50)), (0, 4, 4)
    )
    truth, answer = noise > 0
    click = next_click(Patch(truth, 3, 4), Patch(answer, 3, 4))
    assert click is not None
    place = click.y - 3, click.x - 4
    assert truth[place] != answer[place]
    assert truth[place] == click.inside
    error = truth & ~answer if click.inside else answer & ~truth
    numbers = ndimage.label(error, np.ones((3, 3)))[0]
    region = numbers == numbers[place]
    every = [ndimage.label(e, np.ones((3, 3)))[0] for e in (truth & ~answer, answer & ~truth)]
    assert region.sum() == max(np.bincount(n.ravel())[1:].max() for n in every)
    away = np.argwhere(~np.pad(region, 1)) - 1
    depths = {tuple(p): np.hypot(*(away - p).T).min() for p in np.argwhere(region)}
    assert depths[place] == max(depths.values())


def test_agreement_is_iou_on_the_slice() -> None:
    assert agreement(rectangle(5, 5, 4, 4), rectangle(5, 7, 4, 4)) == pytest.approx(8 / 24)
    assert agreement(rectangle(5, 5, 4, 4), rectangle(50, 70, 4, 4)) == 0
    assert agreement(rectangle(5, 5, 4, 4), NOTHING) == 0
    assert agreement(rectangle(5, 5, 4, 4), rectangle(5, 5, 4, 4)) == 1
