"""How the object tools work: in which slices, how far, and what counts as small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.layers.plane import layer_voxel_size
from napari_scsam.gui.object_tools import describe_size

if TYPE_CHECKING:
    from napari_scsam.gui.layers.pointing import LayerPlane

NO_PIXEL_SIZE = "the layer does not say how large its pixels are; enter the smallest size in pixels"


class ToolSettings:
    """What the user chose for the object tools."""

    changed = Signal()

    def __init__(self) -> None:
        self.whole = False
        """Through all slices, or in the slice shown."""
        self.radius = 2.0
        """Pixels to smooth, grow and shrink by."""
        self.smallest = 50.0
        """Size below which an object is small."""
        self.in_micrometres = False
        """Whether `smallest` is in µm² or µm³; else in pixels or voxels."""

    def set_radius(self, radius: float) -> None:
        """Choose how far to smooth, grow and shrink, in pixels of the finest axis."""
        self.radius = radius
        self.changed.emit()

    def set_smallest(self, smallest: float) -> None:
        """Choose below which size an object is small, in the unit chosen."""
        self.smallest = smallest
        self.changed.emit()

    def set_unit(self, *, in_micrometres: bool, target: LayerPlane | None) -> None:
        """Choose the unit of the smallest size.

        The size itself stays the same, where the layer says how large its pixels are.
        """
        voxel = None
        if target is not None and in_micrometres != self.in_micrometres:
            voxel = self._voxel_in_micrometres(target)
        if voxel is not None:
            if in_micrometres:
                self.smallest *= voxel
            else:
                self.smallest /= voxel
        self.in_micrometres = in_micrometres
        self.changed.emit()

    def smallest_in_voxels(self, target: LayerPlane) -> float:
        """Return the smallest size in voxels of a layer.

        Raises
        ------
        UserError
            When it is in µm and the layer does not say how large its pixels are.
        """
        if not self.in_micrometres:
            return self.smallest
        voxel = self._voxel_in_micrometres(target)
        if voxel is None:
            raise UserError(NO_PIXEL_SIZE)
        return self.smallest / voxel

    def describe_smallest(self) -> str:
        """Write the smallest size with its unit."""
        return describe_size(self.smallest, whole=self.whole, in_micrometres=self.in_micrometres)

    def _voxel_in_micrometres(self, target: LayerPlane) -> float | None:
        """Return the size of a voxel in µm³, or in µm² for one slice; None when unknown."""
        size = target.plane.voxel_size(layer_voxel_size(target.layer))
        if size is None:
            return None
        sides = np.array(size[-target.layer.ndim :]) / 1000
        if not self.whole:
            sides = sides[-2:]
        return float(np.prod(sides))
