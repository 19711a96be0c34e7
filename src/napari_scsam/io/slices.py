"""Read single PNG and JPEG images, and folders with one file per slice."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from napari_scsam.config import UserError
from napari_scsam.io.lazy import Block, SliceFiles, Source
from napari_scsam.io.tiff import read_tiff

TIFF_SUFFIXES = frozenset((".tif", ".tiff", ".btf", ".tf8"))
IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg"))
SLICE_SUFFIXES = TIFF_SUFFIXES | IMAGE_SUFFIXES


def natural_key(path: Path) -> list[tuple[int, str]]:
    """Return a sort key by which ``slice_9`` comes before ``slice_10``."""
    parts = re.split(r"(\d+)", path.name.casefold())
    # Text and numbers alternate; each becomes a pair that can be compared with the other kind.
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def read_image(path: Path) -> Source:
    """Open one PNG or JPEG; only its header is read."""
    shape, dtype = _image_header(path)
    return Source(array=SliceFiles([path], _read_pillow, shape, dtype), axes="qyx")


def read_slices(folder: Path) -> Source:
    """Open a folder of equally large 2-D images, in natural order, as a stack.

    Only the first file is opened; the others are checked when they are read.

    Raises
    ------
    UserError
        When the folder holds no images, several kinds of them, or stacks.
    """
    files = [f for f in folder.iterdir() if f.suffix.lower() in SLICE_SUFFIXES]
    files = sorted((f for f in files if not f.name.startswith(".")), key=natural_key)
    if not files:
        raise UserError(
            f"{folder} is a folder without zarr data or image slices; "
            "choose a .zarr folder, or one with TIFF or PNG slices"
        )
    kinds = sorted({f.suffix.lower() for f in files})
    if len(kinds) > 1:
        raise UserError(
            f"{folder} mixes {' and '.join(kinds)} files; keep only the slices of one stack there"
        )
    first, read = _first_slice(files[0])
    axes = first.axes.removeprefix("q")
    stack = SliceFiles(files, read, first.array.shape[-len(axes) :], first.array.dtype)
    return Source(array=stack, axes=f"z{axes}")


def _first_slice(file: Path) -> tuple[Source, Callable[[Path], Block]]:
    if file.suffix.lower() in IMAGE_SUFFIXES:
        return read_image(file), _read_pillow
    first = read_tiff(file)
    if len(first.axes) > 2 and "s" not in first.axes:
        raise UserError(
            f"{file} is a stack, not one slice; open the file itself instead of its folder"
        )
    return first, tifffile.imread


def _image_header(path: Path) -> tuple[tuple[int, int], np.dtype[Any]]:
    with _pillow(path) as image:
        if image.mode not in _GREY:
            raise UserError(
                f"{path} is a colour image ({image.mode}); "
                "convert it to grey first, in Fiji with Image > Type > 8-bit"
            )
        return (image.height, image.width), np.dtype(_GREY[image.mode])


_GREY = {"1": "bool", "L": "uint8", "I;16": "uint16", "I;16B": ">u2", "I": "int32", "F": "float32"}
"""Numpy types of Pillow's modes with one grey channel."""


def _read_pillow(path: Path) -> Block:
    with _pillow(path) as image:
        return np.asarray(image)


def _pillow(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except Image.DecompressionBombError as error:
        raise UserError(
            f"{path} is too large for PNG or JPEG; save it as TIFF or OME-Zarr"
        ) from error
