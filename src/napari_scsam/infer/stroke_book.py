"""The strokes of one class on one slice, with the round in which each was drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_scsam.config import UserError
from napari_scsam.infer.stroke_lessons import Stroke
from napari_scsam.objects.components import label_components

Mask = NDArray[np.bool_]
Rounds = NDArray[np.uint16]
"""Y×X, the round in which a pixel was drawn, from 1; 0 where there is no stroke."""


@dataclass(frozen=True, eq=False)
class SliceStrokes:
    """Strokes on a slice."""

    on: Rounds
    """On the class."""
    beside: Rounds
    """On what is not the class."""

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> SliceStrokes:
        """Create a slice without strokes."""
        return cls(np.zeros(shape, np.uint16), np.zeros(shape, np.uint16))

    def add(self, on: Mask, beside: Mask, number: int) -> SliceStrokes:
        """Return these strokes and those of one more round; the last stroke on a pixel counts."""
        return SliceStrokes(
            _drawn(np.where(beside, 0, self.on), on, number),
            _drawn(np.where(on, 0, self.beside), beside & ~on, number),
        )

    def only(self, on: Mask, beside: Mask) -> SliceStrokes:
        """Return the strokes that are also in the given masks, Y×X."""
        return SliceStrokes(np.where(on, self.on, 0), np.where(beside, self.beside, 0))

    def strokes(self) -> Iterator[Stroke]:
        """Split the pixels into strokes: the connected pixels of one side and one round.

        Strokes of a later round than the first on this slice correct an answer.
        """
        numbers = np.union1d(self.on, self.beside)
        drawn = numbers[numbers > 0]
        for positive, rounds in ((True, self.on), (False, self.beside)):
            for number in np.unique(rounds[rounds > 0]):
                corrects = bool(number > drawn[0])
                yield from _strokes_of(rounds == number, positive, corrects)


def _drawn(rounds: NDArray[np.integer], mask: Mask, number: int) -> Rounds:
    return np.where(mask & (rounds == 0), number, rounds).astype(np.uint16)


def _strokes_of(mask: Mask, positive: bool, corrects: bool) -> Iterator[Stroke]:
    numbers = label_components(mask)
    for number in range(1, int(numbers.max()) + 1):
        rows, columns = np.nonzero(numbers == number)
        yield Stroke(positive, corrects, rows, columns)


def check_strokes(shape: tuple[int, int], strokes: ArrayLike | None) -> Mask:
    """Return strokes as a mask of a slice, Y×X; an empty one when there are none.

    Raises
    ------
    UserError
        When the strokes have another shape than the slice.
    """
    if strokes is None:
        return np.zeros(shape, bool)
    mask = np.asarray(strokes, bool)
    if mask.shape != shape:
        raise UserError(
            f"the strokes have shape {mask.shape} but the slice has {shape}; "
            f"draw them on this slice"
        )
    return mask
