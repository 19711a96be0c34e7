"""The strokes by which the annotator teaches a class: on what was missed, and on what is wrong."""

from __future__ import annotations

import numpy as np
from benchmarks.loop.regions import Mask, regions
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

LENGTH = 40
"""Pixels of a stroke."""

SMALLEST = 60
"""Pixels of an error that a stroke is drawn on."""

MARGIN = 4
"""Pixels between a stroke beside the class and the class."""


def teaching_strokes(
    current: Mask, truth: Mask, count: int, chance: np.random.Generator
) -> tuple[Mask, Mask]:
    """Draw strokes on the largest errors: `count` on the class, and as many beside it.

    Where there are fewer errors, the other strokes beside the class are drawn anywhere.

    Returns
    -------
    on, beside
        Y×X, three pixels wide.
    """
    on = np.zeros_like(truth)
    draw_middles(on, truth & ~current, count)
    beside = np.zeros_like(truth)
    away = ndimage.distance_transform_edt(~truth) > MARGIN
    drawn = draw_middles(beside, current & away, count)
    for _ in range(count - drawn):
        draw_line(beside, away, chance)
    return ndimage.binary_dilation(on) & truth, ndimage.binary_dilation(beside) & ~truth


def draw_middles(canvas: Mask, wrong: Mask, count: int) -> int:
    """Draw along the middle of the largest regions, and return how many strokes this took."""
    large = [region for region in regions(wrong, wrong) if region.area >= SMALLEST]
    chosen = sorted(large, key=lambda region: -region.area)[:count]
    for region in chosen:
        padded = np.pad(region.mask, 1)
        y, x = np.nonzero(skeletonize(padded)[1:-1, 1:-1])
        depth = ndimage.distance_transform_edt(padded)[1:-1, 1:-1][y, x]
        near = within(y, x, int(depth.argmax()))
        canvas[region.place][y[near], x[near]] = True
    return len(chosen)


def within(y: NDArray[np.intp], x: NDArray[np.intp], middle: int) -> NDArray[np.bool_]:
    """Whether pixels are in reach of a stroke around one of them."""
    near: NDArray[np.bool_] = np.hypot(y - y[middle], x - x[middle]) <= LENGTH / 2
    return near


def draw_line(canvas: Mask, allowed: Mask, chance: np.random.Generator) -> None:
    """Draw a straight stroke somewhere, as far as it is allowed."""
    rows, columns = np.nonzero(allowed)
    if not rows.size:
        return
    start = chance.integers(rows.size)
    angle = chance.uniform(0, np.pi)
    along = np.arange(LENGTH) - LENGTH / 2
    y = np.rint(rows[start] + along * np.sin(angle)).astype(int)
    x = np.rint(columns[start] + along * np.cos(angle)).astype(int)
    height, width = allowed.shape
    inside = (y >= 0) & (x >= 0) & (y < height) & (x < width)
    line = np.zeros_like(allowed)
    line[y[inside], x[inside]] = True
    canvas |= line & allowed
