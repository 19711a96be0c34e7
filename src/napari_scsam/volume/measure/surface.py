"""Surface areas and perimeters of objects in a label image, by the Crofton formula.

The surface of an object is the mean, over all directions, of how often lines meet it. In a grid,
there are 13 directions between neighbouring voxels, and 4 in a slice. Each is weighted by the part
of the sphere that is nearest to it. What each 2×2×2 cell of voxels adds depends on its
configuration alone, so that areas of parts add up: Ohser & Mücklich 2000, "Statistical Analysis of
Microstructures in Materials Science"; Lehmann & Legland 2012, "Efficient N-Dimensional surface
estimation using Crofton formula and run-length encoding", Insight Journal.

The mean over orientations is exact for any voxel size. In cubic voxels, a plane is up to 7 % off at
the worst orientation. Where slices are far apart, it is more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import pi
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

CELLS_AT_ONCE = 1 << 18
"""Cells whose corners are compared together; they stay in the cache of the processor."""

Offset = tuple[int, ...]


def cell_weights(size: Sequence[float]) -> NDArray[np.float64]:
    """Return the surface that a cell of 2 voxels along each axis adds, by its configuration.

    Parameters
    ----------
    size
        Of a voxel along its two or three axes.

    Returns
    -------
    NDArray
        2^(number of corners) areas in 3-D, or lengths in 2-D. Bit i of the index says whether the
        object has corner i, in reading order.
    """
    steps = _steps(len(size))
    lengths = np.linalg.norm(steps * np.asarray(size), axis=1)
    shares = direction_shares(size)
    constant = {2: pi / 2, 3: 2.0}[len(size)]
    corners = list(product((0, 1), repeat=len(size)))
    codes = np.arange(2 ** len(corners))
    weights = np.zeros(len(codes))
    for step, length, share in zip(steps, lengths, shares, strict=True):
        # A pair of voxels that is parallel to a face or an edge is in several cells.
        cells = 2 ** int(np.count_nonzero(step == 0))
        each = constant * share * float(np.prod(size)) / length / cells
        for first, second in _pairs(corners, tuple(step)):
            weights += each * ((codes >> first & 1) != (codes >> second & 1))
    return weights


def direction_shares(size: Sequence[float]) -> NDArray[np.float64]:
    """Return the parts of all directions that are nearest to each step between neighbours.

    Parameters
    ----------
    size
        Of a voxel along its two or three axes.

    Returns
    -------
    NDArray
        4 or 13 shares, in the order of the steps; their sum is 1.
    """
    steps = _steps(len(size)) * np.asarray(size)
    units = steps / np.linalg.norm(steps, axis=1)[:, None]
    both = np.concatenate([units, -units])
    if len(size) == 3:
        areas = scipy.spatial.SphericalVoronoi(both).calculate_areas()
    else:
        areas = _arcs(both)
    shares: NDArray[np.float64] = areas[: len(units)] + areas[len(units) :]
    shares /= shares.sum()
    return shares


def surfaces(labels: NDArray[Any], count: int, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the surface of each object inside the cells between the voxels of an array.

    Parameters
    ----------
    labels
        (Y, X) or (Z, Y, X) objects, numbered without gaps; 0 is none. An outline at the border of
        the array is not counted: where it should, the array has a border of zeros.
    count
        Highest number.
    weights
        Of `cell_weights`.

    Returns
    -------
    NDArray
        ``count + 1`` areas, or lengths in 2-D; the first is 0.
    """
    found = np.zeros(count + 1)
    if min(labels.shape) < 2:
        return found
    flat = np.ascontiguousarray(labels).reshape(-1)
    cells = np.flatnonzero(mixed_cells(labels))
    steps = corner_steps(labels.shape)
    for start in range(0, len(cells), CELLS_AT_ONCE):
        part = cells[start : start + CELLS_AT_ONCE]
        corners = [flat[part + step] for step in steps]
        for _, owner, codes in configurations(corners):
            found += np.bincount(owner, weights[codes], count + 1)
    return found


