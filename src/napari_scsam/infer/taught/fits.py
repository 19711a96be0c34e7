"""What was computed of earlier rounds of strokes, so that a new one costs one fit alone."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_scsam.infer.taught.classifier import StrokeClassifier, fit_classifier
from napari_scsam.infer.taught.lessons import CellIndices, Floats, Lesson, SliceFeatures

LOOKED_AT = 6000
"""Cells of a slice on which changes are measured."""

REMEMBERED = 64
"""Fits at most; each is a megabyte or less."""


class Fit(Protocol):
    """Fits a classifier to a lesson, as `fit_classifier` does."""

    def __call__(self, lesson: Lesson, *, sharpens: bool = False) -> StrokeClassifier:
        """Fit a class; the same lesson always gives the same fit."""
        ...


class RememberedFits:
    """Fits classifiers, and remembers them by all that they were fitted to.

    Each new stroke replays the strokes of its class round by round. Most rounds are the same as
    before.

    Parameters
    ----------
    most
        Fits that are remembered; the one that was used least recently goes first.
    """

    def __init__(self, most: int = REMEMBERED) -> None:
        self.most = most
        self._fits: OrderedDict[bytes, StrokeClassifier] = OrderedDict()

    def __call__(self, lesson: Lesson, *, sharpens: bool = False) -> StrokeClassifier:
        """Return the fit to a lesson."""
        key = digest(lesson, sharpens=sharpens)
        if key not in self._fits:
            self._fits[key] = fit_classifier(lesson, sharpens=sharpens)
        self._fits.move_to_end(key)
        while len(self._fits) > self.most:
            self._fits.popitem(last=False)
        return self._fits[key]


def digest(lesson: Lesson, *, sharpens: bool) -> bytes:
    """Return a hash of everything that decides a fit."""
    found = hashlib.blake2b(repr(sharpens).encode(), digest_size=16)
    for name, values in lesson.to_arrays().items():
        found.update(repr((name, values.shape, values.dtype.str)).encode())
        found.update(np.ascontiguousarray(values).data)
    return found.digest()


class LookedAt:
    """Cells of a slice on which changes are measured, and what fits say of them.

    Parameters
    ----------
    shown
        Features of a taught slice.
    """

    def __init__(self, shown: SliceFeatures) -> None:
        self._values = shown.rows(some_cells(shown))
        self._answers: dict[StrokeClassifier, Floats] = {}
        self.network: Floats = self._values[:, len(shown.fine) - 1]
        """The last fine feature: where the network knows the class, its own logit."""

    def by(self, fit: StrokeClassifier) -> Floats:
        """Return the logits of a fit, computed once."""
        if fit not in self._answers:
            self._answers[fit] = fit.at(self._values)
        return self._answers[fit]


def some_cells(shown: SliceFeatures) -> CellIndices:
    """Return the flat indices of about `LOOKED_AT` cells of a slice, evenly spread."""
    cells = shown.grid[0] * shown.grid[1]
    return np.arange(0, cells, max(1, cells // LOOKED_AT))


def at_cells(values: NDArray[Any], cells: CellIndices, grid: tuple[int, int]) -> NDArray[Any]:
    """Return Y×X values at the middles of N fine cells, given by flat index: N."""
    y, x = np.divmod(cells, grid[1])
    height, width = values.shape
    found: NDArray[Any] = values[
        (2 * y + 1) * height // (2 * grid[0]), (2 * x + 1) * width // (2 * grid[1])
    ]
    return found
