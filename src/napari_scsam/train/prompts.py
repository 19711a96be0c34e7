"""Simulated users: boxes and clicks on objects, as SAM was trained with (Kirillov et al. 2023)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.infer.prompts import NO_POINT
from napari_scsam.model import Embedding, ScSAM
from napari_scsam.train.losses import mask_loss


def prompt_loss(
    model: ScSAM,
    embedding: Embedding,
    objects: Tensor,
    first_clicks: Tensor,
    generator: torch.Generator,
    rounds: int = 2,
) -> Tensor:
    """Prompt each object by a box or a click, correct the answer by clicks, and score every answer.

    As in SAM's training, the earlier answer returns as a mask prompt, sometimes without a new
    click.

    Parameters
    ----------
    embedding
        Of B crops.
    objects
        B×N×H×W masks; empty ones count nothing.
    first_clicks
        B×N×H×W, where a first click may fall.
    rounds
        Answers asked for.
    """
    masks = objects.flatten(0, 1)
    boxes: Tensor | None = None
    points: tuple[Tensor, Tensor] | None = None
    if torch.rand((), generator=generator) < 0.3:
        boxes = jittered_boxes(masks, generator)
    else:
        points = clicks(first_clicks.flatten(0, 1), generator)
    previous = None
    losses = []
    for _ in range(rounds):
        logits, quality = model.prompt_logits(embedding, points, boxes, previous)
        losses.append(answer_loss(logits.float(), quality.float(), objects))
        answer = logits.detach().flatten(0, 1).float()
        previous = fed_back(answer, (embedding.fused.shape[2], embedding.fused.shape[3]))
        if torch.rand((), generator=generator) < 0.85:
            points = corrections(answer, masks, points, generator)
    return torch.stack(losses).mean()


def answer_loss(logits: Tensor, quality: Tensor, objects: Tensor) -> Tensor:
    """Score B×N×h×w answers against B×N×H×W objects, at the answers' own resolution."""
    target = F.adaptive_avg_pool2d(objects, (logits.shape[2], logits.shape[3]))
    return mask_loss(logits, quality, target, (objects.flatten(2).sum(2) > 0).float())


def fed_back(logits: Tensor, grid: tuple[int, int]) -> Tensor:
    """Resize N×H×W answers to SAM's mask prompts, N×1×4h×4w for an h×w grid."""
    return F.adaptive_avg_pool2d(logits, (4 * grid[0], 4 * grid[1]))[:, None]


def clicks(masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw a click inside each mask, more often near its middle: N×1×2 as (x, y), labels N×1."""
    labels = torch.where(masks.flatten(1).any(1), 1.0, float(NO_POINT))
    return places_in(masks, generator)[:, None], labels[:, None]


def places_in(masks: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a pixel of each of N×H×W masks, deep ones more often: N×2 as (x, y).

    (0, 0) where a mask is empty. No value is read back, so a graphics card is not waited for.
    """
    depth = (
        F.avg_pool2d(masks[:, None], 9, stride=1, padding=4)[:, 0] * 81
    ).round().long() ** 2 * (masks > 0)
    upto = depth.flatten(1).cumsum(1)  # sums of whole numbers are equal on every device
    total = upto[:, -1:]
    chance = torch.rand(len(masks), 1, generator=generator)  # drawn on the CPU, for equal runs
    aim = torch.minimum((total * chance.to(masks.device)).long() + 1, total)
    chosen = torch.searchsorted(upto, aim)[:, 0]
    return torch.stack([chosen % masks.shape[2], chosen // masks.shape[2]], 1).float()


def jittered_boxes(masks: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a box around each mask, N×4 as (x0, y0, x1, y1), moved by up to 5 % of its size."""
    boxes = boxes_round(masks)
    size = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    return boxes + (torch.rand(boxes.shape, generator=generator).to(boxes) * 2 - 1) * 0.05 * size


def boxes_round(masks: Tensor) -> Tensor:
    """Return the bounding box of N×H×W masks: N×4 as (x0, y0, x1, y1), zero where one is empty."""
    sides = [masks.any(1), masks.any(2)]  # columns, then rows
    starts = [s.byte().argmax(1) for s in sides]
    ends = [s.shape[1] - s.flip(1).byte().argmax(1) for s in sides]
    return torch.stack([*starts, *ends], 1).float() * sides[0].any(1)[:, None]


def corrections(
    logits: Tensor, masks: Tensor, points: tuple[Tensor, Tensor] | None, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Add a click in the middle of what the answer got wrong.

    Parameters
    ----------
    logits
        N×h×w answer so far.
    masks
        N×H×W truth.
    points
        Clicks so far, or None.
    """
    size = masks.shape[1:]
    resized = F.interpolate(logits[:, None], size, mode="bilinear", align_corners=False)[:, 0]
    is_empty = ~masks.flatten(1).any(1)
    wrong = ((resized > 0) != masks.bool()).float() * ~is_empty[:, None, None]
    places = places_in(wrong, generator)
    index = places.long()
    inside = masks[torch.arange(len(masks)), index[:, 1], index[:, 0]]
    labels = torch.where(wrong.flatten(1).any(1), inside, float(NO_POINT))
    if points is None:
        return places[:, None], labels[:, None]
    return torch.cat([points[0], places[:, None]], 1), torch.cat([points[1], labels[:, None]], 1)
