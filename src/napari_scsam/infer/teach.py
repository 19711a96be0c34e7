"""A new class from a few strokes: a prototype, fitted while everything else stays frozen."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.config import UserError
from napari_scsam.model import Embedding, ScSAM

STEPS = 15
RATE = 0.05

TILES = 12
"""Most tiles that show a class and most that only show what it is not: time and memory grow with them."""

HELD = 0.2
"""Share of the strokes' pixels that another class holds, from which on the new one goes before it."""

Example = tuple[Embedding, Tensor, Tensor]
"""A tile's embedding, and its strokes for and against, H×W of 0 and 1."""


def fit_prototype(model: ScSAM, examples: Sequence[Example]) -> Tensor:
    """Find the prototype of what the strokes show.

    It begins as the mean feature under the strokes, as in prototypical
    networks (Snell et al. 2017), and is then moved by gradient descent until
    the decoded class agrees with the strokes.

    Returns
    -------
    prototype
        256, of unit length.

    Raises
    ------
    UserError
        When no stroke says what the class is.
    """
    if not any(foreground.any() for _, foreground, _ in examples):
        raise UserError("no stroke marks the new class; paint a few on it first")
    examples = [(Embedding(*(t.float().clone() for t in e)), f, b) for e, f, b in examples]
    prototype = mean_feature(examples).requires_grad_()
    optimiser = torch.optim.Adam([prototype], lr=RATE)
    for _ in range(STEPS):
        loss = torch.stack([stroke_loss(model, prototype, *example) for example in examples]).mean()
        (prototype.grad,) = torch.autograd.grad(loss, [prototype])
        optimiser.step()
    return F.normalize(prototype.detach(), dim=0)


def latest(examples: Sequence[Example]) -> list[Example]:
    """Choose what a class is learned from, out of all that it was ever taught by: the last `TILES` with it, and as many without."""
    shown = [bool(foreground.any()) for _, foreground, _ in examples]
    return [
        e
        for wanted in (True, False)
        for e in [e for e, has in zip(examples, shown, strict=True) if has is wanted][-TILES:]
    ]


def mean_feature(examples: Sequence[Example]) -> Tensor:
    """Mean of the unit features under the foreground strokes, 256."""
    total = torch.zeros(examples[0][0].fused.shape[1], device=examples[0][0].fused.device)
    for embedding, foreground, _ in examples:
        share = F.adaptive_avg_pool2d(
            foreground[None, None], (embedding.fused.shape[2], embedding.fused.shape[3])
        )[0, 0]
        total += (F.normalize(embedding.fused[0].float(), dim=0) * share).sum((1, 2))
    return F.normalize(total, dim=0)


def stroke_loss(
    model: ScSAM, prototype: Tensor, embedding: Embedding, foreground: Tensor, background: Tensor
) -> Tensor:
    """Cross-entropy on the stroked pixels, both sides weighing the same."""
    logits = model.class_logits(embedding, prototype[None])
    logits = F.interpolate(logits, foreground.shape, mode="bilinear", align_corners=False)[0, 0]
    sides = [(foreground > 0, 1.0), (background > 0, 0.0)]
    parts = [
        F.binary_cross_entropy_with_logits(logits[m], torch.full_like(logits[m], v))
        for m, v in sides
        if m.any()
    ]
    return torch.stack(parts).mean()
