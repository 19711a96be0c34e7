"""Propagate an object from slice to slice: its last mask prompts the next slice.

Points inside the last mask prompt SAM's decoder on the next slice. The decoder draws every kind of
object a little larger or smaller than the user wants it. Over many slices, that would add up. So
the logit at the border is first calibrated, on the slice where the user accepted the object. The
border of an object can also move by at most `PropagationLimits.max_shift` per slice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.infer.patch import Patch, agreement, on_one_frame, patch_of
from napari_scsam.infer.propagation import (
    Propagation,
    PropagationLimits,
    Section,
    follow_sections,
)
from napari_scsam.infer.tiling import Tile, cut_tile
from napari_scsam.objects.components import label_components
from napari_scsam.steps import Steps

if TYPE_CHECKING:
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.infer.prepared_slice import Slice
    from napari_scsam.infer.prompt_answer import PromptAnswer

POINTS_PER_MASK = 4
"""Points that prompt for an object on the next slice.

On two stacks, a box as well helps where slices are thin and harms where the object
moves; one point alone loses long objects.
"""

MIN_RELATIVE_DEPTH = 0.4
"""Smallest depth of a point in the mask, as a share of the greatest depth."""

BORDER_LOGITS = np.linspace(-4.0, 12.0, 65)
"""Candidates for the logit at the border of the object."""


def propagate_steps(
    predictor: Predictor,
    first: Slice,
    start: Patch,
    beyond: Iterable[tuple[int, Slice]],
    count: int,
    limits: PropagationLimits | None = None,
) -> Steps[Propagation]:
    """Propagate an object through neighbouring slices; can be closed between two.

    Parameters
    ----------
    predictor
        Its current slice is changed.
    first, start
        The slice on which the object was accepted, and its mask there.
    beyond
        The next slices and their indices, nearest first; read one by one.
    count
        Most slices in `beyond`, for the progress bar.
    limits
        When propagation stops.
    """
    limits = limits or PropagationLimits()
    follower = Follower(predictor, first, start, limits)
    return (yield from follow_sections(follower.section_steps, beyond, count, limits))


class Follower:
    """An object as it was on the last slice, and what it was like on the first.

    Parameters are those of `propagate_steps`.
    """

    def __init__(
        self, predictor: Predictor, first: Slice, start: Patch, limits: PropagationLimits
    ) -> None:
        self.predictor = predictor
        self.limits = limits
        self.last = start
        predictor.set_slice(first)
        answer = predict_inside(predictor, start)
        self.border = best_border(answer, start)
        self.rise = mean_rise(answer, start, self.border)
        self.feature = mask_feature(predictor, first, start, answer.tile)

    def section_steps(self, position: int, slice_: Slice) -> Steps[Section]:
        """Find the object on the next slice, in one step."""
        yield from ()
        return self.next_section(position, slice_)

    def next_section(self, position: int, slice_: Slice) -> Section:
        """Find the object on the next slice, where its mask may be empty."""
        self.predictor.set_slice(slice_)
        answer = predict_inside(self.predictor, self.last)
        found = continued_patch(answer, self.last, self.border, self.limits)
        overlap = similarity = 0.0
        if found.mask.any():
            feature = mask_feature(self.predictor, slice_, found, answer.tile)
            overlap = agreement(self.last, found)
            similarity = float(self.feature @ feature)
        certainty = mean_rise(answer, found, self.border) / self.rise
        self.last = found
        return Section(position, found, overlap, similarity, certainty)


def predict_inside(predictor: Predictor, last: Patch) -> PromptAnswer:
    """Predict the object on the current slice from points inside its previous mask."""
    points = points_inside(last)
    return predictor.predict_prompts(points, [1] * len(points))


def points_inside(patch: Patch, count: int = POINTS_PER_MASK) -> list[tuple[int, int]]:
    """Choose points (x, y) well inside a mask.

    The first is the deepest, each other the farthest from those already chosen.
    """
    depth = ndimage.distance_transform_edt(np.pad(patch.mask, 1))[1:-1, 1:-1]
    rows, columns = np.nonzero(depth >= MIN_RELATIVE_DEPTH * depth.max())
    first = int(depth[rows, columns].argmax())
    chosen = [first]
    distance = np.full(rows.size, np.inf)
    for _ in range(min(count, rows.size) - 1):
        from_last = np.hypot(rows - rows[chosen[-1]], columns - columns[chosen[-1]])
        distance = np.minimum(distance, from_last)
        chosen.append(int(distance.argmax()))
    return [(patch.x + int(columns[i]), patch.y + int(rows[i])) for i in chosen]


def best_border(answer: PromptAnswer, accepted: Patch) -> float:
    """Find the logit above which an answer agrees best with the mask that the user accepted."""
    truth = on_part(accepted, answer)
    values = answer.window[0]
    inside = np.sort(values[truth])
    outside = np.sort(values[~truth])
    hits = inside.size - np.searchsorted(inside, BORDER_LOGITS)
    extra = outside.size - np.searchsorted(outside, BORDER_LOGITS)
    return float(BORDER_LOGITS[int(np.argmax(hits / np.maximum(1, inside.size + extra)))])


def continued_patch(
    answer: PromptAnswer, last: Patch, border: float, limits: PropagationLimits
) -> Patch:
    """Return the region of an answer that continues the last mask; empty when there is none."""
    before = on_part(last, answer)
    near = before
    if before.any():
        near = ndimage.distance_transform_edt(~before) <= limits.max_shift
    numbers = label_components((answer.window[0] > border) & near)
    shared = np.bincount(numbers[before])[1:]
    if not shared.any():
        return Patch(before[:0, :0], 0, 0)
    best = int(shared.argmax()) + 1
    patch = patch_of(numbers, best, ndimage.find_objects(numbers)[best - 1])
    filled = ndimage.binary_fill_holes(patch.mask)
    return Patch(filled, patch.y + answer.part[0].start, patch.x + answer.part[1].start)


def mean_rise(answer: PromptAnswer, patch: Patch, border: float) -> float:
    """Return the mean of the logits inside a mask minus the border; at least 0.1."""
    inside = answer.window[0][on_part(patch, answer)]
    if not inside.size:
        return 0.1
    return max(0.1, float(inside.mean()) - border)


def on_part(patch: Patch, answer: PromptAnswer) -> NDArray[np.bool_]:
    """Return a mask on the part of the slice that an answer is about."""
    rows, columns = answer.part
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    frame = Patch(np.zeros(shape, bool), rows.start, columns.start)
    (mask, _), (y, x) = on_one_frame(patch, frame)
    top = rows.start - y
    left = columns.start - x
    return mask[top : top + shape[0], left : left + shape[1]]


def mask_feature(predictor: Predictor, slice_: Slice, patch: Patch, tile: Tile) -> Tensor:
    """Return the mean feature under a mask, of unit length."""
    fused = predictor.embed(tile, slice_).fused[0].float()
    mask = np.zeros(slice_.shape, np.float32)
    height, width = patch.mask.shape
    mask[patch.y : patch.y + height, patch.x : patch.x + width] = patch.mask
    small = F.interpolate(torch.from_numpy(mask)[None, None], slice_.model_shape, mode="area")
    part = torch.from_numpy(cut_tile(small[0, 0].numpy(), tile))
    share = F.adaptive_avg_pool2d(part[None, None], (fused.shape[1], fused.shape[2]))[0, 0]
    return F.normalize((F.normalize(fused, dim=0) * share.to(fused.device)).sum((1, 2)), dim=0)
