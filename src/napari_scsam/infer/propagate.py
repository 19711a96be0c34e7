"""An object carried from slice to slice: its last mask prompts the next slice.

Points and a box made from the last mask ask SAM's decoder on the next slice.
The decoder draws every kind of object a little larger or smaller than the
user wants it, and over many slices that would add up; so the logit above which
a pixel belongs to the object is first found on the slice where the user
accepted it. An object can also not move faster than `Limits.reach` allows.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.config import VoxelSize
from napari_scsam.infer.patch import Patch, agreement, on_one_frame, patch_of
from napari_scsam.infer.tiling import Tile, cut
from napari_scsam.metrics import EIGHT_NEIGHBOURS
from napari_scsam.steps import Progress

if TYPE_CHECKING:
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.infer.prepared_slice import Slice
    from napari_scsam.infer.prompt_answer import PromptAnswer

POINTS = 4
"""Points that ask for an object on the next slice. On two stacks a box as well helps where slices are
thin and harms where the object moves; one point alone loses long objects."""

DEEP = 0.4
"""Points lie at least at this share of the greatest depth."""

CUTS = np.linspace(-4.0, 12.0, 65)
"""Logits tried as the border of the object."""


@dataclass(frozen=True)
class Limits:
    """When an object counts as ended."""

    overlap: float = 0.4
    """Smallest IoU of its masks on two neighbouring slices."""
    similarity: float = 0.8
    """Smallest cosine between its mean feature and that on the slice where it was accepted."""
    certainty: float = 0.5
    """Smallest `Section.certainty`."""
    smallest: int = 12
    """Fewest pixels."""
    reach: int = 6
    """Pixels by which its border can move from one slice to the next."""

    def at(self, voxel_size: VoxelSize | None) -> Limits:
        """Let the border move farther where slices are thick: three times their thickness (nm across, along rows and columns)."""
        if voxel_size is None:
            return self
        return replace(self, reach=max(self.reach, round(3 * voxel_size[0] / min(voxel_size[1:]))))


@dataclass(frozen=True)
class Section:
    """The object on one more slice."""

    position: int
    """Index of the slice."""
    patch: Patch
    """Its mask there."""
    overlap: float
    """IoU with its mask on the slice before."""
    similarity: float
    """Cosine between its mean feature and that on the first slice."""
    certainty: float
    """How far the decoder's logits rise above the border, beside the first slice: 1 is as far."""


@dataclass(frozen=True)
class Propagation:
    """Where an object was followed to."""

    sections: tuple[Section, ...]
    """The slices on which it was found, in the order of following."""
    stopped_at: int | None
    """The first slice on which it was not found; None when the slices came to an end."""
    reason: str
    """Why it stopped, for the user."""


def carry_steps(
    predictor: Predictor,
    first: Slice,
    start: Patch,
    beyond: Iterable[tuple[int, Slice]],
    count: int,
    limits: Limits | None = None,
) -> Generator[Progress, None, Propagation]:
    """Follow an object through neighbouring slices; yields after each, and closing it stops.

    Parameters
    ----------
    predictor
        It looks at other slices afterwards.
    first, start
        The slice on which the object was accepted, and its mask there.
    beyond
        The next slices and their indices, nearest first; read one by one.
    count
        How many these are at most, for the progress bar.
    limits
        When it counts as ended.
    """
    limits = limits or Limits()
    predictor.set_slice(first)
    answer = ask(predictor, start)
    border = best_border(answer, start)
    height = rise(answer, start, border)
    model = describe(predictor, first, start, answer.tile)
    last = start
    sections = list[Section]()
    for done, (position, slice_) in enumerate(beyond):
        yield Progress(done, count, f"carrying the object to slice {position}")
        predictor.set_slice(slice_)
        answer = ask(predictor, last)
        found = follow(answer, last, border, limits)
        overlap = agreement(last, found) if found.mask.any() else 0.0
        similarity = (
            float(model @ describe(predictor, slice_, found, answer.tile))
            if found.mask.any()
            else 0.0
        )
        section = Section(
            position, found, overlap, similarity, rise(answer, found, border) / height
        )
        if reason := ended(section, limits):
            return Propagation(tuple(sections), position, reason)
        sections.append(section)
        last = found
    return Propagation(tuple(sections), None, "no more slices")


