"""Synthetic crops on which a tuned model must answer as its parent did."""

from __future__ import annotations

import pytest
import torch

from napari_scsam.train.finetune import replay
from napari_scsam.train.finetune.replay import CELL, CROPS_OF_CELL, replay_images, synthetic_slice


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the cells that are drawn; they are plain noise, which is quicker."""
    drawn: list[int] = []

    def noise(generator: torch.Generator) -> torch.Tensor:
        drawn.append(len(drawn))
        return torch.rand(CELL, CELL, generator=generator)

    monkeypatch.setattr(replay, "synthetic_slice", noise)
    return drawn


def test_crops_are_grey_images_in_range(cells: list[int]) -> None:
    images = list(replay_images(3, seed=0, side=64))
    assert len(images) == 3
    for image in images:
        assert image.shape == (1, 64, 64)
        assert image.dtype == torch.float32
        assert image.min() >= 0
        assert image.max() <= 1
        assert image.std() > 0.01


def test_a_seed_fixes_them_and_another_changes_them(cells: list[int]) -> None:
    first = list(replay_images(2, seed=1, side=32))
    again = list(replay_images(2, seed=1, side=32))
    other = list(replay_images(2, seed=2, side=32))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert not torch.equal(*first)


@pytest.mark.parametrize(
    ("count", "expected"), [(0, 0), (1, 1), (CROPS_OF_CELL, 1), (CROPS_OF_CELL + 1, 2)]
)
def test_several_crops_are_drawn_from_one_cell(cells: list[int], count: int, expected: int) -> None:
    assert len(list(replay_images(count, seed=0, side=16))) == count
    assert len(cells) == expected


def test_a_synthetic_slice_is_a_plane_in_range_that_its_generator_fixes() -> None:
    plane = synthetic_slice(torch.Generator().manual_seed(3))
    assert plane.shape == (CELL, CELL)
    assert plane.dtype == torch.float32
    assert 0 <= plane.min() < plane.max() <= 1
    assert torch.equal(plane, synthetic_slice(torch.Generator().manual_seed(3)))
    assert not torch.equal(plane, synthetic_slice(torch.Generator().manual_seed(4)))
