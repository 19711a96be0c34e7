"""The losses of ScSAM: of classes, of prototypes, and of masks that answer clicks."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.train.finetune.known_labels import UNKNOWN

TEMPERATURE = 0.07
"""Of the contrastive loss, as in SurgicalSAM and MoCo."""

NEVER = -100.0
"""Logarithm of a probability that is 0."""


def class_loss(logits: Tensor, labels: Tensor, groups: Tensor | None = None) -> Tensor:
    """Return cross-entropy plus the mean Dice loss of the classes that occur.

    Parameters
    ----------
    logits
        B×K×H×W; the background's logit is 0.
    labels
        B×H×W class indices plus one; 0 background, `UNKNOWN` ignored. When
        nothing is known the loss is 0.
    groups
        B×(K+1), from `class_groups`. Probabilities of classes that labels do not distinguish are
        added. So labels say nothing about classes that they do not name.
    """
    known = labels != UNKNOWN
    if not known.any():
        return logits.sum() * 0
    shares = F.log_softmax(with_background(logits), dim=1)
    if groups is not None and groups.numel():
        shares = sum_groups(shares, groups)
    entropy = F.nll_loss(shares, labels.long(), ignore_index=UNKNOWN)
    return entropy + class_dice_loss(shares.exp()[:, 1:], labels)


def sum_groups(shares: Tensor, groups: Tensor) -> Tensor:
    """Add up the probabilities of classes that are labelled alike, crop by crop.

    Parameters
    ----------
    shares
        B×(K+1)×H×W logarithms of probabilities.
    groups
        B×(K+1), the index that each adds to.

    Returns
    -------
    shares
        B×(K+1)×H×W logarithms; `NEVER` at indices that nothing adds to.
    """
    summed = []
    for crop, group in zip(shares, groups.tolist(), strict=True):
        planes = []
        for index in range(len(group)):
            members = [row for row, own in enumerate(group) if own == index]
            if members:
                planes.append(torch.logsumexp(crop[members], dim=0))
            else:
                planes.append(torch.full_like(crop[0], NEVER))
        summed.append(torch.stack(planes))
    return torch.stack(summed)


def ambiguous_hold_loss(logits: Tensor, parent: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
    """Compute how far the shares among classes that labels cannot tell apart are from a parent's.

    The mean over the pixels of such groups of the Kullback-Leibler divergence; 0 without any.

    Parameters
    ----------
    logits, parent
        B×K×H×W, ours and the parent's; the background's logit is 0.
    labels
        B×H×W, as in `class_loss`.
    groups
        B×(K+1), from `class_groups`.
    """
    total = logits.sum() * 0
    pixels = 0
    ours = with_background(logits)
    theirs = with_background(parent)
    for number, group in enumerate(groups):
        for index in group.unique().tolist():
            members = torch.nonzero(group == index).flatten()
            where = labels[number] == index
            if len(members) > 1 and where.any():
                own = F.log_softmax(ours[number, members], dim=0)
                target = F.log_softmax(theirs[number, members], dim=0)
                apart = (target.exp() * (target - own)).sum(0)
                total = total + apart[where].sum()
                pixels += int(where.sum())
    return total / max(1, pixels)


def with_background(logits: Tensor) -> Tensor:
    """Add the background's logit, 0, to B×K×H×W: B×(K+1)×H×W."""
    return torch.cat([torch.zeros_like(logits[:, :1]), logits], dim=1)


def class_dice_loss(probabilities: Tensor, labels: Tensor, smooth: float = 10.0) -> Tensor:
    """Return one minus Dice of each class over the batch, averaged over those that occur.

    After Milletari et al. 2016, "V-Net" (arXiv 1606.04797).
    """
    count = probabilities.shape[1]
    truth = (
        F.one_hot(torch.where(labels == UNKNOWN, 0, labels).long(), count + 1)[..., 1:]
        .movedim(-1, 1)
        .float()
    )
    probabilities = probabilities * (labels != UNKNOWN)[:, None]
    both = (probabilities * truth).sum((0, 2, 3))
    total = (probabilities + truth).sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    losses = 1 - (2 * both + smooth) / (total + smooth)
    return (losses * present).sum() / present.sum().clamp_min(1)


def prototype_loss(
    fused: Tensor, labels: Tensor, prototypes: Tensor, groups: Tensor | None = None
) -> Tensor:
    """Pull each cell's feature to the prototype of its class and away from the others'; background from all.

    InfoNCE with prototypes as keys, as in SurgicalSAM, but for every cell of
    the grid rather than a class's mean: a step then teaches thousands of
    features, not six. Classes weigh the same, however rare.

    Parameters
    ----------
    fused
        B×C×h×w.
    labels
        B×H×W; H and W are multiples of h and w.
    prototypes
        K×C.
    groups
        B×(K+1), from `class_groups`. Labels that stand for several classes teach nothing here.
    """
    known = (labels != UNKNOWN)[:, None]
    truth = (
        F.one_hot(torch.where(known[:, 0], labels, 0).long(), len(prototypes) + 1)
        .movedim(-1, 1)
        .float()
        * known
    )
    if groups is not None and groups.numel():
        members = F.one_hot(groups, len(prototypes) + 1).sum(1)
        truth = truth * (members == 1)[:, :, None, None]
    share = F.adaptive_avg_pool2d(
        truth, (fused.shape[2], fused.shape[3])
    )  # how much of each cell is the class
    share = share * (share > 0.25)
    cosine = torch.einsum(
        "bchw,kc->bkhw", F.normalize(fused, dim=1), F.normalize(prototypes, dim=1)
    )
    scores = torch.cat([torch.zeros_like(cosine[:, :1]), cosine / TEMPERATURE], dim=1)
    total = share.sum((0, 2, 3))
    each = -(share * F.log_softmax(scores, dim=1)).sum((0, 2, 3)) / total.clamp_min(1e-6)
    return (each * (total > 0)).sum() / (total > 0).sum().clamp_min(1)


def mask_loss(logits: Tensor, quality: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return cross-entropy and Dice of single masks, plus the error of their predicted quality.

    Parameters
    ----------
    logits, target
        B×N×H×W; the target may be soft at borders.
    quality
        B×N predicted IoU.
    weight
        B×N, 0 for masks that do not count.
    """
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean((2, 3))
    inside = torch.sigmoid(logits)
    dice = 1 - (2 * (inside * target).sum((2, 3)) + 1) / ((inside + target).sum((2, 3)) + 1)
    each = entropy + dice + 0.1 * (quality - _iou(logits > 0, target > 0.5)) ** 2
    return (each * weight).sum() / weight.sum().clamp_min(1)


@torch.no_grad()
def _iou(answer: Tensor, truth: Tensor) -> Tensor:
    """Return the B×N IoU of B×N×H×W masks."""
    return (answer & truth).sum((2, 3)) / (answer | truth).sum((2, 3)).clamp_min(1)
