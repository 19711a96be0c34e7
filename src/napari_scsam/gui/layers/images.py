"""What the plugin knows of image layers: identity, typed voxel size, and choice of contrast."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING
from uuid import uuid4
from weakref import WeakKeyDictionary

import numpy as np
from psygnal import Signal

from napari_scsam.config import VoxelSize
from napari_scsam.gui.layers.plane import layer_voxel_size, stated_voxel_size
from napari_scsam.io.contrast import Contrast
from napari_scsam.plausible import doubt_of_size

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.utils.events import Event

CONTRAST_AS_SHOWN = "scsam_contrast_as_shown"
"""Key in ``layer.metadata`` of an image whose displayed contrast the network uses."""


class Sources:
    """The image layers in use, held weakly."""

    changed = Signal()
    """The voxel size or the contrast of a layer has changed."""

    def __init__(self) -> None:
        self._volumes: WeakKeyDictionary[Image, Hashable] = WeakKeyDictionary()
        self._typed: WeakKeyDictionary[Image, VoxelSize] = WeakKeyDictionary()

    def volume(self, layer: Image) -> Hashable:
        """Return the identity of a layer's pixels; it changes when ``layer.data`` is replaced."""
        if layer not in self._volumes:
            self._volumes[layer] = uuid4()
            layer.events.data.connect(self._on_data)
            layer.events.scale.connect(self._on_place)
            layer.events.units.connect(self._on_place)
        return self._volumes[layer]

    def layer(self, volume: Hashable) -> Image | None:
        """Return the layer that still has these pixels; None if there is none."""
        return next((layer for layer, known in self._volumes.items() if known == volume), None)

    def typed_size(self, layer: Image) -> VoxelSize | None:
        """Return the voxel size that the user typed for a layer, if any."""
        return self._typed.get(layer)

    def type_size(self, layer: Image, size: VoxelSize | None) -> None:
        """Set a typed voxel size (nm along z, y, x), which overrides the layer's; None removes it."""
        if size is None or size == layer_voxel_size(layer):
            self._typed.pop(layer, None)
        else:
            self._typed[layer] = size
        self.changed.emit()

    def take_contrast_as_shown(self, layer: Image, shown: bool) -> None:
        """Choose between the displayed contrast and that of the whole volume."""
        layer.metadata = {**layer.metadata, CONTRAST_AS_SHOWN: shown}
        self.changed.emit()

    def contrast(self, layer: Image) -> Contrast | None:
        """Return the displayed contrast of a layer, if the network uses it; else None."""
        if not layer.metadata.get(CONTRAST_AS_SHOWN):
            return None
        low, high = layer.contrast_limits
        return Contrast(float(low), float(high))

    def voxel_size(self, layer: Image) -> VoxelSize | None:
        """Return the voxel size of a layer, nm along z, y, x; None when unknown."""
        return self._typed.get(layer) or layer_voxel_size(layer)

    def explain_size(self, layer: Image, trained: float | None) -> str:
        """Return where the voxel size comes from, and whether slices are resampled.

        Parameters
        ----------
        layer
            The image.
        trained
            Pixel size in nm that the network was trained at; None when unknown.
        """
        size = self.voxel_size(layer)
        if size is None:
            return _explain_unknown(layer)
        source = "From the layer"
        if layer in self._typed:
            source = "Typed here"
        if trained is None:
            return f"{source}."
        return f"{source}; {_effect_of(size, trained)} the network's {trained:g} nm."

    def _on_data(self, event: Event) -> None:
        self._volumes[event.source] = uuid4()

    def _on_place(self) -> None:
        self.changed.emit()


def _explain_unknown(layer: Image) -> str:
    text = (
        "Voxel size unknown: the image is used at its own pixel size. Type it above if you know it."
    )
    if np.allclose(layer.scale, 1):
        return text
    stated = stated_voxel_size(layer)
    if stated is not None:
        return f"The layer's voxel size {doubt_of_size(stated)}, so it is not used. {text}"
    return f"{text} (The layer's scale has no unit of length.)"


def _effect_of(size: VoxelSize, trained: float) -> str:
    """Return what an image's voxel size means for a network, before the network's own."""
    if np.allclose(size, trained):
        return "the same as"
    return "slices are resampled to"
