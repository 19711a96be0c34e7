"""Whether labels of a class cover its parts, or leave some of them out.

Some people draw mitochondria with their outer membrane, others without it. The network finds the
boundary as a part. Where labels end inside it, they must not teach that there is no boundary
outside. What the parent finds on reviewed crops tells which labels these are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_scsam.config import ClassSpec
from napari_scsam.infer.postprocess import PixelSize
from napari_scsam.model import ScSAM
from napari_scsam.train.finetune.known_labels import KnownClass, without_parts
from napari_scsam.train.finetune.levels import mildest
from napari_scsam.train.finetune.region_counts import RegionCounts, count_regions
from napari_scsam.train.finetune.review_crops import ReviewCrops
from napari_scsam.train.finetune.validation import (
    covering,
    found_rows,
    parent_logits,
    whole_classes,
)


def follow_labels(
    known: Sequence[KnownClass],
    crops: Sequence[ReviewCrops],
    parent: ScSAM,
    pixel_size: PixelSize | None = None,
) -> tuple[KnownClass, ...]:
    """Set the parts apart that labels leave out.

    The parent's own answer decides, on objects that are labelled. Two outlines are compared: that
    round the parts, and that of the class by itself. The second must be clearly nearer to the
    labels.

    Parameters
    ----------
    known
        From `known_classes`.
    crops
        Of reviewed slices, one in each.
    parent
        The model before fine-tuning.
    pixel_size
        (y, x) of the crops in nm, if it is known.
    """
    if not crops or not any(len(each.rows) > 1 for each in known):
        return tuple(known)
    targets = [crop.targets[0].cpu().numpy() for crop in crops]
    answers = [
        find_known(known, crops, parent, pixel_size, own_outline=own) for own in (False, True)
    ]
    tried = [count_near(each, answers[0], targets, len(known)) for each in answers]
    return tuple(
        without_parts(each) if len(each.rows) > 1 and own_is_nearer(tried, row) else each
        for row, each in enumerate(known)
    )


def find_known(
    known: Sequence[KnownClass],
    crops: Sequence[ReviewCrops],
    parent: ScSAM,
    pixel_size: PixelSize | None,
    *,
    own_outline: bool,
) -> list[NDArray[np.uint8]]:
    """Return what the parent finds of the labelled classes on each crop: Y×X, 0 for none."""
    classes = with_outlines(parent.classes, known, own_outline=own_outline)
    wholes = whole_classes(classes, known)
    rows = (
        found_rows(parent_logits(crop, parent), parent.thresholds, classes, pixel_size, wholes)[0]
        for crop in crops
    )
    count = max(len(classes), *(1 + row for each in known for row in each.rows))
    return [covering(each, known, count) for each in rows]


def count_near(
    answers: Sequence[NDArray[np.uint8]],
    widest: Sequence[NDArray[np.uint8]],
    targets: Sequence[NDArray[np.uint8]],
    count: int,
) -> RegionCounts:
    """Count pixels by crop, without found regions that touch no label of their class."""
    kept = [
        np.where(touching(wide, target, count), answer, 0).astype(np.uint8)
        for answer, wide, target in zip(answers, widest, targets, strict=True)
    ]
    return count_regions(kept, targets, range(len(targets)), count)


def touching(found: NDArray[np.uint8], target: NDArray[np.uint8], count: int) -> NDArray[np.bool_]:
    """Find the regions of classes 1 to `count` that touch a label of the same class."""
    kept = np.zeros(found.shape, np.bool_)
    for number in range(1, count + 1):
        regions, _ = ndimage.label(found == number)
        touched = np.unique(regions[target == number])
        kept |= np.isin(regions, touched[touched > 0])
    return kept


def own_is_nearer(tried: Sequence[RegionCounts], row: int) -> bool:
    """Whether the second of two answers is clearly nearer to the labels of a class."""
    own = [each.of_class(row) for each in tried]
    shown = own[0].truth[0] > 0
    both, found = (
        np.stack([getattr(each, name)[:, shown] for each in own]) for name in ("both", "found")
    )
    return mildest(RegionCounts(found, both, own[0].truth[:, shown])) == 1


def with_outlines(
    classes: Sequence[ClassSpec], known: Sequence[KnownClass], *, own_outline: bool | None = None
) -> tuple[ClassSpec, ...]:
    """Return a class table in which labelled classes with parts end where their labels do.

    Parameters
    ----------
    classes
        The table.
    known
        Labelled classes.
    own_outline
        Of all of them; whether their parts are apart when not given.
    """
    changed = list(classes)
    for each in known:
        if len(each.rows) + len(each.apart) > 1:
            own = bool(each.apart) if own_outline is None else own_outline
            changed[each.rows[0]] = replace(changed[each.rows[0]], own_outline=own)
    return tuple(changed)
