"""Fit the prototype of a class to strokes, while the network stays frozen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.config import UserError
from napari_scsam.model import Embedding, ScSAM

STEPS = 15
RATE = 0.05


class Example(NamedTuple):
    """A tile with strokes."""

    embedding: Embedding
    """Of one tile."""
    foreground: Tensor
    """H×W of 0 and 1: strokes on the class."""
    background: Tensor
    """H×W of 0 and 1: strokes beside it."""


def fit_prototype(model: ScSAM, examples: Sequence[Example]) -> Tensor:
    """Fit a prototype to what the strokes show.

    It starts as the mean feature under the strokes, as in prototypical
    networks (Snell et al. 2017). Gradient descent then moves it until the
    decoded class agrees with the strokes.

    Returns
    -------
    prototype
        256, of unit length.

    Raises
    ------
    UserError
        When there is no stroke on the class.
    """
    if not any(example.foreground.any() for example in examples):
        raise UserError("no stroke marks the new class; paint a few on it first")
    # Tensors made in inference mode take no part in gradients; copies do.
    copies = [
        example._replace(embedding=Embedding(*(t.float().clone() for t in example.embedding)))
        for example in examples
    ]
    prototype = mean_feature(copies).requires_grad_()
    optimiser = torch.optim.Adam([prototype], lr=RATE)
    for _ in range(STEPS):
        loss = torch.stack([stroke_loss(model, prototype, example) for example in copies]).mean()
        (prototype.grad,) = torch.autograd.grad(loss, [prototype])
        optimiser.step()
    return F.normalize(prototype.detach(), dim=0)


def mean_feature(examples: Sequence[Example]) -> Tensor:
    """Return the mean of the unit features under the foreground strokes, 256."""
    fused = examples[0].embedding.fused
    total = torch.zeros(fused.shape[1], device=fused.device)
    for embedding, foreground, _ in examples:
        grid = (embedding.fused.shape[2], embedding.fused.shape[3])
        share = F.adaptive_avg_pool2d(foreground[None, None], grid)[0, 0]
        total += (F.normalize(embedding.fused[0].float(), dim=0) * share).sum((1, 2))
    return F.normalize(total, dim=0)


def stroke_loss(model: ScSAM, prototype: Tensor, example: Example) -> Tensor:
    """Return the cross-entropy on the stroked pixels; both sides have the same weight."""
    embedding, foreground, background = example
    logits = model.class_logits(embedding, prototype[None])
    logits = F.interpolate(logits, foreground.shape, mode="bilinear", align_corners=False)[0, 0]
    sides = [(foreground > 0, 1.0), (background > 0, 0.0)]
    losses = [
        F.binary_cross_entropy_with_logits(logits[mask], torch.full_like(logits[mask], target))
        for mask, target in sides
        if mask.any()
    ]
    return torch.stack(losses).mean()
