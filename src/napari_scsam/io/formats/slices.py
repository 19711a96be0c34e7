"""Read single PNG, JPEG and other pictures, and folders with one file per slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_scsam.config import UserError
from napari_scsam.io.formats.digital_micrograph import DM_SUFFIXES, read_dm
from napari_scsam.io.formats.mrc import MRC_SUFFIXES, read_mrc
from napari_scsam.io.formats.slice_names import (
    check_complete,
    sorted_by_number,
    two_stacks_note,
)
from napari_scsam.io.formats.tiff import read_tiff
from napari_scsam.io.formats.tiff_notes import ORIENTATION, turned_note
from napari_scsam.io.lazy import PixelBlock, Source
from napari_scsam.io.read_errors import empty_file, explaining
from napari_scsam.io.slice_files import SliceFiles

TIFF_SUFFIXES = frozenset((".tif", ".tiff", ".btf", ".tf8"))
IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".jp2", ".j2k", ".pgm", ".webp"))
OTHER_SLICES: Mapping[str, Callable[[Path], Source]] = {
    **dict.fromkeys(MRC_SUFFIXES, read_mrc),
    **dict.fromkeys(DM_SUFFIXES, read_dm),
}
"""Readers of other files that may hold one slice each, as electron microscopes write them."""

SLICE_SUFFIXES = TIFF_SUFFIXES | IMAGE_SUFFIXES | OTHER_SLICES.keys()


SAME_KIND = {".tiff": ".tif", ".jpeg": ".jpg"}
"""Suffixes that mean the same."""


def read_image(path: Path) -> Source:
    """Open one picture; only its header is read."""
    header = _image_header(path)
    stack = SliceFiles([path], _read_pillow, header.shape, header.dtype)
    axes = "qyxs"[: len(header.shape) + 1]
    notes = turned_note(path, header.orientation)
    return Source(array=stack, axes=axes, palette=header.palette, notes=notes)


def read_slices(folder: Path) -> Source:
    """Open a folder of equally large 2-D images, in natural order, as a stack.

    Only the first file that is whole is opened; the others are checked when they are read.

    Raises
    ------
    UserError
        When the folder holds no images, several kinds of them, or stacks, or when a slice is
        missing.
    """
    files = [f for f in folder.iterdir() if f.suffix.lower() in SLICE_SUFFIXES]
    files = sorted_by_number(f for f in files if not f.name.startswith("."))
    if not files:
        raise UserError(
            f"{folder} is a folder without zarr data or image slices; "
            "choose a .zarr folder, or one with TIFF or PNG slices"
        )
    kinds = sorted({SAME_KIND.get(f.suffix.lower(), f.suffix.lower()) for f in files})
    if len(kinds) > 1:
        raise UserError(
            f"{folder} mixes {' and '.join(kinds)} files; keep only the slices of one stack there"
        )
    check_complete(files)
    first, read = _first_readable(files)
    axes = first.axes.removeprefix("q")
    stack = SliceFiles(files, read, first.array.shape[-len(axes) :], first.array.dtype)
    return Source(
        array=stack,
        axes=f"z{axes}",
        black=first.black,
        palette=first.palette,
        sides=(None, *first.sides[1:]),
        notes=(*first.notes, *two_stacks_note(files)),
    )


def _first_readable(files: Sequence[Path]) -> tuple[Source, Callable[[Path], PixelBlock]]:
    """Open the first slice that is not damaged: one of them costs no others."""
    damage: UserError | None = None
    for file in files:
        try:
            return _first_slice(file)
        except UserError as error:
            if error.__cause__ is None and file.stat().st_size:
                raise  # it is whole, but no slice
            damage = damage or error
    raise damage or UserError("there are no slices")


def _first_slice(file: Path) -> tuple[Source, Callable[[Path], PixelBlock]]:
    if file.suffix.lower() in IMAGE_SUFFIXES:
        picture = read_image(file)
        return picture, partial(_read_picture_like, picture)
    other = OTHER_SLICES.get(file.suffix.lower())
    if other is not None:
        return _other_first(file, other)
    first = read_tiff(file)
    if len(first.axes) > 2 and "s" not in first.axes:
        raise UserError(
            f"{file} is a stack, not one slice; open the file itself instead of its folder"
        )
    return first, partial(_read_tiff_like, first)


def _other_first(
    file: Path, reader: Callable[[Path], Source]
) -> tuple[Source, Callable[[Path], PixelBlock]]:
    """Open the first of slices in another format, and return what reads each of them."""

    def plane(path: Path) -> PixelBlock:
        found = reader(path)
        block: PixelBlock = np.asarray(found.array[...])
        return block.reshape(block.shape[-2:])

    first = reader(file)
    if prod(first.array.shape) != prod(first.array.shape[-2:]) or "s" in first.axes:
        raise UserError(
            f"{file} is a stack, not one slice; open the file itself instead of its folder"
        )
    _, y, x = first.sides
    return replace(first, axes="yx", sides=(None, y, x)), plane


def _read_picture_like(first: Source, file: Path) -> PixelBlock:
    with _pillow(file) as image:
        palette = _palette_of(image) if image.mode == "P" else None
        _check_same_values(file, first, None, palette)
        return np.asarray(image)


def _check_same_values(
    file: Path, first: Source, black: float | None, palette: NDArray[Any] | None
) -> None:
    """Check that the values of a slice mean what they mean in the first slice of its folder."""
    same = black == first.black and _same_palette(first.palette, palette)
    if not same:
        raise UserError(
            f"{file} has another palette than the first slice of its folder, or another value "
            "for black; save all slices as plain grey"
        )


def _same_palette(one: NDArray[Any] | None, other: NDArray[Any] | None) -> bool:
    """Whether two palettes agree; colours that one leaves out may be any in the other."""
    if one is None or other is None:
        return one is other
    if one.shape != other.shape:
        return False
    in_both = one.any(axis=1) & other.any(axis=1)
    return np.array_equal(one[in_both], other[in_both])


def _read_tiff_like(first: Source, file: Path) -> PixelBlock:
    source = read_tiff(file)
    _check_same_values(file, first, source.black, source.palette)
    plane: PixelBlock = np.asarray(source.array[...])
    return plane.reshape(plane.shape[-len(source.axes.removeprefix("q")) :])


@dataclass(frozen=True, eq=False)
class _Header:
    """What the header of an image says."""

    shape: tuple[int, ...]
    """(Y, X), or (Y, X, colours)."""
    dtype: np.dtype[Any]
    palette: NDArray[Any] | None = None
    """(N, 3) colours that the values stand for."""
    orientation: int = 1
    """How EXIF says that it is to be turned."""


def _palette_of(image: Image.Image) -> NDArray[np.uint8]:
    """Return the colour of each of 256 indices, 256×3; black for those that have none."""
    colours = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours)] = colours
    return palette


def _image_header(path: Path) -> _Header:
    if path.stat().st_size == 0:
        raise empty_file(path)
    with explaining(path), _pillow(path) as image:
        _check_picture(path, image)
        shape: tuple[int, ...] = (image.height, image.width)
        turned = image.getexif().get(ORIENTATION, 1)
        if image.mode in _GREY:
            return _Header(shape, np.dtype(_GREY[image.mode]), orientation=turned)
        if image.mode == "P":
            return _Header(shape, np.dtype(np.uint8), _palette_of(image))
        if image.mode in _COLOURS:
            colours_shape = (*shape, _COLOURS[image.mode])
            return _Header(colours_shape, np.dtype(np.uint8), orientation=turned)
        raise UserError(
            f"{path} is a colour image ({image.mode}); "
            "convert it to grey first, in Fiji with Image > Type > 8-bit"
        )


def _check_picture(path: Path, image: Image.Image) -> None:
    """Check that a file is what its name says, and holds one picture.

    Raises
    ------
    UserError
        When it is another format, of which the rest would be lost, or holds several pictures.
    """
    if image.format not in PICTURES:
        raise UserError(
            f"{path} is a {image.format} file in spite of its name; rename it, e.g. to "
            f"{path.stem}.tif if it is a TIFF"
        )
    count = getattr(image, "n_frames", 1)
    if count > 1:
        raise UserError(
            f"{path} holds {count} pictures, of which one would be read; "
            "save them as a TIFF stack in Fiji"
        )


PICTURES = frozenset(("PNG", "JPEG", "BMP", "DIB", "JPEG2000", "PPM", "WEBP"))
"""What Pillow calls the formats that are read with it."""

_GREY = {"1": "bool", "L": "uint8", "I;16": "uint16", "I;16B": ">u2", "I": "int32", "F": "float32"}
"""Numpy types of Pillow's modes with one grey channel."""

_COLOURS = {"LA": 2, "RGB": 3, "RGBA": 4}
"""Samples of Pillow's modes whose colours may all be one grey."""


def _read_pillow(path: Path) -> PixelBlock:
    with _pillow(path) as image:
        return np.asarray(image)


def _pillow(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except Image.DecompressionBombError as error:
        raise UserError(
            f"{path} is too large for PNG, JPEG or their like; save it as TIFF or OME-Zarr"
        ) from error
