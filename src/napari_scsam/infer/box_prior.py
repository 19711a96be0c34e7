"""What a box says of an object by itself, and how good an answer is expected to be.

An object fills its box about as the inscribed ellipse does. The network knows better where it
knows the object; of objects it knows little, the ellipse is the better answer. A logistic
regression on both decides for each pixel. It knows how certain the network is and how large the box
is.

The numbers were fitted on 168 objects of six kinds (``benchmarks/prompts.py`` tells which, and
scores them on others). They belong to networks with a click path.
"""

from __future__ import annotations

import torch
from torch import Tensor

CERTAINTY = 0.8
"""Expected IoU of a usual answer, taken off the feature."""

USUAL_SIDE = 20.0
"""Side in model pixels of a usual box."""

LOGIT_LIMIT = 8.0
"""Larger logits say no more."""

OUTSIDE_LOSS = 3.0
"""What the network's logit loses outside the box: a hand-drawn box may cut an object a little."""

WEIGHTS = (
    (0.792, 2.460, 0.153),
    (-0.266, 0.824, 0.132),
    (2.865, -3.398, -0.331),
    (5.261, -0.901, -4.995),
)
"""Of four features (a quarter of the logit, its tanh at half scale, the ellipse, and the ellipse
outside itself), each by itself, by the certainty, and by the logarithm of the size."""

BIAS = (0.364, 0.716, -0.484)
"""By itself, by the certainty, and by the size."""

BOX_QUALITY = (1.226, -0.193)
"""Slope and intercept of the true IoU over the expected one, after a box."""

CLICK_QUALITY = (1.153, -0.358)
"""The same after one click."""

MORE_CLICKS = (0.0, 0.058, 0.094)
"""What the second and the third click add; further ones add no more."""


def with_box_prior(logits: Tensor, boxes: Tensor, cell: float) -> Tensor:
    """Mix the network's answers with the ellipses in their boxes.

    Parameters
    ----------
    logits
        N×H×W of a tile.
    boxes
        N×4 as (x0, y0, x1, y1), in model pixels of the tile.
    cell
        Model pixels to one cell of the logits.

    Returns
    -------
    mixed
        N×H×W.
    """
    known = logits.float().clamp(-LOGIT_LIMIT, LOGIT_LIMIT)
    edges = boxes.to(known)
    size = (edges[:, 2:] - edges[:, :2]).clamp(min=1.0)
    radius, inside = ellipse_radius(known, edges, size, cell)
    certainty = (expected_iou(known) - CERTAINTY)[:, None, None]
    scale = torch.log(size.prod(1).sqrt() / USUAL_SIDE)[:, None, None]
    features = (
        known / 4,
        torch.tanh(known / 2),
        (1 - radius).clamp(-1, 1),
        (1 - radius).clamp(-1, 0),
    )
    mixed = BIAS[0] + BIAS[1] * certainty + BIAS[2] * scale
    for feature, (alone, by_certainty, by_scale) in zip(features, WEIGHTS, strict=True):
        mixed = mixed + feature * (alone + by_certainty * certainty + by_scale * scale)
    return torch.where(inside, mixed, torch.minimum(mixed, known - OUTSIDE_LOSS))


def ellipse_radius(
    logits: Tensor, boxes: Tensor, size: Tensor, cell: float
) -> tuple[Tensor, Tensor]:
    """Compute the distance of each cell from the middle of its box, 1 on the ellipse.

    Returns it, and whether the cell is inside the box: N×H×W both.
    """
    middle = (boxes[:, 2:] + boxes[:, :2]) / 2
    rows = (torch.arange(logits.shape[1], device=logits.device) + 0.5) * cell
    columns = (torch.arange(logits.shape[2], device=logits.device) + 0.5) * cell
    y = (rows - middle[:, 1:]) / (size[:, 1:] / 2)
    x = (columns - middle[:, :1]) / (size[:, :1] / 2)
    radius = torch.hypot(y[:, :, None], x[:, None, :])
    inside = (y.abs()[:, :, None] <= 1) & (x.abs()[:, None, :] <= 1)
    return radius, inside


def expected_iou(logits: Tensor) -> Tensor:
    """Compute the IoU that N×H×W logits expect of their own masks, by their probabilities: N."""
    probability = torch.sigmoid(logits.float())
    mask = logits > 0
    shared = (probability * mask).sum((1, 2))
    union = mask.sum((1, 2)) + (probability * ~mask).sum((1, 2))
    return shared / union.clamp(min=1e-6)


def predicted_quality(logits: Tensor, clicks: int) -> Tensor:
    """Predict the IoU of N masks with the objects that were meant: N, in 0..1.

    Parameters
    ----------
    logits
        N×H×W.
    clicks
        How many were given for each; 0 after a box alone.
    """
    if clicks == 0:
        slope, start = BOX_QUALITY
        more = 0.0
    else:
        slope, start = CLICK_QUALITY
        more = MORE_CLICKS[min(clicks, len(MORE_CLICKS)) - 1]
    return (slope * expected_iou(logits) + start + more).clamp(0, 1)
