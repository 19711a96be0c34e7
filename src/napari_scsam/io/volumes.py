"""EM volumes, read lazily from every format that labs keep them in."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scsam.atomic import finish_replacing
from napari_scsam.config import UserError, VoxelSize, parse_voxel_size
from napari_scsam.io.formats.hdf5 import read_hdf5, split_hdf5_path
from napari_scsam.io.formats.mrc import read_mrc
from napari_scsam.io.formats.slices import IMAGE_SUFFIXES, TIFF_SUFFIXES, read_image, read_slices
from napari_scsam.io.formats.tiff import read_tiff
from napari_scsam.io.lazy import (
    Block,
    InvertedArray,
    LazyArray,
    Source,
    empty_file,
    explaining,
)
from napari_scsam.io.watched import Stamp, WatchedArray, watch_if_stored
from napari_scsam.io.zarr_access import is_zarr
from napari_scsam.io.zarr_volumes import read_zarr
from napari_scsam.plausible import doubt_of_size, is_plausible

READERS: Mapping[str, Callable[[Path], Source]] = {
    **dict.fromkeys(TIFF_SUFFIXES, read_tiff),
    **dict.fromkeys(IMAGE_SUFFIXES, read_image),
    **dict.fromkeys((".mrc", ".mrcs", ".rec", ".map", ".st", ".ali"), read_mrc),
}
"""Readers of single files by suffix; HDF5 and folders are recognised before."""


@dataclass(frozen=True, eq=False)
class Volume:
    """A slice (Y, X) or a stack (Z, Y, X) of grey values or labels."""

    name: str
    data: LazyArray
    """The voxels; a block is read when it is indexed."""
    voxel_size: VoxelSize | None = None
    """nm along z, y, x; `None` when it is unknown."""
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """nm along z, y, x: the translation of an OME-Zarr."""
    path: Path | None = None
    """What `open_volume` was given, with the ``:/path`` of HDF5; `None` for an array in memory."""
    levels: tuple[LazyArray, ...] = ()
    """Coarser copies, finest first, with the same axes."""
    size_doubt: str = ""
    """Why the voxel size that the file states was not taken; empty when it was, or states none."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(Y, X) or (Z, Y, X)."""
        return self.data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel, in the machine's own byte order."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return self.data.ndim

    @property
    def depth(self) -> int:
        """Number of slices; 1 for a (Y, X) image."""
        if self.ndim == 2:
            return 1
        return self.shape[0]

    def plane(self, z: int) -> Block:
        """Read slice `z` as a (Y, X) array; `z` is ignored by a single slice.

        Raises
        ------
        UserError
            When the file turns out to be damaged there.
        """
        if self.ndim == 2:
            return self.data[...]
        return self.data[z]


def open_volume(
    path: str | os.PathLike[str], voxel_size: Sequence[float] | float | None = None
) -> Volume:
    """Open a volume without reading its voxels.

    Parameters
    ----------
    path
        OME-Zarr or zarr folder, TIFF, MRC, HDF5 (``file.h5:/path``), PNG, JPEG, or a folder of
        slices.
    voxel_size
        nm along z, y, x (or y, x, or one number), instead of what the file says.

    Raises
    ------
    UserError
        When there is nothing, or nothing that is a volume of grey values.
    """
    given = parse_voxel_size(voxel_size)
    text = os.fspath(path)
    with explaining(text):
        return _volume(_black_is_zero(_read(text)), text, given, Path(text))


def open_labels(path: str | os.PathLike[str]) -> Volume:
    """Open a label image: as `open_volume`, but its values must be integers.

    They are taken as they are stored, also where the file says that 0 is shown white.

    Raises
    ------
    UserError
        As `open_volume`, and for floating-point values.
    """
    text = os.fspath(path)
    with explaining(text):
        volume = _volume(_read(text), text, None, Path(text))
    if volume.dtype.kind not in "iu":
        raise UserError(
            f"{volume.path} holds {volume.dtype} values, but labels are integers; "
            "choose the label image, or convert it"
        )
    return volume


def as_volume(
    array: npt.ArrayLike, voxel_size: Sequence[float] | float | None = None, name: str = "array"
) -> Volume:
    """Return an array in memory, a dask or a zarr array as a volume, checked as by `open_volume`.

    Parameters
    ----------
    array
        (Y, X) or (Z, Y, X); singleton axes before these are dropped.
    voxel_size
        nm along z, y, x (or y, x, or one number); `None` when it is unknown.
    name
        Its name in messages.

    Raises
    ------
    UserError
        When it is not a volume of grey values or labels.
    """
    if not (hasattr(array, "shape") and hasattr(array, "dtype")):
        array = np.asarray(array)
    source = Source(array=watch_if_stored(array))
    return _volume(source, name, parse_voxel_size(voxel_size), None)


