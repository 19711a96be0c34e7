"""EM volumes, read lazily from every format that labs keep them in."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scsam.atomic import finish_replacing
from napari_scsam.config import UserError, VoxelSize, parse_voxel_size
from napari_scsam.errors import MissingFileError
from napari_scsam.io.axes import Choice, TransposedArray, choose_indices, times, usual_axes
from napari_scsam.io.formats.advice import unknown_format
from napari_scsam.io.formats.digital_micrograph import DM_SUFFIXES, read_dm
from napari_scsam.io.formats.hdf5 import read_hdf5, split_hdf5_path
from napari_scsam.io.formats.imaris import read_imaris
from napari_scsam.io.formats.mrc import MRC_SUFFIXES, read_mrc
from napari_scsam.io.formats.n5 import is_n5, read_n5
from napari_scsam.io.formats.nrrd import NRRD_SUFFIXES, read_nrrd
from napari_scsam.io.formats.numbers import RAW_SUFFIX, ask_for_shape, read_npy, read_raw, split_raw
from napari_scsam.io.formats.packed import is_packed
from napari_scsam.io.formats.precomputed import is_precomputed, read_precomputed
from napari_scsam.io.formats.slices import IMAGE_SUFFIXES, TIFF_SUFFIXES, read_image, read_slices
from napari_scsam.io.formats.tiff import read_tiff
from napari_scsam.io.formats.zipped import read_zip, split_zip_path
from napari_scsam.io.grey import as_grey, one_of_equal
from napari_scsam.io.lazy import LazyArray, PixelBlock, Source
from napari_scsam.io.locations import Location, file_of, parse_location
from napari_scsam.io.read_errors import empty_file, explaining
from napari_scsam.io.remote.images import read_remote
from napari_scsam.io.saved.watched import Stamp, WatchedArray, watch_if_stored
from napari_scsam.io.zarr_access import is_zarr
from napari_scsam.io.zarr_volumes import read_zarr
from napari_scsam.plausible import doubt_of_size, is_plausible

READERS: Mapping[str, Callable[[Path], Source]] = {
    **dict.fromkeys(TIFF_SUFFIXES, read_tiff),
    **dict.fromkeys(IMAGE_SUFFIXES, read_image),
    **dict.fromkeys(MRC_SUFFIXES, read_mrc),
    **dict.fromkeys(DM_SUFFIXES, read_dm),
    **dict.fromkeys(NRRD_SUFFIXES, read_nrrd),
    ".npy": read_npy,
    ".ims": read_imaris,
    RAW_SUFFIX: ask_for_shape,
}
"""Readers of single files by suffix; HDF5 and folders are recognised before."""

MOST_VOXELS = 1 << 59
"""Of one image. With eight bytes each, more could not be counted by the 64 bits of numpy."""


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
    notes: tuple[str, ...] = ()
    """Sentences on what was taken for granted, such as that equal colours are one grey."""
    sides: tuple[float | None, float | None, float | None] = (None, None, None)
    """nm along z, y, x of each axis that is known, where the voxel size as a whole is not."""
    says_labels: bool = False
    """Whether the metadata of a zarr or precomputed volume say that it holds labels."""

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """Nm along y, x, also where the distance of the slices is unknown; None when unknown."""
        if self.voxel_size is not None:
            return self.voxel_size[1:]
        _, y, x = self.sides
        if y is None or x is None or not is_plausible((1.0, y, x)):
            return None
        return (y, x)

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

    def plane(self, z: int) -> PixelBlock:
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
    path: str | os.PathLike[str],
    voxel_size: Sequence[float] | float | None = None,
    *,
    channel: int | None = None,
    time: int | None = None,
) -> Volume:
    """Open a volume without reading its voxels.

    Parameters
    ----------
    path
        A file, a folder or an address of a format in docs/formats.md. HDF5 is named as
        ``file.h5:/path``. A channel or time point may be named at the end:
        ``cell.tif:channel=1``.
    voxel_size
        nm along z, y, x (or y, x, or one number), instead of what the file says.
    channel, time
        Which one to take where there are several, from 0.

    Raises
    ------
    UserError
        When there is nothing, or nothing that is a volume of grey values.
    """
    given = parse_voxel_size(voxel_size)
    wanted = parse_location(os.fspath(path), channel, time)
    with explaining(wanted.text):
        return _volume(as_grey(_read(wanted), wanted), wanted, given)


def open_labels(
    path: str | os.PathLike[str], *, channel: int | None = None, time: int | None = None
) -> Volume:
    """Open a label image: as `open_volume`, but its values must be integers.

    They are taken as stored, even if the file has a palette or says that 0 is white.

    Raises
    ------
    UserError
        As `open_volume`, and for floating-point values.
    """
    wanted = parse_location(os.fspath(path), channel, time)
    with explaining(wanted.text):
        source = _read(wanted)
        if source.axes == "syx" and wanted.channel is None:
            # What tifffile calls three slices. They may be equal, so this comes first.
            source = replace(source, axes="zyx")
        source = one_of_equal(source, wanted)
        volume = _volume(source, wanted, None)
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
    volume = _volume(source, Location(name), parse_voxel_size(voxel_size))
    return replace(volume, name=name, path=None)


def _read(wanted: Location) -> Source:
    text = wanted.text
    if wanted.is_remote:
        return read_remote(text)
    hdf5 = split_hdf5_path(text)
    zipped = split_zip_path(text)
    raw = split_raw(text)
    file = file_of(text)
    if not file.exists():
        finish_replacing(file)  # a killed process may have been replacing it
    if not file.exists():
        raise MissingFileError(f"{file} does not exist; check the path")
    if file.is_dir():
        return _read_folder(file)
    if file.stat().st_size == 0:
        raise empty_file(file)
    if hdf5:
        stamp = Stamp.of(file)
        return _watched(read_hdf5(*hdf5), stamp)
    stamp = Stamp.of(file)
    if zipped:
        return _watched(read_zip(*zipped), stamp)
    if raw:
        return _watched(read_raw(*raw), stamp)
    reader = _reader(file)
    return _watched(reader(file), stamp)


def _read_folder(folder: Path) -> Source:
    if is_zarr(folder):
        return read_zarr(folder)
    if is_precomputed(folder):
        return read_precomputed(folder)
    if is_n5(folder):
        return read_n5(folder)
    return read_slices(folder)


def _reader(file: Path) -> Callable[[Path], Source]:
    """Return the reader of a file by its name.

    Raises
    ------
    UserError
        When there is none; it says what to do.
    """
    suffix = file.suffix.lower()
    reader = READERS.get(suffix)
    if is_packed(file):
        reader = None
        if file.with_suffix("").suffix.lower() in MRC_SUFFIXES:
            reader = read_mrc
    if reader is None:
        raise UserError(unknown_format(file))
    return reader


def _watched(source: Source, stamp: Stamp) -> Source:
    """Return what a reader found in one file, to be read only while the file stays as it is."""
    return replace(
        source,
        array=WatchedArray(source.array, stamp),
        levels=tuple(WatchedArray(level, stamp) for level in source.levels),
    )


def _volume(source: Source, wanted: Location, voxel_size: VoxelSize | None) -> Volume:
    """Check what a reader found and reduce it to (Y, X) or (Z, Y, X)."""
    name = str(wanted)
    shape = tuple(source.array.shape)
    kind = np.dtype(source.array.dtype).kind
    if kind not in "biuf":
        raise UserError(
            f"{name} holds {source.array.dtype} values; "
            "a volume needs integers or floating-point numbers"
        )
    if 0 in shape:
        raise UserError(
            f"{name} is empty: its shape is {times(shape)}; choose an image with voxels in it"
        )
    for array in (source.array, *source.levels):
        _check_count(tuple(array.shape), name)
    chosen = choose_indices(source.axes or usual_axes(shape, name), shape, wanted)
    data = _lazy(source.array, chosen, name)
    stated, doubt = _stated_size(source, name, data.shape)
    return Volume(
        name=_short_name(Path(wanted.text)),
        data=data,
        voxel_size=voxel_size or stated,
        origin=source.origin,
        path=Path(name),
        levels=tuple(_lazy(level, chosen, name) for level in source.levels),
        size_doubt=doubt,
        notes=source.notes,
        sides=source.sides,
        says_labels=source.says_labels,
    )


def _check_count(shape: tuple[int, ...], name: str) -> None:
    if prod(shape) > MOST_VOXELS:
        raise UserError(
            f"{name} states {times(shape)} voxels, more than any disk holds; it is damaged, so "
            "copy or download it again"
        )


def _lazy(array: Any, chosen: Choice, name: str) -> LazyArray:
    lazy = LazyArray(array, chosen.fixed, name)
    if chosen.in_order:
        return lazy
    return LazyArray(TransposedArray(lazy, chosen.order), [None] * lazy.ndim, name)


def _stated_size(source: Source, name: str, shape: tuple[int, ...]) -> tuple[VoxelSize | None, str]:
    """Return the voxel size that a file states, and why it is doubted, if it is."""
    stated = source.voxel_size
    _, y, x = source.sides
    if stated is None and (len(shape) == 2 or shape[0] == 1) and y and x:
        stated = (y, y, x)  # one slice needs no distance to the next
    if stated is None or is_plausible(stated):
        return stated, ""
    return None, f"the voxel size in {name}, {doubt_of_size(stated)}"


def _short_name(path: Path) -> str:
    """Return the name of a file without suffixes, for a layer or a table."""
    stem = Path(path.name).stem
    return stem.removesuffix(".ome") or path.name
