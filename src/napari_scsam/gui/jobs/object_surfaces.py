"""The surfaces of objects, on the worker thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.objects.boxes import Box
from napari_scsam.steps import Progress, Steps

MOST_VOXELS = 2**22
"""Of the box of an object; of a larger one, every second voxel along each axis is used."""

OUTWARDS = 0.6
"""Voxels that a surface is shown outside of its object."""


@dataclass(frozen=True)
class SurfaceRequest:
    """The objects whose surfaces are wanted."""

    data: Any
    """(Z, Y, X), one label an object."""
    labels: tuple[int, ...]
    boxes: tuple[Box, ...]
    colours: NDArray[np.float32]
    """N×4."""


@dataclass(frozen=True)
class Surfaces:
    """The surfaces of objects, together."""

    labels: tuple[int, ...]
    vertices: NDArray[np.float32]
    """N×3 voxels along z, y, x."""
    faces: NDArray[np.int32]
    """M×3 rows of `vertices`."""
    colours: NDArray[np.float32]
    """N×4, of each vertex."""


def surface_steps(request: SurfaceRequest) -> Steps[Surfaces]:
    """Compute closed surfaces of objects by marching cubes (Lewiner, via scikit-image)."""
    vertices = [np.zeros((0, 3), np.float32)]
    faces = [np.zeros((0, 3), np.int32)]
    colours = [np.zeros((0, 4), np.float32)]
    before = 0
    for number, (label, box) in enumerate(zip(request.labels, request.boxes, strict=True)):
        yield Progress(number, len(request.labels), "surfaces of objects")
        own, own_faces = preview_surface(request.data, label, box)
        vertices.append(own)
        faces.append(own_faces + np.int32(before))
        colours.append(np.repeat(request.colours[number][None], len(own), axis=0))
        before += len(own)
    return Surfaces(
        request.labels, np.concatenate(vertices), np.concatenate(faces), np.concatenate(colours)
    )


def preview_surface(
    data: Any, label: int, box: Box
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return the vertices, in voxels of the array, and the faces of the surface of an object."""
    from skimage.measure import marching_cubes

    mask = np.asarray(data[box]) == label
    if not mask.any():
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)
    step = 1
    if mask.size > MOST_VOXELS:
        step = 2
    padded = np.pad(mask, step).astype(np.float32)
    vertices, faces, normals, _ = marching_cubes(padded, 0.5, step_size=step)
    # The voxels are shown too; the surface lies just outside of them.
    vertices += OUTWARDS * normals + np.array([side.start for side in box]) - step
    return vertices.astype(np.float32), faces.astype(np.int32)
