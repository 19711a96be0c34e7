"""The axes of stored arrays, and what of them makes a slice (Y, X) or a stack (Z, Y, X)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.io.locations import Location

KNOWN = {"t": "time points", "c": "channels", "s": "colours"}
"""What several positions along an axis are."""


class SeveralError(UserError):
    """Several channels or time points of which none was chosen."""

    def __init__(self, text: str, option: str, count: int) -> None:
        super().__init__(text)
        self.option = option
        """``channel`` or ``time``."""
        self.count = count


OPTIONS = {"t": "time", "c": "channel", "s": "channel"}
"""What chooses one of them."""


@dataclass(frozen=True)
class Choice:
    """What is taken of each axis of a stored array."""

    fixed: tuple[int | None, ...]
    """For each axis the position to stay at; None for z, y and x."""
    order: tuple[int, ...]
    """Of the axes that stay, which comes first, second, last in (z, y, x)."""

    @property
    def in_order(self) -> bool:
        """Whether the axes are stored as z, y, x."""
        return self.order == tuple(sorted(self.order))


def usual_axes(shape: Sequence[int], name: str) -> str:
    """Return the axes of a bare array: the last are z, y, x, unless the very last is colours.

    Raises
    ------
    UserError
        When it has too many axes, or too few.
    """
    colours = len(shape) >= 3 and shape[-1] in (3, 4) and min(shape[-3:-1]) > 4
    lone_channel = len(shape) > 3 and shape[-1] == 1
    last = ""
    if colours or lone_channel:
        last = "s"
    ndim = len(shape) - len(last)
    if not 2 <= ndim <= 5:
        raise UserError(f"{name} has the shape {times(shape)}; choose an image (y, x) or (z, y, x)")
    return "tczyx"[-ndim:] + last


def choose_indices(axes: str, shape: Sequence[int], wanted: Location) -> Choice:
    """Return what to take of each axis.

    Parameters
    ----------
    axes
        One letter for each axis, as in `napari_scsam.io.lazy.Source`.
    shape
        Of the stored array.
    wanted
        With the channel and the time point, where several are stored.

    Raises
    ------
    UserError
        When there are several and none is chosen, there is no such one, or no slice in it.
    """
    letters = _with_z(axes, shape)
    fixed = []
    for letter, size in zip(letters, shape, strict=True):
        fixed.append(_position(letter, size, letters, shape, wanted))
    _check_wanted(letters, wanted)
    kept = "".join(letter for letter in letters if letter in "zyx")
    if sorted(kept) not in (["x", "y"], ["x", "y", "z"]):
        raise UserError(
            f"{wanted.text} has the axes {axes}; save it with the axes (y, x) or (z, y, x)"
        )
    order = tuple(kept.index(letter) for letter in "zyx" if letter in kept)
    return Choice(tuple(fixed), order)


def _position(
    letter: str, size: int, axes: str, shape: Sequence[int], wanted: Location
) -> int | None:
    if letter in "zyx":
        return None
    option = OPTIONS.get(letter)
    chosen = None
    if option is not None:
        chosen = getattr(wanted, option)
    if chosen is None:
        if size > 1:
            raise too_many(letter, size, axes, times(shape), wanted.text)
        return 0
    if chosen >= size:
        raise UserError(f"{wanted.text} has no {option} {chosen}; choose from 0 to {size - 1}")
    return int(chosen)


def _check_wanted(axes: str, wanted: Location) -> None:
    """Refuse the choice of a channel or time point other than the first where there is one."""
    for option, letters in (("channel", "cs"), ("time", "t")):
        chosen = getattr(wanted, option)
        if chosen and not set(letters) & set(axes):
            raise UserError(f"{wanted.text} has one {option} only; leave out {option} {chosen}")


def _with_z(axes: str, shape: Sequence[int]) -> str:
    """Take the first unnamed axis with several positions as z if no axis has that name."""
    if "z" in axes:
        return axes
    places = [n for letter in "qi" for n, each in enumerate(axes) if each == letter]
    chosen = next((n for n in places if shape[n] > 1), None)
    if chosen is None:
        return axes
    return f"{axes[:chosen]}z{axes[chosen + 1 :]}"


def too_many(letter: str, size: int, axes: str, shape: str, name: str) -> UserError:
    """Return the error for an axis that is not spatial and has several positions."""
    if letter == "s":
        slices = ""
        if axes.endswith("yx"):
            slices = ", or save it with the axes ZYX if they are slices"
        return UserError(
            f"{name} is a colour (RGB) image; "
            f"choose one colour with --channel 0 to {size - 1}, or convert it to grey{slices}"
        )
    if letter not in KNOWN:
        return UserError(
            f"{name} has {size} images along the axis {letter!r} (shape {shape}, axes {axes}); "
            "save the one you want as its own (z, y, x) file"
        )
    slices = ""
    if "z" not in axes:
        slices = ", or set them as slices in Fiji with Image > Properties"
    option = OPTIONS[letter]
    return SeveralError(
        f"{name} has {size} {KNOWN[letter]} (shape {shape}, axes {axes}); "
        f"choose one with --{option} 0 to {size - 1}{slices}",
        option,
        size,
    )


def times(shape: Sequence[int]) -> str:
    """Return a shape as people write it: ``3 x 512 x 512``."""
    return " x ".join(str(size) for size in shape) or "of a single number"


class TransposedArray:
    """A stored array with its axes in another order, read when it is indexed.

    Parameters
    ----------
    source
        Anything with ``shape``, ``dtype`` and numpy-style slicing.
    order
        The axes of the source, in the order that they are to have.
    """

    def __init__(self, source: Any, order: Sequence[int]) -> None:
        self._source = source
        self._order = tuple(order)
        self.shape = tuple(source.shape[axis] for axis in order)
        self.dtype = np.dtype(source.dtype)
        chunks = getattr(source, "chunks", None)
        if chunks is not None:
            self.chunks = tuple(chunks[axis] for axis in order)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def check(self) -> None:
        """Check that the file is still the one that was opened, as `LazyArray.check` does."""
        check = getattr(self._source, "check", None)
        if check is not None:
            check()

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[Any]:
        stored: list[Any] = [slice(None)] * self.ndim
        dropped = []
        for position, (axis, part) in enumerate(zip(self._order, key, strict=True)):
            stored[axis] = part
            if not isinstance(part, slice) and np.ndim(part) == 0:
                index = int(part) % self.shape[position]
                stored[axis] = slice(index, index + 1)
                dropped.append(position)
        block = np.asarray(self._source[tuple(stored)]).transpose(self._order)
        return block.squeeze(tuple(dropped))
