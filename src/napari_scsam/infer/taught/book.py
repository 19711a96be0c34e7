"""The strokes of one class on one slice, with the round in which each was drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_scsam.config import UserError
from napari_scsam.infer.taught.lessons import Stroke
from napari_scsam.objects.components import label_components

StrokeMask = NDArray[np.bool_]
Rounds = NDArray[np.uint16]
"""Y×X, the round in which a pixel was drawn, from 1; 0 where there is no stroke."""

FIRST_STROKES = 3
"""Strokes on either side of a slice that show a class; later ones correct the answer."""

MAX_CORRECTIONS = 5
"""Rounds of corrections that are told apart; each takes time when a slice is segmented."""


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

    def add(self, on: StrokeMask, beside: StrokeMask, number: int) -> SliceStrokes:
        """Return these strokes and those of one more round; the last stroke on a pixel counts."""
        return SliceStrokes(
            _drawn(np.where(beside, 0, self.on), on, number),
            _drawn(np.where(on, 0, self.beside), beside & ~on, number),
        )

    def only(self, on: StrokeMask, beside: StrokeMask) -> SliceStrokes:
        """Return the strokes that are also in the given masks, Y×X."""
        return SliceStrokes(np.where(on, self.on, 0), np.where(beside, self.beside, 0))

    @property
    def rounds(self) -> list[int]:
        """The rounds in which something was drawn on this slice, the first one first."""
        numbers = np.union1d(self.on, self.beside)
        return [int(number) for number in numbers if number > 0]

    def strokes(self) -> Iterator[Stroke]:
        """Split the pixels into strokes: the connected pixels of one side and one round.

        Strokes of a later round than the first on this slice correct an answer.
        """
        for order, number in enumerate(self.rounds):
            corrects = min(order, MAX_CORRECTIONS)
            yield from _strokes_of(self.on == number, True, corrects)
            yield from _strokes_of(self.beside == number, False, corrects)

    def has_few(self) -> bool:
        """Whether there are fewer than `FIRST_STROKES` strokes on either side."""
        sides = [stroke.positive for stroke in self.strokes()]
        return min(sides.count(True), sides.count(False)) < FIRST_STROKES


def _drawn(rounds: NDArray[np.integer], mask: StrokeMask, number: int) -> Rounds:
    return np.where(mask & (rounds == 0), number, rounds).astype(np.uint16)


def _strokes_of(mask: StrokeMask, positive: bool, corrects: int) -> Iterator[Stroke]:
    numbers = label_components(mask)
    for number in range(1, int(numbers.max()) + 1):
        rows, columns = np.nonzero(numbers == number)
        yield Stroke(positive, corrects, rows, columns)


def check_strokes(shape: tuple[int, int], strokes: ArrayLike | None) -> StrokeMask:
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
