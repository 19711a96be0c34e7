"""Look-alikes: what is painted is where it is said to be, within the crop, and fixed by a seed."""

from __future__ import annotations

import pytest
import torch

from napari_scsam.train.augment import phase_noise
from napari_scsam.train.lookalikes import dark_bodies, dirt, folds, granules, lookalikes


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tissue(level: float = 0.9, side: int = 96) -> torch.Tensor:
    return level + 0.02 * torch.randn((1, side, side), generator=chance(7))


@pytest.mark.parametrize("paint", [dark_bodies, granules, folds, dirt])
def test_what_is_far_from_what_was_painted_stays(paint) -> None:
    image = tissue()
    changed = 0.0
    for seed in range(4):
        painted, hidden = paint(image, phase_noise(image, chance(seed)), chance(seed))
        assert painted.shape == image.shape
        assert hidden.shape == image.shape[1:]
        near = torch.nn.functional.max_pool2d(hidden[None].float(), 31, 1, 15)[0] > 0
        assert torch.allclose(painted[0, ~near], image[0, ~near], atol=2e-3)
        if hidden.any():
            changed = max(changed, float((painted - image).abs()[0, hidden].mean()))
    assert changed > 0.15


def test_bodies_are_darker_than_bright_tissue() -> None:
    image = tissue()
    for seed in range(4):
        painted, hidden = dark_bodies(image, torch.zeros_like(image), chance(seed))
        assert float(painted[0, hidden].mean()) < 0.75


def test_a_granule_has_a_halo_round_its_core() -> None:
    painted, hidden = granules(tissue(0.6), torch.zeros(1, 96, 96), chance(4))
    levels = painted[0, hidden]
    assert float(levels.max() - levels.min()) > 0.2


def test_there_are_several_kinds_and_numbers() -> None:
    shares = {round(float(lookalikes(tissue(), chance(s))[1].float().mean()), 4) for s in range(12)}
    assert len(shares) > 8


def test_a_seed_fixes_them() -> None:
    first, second = (lookalikes(tissue(), chance(3))[0] for _ in range(2))
    assert torch.equal(first, second)
