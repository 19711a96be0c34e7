"""Go from object to object."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_scsam.config import UserError
from napari_scsam.objects.components import label_components
from napari_scsam.objects.place import (
    FoundObject,
    Place,
    crop_object,
    find_label,
    index_in_box,
)
from napari_scsam.steps import Progress


@dataclass(frozen=True)
class Stop:
    """An object to look at."""

    value: int
    voxel: tuple[int, ...]
    """A voxel of it, near its centre."""
    number: int
    """Which one it is: of the class's objects in its slice, in reading order; of an instance
    array's objects, by label."""
    count: int
    """How many there are."""


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
        The axis across which slices are shown; the slice with most of the object is chosen.

    Raises
    ------
    UserError
        When there is none.
    """
    found = yield from _neighbouring_label(place, value, step)
    if found is not None:
        number, count = yield from _number_of(place, found.value)
        return Stop(found.value, central_voxel(found, across), number, count)
    back = yield from _neighbouring_label(place, value + step, -step)  # `value` itself first
    if back is None:
        raise UserError("there is no object in this layer yet")
    raise UserError(f"that was the {_end(step)} object")


def _number_of(place: Place, value: int) -> Generator[Progress, None, tuple[int, int]]:
    """Return which label of an instance array a label is, and how many have voxels."""
    if place.boxes is None:
        return 1, 1
    labels = place.boxes.meeting(place.within)
    for edited in sorted(place.boxes.edited.intersection(labels.tolist())):
        found = yield from find_label(place, edited)
        if not found.voxels:
            labels = labels[labels != edited]
    return int(np.searchsorted(labels, value)) + 1, len(labels)


def _end(step: int) -> str:
    if step > 0:
        return "last"
    return "first"


def _neighbouring_label(
    place: Place, value: int, step: int
) -> Generator[Progress, None, FoundObject | None]:
    """Find the next label above or below a value that still has voxels; None when there is none."""
    while place.boxes is not None:
        neighbour = place.boxes.beside(value, step)
        if not neighbour:  # none, or background
            return None
        found = yield from find_label(place, neighbour)
        if found.voxels:
            return found
        place.boxes.note_edited([neighbour])
        value = neighbour
    return None


def next_component(
    place: Place, value: int, at: Sequence[int], step: int, across: int | None
) -> Walk:
    """Go to the next component of a class: in the slice of `at`, then in the slices behind it.

    Parameters
    ----------
    place
        A class array, all of it.
    value
        The class.
    at
        The voxel to start from; the component there is left. Components of a slice are visited in
        reading order.
    step
        1 to go on, -1 to go back.
    across
        The axis across which slices are shown; None for a (Y, X) array.

    Raises
    ------
    UserError
        When there is none.
    """
    ahead, behind = _positions(place, at, step, across)
    for position in ahead:
        box = _slice(place, across, position)
        yield replace(place.price(box), what="looking for the next object")
        numbers = label_components(place.read(box) == value)
        last = int(numbers.max())
        chosen = 1 if step > 0 else last
        if position == ahead[0]:
            chosen = _start_number(numbers, box, at, step) + step
        if 1 <= chosen <= last:
            found = crop_object(value, box, numbers == chosen)
            return Stop(value, central_voxel(found, across), chosen, last)
    for position in behind:
        box = _slice(place, across, position)
        yield replace(place.price(box), what="looking for any object")
        if (place.read(box) == value).any():
            raise UserError(f"that was the {_end(step)} object of this class")
    raise UserError("there is no object of this class yet")


def _positions(
    place: Place, at: Sequence[int], step: int, across: int | None
) -> tuple[range, range]:
    """Return the slices ahead and behind; both begin with the slice of `at`."""
    if across is None:
        return range(1), range(1)
    up = range(at[across], place.within[across].stop)
    down = range(at[across], -1, -1)
    if step > 0:
        return up, down
    return down, up


def _slice(place: Place, across: int | None, position: int) -> tuple[slice, ...]:
    box = list(place.within)
    if across is not None:
        box[across] = slice(position, position + 1)
    return tuple(box)


def _start_number(numbers: np.ndarray, box: Sequence[slice], at: Sequence[int], step: int) -> int:
    """Return the number of the component to leave.

    Components are numbered in reading order of their first voxels. On background, it is the last
    one that begins before the voxel. When going back, it is the first one after it.
    """
    start = index_in_box(at, tuple(box))
    if numbers[start]:
        return int(numbers[start])
    passed = int(numbers.ravel()[: np.ravel_multi_index(start, numbers.shape)].max(initial=0))
    if step > 0:
        return passed
    return passed + 1


def central_voxel(found: FoundObject, across: int | None) -> tuple[int, ...]:
    """Return a voxel of an object near its centre, in the slice with most of it."""
    mask = found.mask
    if across is not None:
        others = tuple(axis for axis in range(mask.ndim) if axis != across)
        sizes = mask.sum(axis=others)
        mask = mask & np.expand_dims(np.arange(len(sizes)) == sizes.argmax(), others)
    inside = np.argwhere(mask)
    nearest = inside[((inside - inside.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return tuple(int(i) + side.start for i, side in zip(nearest, found.box, strict=True))
