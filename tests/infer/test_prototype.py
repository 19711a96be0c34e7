from __future__ import annotations

import pytest
import torch

from napari_scsam.config import UserError
from napari_scsam.infer.prototype import Example, fit_prototype, mean_feature, stroke_loss
from napari_scsam.model import Embedding, ScSAM


@pytest.fixture(scope="module")
def example(random_model: ScSAM) -> Example:
    """A bright square on noise, a stroke on it and one beside it."""
    torch.manual_seed(0)
    image = 0.2 * torch.rand(1, 1, 64, 96)
    image[..., 16:48, 16:48] += 0.8
    foreground, background = torch.zeros(64, 96), torch.zeros(64, 96)
    foreground[28:34, 20:44] = 1
    background[10:50, 70:76] = 1
    with torch.inference_mode():
        return Example(random_model.fuse(random_model.encode(image)), foreground, background)


def test_the_fit_agrees_with_the_strokes_more_than_their_mean(
    random_model: ScSAM, example: Example
) -> None:
    start = mean_feature([example])
    fitted = fit_prototype(random_model, [example])
    assert fitted.shape == (256,)
    assert fitted.norm().item() == pytest.approx(1)
    assert not fitted.requires_grad
    with torch.inference_mode():
        before, after = (
            stroke_loss(random_model, start, example),
            stroke_loss(random_model, fitted, example),
        )
    assert after < before - 0.01


def test_the_model_stays_as_it_was(model: ScSAM, example: Example) -> None:
    before = {k: v.clone() for k, v in model.state_dict().items()}
    fit_prototype(model, [example])
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_it_begins_at_the_mean_feature_under_the_strokes() -> None:
    fused = torch.zeros(1, 8, 2, 3)
    fused[0, 0, 0, 0], fused[0, 1, 0, 1], fused[0, 2, 1] = 5, 0.1, 1
    foreground = torch.zeros(32, 48)
    foreground[0, 0] = foreground[3, 20] = 1  # a pixel each in the first two cells
    embedding = Embedding(fused, torch.zeros(1))
    mean = mean_feature([Example(embedding, foreground, torch.zeros(32, 48))])
    expected = torch.zeros(8)
    expected[:2] = 0.5**0.5
    assert torch.allclose(mean, expected)


def test_both_sides_weigh_the_same(random_model: ScSAM, example: Example) -> None:
    embedding, foreground, background = example
    nothing = torch.zeros_like(foreground)
    prototype = mean_feature([example])
    with torch.inference_mode():
        both = stroke_loss(random_model, prototype, example)
        parts = [
            stroke_loss(random_model, prototype, Example(embedding, f, b))
            for f, b in ((foreground, nothing), (nothing, background))
        ]
    assert both.item() == pytest.approx(sum(part.item() for part in parts) / 2, rel=1e-5)


def test_without_strokes_there_is_nothing_to_learn(random_model: ScSAM, example: Example) -> None:
    embedding, foreground, background = example
    with pytest.raises(UserError, match="no stroke marks the new class; paint a few on it first"):
        fit_prototype(random_model, [Example(embedding, 0 * foreground, background)])
    with pytest.raises(UserError, match="no stroke marks the new class"):
        fit_prototype(random_model, [])
