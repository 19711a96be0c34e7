"""Slices of labels as files: which are in one file, writing them, and whether they are whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_scsam.io.read_errors import READ_ERRORS
from napari_scsam.io.zarr_access import ZarrArray, folder_of
from napari_scsam.volume.sync import sync_files


def group_depth(level: ZarrArray) -> int:
    """Return how many slices are in one file, and are written together."""
    if level.ndim == 2:
        return 1
    return int((level.shards or level.chunks)[0])


def group_of(level: ZarrArray, z: int) -> range:
    """Return the slices that are written together with slice `z`."""
    if level.ndim == 2:
        return range(1)
    depth = group_depth(level)
    first = z // depth * depth
    return range(first, min(first + depth, level.shape[0]))


def write_slices(
    level: ZarrArray, first: int, labels: NDArray[Any], window: tuple[slice, slice]
) -> tuple[str, ...]:
    """Write the labels (Z, Y, X) of slices that are in one file, and wait until they are on disk.

    Parameters
    ----------
    level
        Level 0.
    first
        The first of the slices.
    labels
        Of all these slices.
    window
        The rows and columns that they are of.

    Returns
    -------
    tuple of str
        Names of the files that hold them.
    """
    if level.ndim == 2:
        level[window] = labels[0]
    else:
        level[(slice(first, first + len(labels)), *window)] = labels
    folder = slice_folder(level, first)
    names = chunk_names(level, first)
    sync_files(folder, names, folder_of(level))
    return names


def is_whole(level: ZarrArray, z: int, names: tuple[str, ...] | None) -> bool:
    """Whether the labels of a slice can be read, and all of these files are there.

    Labels that somebody has changed since are whole.

    Parameters
    ----------
    names
        As `write_slice` returned them; None when they are not known.
    """
    if names is not None and not set(names) <= set(chunk_names(level, z)):
        return False
    try:
        level[slice_index(level, z)]
    except READ_ERRORS:
        return False
    return True


def slice_index(level: ZarrArray, z: int) -> Any:
    """Return the index of slice `z` in level 0."""
    return z if level.ndim == 3 else ...


def slice_folder(level: ZarrArray, z: int) -> Path:
    """Return the folder of the files that hold a slice."""
    folder = folder_of(level)
    if level.metadata.zarr_format == 3:
        folder = folder / "c"
    if level.ndim == 3:
        return folder / str(z // group_depth(level))
    return folder


def chunk_names(level: ZarrArray, z: int) -> tuple[str, ...]:
    """Return the files that hold a slice, e.g. ``0/1``, in order."""
    folder = slice_folder(level, z)
    names = [f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file()]
    # zarr v2 keeps its metadata in hidden files beside the chunks.
    return tuple(sorted(n for n in names if not n.endswith(".partial") and not n.startswith(".")))
