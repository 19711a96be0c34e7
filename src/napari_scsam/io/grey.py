"""Grey values in other clothes: white as 0, palettes, equal colours, grey with alpha."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scsam.config import UserError
from napari_scsam.io.axes import usual_axes
from napari_scsam.io.lazy import InvertedArray, PixelBlock, Source, chunk_shape
from napari_scsam.io.locations import Location

COMPARED = 512
"""Rows and columns of a plane that are compared at first, evenly spread."""

COLOURS = 3
"""Red, green and blue."""


def as_grey(source: Source, wanted: Location) -> Source:
    """Return a source whose values are grey, 0 black, where that can be had.

    Parameters
    ----------
    source
        What a reader found.
    wanted
        With a channel, if one colour was chosen.

    Returns
    -------
    Source
        With a note for what was taken for granted. Images in real colours come back as they are.
    """
    if source.black is not None:
        black = source.black
        return replace(_mapped(source, lambda array: InvertedArray(array, black)), black=None)
    if source.palette is not None:
        return _through_palette(source, source.palette, wanted)
    return one_of_equal(source, wanted)


def one_of_equal(source: Source, wanted: Location) -> Source:
    """Return one colour of a source whose colours are equal, or the grey beside alpha.

    Others come back as they are, and so does a source of which a channel was chosen.
    """
    axes = source.axes or _axes(source, wanted)
    if "s" in axes and source.array.shape[axes.index("s")] > 1 and wanted.channel is None:
        return _one_of_equal(source, axes, wanted)
    return source


def _axes(source: Source, wanted: Location) -> str:
    shape = tuple(source.array.shape)
    if len(shape) < COLOURS:
        return ""
    return usual_axes(shape, wanted.text)


def _mapped(source: Source, change: Callable[[Any], Any]) -> Source:
    """Return a source with its array and its levels changed."""
    return replace(
        source, array=change(source.array), levels=tuple(change(level) for level in source.levels)
    )


def _through_palette(source: Source, palette: npt.NDArray[Any], wanted: Location) -> Source:
    """Return the grey values that a palette of greys stands for.

    Raises
    ------
    UserError
        When the palette has colours.
    """
    if not np.all(palette == palette[:, :1]):
        raise UserError(
            f"{wanted.text} is a colour image with a palette; "
            "convert it to grey first, in Fiji with Image > Type > 8-bit"
        )
    greys = np.ascontiguousarray(palette[:, 0])
    found = replace(_mapped(source, lambda array: PaletteArray(array, greys)), palette=None)
    if np.array_equal(greys, np.arange(len(greys))):
        return found
    return _with_note(found, f"{wanted.text} has a palette of greys, which was applied")


def _one_of_equal(source: Source, axes: str, wanted: Location) -> Source:
    """Return one colour where all are equal, or the grey beside an alpha channel."""
    at = axes.index("s")
    count = source.array.shape[at]
    if count > COLOURS + 1 or not _looks_grey(EqualColours(source.array, at, wanted.text)):
        return source
    what = "has three equal colours, which were taken as one grey"
    if count < COLOURS:
        what = "has an alpha channel beside its grey values, which was left out"
    found = _mapped(source, lambda array: EqualColours(array, at, wanted.text))
    return _with_note(replace(found, axes=axes.replace("s", "")), f"{wanted.text} {what}")


def _looks_grey(array: EqualColours) -> bool:
    """Whether the colours of the first, the middle and the last plane are equal, as far as seen."""
    steps = tuple(slice(None, None, max(1, size // COMPARED)) for size in array.shape[-2:])
    before = array.shape[:-2]
    planes = {tuple(0 for _ in before), tuple(size // 2 for size in before)}
    planes.add(tuple(size - 1 for size in before))
    try:
        for at in planes:
            array[(*at, *steps)]
    except ColoursError:
        return False
    return True


def _with_note(source: Source, note: str) -> Source:
    return replace(source, notes=(*source.notes, note))


class _Changed:
    """An array whose values are changed when they are read; checks go on to its source."""

    def __init__(self, source: Any, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self._source = source
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.chunks = chunk_shape(source)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def check(self) -> None:
        """Check that the file is still the one that was opened, as `LazyArray.check` does."""
        check = getattr(self._source, "check", None)
        if check is not None:
            check()


class PaletteArray(_Changed):
    """Values of a palette, read as the greys that they stand for.

    Parameters
    ----------
    source
        Indices into the palette.
    greys
        (N,) the grey of each.
    """

    def __init__(self, source: Any, greys: npt.NDArray[Any]) -> None:
        super().__init__(source, tuple(source.shape), greys.dtype)
        self._greys = greys

    def __getitem__(self, key: Any) -> PixelBlock:
        values: PixelBlock = self._greys[np.asarray(self._source[key])]
        return values


class ColoursError(UserError):
    """Colours that are not equal."""


class EqualColours(_Changed):
    """Equal red, green and blue, read as one grey; an alpha channel is left out.

    Parameters
    ----------
    source
        An array with 2 to 4 samples along one axis.
    axis
        That axis, which is left out.
    name
        What to call it in error messages.
    """

    def __init__(self, source: Any, axis: int, name: str) -> None:
        shape = tuple(source.shape)
        super().__init__(source, (*shape[:axis], *shape[axis + 1 :]), source.dtype)
        if self.chunks is not None:
            self.chunks = (*self.chunks[:axis], *self.chunks[axis + 1 :])
        self._axis = axis
        self._name = name
        self._has_colours = shape[axis] >= COLOURS

    def __getitem__(self, key: tuple[Any, ...]) -> PixelBlock:
        whole = (*key[: self._axis], slice(None), *key[self._axis :])
        kept = sum(isinstance(part, slice) for part in key[: self._axis])
        pixels = np.moveaxis(np.asarray(self._source[whole]), kept, -1)
        if self._has_colours and not np.all(pixels[..., 1:COLOURS] == pixels[..., :1]):
            raise ColoursError(
                f"{self._name} has colours in a part of it, though not in all; "
                "choose one with --channel 0, 1 or 2"
            )
        grey: PixelBlock = pixels[..., 0]
        return grey
