"""What is known of the image layers beside napari: who is who, the voxel size that the user typed, and whose contrast counts."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING
from uuid import uuid4
from weakref import WeakKeyDictionary

import numpy as np
from psygnal import Signal

from napari_scsam.config import VoxelSize
from napari_scsam.gui.layers.plane import layer_voxel_size
from napari_scsam.io.contrast import Contrast

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.utils.events import Event

CONTRAST_AS_SHOWN = "scsam_contrast_as_shown"
"""Key in ``layer.metadata`` of an image whose contrast in napari is also the network's."""


class Sources:
    """The image layers that were worked with, held weakly."""

    changed = Signal()
    """The voxel size of some layer, or whose contrast it has."""

    def __init__(self) -> None:
        self._volumes: WeakKeyDictionary[Image, Hashable] = WeakKeyDictionary()
        self._typed: WeakKeyDictionary[Image, VoxelSize] = WeakKeyDictionary()

    def volume(self, layer: Image) -> Hashable:
        """Return the identity of a layer's pixels: another one after ``layer.data`` was replaced."""
        if layer not in self._volumes:
            self._volumes[layer] = uuid4()
            layer.events.data.connect(self._on_data)
            layer.events.scale.connect(self._on_place)
            layer.events.units.connect(self._on_place)
        return self._volumes[layer]

    def layer(self, volume: Hashable) -> Image | None:
        """Find the layer that still has these pixels."""
        return next((layer for layer, known in self._volumes.items() if known == volume), None)

    def typed_size(self, layer: Image) -> VoxelSize | None:
        """Return the voxel size that the user typed for a layer."""
        return self._typed.get(layer)

    def type_size(self, layer: Image, size: VoxelSize | None) -> None:
        """Take the user's word for a voxel size (nm along z, y, x) over the layer's; None takes it back."""
        if size is None or size == layer_voxel_size(layer):
            self._typed.pop(layer, None)
        else:
            self._typed[layer] = size
        self.changed.emit()

    def take_contrast_as_shown(self, layer: Image, shown: bool) -> None:
        """Take the contrast that napari shows a layer in, or that of the whole volume."""
        layer.metadata = {**layer.metadata, CONTRAST_AS_SHOWN: shown}
        self.changed.emit()

    def contrast(self, layer: Image) -> Contrast | None:
        """Return the contrast of a layer, where it is taken as shown."""
        low, high = layer.contrast_limits
        return Contrast(float(low), float(high)) if layer.metadata.get(CONTRAST_AS_SHOWN) else None

    def voxel_size(self, layer: Image) -> VoxelSize | None:
        """Return the voxel size of a layer, nm along z, y, x; None when nobody said it."""
        return self._typed.get(layer) or layer_voxel_size(layer)

    def explain_size(self, layer: Image, trained: float | None) -> str:
        """Say where the voxel size comes from, and what that means for a network trained at some nm per pixel."""
        size = self.voxel_size(layer)
        if size is None:
            note = "Voxel size unknown: segmented at the image's own pixel size. Type it above if you know it."
            return (
                note
                if np.allclose(layer.scale, 1)
                else f"{note} (The layer's scale has no unit of length.)"
            )
        source = "As typed here" if layer in self._typed else "From the layer"
        if trained is None:
            return f"{source}."
        same = np.allclose(size, trained)
        return f"{source}; {'the same as' if same else 'slices are resampled to'} the network's {trained:g} nm."

    def _on_data(self, event: Event) -> None:
        self._volumes[event.source] = uuid4()

    def _on_place(self) -> None:
        self.changed.emit()
