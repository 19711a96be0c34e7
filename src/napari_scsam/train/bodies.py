"""Proofread cell bodies as a source: the borders between them are membranes, along three axes.

The borders of a segmentation of neurons follow the membranes. It says nothing of organelles.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_scsam.io.lazy import LazyArray
from napari_scsam.io.volumes import Volume
from napari_scsam.train.finetune.known_labels import UNKNOWN

Axis = Literal["z", "y", "x"]

ORDERS: dict[Axis, tuple[int, int, int]] = {"z": (0, 1, 2), "y": (1, 0, 2), "x": (2, 0, 1)}
"""Which axes of a volume become z, y and x when it is sliced across each of them."""

CROSS = ndimage.generate_binary_structure(2, 1)[None]
"""A pixel and its four neighbours on a slice."""


def turned(volume: Volume, axis: Axis) -> Volume:
    """Return a volume that is sliced across an axis; across another than z it is in memory."""
    if axis == "z" or volume.ndim == 2:
        return volume
    order = ORDERS[axis]
    voxels = np.stack([volume.plane(z) for z in range(volume.depth)]).transpose(order)
    size = volume.voxel_size
    if size is not None:
        size = (size[order[0]], size[order[1]], size[order[2]])
    array = LazyArray(voxels, (None, None, None), volume.name)
    return replace(volume, data=array, voxel_size=size, levels=())


def body_borders(bodies: NDArray[Any], row: int) -> NDArray[np.uint8]:
    """Turn numbers of bodies into class indices, slice by slice.

    Parameters
    ----------
    bodies
        Z×Y×X; 0 is not a body.
    row
        Index of the membrane.

    Returns
    -------
    classes
        Z×Y×X: `row` on both sides of a border, 0 inside a body. The pixels next to a border are
        unknown, since people draw membranes of different thickness.
    """
    low = ndimage.minimum_filter(bodies, footprint=CROSS)
    border = low != ndimage.maximum_filter(bodies, footprint=CROSS)
    near = ndimage.binary_dilation(border, CROSS)
    classes = np.where(near | (bodies == 0), UNKNOWN, 0).astype(np.uint8)
    classes[border & (bodies != 0)] = row
    return classes