def _read(text: str) -> Source:
    hdf5 = split_hdf5_path(text)
    file = Path(text)
    if hdf5:
        file = hdf5[0]
    if not file.exists():
        finish_replacing(file)  # a killed process may have been replacing it
    if not file.exists():
        raise UserError(f"{file} does not exist; check the path")
    if file.is_dir() and is_zarr(file):
        return read_zarr(file)
    if file.is_dir():
        return read_slices(file)
    if file.stat().st_size == 0:
        raise empty_file(file)
    if hdf5:
        stamp = Stamp.of(file)
        return _watched(read_hdf5(*hdf5), stamp)
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        known = "OME-Zarr and zarr folders, .tif, .mrc, .rec, .h5, .png and .jpg"
        raise UserError(
            f"{file} has the suffix {file.suffix!r}, which is not a known volume format; "
            f"use {known}"
        )
    stamp = Stamp.of(file)
    return _watched(reader(file), stamp)


def _black_is_zero(source: Source) -> Source:
    """Return a source whose 0 is black."""
    black = source.black
    if black is None:
        return source
    return replace(
        source,
        array=InvertedArray(source.array, black),
        levels=tuple(InvertedArray(level, black) for level in source.levels),
        black=None,
    )


def _watched(source: Source, stamp: Stamp) -> Source:
    """Return what a reader found in one file, to be read only while the file stays as it is."""
    return replace(
        source,
        array=WatchedArray(source.array, stamp),
        levels=tuple(WatchedArray(level, stamp) for level in source.levels),
    )


def _volume(source: Source, name: str, voxel_size: VoxelSize | None, path: Path | None) -> Volume:
    """Check what a reader found and reduce it to (Y, X) or (Z, Y, X)."""
    shape = tuple(source.array.shape)
    kind = np.dtype(source.array.dtype).kind
    if kind not in "biuf":
        raise UserError(
            f"{name} holds {source.array.dtype} values; "
            "a volume needs integers or floating-point numbers"
        )
    if 0 in shape:
        raise UserError(
            f"{name} is empty: its shape is {_times(shape)}; choose an image with voxels in it"
        )
    fixed = _fixed_axes(source.axes or _usual_axes(shape, name), shape, name)
    short = name
    if path:
        short = _short_name(path)
    stated = source.voxel_size
    doubt = ""
    if stated is not None and not is_plausible(stated):
        doubt = f"the voxel size in {name}, {doubt_of_size(stated)}"
        stated = None
    return Volume(
        name=short,
        data=LazyArray(source.array, fixed, name),
        voxel_size=voxel_size or stated,
        origin=source.origin,
        path=path,
        levels=tuple(LazyArray(level, fixed, name) for level in source.levels),
        size_doubt=doubt,
    )


def _usual_axes(shape: Sequence[int], name: str) -> str:
    """Return the axes of a bare array: the last are z, y, x, unless the very last is colours."""
    colours = len(shape) >= 3 and shape[-1] in (3, 4) and min(shape[-3:-1]) > 4
    lone_channel = len(shape) > 3 and shape[-1] == 1
    last = ""
    if colours or lone_channel:
        last = "s"
    ndim = len(shape) - len(last)
    if not 2 <= ndim <= 5:
        raise UserError(f"{name} has the shape {_times(shape)}; a volume is (y, x) or (z, y, x)")
    return "tczyx"[-ndim:] + last


def _fixed_axes(axes: str, shape: Sequence[int], name: str) -> list[int | None]:
    """Return None for z, y and x, and index 0 for the other axes, which must be singletons."""
    axes = _with_z(axes, shape)
    for letter, size in zip(axes, shape, strict=True):
        if letter not in "zyx" and size > 1:
            raise _too_many(letter, size, axes, _times(shape), name)
    if "".join(letter for letter in axes if letter in "zyx") not in ("yx", "zyx"):
        raise UserError(f"{name} has the axes {axes}; save it with the axes (y, x) or (z, y, x)")
    return [None if letter in "zyx" else 0 for letter in axes]


def _with_z(axes: str, shape: Sequence[int]) -> str:
    """Take the first unnamed axis as z if no axis has that name."""
    if "z" in axes:
        return axes
    unnamed = next((letter for letter in "qi" if letter in axes), None)
    if unnamed is None or shape[axes.index(unnamed)] == 1:
        return axes
    return axes.replace(unnamed, "z", 1)


def _too_many(letter: str, size: int, axes: str, shape: str, name: str) -> UserError:
    """Return the error for an axis that is not spatial and has several positions."""
    if letter == "s":
        return UserError(
            f"{name} is a colour (RGB) image; "
            "convert it to grey first, in Fiji with Image > Type > 8-bit"
        )
    known = {"t": "time points", "c": "channels"}
    what = known.get(letter, f"images along the axis {letter!r}")
    slices = ""
    if "z" not in axes:
        slices = "if they are slices, set that in Fiji with Image > Properties, otherwise "
    return UserError(
        f"{name} has {size} {what} (shape {shape}, axes {axes}); "
        f"{slices}save the one you want as its own (z, y, x) file, "
        "in Fiji with Image > Duplicate"
    )


def _times(shape: Sequence[int]) -> str:
    return " x ".join(str(size) for size in shape)


def _short_name(path: Path) -> str:
    """Return the name of a file without suffixes, for a layer or a table."""
    stem = Path(path.name).stem
    return stem.removesuffix(".ome") or path.name