def voxel_surfaces(labels: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the part of its object's surface that belongs to each voxel.

    What a cell adds is shared evenly by the voxels of the object in it. It is 0 for voxels all of
    whose neighbours, also along diagonals, are of the same object.

    Parameters
    ----------
    labels, weights
        As in `surfaces`.

    Returns
    -------
    NDArray
        Of the shape of the labels.
    """
    found = np.zeros(labels.size)
    if min(labels.shape) < 2:
        return found.reshape(labels.shape)
    flat = np.ascontiguousarray(labels).reshape(-1)
    cells = np.flatnonzero(mixed_cells(labels))
    steps = corner_steps(labels.shape)
    members = np.array([code.bit_count() for code in range(len(weights))])
    shares = weights / np.maximum(members, 1)
    for start in range(0, len(cells), CELLS_AT_ONCE):
        part = cells[start : start + CELLS_AT_ONCE]
        corners = [flat[part + step] for step in steps]
        for chosen, _, codes in configurations(corners):
            for bit, step in enumerate(steps):
                own = np.flatnonzero(codes >> bit & 1)
                np.add.at(found, part[chosen[own]] + step, shares[codes[own]])
    return found.reshape(labels.shape)


def configurations(
    corners: Sequence[NDArray[Any]],
) -> Iterator[tuple[NDArray[np.intp], NDArray[Any], NDArray[np.uint8]]]:
    """Yield which objects are in cells, and which corners each has there.

    Parameters
    ----------
    corners
        For each corner, the object there in each of M cells.

    Yields
    ------
    cells, owners, codes
        Places in the M cells, the object, and its corners as in `cell_weights`. Each object of a
        cell comes once.
    """
    for number, corner in enumerate(corners):
        first_here = corner != 0
        for earlier in corners[:number]:
            first_here &= earlier != corner
        cells = np.flatnonzero(first_here)
        owners = corner[cells]
        codes = np.zeros(len(cells), np.uint8)
        for bit, other in enumerate(corners):
            codes |= (other[cells] == owners).astype(np.uint8) << bit
        yield cells, owners, codes


def mixed_cells(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which cells hold more than one value, at their first corner; shape of the labels."""
    mixed = np.zeros(labels.shape, bool)
    inside = np.zeros((), bool)
    for axis in reversed(range(labels.ndim)):
        # Neighbours along this axis, where all later axes have their first corner.
        first = (slice(None),) * (axis + 1) + (slice(-1),) * (labels.ndim - axis - 1)
        rows = labels[first]
        differ = _after(rows, axis) != _before(rows, axis)
        if inside.ndim:
            differ |= _after(inside, axis)
            differ |= _before(inside, axis)
        inside = differ
    mixed[(slice(-1),) * labels.ndim] = inside
    return mixed


def corner_steps(shape: Sequence[int]) -> list[int]:
    """Return the corners of a cell as steps in a flat array of this shape, in reading order."""
    strides = np.cumprod([1, *shape[:0:-1]])[::-1]
    return [int(np.dot(corner, strides)) for corner in product((0, 1), repeat=len(shape))]


def _steps(ndim: int) -> NDArray[np.int64]:
    """Return the steps to neighbours, one of each opposite two."""
    origin = (0,) * ndim
    return np.array([step for step in product((-1, 0, 1), repeat=ndim) if step > origin])


def _pairs(corners: list[Offset], step: Offset) -> list[tuple[int, int]]:
    """Return the pairs of corners, by number, that are one step apart."""
    found = []
    for number, corner in enumerate(corners):
        other = tuple(int(c + s) for c, s in zip(corner, step, strict=True))
        if other in corners:
            found.append((number, corners.index(other)))
    return found


def _arcs(units: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the length of the arc that is nearest to each of some unit vectors."""
    angles = np.arctan2(units[:, 0], units[:, 1])
    order = np.argsort(angles)
    gaps = np.diff(angles[order], append=angles[order[0]] + 2 * pi)
    arcs = np.empty(len(units))
    arcs[order] = (gaps + np.roll(gaps, 1)) / 2
    return arcs


def _after(values: NDArray[Any], axis: int) -> NDArray[Any]:
    return values[(slice(None),) * axis + (slice(1, None),)]


def _before(values: NDArray[Any], axis: int) -> NDArray[Any]:
    return values[(slice(None),) * axis + (slice(-1),)]
