"""Read Imaris 5.5 files (``.ims``), which are HDF5.

See https://imaris.oxinst.com/support/imaris-file-format
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_scsam.io.lazy import Source
from napari_scsam.io.read_errors import explaining
from napari_scsam.io.units import sides_nm, three_sides, to_nm, whole_size
from napari_scsam.io.untrusted.hdf5_chunks import check_hdf5_chunks
from napari_scsam.io.untrusted.hdf5_files import open_hdf5
from napari_scsam.io.untrusted.hdf5_heaps import read_attribute
from napari_scsam.io.untrusted.hdf5_links import check_storage

MOST = 4096
"""Most levels, channels or time points that are looked for."""


def read_imaris(path: Path) -> Source:
    """Open all channels and time points of an Imaris file, with its coarser copies.

    Raises
    ------
    UserError
        When it is not one.
    """
    with explaining(path):
        file = open_hdf5(path)
        levels = [
            _level(group, path) for group in _numbered(_group(file, "DataSet"), "ResolutionLevel")
        ]
        if not levels:
            raise ValueError("it has no image")
        sides, origin = _place(file, levels[0].shape[-3:])
        return Source(
            array=levels[0],
            axes="tczyx",
            voxel_size=whole_size(sides),
            origin=origin,
            levels=tuple(levels[1:]),
            sides=three_sides(sides),
        )


def _group(parent: h5py.Group, name: str) -> h5py.Group:
    found = parent[name]
    if not isinstance(found, h5py.Group):
        raise TypeError(f"{name!r} in it is not a group")
    return found


def _numbered(parent: h5py.Group, name: str) -> list[h5py.Group]:
    """Return the groups ``NAME 0``, ``NAME 1`` and so on."""
    found = []
    for number in range(MOST):
        if f"{name} {number}" not in parent:
            break
        found.append(_group(parent, f"{name} {number}"))
    return found


def _level(group: h5py.Group, path: Path) -> GridOfArrays:
    rows = [
        [_channel(channel, path) for channel in _numbered(time, "Channel")]
        for time in _numbered(group, "TimePoint")
    ]
    return GridOfArrays(rows)


def _channel(channel: h5py.Group, path: Path) -> CroppedArray:
    dataset = channel["Data"]
    if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 3:
        raise TypeError("its data are not of three axes")
    check_storage(dataset, path)
    shape = [int(_text(channel, f"ImageSize{axis}")) for axis in "ZYX"]
    if any(not 0 < wanted <= size for wanted, size in zip(shape, dataset.shape, strict=True)):
        raise ValueError(f"it states the size {shape}, but has {dataset.shape} voxels")
    return CroppedArray(check_hdf5_chunks(dataset), tuple(shape))


def _text(node: Any, name: str) -> str:
    """Return an attribute, which Imaris writes as an array of letters."""
    found = read_attribute(node, name)
    if found is None:
        raise KeyError(name)
    value = np.asarray(found)
    if value.dtype.kind == "S":
        return b"".join(value.reshape(-1).tolist()).decode(errors="replace").strip()
    return str(value.reshape(-1)[0])


def _place(
    file: h5py.File, shape: tuple[int, ...]
) -> tuple[tuple[float | None, ...], tuple[float, float, float]]:
    """Return nm along z, y, x, and where the centre of the first voxel is."""
    info = _group(_group(file, "DataSetInfo"), "Image")
    unit = "um"
    if "Unit" in info.attrs:
        unit = _text(info, "Unit")
    sizes = []
    origin = []
    for axis, count in zip("210", shape, strict=True):
        low = float(_text(info, f"ExtMin{axis}"))
        size = (float(_text(info, f"ExtMax{axis}")) - low) / count
        sizes.append(float(f"{size:.7g}"))
        origin.append(to_nm(low + size / 2, unit) or 0.0)
    return sides_nm(sizes, [unit] * 3), (origin[0], origin[1], origin[2])


class CroppedArray:
    """The first voxels of an array along each axis: Imaris fills its chunks up.

    Parameters
    ----------
    stored
        Anything with ``shape``, ``dtype`` and numpy-style slicing.
    shape
        What is left of it.
    """

    def __init__(self, stored: Any, shape: tuple[int, ...]) -> None:
        self._stored = stored
        self.shape = shape
        self.dtype = np.dtype(stored.dtype)
        self.chunks = getattr(stored, "chunks", None)

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[Any]:
        inside = tuple(_inside(part, size) for part, size in zip(key, self.shape, strict=True))
        return np.asarray(self._stored[inside])


def _inside(part: Any, size: int) -> Any:
    """Return the part of an axis of a size, as the longer axis of the file counts it."""
    if isinstance(part, slice):
        numbers = range(*part.indices(size))
        return slice(numbers.start, numbers.stop, numbers.step)
    if np.ndim(part) == 0:
        return int(part) % size
    return part


class GridOfArrays:
    """Arrays (Z, Y, X) of several time points and channels, as one (T, C, Z, Y, X).

    Parameters
    ----------
    rows
        The channels of each time point; all arrays have one shape and type.
    """

    def __init__(self, rows: list[list[CroppedArray]]) -> None:
        first = rows[0][0]
        for row in rows:
            if len(row) != len(rows[0]):
                raise ValueError("its time points differ in channels")
            if any((a.shape, a.dtype) != (first.shape, first.dtype) for a in row):
                raise ValueError("its channels differ in shape or type")
        self._rows = rows
        self.shape = (len(rows), len(rows[0]), *first.shape)
        self.dtype = first.dtype
        if first.chunks is not None:
            self.chunks = (1, 1, *first.chunks)

    @property
    def ndim(self) -> int:
        """Number of axes: 5."""
        return len(self.shape)

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[Any]:
        time, channel, *rest = key
        voxels: NDArray[Any] = self._rows[time][channel][tuple(rest)]
        return voxels
