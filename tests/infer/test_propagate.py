"""Discs on neighbouring slices: followed while they go on, let go of when they end, jump or change."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.infer.patch import Patch, agreement, crop
from napari_scsam.infer.predictor import finish
from napari_scsam.infer.propagate import Limits, carry_steps, points_inside
from napari_scsam.io.contrast import Contrast
from napari_scsam.steps import Progress

SIDE = 96


def disc(y: float, x: float, radius: float, grey: int = 255) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.where(np.hypot(rows - y, columns - x) <= radius, grey, 10).astype(np.uint8)


def mask_of(image: np.ndarray) -> Patch:
    return crop(Patch(image > 127, 0, 0))


@pytest.fixture
def predictor(random_model):
    from blob_predictor import BlobPredictor

    return BlobPredictor(random_model, "cpu")


def carry(predictor, images, limits=None, start=None):
    slices = [
        predictor.prepare(image, contrast=Contrast(0, 255), key=z) for z, image in enumerate(images)
    ]
    return carry_steps(
        predictor,
        slices[0],
        start or mask_of(images[0]),
        enumerate(slices[1:], 1),
        len(images) - 1,
        limits,
    )


def test_a_moving_disc_is_followed_exactly(predictor):
    images = [disc(40 + 3 * z, 50 - 2 * z, 12 - z) for z in range(6)]
    carried = finish(carry(predictor, images))
    assert [s.position for s in carried.sections] == [1, 2, 3, 4, 5]
    assert carried.stopped_at is None
    for section in carried.sections:
        assert agreement(section.patch, mask_of(images[section.position])) == 1
        assert section.patch.mask.dtype == bool


def test_it_stops_where_the_disc_ends(predictor):
    images = [
        disc(40, 40, 9),
        disc(40, 40, 8),
        np.full((SIDE, SIDE), 10, np.uint8),
        disc(40, 40, 8),
    ]
    carried = finish(carry(predictor, images))
    assert [s.position for s in carried.sections] == [1]
    assert carried.stopped_at == 2
    assert "ends" in carried.reason


def test_it_stops_where_another_thing_lies_in_its_place(predictor):
    images = [disc(40, 40, 14), disc(40, 40, 14, 250), disc(40, 40, 3)]
    carried = finish(carry(predictor, images))
    assert carried.stopped_at == 2
    assert "outline" in carried.reason


def test_it_stops_where_it_looks_different(predictor):
    images = [disc(40, 40, 14), disc(40, 40, 14), disc(40, 40, 14, 140)]
    assert finish(carry(predictor, images, Limits(similarity=0.5))).stopped_at is None
    carried = finish(carry(predictor, images, Limits(similarity=0.99)))
    assert carried.stopped_at == 2
    assert "different" in carried.reason


def test_a_decoder_that_draws_too_large_does_not_let_the_object_grow(predictor):
    predictor.rim = 3
    images = [disc(45, 45, 12)] * 6
    carried = finish(carry(predictor, images))
    assert len(carried.sections) == 5
    assert agreement(carried.sections[-1].patch, mask_of(images[-1])) > 0.99


def test_it_does_not_run_into_a_thing_that_touches(predictor):
    images = [disc(45, 30, 12), np.maximum(disc(45, 30, 12), disc(45, 54, 13))]
    (section,) = finish(carry(predictor, images, Limits(overlap=0.3))).sections
    assert section.patch.box[2] <= 30 + 12 + Limits().reach + 2


def test_slices_are_read_one_by_one_and_closing_stops(predictor):
    read = []

    def beyond():
        for z in range(1, 9):
            read.append(z)
            yield z, predictor.prepare(disc(40, 40, 9), contrast=Contrast(0, 255), key=z)

    first = predictor.prepare(disc(40, 40, 9), contrast=Contrast(0, 255), key=0)
    steps = carry_steps(predictor, first, mask_of(disc(40, 40, 9)), beyond(), 8)
    assert next(steps) == Progress(0, 8, "carrying the object to slice 1")
    next(steps)
    steps.close()
    assert read == [1, 2]


def test_points_lie_inside_and_far_apart():
    mask = np.zeros((40, 60), bool)
    mask[5:12, 5:55] = True
    mask[5:35, 5:12] = True
    points = points_inside(Patch(mask, 100, 200))
    assert len(set(points)) == 4
    assert all(mask[y - 100, x - 200] for x, y in points)
    spread = np.ptp(np.array(points), axis=0)
    assert spread[0] > 35
    assert spread[1] > 18
    assert points_inside(Patch(np.ones((1, 1), bool), 3, 4)) == [(4, 3)]
