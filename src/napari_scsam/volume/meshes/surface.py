"""The surface of one object: marching cubes, closed at the border of the volume, simplified.

Surfaces come from zmesh (Silversmith, seung-lab): marching cubes (Lorensen and Cline 1987) and
quadric edge collapse (Garland and Heckbert 1997), whose error is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import zmesh
from numpy.typing import NDArray

MOST_VOXELS = 2**26
"""Voxels of a part of an object's box that is looked at in one piece."""

MOST_FACES = 2**25
"""Triangles of a surface before it is simplified; one with more does not fit into memory."""

FACTOR = 1000
"""Simplification ends at the error, and not at a number of triangles."""

MaskReader = Callable[[tuple[slice, ...]], NDArray[np.bool_]]


class TooLargeError(ValueError):
    """A surface that does not fit into memory."""


@dataclass(frozen=True)
class Mesh:
    """A closed surface of triangles, which are counter-clockwise seen from outside."""

    vertices: NDArray[np.float32]
    """N×3, x y z."""
    faces: NDArray[np.uint32]
    """M×3 numbers of vertices."""

    def moved(self, shift: Sequence[float]) -> Mesh:
        """Return the surface elsewhere, by x y z."""
        points = self.vertices + np.asarray(shift, np.float64)
        return Mesh(points.astype(np.float32), self.faces)

    def volume(self) -> float:
        """Return the volume that it encloses (divergence theorem)."""
        corners = self.vertices.astype(np.float64)[self.faces]
        normals = np.cross(corners[:, 1], corners[:, 2])
        return float(np.einsum("ij,ij->", corners[:, 0], normals) / 6)


def surface_of(
    read: MaskReader,
    box: Sequence[slice],
    voxel_size: Sequence[float],
    error: float,
    *,
    most_voxels: int = MOST_VOXELS,
) -> Mesh:
    """Return the surface of an object.

    Parameters
    ----------
    read
        Reads where the object is in a part of the volume (Z, Y, X).
    box
        Its bounding box.
    voxel_size
        Along z, y, x; the unit is that of the mesh. The centre of the first voxel is at 0.
    error
        How far a vertex may move when the surface is simplified, in the same unit; 0 keeps all.
    most_voxels
        Of a part of the box that is looked at in one piece; the result does not depend on it.

    Raises
    ------
    TooLargeError
        When there are more than `MOST_FACES` triangles.
    """
    found = [_part_of_surface(read, box, part) for part in _parts(box, most_voxels)]
    if sum(len(faces) for _, faces in found) > MOST_FACES:
        raise TooLargeError
    vertices, faces = _joined(found)
    # In units of the shortest side, near 0: zmesh simplifies whole numbers of a small fraction.
    unit = min(voxel_size)
    scaled = vertices * (np.asarray(voxel_size, np.float64) / unit / 2)
    origin = scaled.min(axis=0)
    mesh = zmesh.Mesh((scaled - origin).astype(np.float32), faces, None)
    if error > 0:
        mesher = zmesh.Mesher((1, 1, 1))
        mesh = mesher.simplify(mesh, reduction_factor=FACTOR, max_error=error / unit)
    points = ((mesh.vertices + origin) * unit)[:, ::-1]  # x y z
    # Vertices mirrored by the new order of axes: triangles turn round, too.
    return Mesh(points.astype(np.float32), np.ascontiguousarray(mesh.faces[:, ::-1]))


def _parts(box: Sequence[slice], most_voxels: int) -> Iterator[tuple[slice, ...]]:
    """Return parts that cover a box with a rim of one voxel, and share a layer of voxels.

    Marching cubes works between voxels, so that parts which share a layer share no triangle.
    """
    lengths = [side.stop - side.start + 2 for side in box]
    sides = list(lengths)
    while np.prod(sides) > most_voxels and max(sides) > 2:
        longest = sides.index(max(sides))
        sides[longest] = max(2, -(-sides[longest] // 2))
    axes = [
        [
            slice(first, min(first + size, side.start - 1 + length))
            for first in range(side.start - 1, side.start + length - 2, size - 1)
        ]
        for side, size, length in zip(box, sides, lengths, strict=True)
    ]
    yield from product(*axes)


def _part_of_surface(
    read: MaskReader, box: Sequence[slice], part: Sequence[slice]
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return vertices (z y x, in half voxels) and triangles of a part of a box."""
    inside = tuple(
        slice(max(p.start, b.start), min(p.stop, b.stop)) for p, b in zip(part, box, strict=True)
    )
    rims = [(i.start - p.start, p.stop - i.stop) for i, p in zip(inside, part, strict=True)]
    mask = np.pad(read(inside).astype(np.uint8), rims)
    mesher = zmesh.Mesher((1, 1, 1))
    mesher.mesh(mask)
    if 1 not in mesher.ids():
        return np.zeros((0, 3), np.int64), np.zeros((0, 3), np.uint32)
    mesh = mesher.get(1)
    start = np.array([side.start for side in part])
    return np.rint(mesh.vertices * 2).astype(np.int64) + 2 * start, mesh.faces


def _joined(
    parts: Sequence[tuple[NDArray[np.int64], NDArray[Any]]],
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return one surface: vertices at the same place become one."""
    if len(parts) == 1:
        return parts[0][0], parts[0][1].astype(np.uint32)
    counts = np.cumsum([0, *(len(vertices) for vertices, _ in parts)])
    vertices = np.concatenate([vertices for vertices, _ in parts])
    faces = np.concatenate(
        [faces.astype(np.int64) + first for (_, faces), first in zip(parts, counts, strict=False)]
    )
    low = vertices.min(axis=0)
    widths = vertices.max(axis=0) - low + 1
    codes = np.ravel_multi_index(tuple((vertices - low).T), tuple(widths))
    _, kept, numbers = np.unique(codes, return_index=True, return_inverse=True)
    return vertices[kept], numbers[faces].astype(np.uint32)
