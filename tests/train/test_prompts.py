"""Simulated clicks and boxes, and the loss on what the network answers to them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from napari_scsam.config import ClassSpec
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.train.prompts import (
    NO_POINT,
    answer_loss,
    boxes_round,
    clicks,
    corrections,
    fed_back,
    jittered_boxes,
    places_in,
    prompt_loss,
)


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def masks() -> Tensor:
    """A rectangle, and nothing."""
    masks = torch.zeros(2, 64, 64)
    masks[0, 10:30, 20:60] = 1
    return masks


def test_clicks_lie_in_the_mask_and_rather_deep(masks: Tensor) -> None:
    places = places_in(masks[:1].expand(200, -1, -1), chance())
    x, y = places.T
    assert ((x >= 20) & (x < 60) & (y >= 10) & (y < 30)).all()
    assert float(((x - 39.5).abs() < 15).float().mean()) > 0.72
    assert len(places.unique(dim=0)) > 100


def test_a_thin_object_is_hit_too() -> None:
    line = torch.zeros(32, 32)
    line[16, 3:28] = 1
    assert all(
        line[int(y), int(x)] == 1 for x, y in places_in(line.expand(20, -1, -1), chance()).tolist()
    )


def test_an_empty_mask_gets_no_click(masks: Tensor) -> None:
    points, labels = clicks(masks, chance())
    assert points.shape == (2, 1, 2)
    assert labels.tolist() == [[1.0], [float(NO_POINT)]]
    assert places_in(masks, chance())[1].tolist() == [0, 0]


def test_boxes_go_round_the_mask_with_a_little_play(masks: Tensor) -> None:
    assert boxes_round(masks).tolist() == [[20, 10, 60, 30], [0, 0, 0, 0]]
    boxes = torch.stack([jittered_boxes(masks, chance(seed)) for seed in range(50)])
    assert not boxes[:, 1].any()
    play = (boxes[:, 0] - torch.tensor([20.0, 10, 60, 30])).abs().amax(0)
    assert (play <= torch.tensor([2.0, 1, 2, 1])).all()
    assert (play > torch.tensor([1.0, 0.5, 1, 0.5])).all()


def test_corrections_click_on_what_is_missing_or_too_much(masks: Tensor) -> None:
    truth = masks[:1].repeat(3, 1, 1)
    answer = truth.clone()
    answer[0, :, 40:] = 0  # the right half is missing
    answer[1, 40:60, :] = 1  # too much below
    logits = torch.nn.functional.avg_pool2d(answer, 2) * 20 - 10
    points, labels = corrections(logits, truth, None, chance())
    assert labels.tolist() == [[1.0], [0.0], [float(NO_POINT)]]
    assert points[0, 0, 0] >= 40
    assert points[1, 0, 1] >= 40
    both, both_labels = corrections(logits, truth, clicks(truth, chance(1)), chance())
    assert both.shape == (3, 2, 2)
    assert both_labels[:, 0].tolist() == [1, 1, 1]
    torch.testing.assert_close(both[:, 1], points[:, 0])


def test_an_empty_mask_is_not_corrected(masks: Tensor) -> None:
    _, labels = corrections(torch.full((1, 32, 32), 5.0), masks[1:], None, chance())
    assert labels.tolist() == [[float(NO_POINT)]]


@pytest.fixture(scope="module")
def model() -> ScSAM:
    torch.manual_seed(0)
    return ScSAM(ScSAMConfig(), [ClassSpec(1, "mitochondrion")]).eval()


def test_loss_reaches_decoder_and_fusion_by_boxes_and_by_clicks(
    model: ScSAM, masks: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.no_grad():
        features = model.encode(torch.rand(2, 1, 64, 64, generator=chance(9)))
    objects = torch.stack([masks, masks.flip(0)])
    parameters = {
        "decoder": model.mask_decoder.output_upscaling[0].weight,
        "detail": model.detail.filters.layers[-1].weight,
        "fusion": model.fusion.out.weight,
    }
    asked = note_prompts(model, monkeypatch)
    by_box, by_click = (
        next(s for s in range(50) if (float(torch.rand((), generator=chance(s))) < 0.3) is box)
        for box in (True, False)
    )
    for seed in (by_box, by_click):
        loss = prompt_loss(model, model.fuse(features), objects, objects, chance(seed))
        assert 0 < loss.item() < 20
        for name, gradient in zip(
            parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True
        ):
            assert gradient.abs().sum() > 0, (name, seed)
    assert [(points is None, boxes is None) for points, boxes, _ in asked[::2]] == [
        (True, False),
        (False, True),
    ]


def note_prompts(model: ScSAM, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Keep what is asked of the model: points, boxes and masks of each question."""
    asked, ask = [], model.prompt_logits

    def note(embedding: Any, *prompts: Any) -> tuple[Tensor, Tensor]:
        asked.append(prompts)
        return ask(embedding, *prompts)

    monkeypatch.setattr(model, "prompt_logits", note)
    return asked