def ended(section: Section, limits: Limits) -> str:
    """Say why an object counts as ended; empty when it goes on."""
    if section.patch.mask.sum() < limits.smallest:
        return "it ends"
    if section.overlap < limits.overlap:
        return f"its outline changes too much ({100 * section.overlap:.0f} % overlap)"
    if section.similarity < limits.similarity:
        return f"it looks different ({100 * section.similarity:.0f} % alike)"
    if section.certainty < limits.certainty:
        return (
            f"the network is no longer sure ({100 * section.certainty:.0f} % as sure as at first)"
        )
    return ""


def ask(predictor: Predictor, last: Patch) -> PromptAnswer:
    """Ask for the object on the slice at hand by points inside its mask on the slice before."""
    points = points_inside(last)
    return predictor.predict_prompts(points, [1] * len(points))


def points_inside(patch: Patch, count: int = POINTS) -> list[tuple[int, int]]:
    """Choose points (x, y) well inside a mask: the deepest, then those farthest from all that were chosen."""
    depth = ndimage.distance_transform_edt(np.pad(patch.mask, 1))[1:-1, 1:-1]
    rows, columns = np.nonzero(depth >= DEEP * depth.max())
    first = int(depth[rows, columns].argmax())
    chosen = [first]
    distance = np.full(rows.size, np.inf)
    for _ in range(min(count, rows.size) - 1):
        distance = np.minimum(
            distance, np.hypot(rows - rows[chosen[-1]], columns - columns[chosen[-1]])
        )
        chosen.append(int(distance.argmax()))
    return [(patch.x + int(columns[i]), patch.y + int(rows[i])) for i in chosen]


def best_border(answer: PromptAnswer, wanted: Patch) -> float:
    """Find the logit above which the answer agrees best with the mask that the user accepted."""
    truth = on_part(wanted, answer)
    values = answer.window[0]
    inside = np.sort(values[truth])
    outside = np.sort(values[~truth])
    hits = inside.size - np.searchsorted(inside, CUTS)
    extra = outside.size - np.searchsorted(outside, CUTS)
    return float(CUTS[int(np.argmax(hits / np.maximum(1, inside.size + extra)))])


def follow(answer: PromptAnswer, last: Patch, border: float, limits: Limits) -> Patch:
    """Cut out the region of an answer that goes on from the last mask."""
    before = on_part(last, answer)
    near = ndimage.distance_transform_edt(~before) <= limits.reach if before.any() else before
    numbers, count = ndimage.label((answer.window[0] > border) & near, EIGHT_NEIGHBOURS)
    shared = np.bincount(numbers[before], minlength=count + 1)[1:]
    if not count or not shared.any():
        return Patch(before[:0, :0], 0, 0)
    best = int(shared.argmax()) + 1
    patch = patch_of(numbers, best, ndimage.find_objects(numbers)[best - 1])
    filled = ndimage.binary_fill_holes(patch.mask)
    return Patch(filled, patch.y + answer.part[0].start, patch.x + answer.part[1].start)


def rise(answer: PromptAnswer, patch: Patch, border: float) -> float:
    """Return how far the logits inside a mask rise above the border, on average; at least a little."""
    inside = answer.window[0][on_part(patch, answer)]
    return max(0.1, float(inside.mean()) - border) if inside.size else 0.1


def on_part(patch: Patch, answer: PromptAnswer) -> NDArray[np.bool_]:
    """Lay a mask onto the part of the slice that an answer is about."""
    rows, columns = answer.part
    frame = Patch(
        np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool),
        rows.start,
        columns.start,
    )
    (laid, _), (y, x) = on_one_frame(patch, frame)
    height, width = frame.mask.shape
    return laid[
        rows.start - y : rows.start - y + height, columns.start - x : columns.start - x + width
    ]


def describe(predictor: Predictor, slice_: Slice, patch: Patch, tile: Tile) -> Tensor:
    """Return the mean feature under a mask, as a vector of unit length."""
    fused = predictor.embed(tile, slice_).fused[0].float()
    mask = np.zeros(slice_.shape, np.float32)
    mask[patch.y : patch.y + patch.mask.shape[0], patch.x : patch.x + patch.mask.shape[1]] = (
        patch.mask
    )
    small = F.interpolate(torch.from_numpy(mask)[None, None], slice_.grey.shape, mode="area")[
        0, 0
    ].numpy()
    share = F.adaptive_avg_pool2d(
        torch.from_numpy(cut(small, tile))[None, None], (fused.shape[1], fused.shape[2])
    )[0, 0]
    return F.normalize((F.normalize(fused, dim=0) * share.to(fused.device)).sum((1, 2)), dim=0)
