"""Which labels layer takes the results for which image layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary, ref

from psygnal import Signal

from napari_scsam.config import ClassSpec, VoxelSize
from napari_scsam.gui.layers.class_table import (
    VOXEL_SIZE,
    agree,
    classes_of,
    find_labels,
    new_labels,
    same_grid,
    show_classes,
)
from napari_scsam.gui.layers.write_prediction import OrganelleLabels

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer


class Outputs:
    """One labels layer for each image layer, found again or made when first needed."""

    wrote = Signal(object, object, object)
    """As `OrganelleLabels.wrote`, of any of them."""

    _owners: ClassVar[WeakKeyDictionary[Layer, ref[Layer]]] = WeakKeyDictionary()
    """The image that each labels layer was used for last; layers outlive the session."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Layer, OrganelleLabels] = WeakKeyDictionary()
        self.reserved: list[Callable[[Layer, Image], bool]] = []
        """Each tells of a labels layer that it is not for this image."""

    def for_image(
        self,
        viewer: Viewer,
        image: Image,
        classes: Sequence[ClassSpec],
        *,
        typed: VoxelSize | None = None,
    ) -> OrganelleLabels:
        """Return the labels layer of an image, ready to take these classes.

        The one used before, as long as it fits; else one that lies in the
        viewer already, such as a segmentation opened from a file; else a new one.

        Parameters
        ----------
        viewer, image
            The image layer and the viewer that shows it.
        classes
            What will be written.
        typed
            Voxel size that the user typed, to be saved with the labels.
        """
        output = self._of.get(image)
        if output is None or not fits(output.layer, image, classes):
            layer = find_labels(
                (layer for layer in viewer.layers if self._is_free(layer, image)), image, classes
            )
            output = self.use(image, layer if layer is not None else new_labels(image, classes))
            if layer is None:
                viewer.add_layer(
                    output.layer
                )  # known already as this image's to all who hear of it
        if not set(classes) <= set(classes_of(output.layer) or ()):
            show_classes(output.layer, classes)
        if typed is not None:
            output.layer.metadata[VOXEL_SIZE] = typed
        return output

    def layer_of(self, image: Image) -> Labels | None:
        """Return the labels layer that an image has so far."""
        return output.layer if (output := self._of.get(image)) is not None else None

    def use(self, image: Image, layer: Labels) -> OrganelleLabels:
        """Return an image this labels layer; what the model wrote into it is remembered if it has it already."""
        if (output := self._of.get(image)) is None or output.layer is not layer:
            output = self._of[image] = OrganelleLabels(layer)
            output.wrote.connect(self.wrote)
        self.belongs(layer, image)
        return output

    def belongs(self, layer: Layer, image: Image) -> None:
        """Note that a labels layer holds labels of this image."""
        self._owners[layer] = ref(image)

    def is_of_another(self, layer: Layer, image: Image) -> bool:
        """Return whether a labels layer was used for another image, be that gone by now."""
        return (owner := self._owners.get(layer)) is not None and owner() is not image

    def _is_free(self, layer: Layer, image: Image) -> bool:
        taken = any(other.layer is layer for other in self._of.values())
        return not taken and not any(is_reserved(layer, image) for is_reserved in self.reserved)

    def forget(self, layer: Layer) -> None:
        """Let go of a layer that was removed from the viewer."""
        self._of.pop(layer, None)
        for image, output in list(self._of.items()):
            if output.layer is layer:
                del self._of[image]


def fits(labels: Layer, image: Image, classes: Sequence[ClassSpec]) -> bool:
    """Return whether a labels layer can still take these classes of this image."""
    return bool(labels.editable) and same_grid(labels, image) and agree(classes_of(labels), classes)