@pytest.mark.parametrize("rounds", [1, 4])
@torch.no_grad()
def test_every_round_brings_the_earlier_answer_and_mostly_a_click(
    model: ScSAM, masks: Tensor, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    asked = note_prompts(model, monkeypatch)
    embedding = model.fuse(model.encode(torch.rand(1, 1, 64, 64, generator=chance(9))))
    added = []
    for seed in range(12):
        asked.clear()
        prompt_loss(model, embedding, masks[None], masks[None], chance(seed), rounds)
        assert len(asked) == rounds
        assert asked[0][2] is None
        assert all(earlier.shape == (2, 1, 16, 16) for _, _, earlier in asked[1:])
        assert len({boxes is None for _, boxes, _ in asked}) == 1
        counts = [0 if points is None else points[0].shape[1] for points, *_ in asked]
        added += [after - before for before, after in pairwise(counts)]
    assert set(added) == ({0, 1} if rounds > 1 else set())
    assert sum(added) > 0.6 * len(added) or rounds == 1


@torch.no_grad()
def test_the_first_click_falls_where_it_may(
    model: ScSAM, masks: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = note_prompts(model, monkeypatch)
    embedding = model.fuse(model.encode(torch.rand(1, 1, 64, 64, generator=chance(9))))
    allowed = masks.clone()
    allowed[0, :, 24:] = 0
    for seed in range(12):
        prompt_loss(model, embedding, masks[None], allowed[None], chance(seed), 1)
    first = [points[0][0, 0] for points, *_ in asked if points is not None]
    assert len(first) > 4
    assert all(allowed[0, int(y), int(x)] == 1 for x, y in first)


def test_answers_are_scored_at_their_own_resolution(masks: Tensor) -> None:
    objects = masks[None]
    for factor in (1, 2):
        right = torch.nn.functional.avg_pool2d(objects, factor) * 40 - 20
        assert answer_loss(right, torch.ones(1, 2), objects).item() == pytest.approx(0, abs=1e-3)
        assert answer_loss(-right, torch.zeros(1, 2), objects).item() > 10


def test_answers_of_any_size_come_back_as_sams_mask_prompts() -> None:
    for size in ((64, 96), (16, 24)):
        logits = torch.randn(3, *size, generator=chance())
        prompt = fed_back(logits, (4, 6))
        assert prompt.shape == (3, 1, 16, 24)
        torch.testing.assert_close(prompt.mean((1, 2, 3)), logits.mean((1, 2)))


def test_crops_without_objects_cost_nothing(model: ScSAM) -> None:
    with torch.no_grad():
        embedding = model.fuse(model.encode(torch.rand(1, 1, 64, 64, generator=chance(9))))
        assert (
            prompt_loss(
                model, embedding, torch.zeros(1, 2, 64, 64), torch.zeros(1, 2, 64, 64), chance()
            ).item()
            == 0
        )


def test_empty_masks_beside_an_object_do_not_count(model: ScSAM, masks: Tensor) -> None:
    with torch.no_grad():
        embedding = model.fuse(model.encode(torch.rand(1, 1, 64, 64, generator=chance(9))))
        seed = next(
            s for s in range(9) if torch.rand((), generator=chance(s)) >= 0.3
        )  # by clicks: boxes draw a jitter for each mask
        # One answer: with more masks the first click is the same, later ones are not.
        alone = prompt_loss(
            model, embedding, masks[None, :1], masks[None, :1], chance(seed), rounds=1
        )
        beside = prompt_loss(model, embedding, masks[None], masks[None], chance(seed), rounds=1)
    torch.testing.assert_close(alone, beside, rtol=1e-4, atol=1e-4)
