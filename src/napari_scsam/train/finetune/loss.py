"""The losses of fine-tuning: learn what is labelled, hold what is not.

Labels teach the summed share of each labelled group, and never speak of a class that they do not
name. The shares inside a group are held to the parent's: a label of whole mitochondria does not say
where their boundary is. On synthetic cells the parent's own answer is the target (distillation:
Hinton et al. 2015, arXiv 1503.02531; Li and Hoiem 2016, "Learning without forgetting", arXiv
1606.09282).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.train.finetune.known_labels import UNKNOWN, KnownClass

ShareGroups = Sequence[Sequence[int]]
"""From `group_rows`: positions among K + 1 shares; the first group holds what is not labelled."""

SMOOTH = 10.0
"""Pixels added to both sides of the Dice loss."""


def step_losses(
    shares: Tensor,
    parent: Tensor,
    targets: Tensor,
    known: Sequence[KnownClass],
    groups: ShareGroups,
) -> dict[str, Tensor]:
    """Compute the losses of a step by name.

    Parameters
    ----------
    shares, parent
        B×(K+1)×H×W log shares, ours and the parent's, of crops of the volume, then of synthetic
        cells.
    targets
        N×H×W group of each pixel of the N ≤ B crops of the volume.
    known, groups
        Labelled classes, and their `group_rows`.
    """
    count = len(targets)
    ours, theirs = shares[:count], parent[:count]
    hold = inner_hold_loss(ours, theirs, targets, groups)
    for each in known:
        if each.apart:
            rows = [row + 1 for row in (*each.rows, *each.apart)]
            hold = hold + part_hold_loss(ours, theirs, rows)
    return {
        "label": label_loss(ours, targets, groups),
        "hold": hold,
        "replay": hold_loss(shares[count:], parent[count:]),
    }


def log_shares(logits: Tensor) -> Tensor:
    """Turn B×K×H×W class logits into B×(K+1)×H×W log shares; the background's logit is 0."""
    return F.log_softmax(torch.cat([torch.zeros_like(logits[:, :1]), logits], dim=1), dim=1)


def group_log_shares(shares: Tensor, groups: ShareGroups) -> Tensor:
    """Sum B×(K+1)×H×W log shares over each of G groups: B×G×H×W."""
    return torch.stack([torch.logsumexp(shares[:, list(rows)], dim=1) for rows in groups], dim=1)


def label_loss(shares: Tensor, targets: Tensor, groups: ShareGroups) -> Tensor:
    """Compute cross-entropy plus Dice loss of the labelled groups.

    Parameters
    ----------
    shares
        B×(K+1)×H×W log shares.
    targets
        B×H×W group of each pixel; `UNKNOWN` teaches nothing.
    groups
        G, the first of which is what is not labelled. Classes in none of them are left out, as if
        the network lacked them.

    Returns
    -------
    loss
        Scalar; 0 when no pixel is known.
    """
    known = targets != UNKNOWN
    if not known.any():
        return shares.sum() * 0
    summed = group_log_shares(shares, groups)
    if sum(map(len, groups)) < shares.shape[1]:
        summed = F.log_softmax(summed, dim=1)
    entropy = F.nll_loss(summed, targets.long(), ignore_index=UNKNOWN)
    return entropy + group_dice_loss(summed.exp(), targets)


def group_dice_loss(shares: Tensor, targets: Tensor) -> Tensor:
    """Compute one minus Dice, averaged over the labelled groups that occur (Milletari et al. 2016).

    `shares` is B×G×H×W and `targets` B×H×W; unknown pixels are left out.
    """
    known = targets != UNKNOWN
    index = torch.where(known, targets, 0).long()
    truth = F.one_hot(index, shares.shape[1]).movedim(-1, 1)[:, 1:].to(shares.dtype)
    found = shares[:, 1:] * known[:, None]
    both = (found * truth).sum((0, 2, 3))
    total = (found + truth).sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    losses = 1 - (2 * both + SMOOTH) / (total + SMOOTH)
    return (losses * present).sum() / present.sum().clamp_min(1)


def inner_hold_loss(shares: Tensor, parent: Tensor, targets: Tensor, groups: ShareGroups) -> Tensor:
    """Compute the mean divergence of the shares inside a labelled group, where its label is.

    Parameters
    ----------
    shares, parent
        B×(K+1)×H×W log shares, ours and the parent's.
    targets
        B×H×W group of each pixel.
    groups
        G, the first of which is what is not labelled.
    """
    total = shares.sum() * 0
    pixels = 0
    for number, rows in enumerate(groups[1:], start=1):
        where = targets == number
        if len(rows) > 1:
            ours = F.log_softmax(shares[:, list(rows)], dim=1)
            theirs = F.log_softmax(parent[:, list(rows)], dim=1)
            total = total + (divergence(ours, theirs) * where).sum()
            pixels += int(where.sum())
    return total / max(1, pixels)


def part_hold_loss(shares: Tensor, parent: Tensor, rows: Sequence[int]) -> Tensor:
    """Compute the mean divergence of a class and its parts, where the parent finds the parts.

    Labels that leave parts out say nothing of them, so they stay where the parent finds them.

    Parameters
    ----------
    shares, parent
        B×(K+1)×H×W log shares, ours and the parent's.
    rows
        Positions among the K + 1 shares: the class, then its parts.
    """
    where = parent[:, list(rows[1:])].amax(1) >= parent.amax(1)
    ours = F.log_softmax(shares[:, list(rows)], dim=1)
    theirs = F.log_softmax(parent[:, list(rows)], dim=1)
    return (divergence(ours, theirs) * where).sum() / where.sum().clamp_min(1)


def hold_loss(shares: Tensor, parent: Tensor) -> Tensor:
    """Compute the mean divergence of all B×(K+1)×H×W log shares from the parent's."""
    return divergence(shares, parent).mean()


def divergence(ours: Tensor, theirs: Tensor) -> Tensor:
    """Compute the Kullback-Leibler divergence of B×C×H×W log shares from the target's: B×H×W."""
    terms = theirs.exp() * (theirs.clamp_min(-50.0) - ours.clamp_min(-50.0))
    return terms.sum(dim=1)
