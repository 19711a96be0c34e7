"""Simulated users: boxes and clicks on objects, as SAM was trained with (Kirillov et al. 2023)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.model import Embedding, ScSAM
from napari_scsam.train.losses import mask_loss

NO_POINT = -1


def prompt_loss(model: ScSAM, embedding: Embedding, objects: Tensor, generator: torch.Generator) -> Tensor:
    """Ask for each object by a box or a click, correct the answer once, and score both answers.

    Parameters
    ----------
    embedding
        Of B crops.
    objects
        B×N×H×W masks; empty ones count nothing.
    """
    batch, count = objects.shape[:2]
    target = F.avg_pool2d(objects, 2)  # the logits stand at stride 2
    weight = (objects.flatten(2).sum(2) > 0).float()
    masks = objects.flatten(0, 1)
    boxes = jittered_boxes(masks, generator) if torch.rand((), generator=generator) < 0.5 else None
    points = None if boxes is not None else clicks(masks, generator)
    logits, quality = model.prompt_logits(embedding, points, boxes)
    first = mask_loss(logits, quality, target, weight)
    fixed, previous = corrections(logits.detach().flatten(0, 1), masks, points, generator), F.avg_pool2d(logits.detach(), 2)
    logits, quality = model.prompt_logits(embedding, fixed, boxes, previous.view(batch * count, 1, *previous.shape[2:]))
    return 0.5 * (first + mask_loss(logits, quality, target, weight))


def clicks(masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One click inside each mask, N×1×2 as (x, y) with labels N×1; drawn towards the middle."""
    places = torch.stack([click_in(mask, generator) for mask in masks])
    labels = torch.where(masks.flatten(1).any(1), 1.0, float(NO_POINT))
    return places[:, None], labels[:, None]


def click_in(mask: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a pixel of the mask, the deeper the likelier; (0, 0) when it is empty."""
    depth = F.avg_pool2d(mask[None], 9, stride=1, padding=4)[0] ** 2 * mask
    if not depth.any():
        return torch.zeros(2)
    chosen = int(torch.multinomial(depth.flatten(), 1, generator=generator))
    return torch.tensor([chosen % mask.shape[1], chosen // mask.shape[1]], dtype=torch.float32)


def jittered_boxes(masks: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a box round each mask, N×4 as (x0, y0, x1, y1), moved by up to 5 % of its size."""
    boxes = torch.stack([box_round(mask) for mask in masks])
    size = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    return boxes + (torch.rand(boxes.shape, generator=generator) * 2 - 1) * 0.05 * size


def box_round(mask: Tensor) -> Tensor:
    """Find the box round one mask; all zero when it is empty."""
    rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
    if not len(rows):
        return torch.zeros(4)
    return torch.stack([columns[0, 0], rows[0, 0], columns[-1, 0] + 1, rows[-1, 0] + 1]).float()


def corrections(logits: Tensor, masks: Tensor, points: tuple[Tensor, Tensor] | None, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Add a click in the middle of what the answer got wrong.

    Parameters
    ----------
    logits
        N×H/2×W/2 answer so far.
    masks
        N×H×W truth.
    points
        Clicks so far, or None.
    """
    answer = F.interpolate(logits[:, None], masks.shape[1:], mode="bilinear", align_corners=False)[:, 0] > 0
    wrong = (answer != masks.bool()).float() * masks.flatten(1).any(1)[:, None, None]
    places = torch.stack([click_in(w, generator) for w in wrong])
    index = places.long()
    inside = masks[torch.arange(len(masks)), index[:, 1], index[:, 0]]
    labels = torch.where(wrong.flatten(1).any(1), inside, float(NO_POINT))
    if points is None:
        return places[:, None], labels[:, None]
    return torch.cat([points[0], places[:, None]], 1), torch.cat([points[1], labels[:, None]], 1)
