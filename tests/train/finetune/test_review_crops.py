"""Crops of reviewed slices: what is drawn, and what is remembered."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_scsam.config import ClassSpec
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.train.augment import Augmentation
from napari_scsam.train.finetune import review_crops
from napari_scsam.train.finetune.known_labels import UNKNOWN
from napari_scsam.train.finetune.review_crops import (
    CropMemory,
    below,
    draw_crop,
    draw_place,
    reviewed_slice,
    thinned,
)

STILL = Augmentation(
    zoom=1.0, stretch=1.0, contrast=0, brightness=0, gamma=0, blur=0, tone=0, coarse=1.0, noise=0
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def targets() -> np.ndarray:
    """Two objects of class 1, one of class 2, and a corner that is unknown."""
    plane = np.zeros((60, 80), np.uint8)
    plane[5:15, 5:15] = 1
    plane[30:40, 5:15] = 1
    plane[5:15, 40:50] = 2
    plane[50:, 70:] = UNKNOWN
    return plane


@pytest.fixture
def slice_(targets: np.ndarray) -> review_crops.ReviewedSlice:
    grey = np.random.default_rng(0).random(targets.shape).astype(np.float32)
    return reviewed_slice(grey, targets)


def test_places_are_pixels_of_each_class_and_last_of_all_that_is_reviewed(slice_, targets) -> None:
    first, second, anywhere = slice_.places
    assert {targets[tuple(p)] for p in first} == {1}
    assert len(first) == 200
    assert {targets[tuple(p)] for p in second} == {2}
    assert UNKNOWN not in {targets[tuple(p)] for p in anywhere}
    assert len(anywhere) == (targets != UNKNOWN).sum()


def test_a_slice_without_classes_has_places_all_the_same() -> None:
    empty = reviewed_slice(np.zeros((4, 5), np.float32), np.zeros((4, 5), np.uint8))
    assert [len(each) for each in empty.places] == [20]


@pytest.mark.parametrize(("size", "kept"), [(3, 3), (9, 9), (11, 6), (25, 9)])
def test_many_places_are_thinned_evenly(size: int, kept: int) -> None:
    pixels = thinned(np.argwhere(np.ones((1, size), bool)), 10)
    assert len(pixels) == kept
    assert pixels[0].tolist() == [0, 0]
    assert len(set(np.diff(pixels[:, 1]).tolist())) == 1


def test_a_centre_is_on_a_class_half_of_the_time(slice_, targets) -> None:
    chance = generator()
    drawn = [draw_place([slice_], chance)[1] for _ in range(400)]
    on_class = np.mean([targets[int(y), int(x)] in (1, 2) for y, x in drawn])
    assert 0.45 < on_class < 0.65  # a few of those drawn anywhere are on a class, too
    second = np.mean([targets[int(y), int(x)] == 2 for y, x in drawn])
    assert second > 0.2, "the rarer class is drawn as often as the other"


def test_places_are_drawn_from_all_slices(slice_, targets) -> None:
    other = reviewed_slice(np.zeros(targets.shape, np.float32), targets)
    chance = generator()
    chosen = [draw_place([slice_, other], chance)[0] for _ in range(60)]
    assert any(each is slice_ for each in chosen)
    assert any(each is other for each in chosen)


def test_a_crop_and_its_targets_show_the_same_place(targets) -> None:
    grey = (targets == 1).astype(np.float32) * 0.8 + 0.1
    slice_ = reviewed_slice(grey, targets)
    image, found = draw_crop([slice_], (1.0, 1.0), STILL, generator(4), side=48)
    assert image.shape == (1, 48, 48)
    assert found.shape == (48, 48)
    assert found.dtype == torch.uint8
    bright = image[0] > 0.7
    inner = (found == 1) & bright
    assert inner.sum() > 0.8 * bright.sum() > 0


def test_what_is_beyond_a_pixel_size_is_scaled(targets) -> None:
    slice_ = reviewed_slice(np.zeros(targets.shape, np.float32), (targets == 2).astype(np.uint8))
    counts = {}
    for size in (1.0, 0.5):
        crops = [draw_crop([slice_], (size, size), STILL, generator(n), 64)[1] for n in range(30)]
        counts[size] = np.mean([int((crop == 1).sum()) for crop in crops])
    assert counts[0.5] > 1.5 * counts[1.0], "an object has more pixels where pixels are smaller"


def test_a_generator_fixes_the_crop(slice_) -> None:
    one = draw_crop([slice_], (1.0, 1.0), Augmentation(), generator(1), side=32)
    again = draw_crop([slice_], (1.0, 1.0), Augmentation(), generator(1), side=32)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))


def test_whole_numbers_are_drawn_from_zero_on() -> None:
    chance = generator()
    assert {below(3, chance) for _ in range(60)} == {0, 1, 2}


@pytest.fixture
def memory(random_model: ScSAM) -> CropMemory:
    return CropMemory(random_model)


def test_what_is_remembered_of_a_crop_is_the_answer_of_the_parent(memory, random_model) -> None:
    image = torch.rand(1, 64, 64, generator=generator())
    memory.add(image)
    crops = memory.batch([0])
    with torch.inference_mode():
        features = random_model.encode(image[None])
        logits = random_model.class_logits(random_model.fuse(features))
    assert crops.parent.shape == (1, 3, 64, 64)
    assert crops.parent.dtype == torch.float32
    torch.testing.assert_close(crops.parent, logits.float(), atol=0.1, rtol=0.05)
    torch.testing.assert_close(crops.features.sam, features.sam.float(), atol=0.05, rtol=0.05)
    assert (crops.targets == UNKNOWN).all()


def test_crops_keep_their_targets_and_order(memory) -> None:
    for number in range(3):
        targets = torch.full((64, 64), number, dtype=torch.uint8)
        memory.add(torch.rand(1, 64, 64, generator=generator(number)), targets)
    assert len(memory) == 3
    batch = memory.batch([2, 1])
    assert batch.targets[:, 0, 0].tolist() == [2, 1]
    assert all(len(level) == 2 for level in batch.features.mae)
    assert memory.crops[0].parent.dtype == torch.float16


def test_crops_are_drawn_evenly(memory) -> None:
    for number in range(2):
        targets = torch.full((64, 64), number, dtype=torch.uint8)
        memory.add(torch.rand(1, 64, 64, generator=generator(number)), targets)
    chance = generator(5)
    drawn = [int(crop.targets[0, 0, 0]) for crop in memory.draw(12, chance)]
    assert set(drawn) == {0, 1}
    again = [int(crop.targets[0, 0, 0]) for crop in memory.draw(12, chance)]
    assert again != drawn


def test_without_a_detail_path_the_answer_has_a_crops_size_too() -> None:
    config = ScSAMConfig(nm_per_pixel=16.0, tile=128, detail=False)
    model = ScSAM(config, (ClassSpec(1, "mitochondrion"),)).eval()
    memory = CropMemory(model)
    memory.add(torch.zeros(1, 64, 64))
    assert memory.batch([0]).parent.shape == (1, 1, 64, 64)
