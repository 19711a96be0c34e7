"""From logits to label values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_scsam.config import ClassSpec


def label_dtype(classes: Sequence[ClassSpec]) -> np.dtype[np.unsignedinteger]:
    """Return the smallest unsigned type that holds every class id."""
    return np.min_scalar_type(max(c.id for c in classes))


def written_as(spec: ClassSpec, wanted: Sequence[ClassSpec]) -> int:
    """Return the label value of a class: its own, that of the class it is a part of, or 0 when neither is wanted."""
    ids = {c.name: c.id for c in wanted}
    return ids.get(spec.name, ids.get(spec.part_of, 0))


def keep_only(
    labels: NDArray[Any], classes: Sequence[ClassSpec], wanted: Sequence[ClassSpec]
) -> NDArray[Any]:
    """Turn labels of all classes (Y×X) into what `label_map` gives for the `wanted` ones, by a look-up."""
    values = np.zeros(max(c.id for c in classes) + 1, labels.dtype)
    for spec in classes:
        values[spec.id] = written_as(spec, wanted)
    kept: NDArray[Any] = values[labels]
    return kept


def label_map(
    logits: NDArray[np.float32],
    classes: Sequence[ClassSpec],
    wanted: Sequence[ClassSpec],
    pixel: tuple[float, float] | None = None,
) -> NDArray[np.unsignedinteger]:
    """Settle overlaps: each pixel gets its argmax_or_background class, or background.

    Parameters
    ----------
    logits
        K×Y×X in the order of `classes`; the background's logit is 0.
    classes
        All classes compete, also those that are not wanted, but for those that
        another is `over`; a part does so within its `reach` alone, and nothing is made of crumbs.
    wanted
        Classes to write; pixels that another class wins become background,
        or the class it is a part of when that one is written and the part is not.
    pixel
        Its height and width in nm; when not given, parts may lie anywhere, and objects may be of any size.

    Returns
    -------
    labels
        Y×X class ids.
    """
    values = np.array([0, *(written_as(c, wanted) for c in classes)], label_dtype(classes))
    logits = with_precedence(logits, classes)
    best = argmax_or_background(logits)
    if pixel is not None:
        enforce(
            best,
            logits,
            [
                ([row], partial(out_of_reach, row, whole, reach, pixel))
                for row, whole, reach in parts_of(classes)
            ],
        )
        area = pixel[0] * pixel[1]
        families = [
            (family_of(spec, classes), spec.smallest / area) for spec in classes if spec.smallest
        ]
        enforce(
            best,
            logits,
            [(rows, partial(crumbs_of, rows, smallest)) for rows, smallest in families],
        )
    labels: NDArray[np.unsignedinteger] = values[best]
    return labels


def with_precedence(
    logits: NDArray[np.float32], classes: Sequence[ClassSpec]
) -> NDArray[np.float32]:
    """Take K×… logits of a class away where one is found that is `over` it; a copy if there is any such class, else what was given."""
    pairs = [
        (row, other)
        for row, spec in enumerate(classes)
        for other, below in enumerate(classes)
        if below.name in spec.over
    ]
    settled = logits.copy() if pairs else logits
    for row, other in pairs:
        settled[other][logits[row] > 0] = -np.inf
    return settled


def argmax_or_background(logits: NDArray[np.float32]) -> NDArray[np.unsignedinteger]:
    """Return the row of the highest of K×… logits, counted from 1; 0 where none is above 0."""
    highest = np.zeros(logits.shape[1:], np.float32)
    rows = np.zeros(logits.shape[1:], np.min_scalar_type(len(logits)))
    for row, values in enumerate(
        logits, 1
    ):  # several times quicker than an argmax over the first axis
        np.copyto(rows, row, where=values > highest)
        np.maximum(highest, values, out=highest)
    return rows


Judge = Callable[[NDArray[np.unsignedinteger]], NDArray[np.bool_]]
"""Finds, in a Y×X map of rows counted from 1, the pixels that do not belong to what it judges."""


def enforce(
    best: NDArray[np.unsignedinteger],
    logits: NDArray[np.float32],
    judged: Sequence[tuple[Sequence[int], Judge]],
) -> None:
    """Pass on what its judge finds of these rows, in place, until no judge finds any.

    All judge the same map before a pixel moves, so that their order does not matter. They judge again because a pixel
    may have gone to rows of another; it never comes back to rows that it left.
    """
    if len(judged) == 1:  # once is enough, and nothing need be remembered
        (rows, judge), *_ = judged
        pass_on(best, judge(best), logits, rows)
        return
    left = logits
    while (found := [(rows, judge(best)) for rows, judge in judged]) and any(
        where.any() for _, where in found
    ):
        left = left.copy() if left is logits else left
        for rows, where in found:
            for row in rows:
                left[row][where] = -np.inf
        pass_on(best, np.any([where for _, where in found], axis=0), left, [])


def pass_on(
    best: NDArray[np.unsignedinteger],
    where: NDArray[np.bool_],
    logits: NDArray[np.float32],
    rows: Sequence[int],
) -> None:
    """Return the pixels of a Y×X mask to the argmax_or_background class that is not of these rows of the K×Y×X logits, in place."""
    places = np.flatnonzero(where)  # a few of many: an index is quicker than the mask
    others = logits.reshape(len(logits), -1)[:, places]
    others[rows] = -np.inf
    best.reshape(-1)[places] = argmax_or_background(others)


def parts_of(classes: Sequence[ClassSpec]) -> list[tuple[int, int, float]]:
    """Return row, row of the whole, and reach of the parts that do not lie anywhere."""
    rows = {spec.name: row for row, spec in enumerate(classes)}
    return [
        (row, rows[spec.part_of], spec.reach)
        for row, spec in enumerate(classes)
        if spec.reach and spec.part_of in rows
    ]


def family_of(spec: ClassSpec, classes: Sequence[ClassSpec]) -> list[int]:
    """Return the rows of a class and of its parts."""
    return [row for row, other in enumerate(classes) if spec.name in (other.name, other.part_of)]


def out_of_reach(
    row: int,
    whole: int,
    reach: float,
    pixel: tuple[float, float],
    best: NDArray[np.unsignedinteger],
) -> NDArray[np.bool_]:
    """Find the pixels of a part that lie too far from its whole."""
    far: NDArray[np.bool_] = (best == row + 1) & ~within(best == whole + 1, reach, pixel)
    return far


def crumbs_of(
    rows: Sequence[int], smallest: float, best: NDArray[np.unsignedinteger]
) -> NDArray[np.bool_]:
    """Find the regions of a class and its parts of fewer pixels than `smallest`."""
    return crumbs(np.isin(best, np.array(rows) + 1), smallest)


def within(mask: NDArray[np.bool_], reach: float, pixel: tuple[float, float]) -> NDArray[np.bool_]:
    """Widen a Y×X mask by so many nm along both axes, and by a pixel at least."""
    near = mask.view(np.uint8)
    for axis, side in enumerate(pixel):
        near = ndimage.maximum_filter1d(near, 2 * max(1, round(reach / side)) + 1, axis)
    return near.view(np.bool_)


def crumbs(mask: NDArray[np.bool_], smallest: float) -> NDArray[np.bool_]:
    """Find the connected regions of a Y×X mask of fewer pixels than `smallest`."""
    numbers, _ = ndimage.label(mask, np.ones((3, 3)))
    small = np.bincount(numbers.ravel()) < smallest
    small[0] = False
    found: NDArray[np.bool_] = small[numbers]
    return found
