"""Discs on neighbouring slices: followed while they go on, let go of when they end, jump or change."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.infer.patch import Patch, agreement, crop
from napari_scsam.infer.propagate import points_inside, propagate_steps
from napari_scsam.infer.propagation import PropagationLimits
from napari_scsam.io.contrast import Contrast
from napari_scsam.steps import Progress, drive

SIDE = 96


def disc(y: float, x: float, radius: float, grey: int = 255) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.where(np.hypot(rows - y, columns - x) <= radius, grey, 10).astype(np.uint8)


def mask_of(image: np.ndarray) -> Patch:
    return crop(Patch(image > 127, 0, 0))


@pytest.fixture
def predictor(model):
    from blob_predictor import BlobPredictor

    return BlobPredictor(model, "cpu")


def propagate(predictor, images, limits=None, start=None):
    slices = [
        predictor.prepare(image, contrast=Contrast(0, 255), key=z) for z, image in enumerate(images)
    ]
    return propagate_steps(
        predictor,
        slices[0],
        start or mask_of(images[0]),
        enumerate(slices[1:], 1),
        len(images) - 1,
        limits,
    )


def test_a_moving_disc_is_followed_exactly(predictor):
    images = [disc(40 + 3 * z, 50 - 2 * z, 12 - z) for z in range(6)]
    found = drive(propagate(predictor, images))
    assert [s.position for s in found.sections] == [1, 2, 3, 4, 5]
    assert found.stopped_at is None
    for section in found.sections:
        assert agreement(section.patch, mask_of(images[section.position])) == 1
        assert section.patch.mask.dtype == bool


def test_it_stops_where_the_disc_ends(predictor):
    images = [
        disc(40, 40, 9),
        disc(40, 40, 8),
        np.full((SIDE, SIDE), 10, np.uint8),
        disc(40, 40, 8),
    ]
    found = drive(propagate(predictor, images))
    assert [s.position for s in found.sections] == [1]
    assert found.stopped_at == 2
    assert "ends" in found.reason


def test_it_stops_where_another_thing_lies_in_its_place(predictor):
    images = [disc(40, 40, 14), disc(40, 40, 14, 250), disc(40, 40, 3)]
    found = drive(propagate(predictor, images))
    assert found.stopped_at == 2
    assert "outline" in found.reason


def test_it_stops_where_it_looks_different(predictor):
    images = [disc(40, 40, 14), disc(40, 40, 14), disc(40, 40, 14, 140)]
    assert drive(propagate(predictor, images, PropagationLimits(similarity=0.5))).stopped_at is None
    found = drive(propagate(predictor, images, PropagationLimits(similarity=0.99)))
    assert found.stopped_at == 2
    assert "different" in found.reason


def test_a_decoder_that_draws_too_large_does_not_let_the_object_grow(predictor):
    predictor.rim = 3
    images = [disc(45, 45, 12)] * 6
    found = drive(propagate(predictor, images))
    assert len(found.sections) == 5
    assert agreement(found.sections[-1].patch, mask_of(images[-1])) > 0.99


def test_it_does_not_run_into_a_thing_that_touches(predictor):
    images = [disc(45, 30, 12), np.maximum(disc(45, 30, 12), disc(45, 54, 13))]
    (section,) = drive(propagate(predictor, images, PropagationLimits(overlap=0.3))).sections
    assert section.patch.box[2] <= 30 + 12 + PropagationLimits().max_shift + 2


def test_the_border_moves_by_as_much_as_the_limit_and_no_farther(predictor):
    shown = disc(45, 45, 10)
    wide = np.full((SIDE, SIDE), 10, np.uint8)
    wide[40:51, 35:90] = 255  # a bar that reaches far beyond the disc to the right
    images = [shown, np.maximum(shown, wide)]
    for shift in (3, 7):
        limits = PropagationLimits(overlap=0.1, similarity=0.0, certainty=0.0, max_shift=shift)
        (section,) = drive(propagate(predictor, images, limits)).sections
        assert section.patch.box[2] == 45 + 10 + shift + 1, "the edge of a box is after its pixels"


def test_slices_are_read_one_by_one_and_closing_stops(predictor):
    read = []

    def beyond():
        for z in range(1, 9):
            read.append(z)
            yield z, predictor.prepare(disc(40, 40, 9), contrast=Contrast(0, 255), key=z)

    first = predictor.prepare(disc(40, 40, 9), contrast=Contrast(0, 255), key=0)
    steps = propagate_steps(predictor, first, mask_of(disc(40, 40, 9)), beyond(), 8)
    assert next(steps) == Progress(0, 8, "propagating the object to slice 1")
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
