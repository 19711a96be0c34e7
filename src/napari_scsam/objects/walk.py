"""Going from object to object."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_scsam.config import UserError
from napari_scsam.objects.place import Found, Place, find_label, pieces, tight
from napari_scsam.steps import Progress


@dataclass(frozen=True)
class Stop:
    """An object to look at."""

    value: int
    voxel: tuple[int, ...]
    """One of its own, near its middle."""


Walk = Generator[Progress, None, Stop]


def next_label(place: Place, value: int, step: int, across: int | None) -> Walk:
    """Go to the object with the next higher (step 1) or lower (step -1) label.

    Parameters
    ----------
    place
        An instance array, with its boxes.
    value
        The label to start from.
    across
        The axis along which slices are looked at; the slice that shows most of the object is chosen.

    Raises
    ------
    UserError
        When there is none.
    """
    found = yield from _label_beside(place, value, step)
    if found is not None:
        return Stop(found.value, middle(found, across))
    back = yield from _label_beside(place, value + step, -step)  # `value` itself first
    if back is None:
        raise UserError("there is no object in this layer yet")
    raise UserError("that was the last object" if step > 0 else "that was the first object")


def _label_beside(place: Place, value: int, step: int) -> Generator[Progress, None, Found | None]:
    """Find the next label above or below a value that is still there; background is none."""
    while place.boxes is not None and (beside := place.boxes.beside(value, step)):
        value = beside
        found = yield from find_label(place, value)
        if found.voxels:
            return found
    return None


def next_piece(place: Place, value: int, at: Sequence[int], step: int, across: int | None) -> Walk:
    """Go to the next piece of a class: in the slice of `at`, in reading order, then in the slices behind it.

    Parameters
    ----------
    place
        A class array, all of it.
    value
        The class.
    at
        The voxel to start from; on a piece, that one is left.

    Raises
    ------
    UserError
        When there is none.
    """
    first = 0 if across is None else at[across]
    last = 1 if across is None else place.within[across].stop
    up = range(first, last)
    down = range(first, -1, -1)
    ahead, behind = (up, down) if step > 0 else (down, up)
    for position in ahead:
        box = _slice(place, across, position)
        yield replace(place.price(box), what="looking for the next object")
        numbers = pieces(place.read(box) == value)
        start = (
            _before(numbers, box, at, step)
            if position == first
            else (0 if step > 0 else int(numbers.max()) + 1)
        )
        if 1 <= start + step <= int(numbers.max()):
            return Stop(value, middle(tight(value, box, numbers == start + step), across))
    for position in behind:
        box = _slice(place, across, position)
        yield replace(place.price(box), what="looking for any object")
        if (place.read(box) == value).any():
            raise UserError(
                "that was the last object of this class"
                if step > 0
                else "that was the first object of this class"
            )
    raise UserError("there is no object of this class yet")


def _slice(place: Place, across: int | None, position: int) -> tuple[slice, ...]:
    return tuple(
        slice(position, position + 1) if axis == across else side
        for axis, side in enumerate(place.within)
    )


def _before(numbers: np.ndarray, box: Sequence[slice], at: Sequence[int], step: int) -> int:
    """Return the number of the piece to leave; pieces are numbered in reading order of their first pixels."""
    here = tuple(i - side.start for i, side in zip(at, box, strict=True))
    if numbers[here]:
        return int(numbers[here])
    passed = int(numbers.ravel()[: np.ravel_multi_index(here, numbers.shape)].max(initial=0))
    return passed if step > 0 else passed + 1


def middle(found: Found, across: int | None) -> tuple[int, ...]:
    """Return a voxel of an object near its centre, in the slice that shows most of it."""
    mask = found.mask
    if across is not None:
        sizes = mask.sum(axis=tuple(axis for axis in range(mask.ndim) if axis != across))
        mask = mask & np.expand_dims(
            np.arange(len(sizes)) == sizes.argmax(),
            tuple(a for a in range(mask.ndim) if a != across),
        )
    inside = np.argwhere(mask)
    nearest = inside[((inside - inside.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return tuple(int(i) + side.start for i, side in zip(nearest, found.box, strict=True))
