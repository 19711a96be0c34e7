"""A tile's answer on the slice, and fed back to another tile; on maps whose value tells their place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from napari_scsam.config import UserError
from napari_scsam.infer.prompt_answer import OUTSIDE_LOGIT, PromptAnswer, mask_prompt, prompt_answer
from napari_scsam.infer.tiling import Tile

SHAPE = (100, 150)
TILE = Tile(32, 48, 64, 96)
ONE = (1.0, 1.0)


def place_maps(tile: Tile, stride: int) -> torch.Tensor:
    """2×H'×W' logits that are the row and the column of each cell's middle, in model pixels (0.5 the first)."""
    y = tile.y + (torch.arange(tile.height // stride) + 0.5) * stride
    x = tile.x + (torch.arange(tile.width // stride) + 0.5) * stride
    return torch.stack(torch.meshgrid(y, x, indexing="ij"))


def answer(
    tile: Tile = TILE,
    stride: int = 2,
    shape: tuple[int, int] = SHAPE,
    zoom: tuple[float, float] = ONE,
) -> PromptAnswer:
    return prompt_answer(place_maps(tile, stride), torch.tensor([0.25, 0.75]), tile, shape, zoom)


def test_the_tile_lies_where_it_was_cut_and_the_rest_is_outside() -> None:
    found = answer(stride=1)
    y, x = np.mgrid[32:96, 48:144] + 0.5
    np.testing.assert_allclose(found.logits[:, 32:96, 48:144], np.stack([y, x]), rtol=1e-5)
    rest = np.ones(SHAPE, bool)
    rest[32:96, 48:144] = False
    assert (found.logits[:, rest] == OUTSIDE_LOGIT).all()
    assert not found.masks[:, rest].any()
    assert found.masks[:, 32:96, 48:144].all()
    assert (found.masks.dtype, found.logits.dtype, found.quality.tolist()) == (
        bool,
        np.float32,
        [0.25, 0.75],
    )


def test_on_equal_pixels_it_is_torchs_own_resizing() -> None:
    maps = torch.from_numpy(
        np.random.default_rng(0).standard_normal((1, 16, 24)).astype(np.float32)
    )
    found = prompt_answer(maps, torch.zeros(1), TILE, SHAPE, ONE)
    resized = F.interpolate(maps[None], (64, 96), mode="bilinear", align_corners=False)[0]
    np.testing.assert_allclose(found.window, resized.numpy(), atol=1e-5)


def test_points_lie_in_a_mask_or_outside_it() -> None:
    maps = torch.full((2, 64, 96), -1.0)
    maps[0, :10, :20], maps[1, 40:, 40:] = 1.0, 1.0
    found = prompt_answer(maps, torch.zeros(2), TILE, SHAPE, ONE)
    places = [
        (48, 32),
        (67, 41),
        (68, 42),
        (143, 95),
        (0, 0),
        (149, 99),
    ]  # in the tile, at corners of the masks, beside the tile
    assert found.holds(np.array(places, float)).tolist() == [
        [True, True] + [False] * 4,
        [False] * 3 + [True, False, False],
    ]
    assert found.holds(np.array([places[:1], places[3:4]], float)).tolist() == [[True], [True]]
    assert (
        found.holds(np.array(places, float)).tolist()
        == found.masks[:, [y for _, y in places], [x for x, _ in places]].tolist()
    )


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("zoom", [(0.5, 0.5), (2.0, 1.0), (0.75, 1.3), (4.0, 0.125)])
def test_places_follow_the_zoom(stride: int, zoom: tuple[float, float]) -> None:
    shape = (round(SHAPE[0] / zoom[0]), round(SHAPE[1] / zoom[1]))
    found = answer(stride=stride, shape=shape, zoom=zoom)
    y, x = (np.mgrid[found.part[0], found.part[1]] + 0.5) * np.array(zoom)[:, None, None]
    assert y.min() >= 32
    assert y.max() < 96
    assert y.min() - zoom[0] < 32
    assert y.max() + zoom[0] >= 96
    np.testing.assert_allclose(found.window[0], y.clip(32 + stride / 2, 96 - stride / 2), rtol=1e-4)
    np.testing.assert_allclose(
        found.window[1], x.clip(48 + stride / 2, 144 - stride / 2), rtol=1e-4
    )


def test_a_tile_that_reaches_over_the_border_is_cut() -> None:
    found = answer(Tile(48, 64, 64, 96))
    assert found.part == (slice(48, 100), slice(64, 150))
    assert found.logits.shape == (2, *SHAPE)


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_it_is_fed_back_at_sams_size(stride: int) -> None:
    fed = mask_prompt(answer(stride=stride), TILE, SHAPE, 2)
    assert fed.shape == (2, 1, 16, 24)
    np.testing.assert_allclose(fed[:, 0], place_maps(TILE, 4))


@pytest.mark.parametrize("other", [Tile(34, 51, 64, 96), Tile(0, 0, 112, 160), Tile(40, 0, 64, 80)])
def test_in_another_tile_it_says_the_same_of_the_same_places(other: Tile) -> None:
    fed = mask_prompt(answer(), other, SHAPE, 2)[:, 0]
    expected = place_maps(other, 4)
    y, x = expected
    seen = (y > TILE.y + 2) & (y < TILE.y + 62) & (x > TILE.x + 2) & (x < TILE.x + 94)
    unseen = (y < TILE.y - 2) | (y > TILE.y + 66) | (x < TILE.x - 2) | (x > TILE.x + 98)
    np.testing.assert_allclose(fed[:, seen], expected[:, seen], rtol=1e-4)
    assert (fed[:, unseen] == 0).all()


def test_an_answer_about_something_else_is_told() -> None:
    with pytest.raises(
        UserError, match=r"the earlier answer has 2 masks of \(100, 150\), but 3 prompts are given"
    ):
        mask_prompt(answer(), TILE, SHAPE, 3)
    with pytest.raises(
        UserError,
        match=r"but 2 prompts are given on a slice of \(100, 151\); give the answer about the same objects",
    ):
        mask_prompt(answer(), TILE, (100, 151), 2)
