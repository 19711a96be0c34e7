"""The image that the user chose, its voxel size and its contrast."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.gui.layers.images import Sources
from napari_scsam.gui.layers.plane import check_segmentable
from napari_scsam.gui.words import as_sentence

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.io.contrast import Contrast


class ImageChoice:
    """The image layer to segment, and what is known of it besides its pixels."""

    image_changed = Signal()
    """The image layer, its voxel size or its contrast changed."""

    def __init__(self) -> None:
        self.image: Image | None = None
        self.checkpoint: CheckpointInfo | None = None
        self._sources = Sources()
        self._sources.changed.connect(self.image_changed)

    def note_image(self, layer: Image | None) -> None:
        """Note which layer is segmented."""
        if layer is not None:
            self._sources.volume(layer)
        self.image = layer

    def type_voxel_size(self, size: VoxelSize | None, image: Image | None = None) -> None:
        """Set the voxel size of a layer by hand.

        Parameters
        ----------
        size
            nm along z, y, x; None restores the layer's own.
        image
            The layer; by default the chosen one.
        """
        if image is None:
            image = self.image
        if image is not None:
            self._sources.type_size(image, size)

    def typed_voxel_size(self, image: Image) -> VoxelSize | None:
        """Return the voxel size that the user typed for an image."""
        return self._sources.typed_size(image)

    @property
    def voxel_size(self) -> VoxelSize | None:
        """Voxel size of the chosen layer, nm along z, y, x; None when unknown."""
        if self.image is None:
            return None
        return self._sources.voxel_size(self.image)

    def explain_voxel_size(self) -> str:
        """Return where the voxel size comes from, or why the image cannot be segmented."""
        if self.image is None:
            return "Choose an image layer, or open a file."
        try:
            check_segmentable(self.image)
        except UserError as error:
            return as_sentence(str(error))
        trained = self.checkpoint.nm_per_pixel if self.checkpoint is not None else None
        return self._sources.explain_size(self.image, trained)

    def take_contrast_as_shown(self, shown: bool) -> None:
        """Choose whether the network gets the displayed contrast or that of the whole volume."""
        if self.image is not None:
            self._sources.take_contrast_as_shown(self.image, shown)

    @property
    def contrast(self) -> Contrast | None:
        """The contrast of the chosen layer, where the displayed one is used."""
        if self.image is None:
            return None
        return self._sources.contrast(self.image)

    def volume_of(self, image: Image) -> Hashable:
        """Return the identity of an image's pixels; replaced pixels have another one."""
        return self._sources.volume(image)

    def image_of(self, volume: Hashable) -> Image | None:
        """Return the layer that still has the pixels of this identity."""
        return self._sources.layer(volume)
