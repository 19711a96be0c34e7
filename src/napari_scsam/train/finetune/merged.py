"""Crops in which all classes that are not learned are one.

While a copy learns, the network's answer of other classes stays as it is. The losses need only
their sum: a divergence over classes with equal logits is that over their sum. So each crop is
remembered with one logit for all of them, and a step takes a fifth less time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from napari_scsam.train.finetune.known_labels import KnownClass, group_rows
from napari_scsam.train.finetune.loss import ShareGroups
from napari_scsam.train.finetune.review_crops import CropMemory, ReviewCrops
from napari_scsam.train.finetune.tuned_weights import padded


@dataclass(frozen=True)
class MergedTable:
    """A table of the classes that are learned, and of parts that labels leave out."""

    rows: tuple[int, ...]
    """Those of the whole table, in its order."""
    known: tuple[KnownClass, ...]
    """Labelled classes, by their rows in this table."""

    @property
    def groups(self) -> ShareGroups:
        """What labels tell apart, for the losses; position 0 is all that is not in the table."""
        return group_rows(self.known, len(self.rows))


def merged_table(known: Sequence[KnownClass]) -> MergedTable:
    """Return the table of labelled classes, given by their rows in the whole table."""
    rows = sorted({row for each in known for row in (*each.rows, *each.apart)})
    own = tuple(
        replace(
            each,
            rows=tuple(map(rows.index, each.rows)),
            apart=tuple(map(rows.index, each.apart)),
        )
        for each in known
    )
    return MergedTable(tuple(rows), own)


def merged_memory(memory: CropMemory, rows: Sequence[int], count: int) -> CropMemory:
    """Return a memory of the same crops with merged answers of the parent.

    Parameters
    ----------
    memory
        With K logits of the parent in each crop.
    rows
        Of the table, from `merged_table`.
    count
        Classes of the tuned model.
    """
    merged = CropMemory(memory.parent)
    merged.crops = [
        crop._replace(parent=merge_logits(crop.parent.float(), rows, count).half())
        for crop in memory.crops
    ]
    return merged


def merge_logits(logits: Tensor, rows: Sequence[int], count: int) -> Tensor:
    """Return the log sum of all classes that are not in the table, then those that are.

    Parameters
    ----------
    logits
        B×K×Y×X of the parent; the background's is 0.
    rows
        N, of the table.
    count
        Classes of the tuned model, at least K.

    Returns
    -------
    merged
        B×(1+N)×Y×X.
    """
    every = padded(logits, count)
    background = torch.zeros_like(every[:, :1])
    others = [row for row in range(count) if row not in rows]
    rest = torch.logsumexp(torch.cat([background, every[:, others]], dim=1), dim=1, keepdim=True)
    return torch.cat([rest, every[:, list(rows)]], dim=1)


def relative_logits(crops: ReviewCrops) -> Tensor:
    """Return the parent's B×N logits of the table, where those of all else together are 0."""
    return crops.parent[:, 1:] - crops.parent[:, :1]


def replaced_logits(
    crops: ReviewCrops, answers: Tensor, learned: Sequence[int], rows: Sequence[int]
) -> Tensor:
    """Return `relative_logits` in which a tuned copy answers what it learns.

    Parameters
    ----------
    crops
        Merged.
    answers
        B×R×Y×X logits of the copy.
    learned
        R, the rows of what it answers in the whole table.
    rows
        N, of the merged table.
    """
    kept = list(crops.parent[:, 1:].unbind(1))
    for row, own in zip(learned, answers.float().unbind(1), strict=True):
        kept[rows.index(row)] = own
    return torch.stack(kept, dim=1) - crops.parent[:, :1]
