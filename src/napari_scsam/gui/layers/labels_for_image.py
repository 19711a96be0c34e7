"""Which labels layer holds the results of which image layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary, ref

from psygnal import Signal

from napari_scsam.config import ClassSpec, VoxelSize
from napari_scsam.gui.layers.class_table import (
    VOXEL_SIZE_KEY,
    can_be_edited,
    classes_of,
    find_labels_layer,
    new_labels,
    same_grid,
    show_classes,
    tables_agree,
)
from napari_scsam.gui.layers.write_prediction import OrganelleLabels

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer


class LabelsForImages:
    """One labels layer for each image layer, found or created when first needed."""

    wrote = Signal(object, object, object)
    """As `OrganelleLabels.wrote`, for any of them."""
    used = Signal(object, object)
    """An image, and its labels layer: another one than before, or one with another class table."""

    _owners: ClassVar[WeakKeyDictionary[Layer, ref[Layer]]] = WeakKeyDictionary()
    """The image that each labels layer was last used for; layers outlive the session."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Layer, OrganelleLabels] = WeakKeyDictionary()
        self.reserved: list[Callable[[Layer, Image], bool]] = []
        """Functions that return whether a labels layer must not be used for an image."""

    def for_image(
        self,
        viewer: Viewer,
        image: Image,
        classes: Sequence[ClassSpec],
        *,
        typed: VoxelSize | None = None,
    ) -> OrganelleLabels:
        """Return the labels layer of an image, ready to take these classes.

        The one used before, if it still fits; else one that is in the viewer,
        such as a segmentation opened from a file; else a new one.

        Parameters
        ----------
        viewer, image
            The image layer and the viewer that shows it.
        classes
            The classes that will be written.
        typed
            Voxel size that the user typed, in nm, to be saved with the labels.
        """
        output = self._of.get(image)
        if output is None or not fits(output.layer, image, classes):
            output = self._find_or_create(viewer, image, classes)
        if not set(classes) <= set(classes_of(output.layer) or ()):
            show_classes(output.layer, classes)
            self.used.emit(image, output.layer)
        if typed is not None:
            output.layer.metadata[VOXEL_SIZE_KEY] = typed
        return output

    def layer_of(self, image: Image) -> Labels | None:
        """Return the labels layer of an image; None before there is one."""
        output = self._of.get(image)
        if output is None:
            return None
        return output.layer

    def use(self, image: Image, layer: Labels) -> OrganelleLabels:
        """Use a labels layer for an image; if it was used before, what the model wrote is kept."""
        output = self._of.get(image)
        if output is None or output.layer is not layer:
            output = OrganelleLabels(layer)
            self._of[image] = output
            output.wrote.connect(self.wrote)
        self.belongs(layer, image)
        self.used.emit(image, layer)
        return output

    def note_undone(self, layer: Labels) -> None:
        """Look which writes into a layer are undone, before other edits follow."""
        for output in list(self._of.values()):
            if output.layer is layer:
                output.note_undone()

    def belongs(self, layer: Layer, image: Image) -> None:
        """Record that a labels layer holds labels of this image."""
        self._owners[layer] = ref(image)

    def is_of_another(self, layer: Layer, image: Image) -> bool:
        """Whether a labels layer was used for another image, even one that is gone by now."""
        owner = self._owners.get(layer)
        return owner is not None and owner() is not image

    def _find_or_create(
        self, viewer: Viewer, image: Image, classes: Sequence[ClassSpec]
    ) -> OrganelleLabels:
        free = (layer for layer in viewer.layers if self._is_free(layer, image))
        found = find_labels_layer(free, image, classes)
        if found is not None:
            return self.use(image, found)
        created = new_labels(image, classes)
        output = self.use(image, created)
        # Only now: those who hear of the new layer find it to be this image's.
        viewer.add_layer(created)
        return output

    def _is_free(self, layer: Layer, image: Image) -> bool:
        taken = any(other.layer is layer for other in self._of.values())
        return not taken and not any(is_reserved(layer, image) for is_reserved in self.reserved)

    def forget(self, layer: Layer) -> None:
        """Forget a layer that was removed from the viewer."""
        self._of.pop(layer, None)
        for image, output in list(self._of.items()):
            if output.layer is layer:
                del self._of[image]


def fits(labels: Layer, image: Image, classes: Sequence[ClassSpec]) -> bool:
    """Whether a labels layer can hold these classes of this image."""
    return (
        can_be_edited(labels)
        and same_grid(labels, image)
        and tables_agree(classes_of(labels), classes)
    )
