"""The columns of a table of objects, from what was added up for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import VoxelSize
from napari_scsam.volume.measure.sums import ObjectSums
from napari_scsam.volume.measure.table import ObjectTable

NM_PER_UM = 1000.0

SIZE_COLUMNS = {
    2: ("area_um2", "perimeter_um", "longest_axis_um", "circularity", "elongation"),
    3: ("volume_um3", "surface_um2", "longest_axis_um", "sphericity", "elongation"),
}
"""Columns of sizes and shapes in a slice and in a volume; unknown without a voxel size."""

AXES = "zyx"

COLUMNS = (
    "class",
    "id",
    "voxels",
    *SIZE_COLUMNS[3],
    "mean_grey",
    "sd_grey",
    *(f"{axis}_um" for axis in AXES),
    *(f"{axis}_voxel" for axis in AXES),
    *(f"{axis}0_voxel" for axis in AXES),
    *(f"{axis}1_voxel" for axis in AXES),
    "touches_border",
)
"""All columns of a volume, in order. In a slice, `SIZE_COLUMNS[2]` are in place of the others."""


def make_table(
    sums: ObjectSums,
    names: NDArray[np.str_],
    shape: Sequence[int],
    voxel_size: VoxelSize | None,
    origin: Sequence[float] = (0.0, 0.0, 0.0),
) -> ObjectTable:
    """Return the table of objects.

    Parameters
    ----------
    sums
        Of K objects, in the units of the voxel size.
    names
        K names of their classes.
    shape
        Of the volume, (Y, X) or (Z, Y, X).
    voxel_size
        nm along z, y, x; None when it is unknown, which leaves sizes in µm and shapes unknown.
    origin
        nm along z, y, x: the centre of the first voxel.
    """
    columns: dict[str, NDArray[Any]] = {"class": names, "id": sums.ids, "voxels": sums.voxels}
    columns |= _sizes(sums, voxel_size)
    columns |= {"mean_grey": sums.grey, "sd_grey": np.sqrt(sums.grey_spread / sums.voxels)}
    columns |= _positions(sums, voxel_size, origin)
    columns["touches_border"] = _touches_border(sums, shape)
    return ObjectTable(columns)


def _sizes(sums: ObjectSums, voxel_size: VoxelSize | None) -> Mapping[str, NDArray[Any]]:
    """Return the columns of sizes and shapes."""
    ndim = sums.low.shape[1]
    names = SIZE_COLUMNS[ndim]
    if voxel_size is None:
        return {name: np.full(len(sums), np.nan) for name in names}
    size = np.asarray(voxel_size[-ndim:], np.float64)
    content = sums.voxels * float(np.prod(size / NM_PER_UM))
    surface = sums.surface / NM_PER_UM ** (ndim - 1)
    values = (
        content,
        surface,
        sums.longest / NM_PER_UM,
        _roundness(content, surface, ndim),
        elongations(sums, size),
    )
    return dict(zip(names, values, strict=True))


def _roundness(content: NDArray[Any], surface: NDArray[Any], ndim: int) -> NDArray[Any]:
    """Return circularity 4πA/P², or sphericity π^⅓ (6V)^⅔ / S: 1 for a disc or a ball."""
    roundness: NDArray[Any]
    if ndim == 2:
        roundness = 4 * np.pi * content / surface**2
    else:
        roundness = np.cbrt(np.pi) * np.cbrt(6 * content) ** 2 / surface
    return roundness


def elongations(sums: ObjectSums, size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the longest axis divided by the next one, of ellipsoids with the objects' moments.

    The second moments are those of voxels that fill their space, not of points.
    """
    moments = sums.spread / sums.voxels[:, None, None] * size[:, None] * size
    moments += np.diag(size**2) / 12
    variances = np.linalg.eigvalsh(moments)
    longest: NDArray[np.float64] = np.sqrt(variances[:, -1] / variances[:, -2])
    return longest


def _positions(
    sums: ObjectSums, voxel_size: VoxelSize | None, origin: Sequence[float]
) -> Mapping[str, NDArray[Any]]:
    """Return the columns of centres and bounding boxes; a slice is at z = 0."""
    centre = _with_z(sums.total / sums.voxels[:, None], 0.0)
    low = _with_z(sums.low, 0)
    high = _with_z(sums.high, 1)
    place = np.full(centre.shape, np.nan)
    if voxel_size is not None:
        place = (centre * voxel_size + np.asarray(origin)) / NM_PER_UM
    columns: dict[str, NDArray[Any]] = {}
    for name, values in (("{}_um", place), ("{}_voxel", centre), ("{}0_voxel", low)):
        columns |= {name.format(a): values[:, i].copy() for i, a in enumerate(AXES)}
    columns |= {f"{a}1_voxel": high[:, i].copy() for i, a in enumerate(AXES)}
    return columns


def _with_z(values: NDArray[Any], z: float) -> NDArray[Any]:
    """Return K×3 values; those of a slice get this one along z."""
    if values.shape[1] == 3:
        return values
    return np.insert(values, 0, z, axis=1)


def _touches_border(sums: ObjectSums, shape: Sequence[int]) -> NDArray[np.bool_]:
    """Return whether bounding boxes reach the border; the only slice of a volume is not there."""
    touches: NDArray[np.bool_] = (sums.low == 0).any(axis=1)
    touches |= (sums.high == np.asarray(shape)).any(axis=1)
    return touches
