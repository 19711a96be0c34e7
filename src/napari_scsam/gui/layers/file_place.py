"""The place of a layer, as a label file can hold it: size and origin, and nothing turned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.gui.layers.plane import is_tilted
from napari_scsam.io.units import to_nm, voxel_size_nm
from napari_scsam.plausible import is_plausible

TURNS = ("rotate", "shear")
"""What turns a layer in its state."""


def check_layer_place(attributes: dict[str, Any], ndim: int) -> None:
    """Check that a file can hold a layer, before anything is written.

    Raises
    ------
    UserError
        When the layer is no picture or volume, or is sheared or rotated through its slices.
    """
    if ndim < 2:
        raise UserError(
            f"{_name(attributes)} has {ndim} axes, but a label file holds pictures or volumes; "
            "choose a layer of 2 or 3"
        )
    steps = _own_steps(attributes, ndim)
    if attributes.get("affine") is not None:
        steps = np.asarray(attributes["affine"])[:ndim, :ndim] @ steps
    if any(is_tilted(steps.T, axis) for axis in range(ndim - 2)):
        raise UserError(
            f"{_name(attributes)} is sheared or rotated through its slices, "
            "which a label file cannot hold; reset its transform, then save it"
        )


def lost_place(attributes: dict[str, Any], ndim: int) -> Iterator[str]:
    """Yield what a label file does not hold of the place of a layer, as sentences."""
    name = _name(attributes)
    steps = _own_steps(attributes, ndim)
    if (np.diag(steps) < 0).any():
        yield f"{name} is mirrored in the viewer; its file holds the pixels as they are stored"
    if any(is_tilted(steps.T, axis) for axis in range(ndim)):
        yield f"{name} is turned or sheared in the viewer; its file holds the pixels unturned"
    affine = attributes.get("affine")
    if affine is not None and not np.allclose(np.asarray(affine), np.eye(ndim + 1)):
        yield f"{name} has an affine transform in the viewer, which its file does not hold"


def physical_place(
    attributes: dict[str, Any], ndim: int
) -> tuple[VoxelSize | None, tuple[float, float, float]]:
    """Return voxel size and origin, nm along z, y, x, of a layer; no size if it has no units.

    A size that is not plausible is not known.
    """
    scale = attributes.get("scale", (1.0,) * ndim)
    translate = attributes.get("translate", (0.0,) * ndim)
    units = [str(unit) for unit in attributes.get("units", ("pixel",) * ndim)]
    size = voxel_size_nm([abs(float(step)) for step in scale], units)
    if size is not None and not is_plausible(size):
        size = None
    shift = [to_nm(float(by), unit) or 0.0 for by, unit in zip(translate, units, strict=True)]
    z, y, x = [0.0] * (3 - ndim) + shift
    return size, (z, y, x)


def _own_steps(attributes: dict[str, Any], ndim: int) -> NDArray[np.float64]:
    """Return the matrix of scale, rotation and shear; each column is a step along an axis."""
    shape = {key: attributes[key] for key in TURNS if key in attributes}
    scale = attributes.get("scale", (1.0,) * ndim)
    steps: NDArray[np.float64] = Affine(scale=scale, ndim=ndim, **shape).linear_matrix
    return steps


def _name(attributes: dict[str, Any]) -> str:
    return repr(attributes.get("name", "the layer"))
