"""Which outline labels follow, on discs with a ring, of which the parent is sure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_scsam.model import ScSAM
from napari_scsam.train.finetune.convention import (
    count_near,
    follow_labels,
    touching,
    with_outlines,
)
from napari_scsam.train.finetune.known_labels import KnownClass
from napari_scsam.train.finetune.review_crops import ReviewCrops

SIDE = 64
KNOWN = (KnownClass("mitochondrion", (0, 1)),)
APART = (KnownClass("mitochondrion", (0,), apart=(1,)),)

INSIDE, MIDDLE, OUTSIDE = 8.0, 11.0, 14.0
"""Radii at which the ring begins, the logit of the class itself is 0, and the ring ends."""


@pytest.fixture
def parent(model: ScSAM) -> ScSAM:
    """A model whose second class is a part of the first one."""
    whole, part, other = model.classes
    model.classes = (whole, replace(part, part_of=whole.name), other)
    return model


def distances(seed: int) -> np.ndarray:
    """Return the distance of each pixel from a centre near the middle."""
    y, x = 30 + np.random.default_rng(seed).integers(-4, 5, 2)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.hypot(rows - y, columns - x).astype(np.float32)


def crops(radius: float, count: int = 5) -> list[ReviewCrops]:
    """Return crops whose labels are discs of a radius; another find there is false."""
    made = []
    for seed in range(count):
        away = distances(seed)
        whole = MIDDLE - away
        part = np.where(away < OUTSIDE, 2 * (away - INSIDE) + whole, -9)
        whole[:3, :9] = 5.0  # it touches no label
        logits = np.stack([whole, part, np.full_like(whole, -9.0)])[None]
        target = (away < radius).astype(np.uint8)[None]
        made.append(ReviewCrops(None, torch.from_numpy(logits).float(), torch.from_numpy(target)))
    return made


def test_labels_with_the_whole_part_cover_it(parent: ScSAM) -> None:
    assert follow_labels(KNOWN, crops(OUTSIDE), parent) == KNOWN


@pytest.mark.parametrize("radius", [INSIDE, MIDDLE - 1, MIDDLE])
def test_labels_that_end_inside_the_part_leave_it_out(parent: ScSAM, radius: float) -> None:
    assert follow_labels(KNOWN, crops(radius), parent) == APART


def test_what_is_not_clear_stays_covered(parent: ScSAM) -> None:
    assert follow_labels(KNOWN, crops(INSIDE, 1), parent) == KNOWN, "one crop tells too little"
    assert follow_labels(KNOWN, [], parent) == KNOWN
    assert follow_labels(KNOWN, crops(0), parent) == KNOWN, "without a label"


def test_a_class_without_parts_is_left_as_it_is(parent: ScSAM) -> None:
    known = (KnownClass("vesicle", (2,)),)
    assert follow_labels(known, crops(INSIDE), parent) == known


def test_regions_that_touch_no_label_do_not_count() -> None:
    found = np.array([[1, 1, 0, 2, 0, 1]], np.uint8)
    target = np.array([[0, 1, 0, 1, 0, 0]], np.uint8)
    assert touching(found, target, 2).tolist() == [[True, True, False, False, False, False]]
    counts = count_near([found], [found], [target], 2)
    assert counts.found.tolist() == [[2], [0]]


def test_an_outline_is_that_of_the_last_labels(parent: ScSAM) -> None:
    own = with_outlines(parent.classes, APART)
    assert [spec.own_outline for spec in own] == [True, False, False]
    assert not any(spec.own_outline for spec in with_outlines(own, KNOWN))
    alone = (KnownClass("vesicle", (2,)),)
    assert with_outlines(own, alone)[0].own_outline, "other classes keep theirs"
