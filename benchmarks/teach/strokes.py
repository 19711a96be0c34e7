"""Strokes that are drawn by rule: on a class and beside it, and on what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label, regionprops
from skimage.morphology import skeletonize

Mask = NDArray[np.bool_]
Drawn = list[tuple[bool, Mask]]
"""Whether a stroke is on the class, and its pixels Y×X."""

LENGTH = 40
"""Pixels of a stroke."""

SMALLEST = 60
"""Pixels of an object that is worth a stroke."""


def line_on(mask: Mask, part: Any, chance: np.random.Generator) -> Mask:
    """Draw a stroke along the middle of an object, three pixels wide."""
    padded = np.pad(part.image, 1)
    skeleton = skeletonize(padded)
    y, x = np.nonzero(skeleton)
    depth = ndimage.distance_transform_edt(padded)[y, x]
    start = int(depth.argmax())
    if depth.max() < 8 or part.area > 20000:
        start = int(chance.integers(len(y)))
    near = (y - y[start]) ** 2 + (x - x[start]) ** 2 <= (LENGTH / 2) ** 2
    line = np.zeros_like(skeleton)
    line[y[near], x[near]] = True
    numbers, _ = ndimage.label(line, np.ones((3, 3)))
    drawn = np.zeros_like(mask)
    drawn[part.slice] = (numbers == numbers[y[start], x[start]])[1:-1, 1:-1]
    return ndimage.binary_dilation(drawn) & mask


def line_beside(mask: Mask, close: bool, chance: np.random.Generator) -> Mask:
    """Draw a straight stroke on what is not the class, close by or anywhere."""
    away = ndimage.distance_transform_edt(~mask)
    least = 4 if (away > 4).mean() > 0.2 else 1
    rows, columns = np.nonzero((away > least) & ((away < 20) | (not close)))
    start = chance.integers(len(rows))
    angle = chance.uniform(0, np.pi)
    along = np.arange(LENGTH) - LENGTH / 2
    y = np.rint(rows[start] + along * np.sin(angle)).astype(int)
    x = np.rint(columns[start] + along * np.cos(angle)).astype(int)
    within = (y >= 0) & (x >= 0) & (y < mask.shape[0]) & (x < mask.shape[1])
    drawn = np.zeros_like(mask)
    drawn[y[within], x[within]] = True
    return ndimage.binary_dilation(drawn) & (away > min(3, least))


def draw(mask: Mask, count: int, chance: np.random.Generator) -> Drawn:
    """Draw strokes on `count` objects, and as many beside."""
    objects = [part for part in regionprops(label(mask)) if part.area >= SMALLEST]
    few = len(objects) < max(count, 4)
    areas = np.array([part.area for part in objects], float)
    weights = areas / areas.sum() if few else None
    chosen = chance.choice(len(objects), count, replace=few, p=weights)
    on = [(True, line_on(mask, objects[number], chance)) for number in chosen]
    return on + [(False, line_beside(mask, number % 2 == 0, chance)) for number in range(count)]


def correct(mask: Mask, answer: Mask, chance: np.random.Generator) -> Drawn:
    """Draw three strokes on what was missed and three on what was wrongly found, most on large."""
    drawn: Drawn = []
    for positive, wrong in ((True, mask & ~answer), (False, answer & ~mask)):
        cleaned = ndimage.binary_opening(wrong)
        parts = sorted(regionprops(label(cleaned)), key=lambda part: -part.area)[:10]
        if not parts:
            continue
        areas = np.array([part.area for part in parts], float)
        count = min(3, len(parts))
        chosen = chance.choice(len(parts), count, replace=False, p=areas / areas.sum())
        drawn += [(positive, line_on(cleaned, parts[number], chance)) for number in chosen]
    return drawn
