"""The layers of a window that belong to its project, by their names in the project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari.layers import Image, Labels, Layer

from napari_scsam.config import ClassSpec
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.project.before import keep_predicted
from napari_scsam.gui.project.layers import (
    can_be_kept,
    has_shape_of,
    new_layer,
    shows_image,
    smallest_dtype,
    take_over,
)
from napari_scsam.project.arrays import PREDICTED
from napari_scsam.project.project import CLASSES, REVIEWED, Project

if TYPE_CHECKING:
    from napari_scsam.gui.layers.write_prediction import OrganelleLabels
    from napari_scsam.gui.session import Session

IMAGE_LAYER = "image"
"""Name of the image layer; label layers have the names of their label images."""


class ProjectLayers:
    """The image layer and the labels layers of the project of one viewer."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.project: Project | None = None
        self.names: WeakKeyDictionary[Layer, str] = WeakKeyDictionary()
        self._tables: dict[str, tuple[ClassSpec, ...]] = {}
        """The class tables on disk, by label image."""
        session.outputs.reserved.append(self._is_reserved)

    def begin(self, project: Project, image: Image) -> None:
        """Begin with a project whose image this layer shows."""
        self.project = project
        self._tables = {}
        self.names[image] = IMAGE_LAYER

    def resume(self, project: Project, names: WeakKeyDictionary[Layer, str]) -> None:
        """Continue with a project whose layers are in the window."""
        self.project = project
        self.names = names

    def end(self) -> WeakKeyDictionary[Layer, str]:
        """Forget the project; its layers stay in the window. Return their names."""
        names = self.names
        self.project = None
        self.names = WeakKeyDictionary()
        return names

    def name_of(self, layer: Layer) -> str | None:
        """Return the name of a layer in the project; None for one that does not belong to it."""
        return self.names.get(layer)

    @property
    def image(self) -> Image | None:
        """The layer of the project's image."""
        if self.project is None:
            return None
        reference = self.project.record.image
        for layer in self._of_name(IMAGE_LAYER):
            if isinstance(layer, Image) and has_shape_of(layer, reference):
                return layer
        return None

    @property
    def labels(self) -> Labels | None:
        """The layer of the class labels."""
        for layer in self._of_name(CLASSES):
            if isinstance(layer, Labels):
                return layer
        return None

    def _of_name(self, name: str) -> list[Layer]:
        viewer = self.session.viewer
        if viewer is None:
            return []
        return [layer for layer in viewer.layers if self.name_of(layer) == name]

    def find_image(self) -> bool:
        """Find the project's image in another layer, if its own was removed.

        Returns
        -------
        bool
            Whether a layer was found.
        """
        viewer = self.session.viewer
        project = self.project
        if viewer is None or project is None or self.image is not None:
            return False
        reference = project.record.image
        images = [layer for layer in viewer.layers if isinstance(layer, Image)]
        image = next((image for image in images if shows_image(image, reference)), None)
        if image is None:
            return False
        for old in [layer for layer, name in self.names.items() if name == IMAGE_LAYER]:
            del self.names[old]
        self.names[image] = IMAGE_LAYER
        self.session.choices.type_voxel_size(project.record.voxel_size, image)
        return True

    def add(self, name: str, description: Mapping[str, Any]) -> None:
        """Show a label image of the project, with the look of its layer where that is known."""
        viewer = self.session.viewer
        image = self.image
        if viewer is None or self.project is None or image is None:
            return
        layer = new_layer(self.project, name, image, description)
        # Its name must be known before anyone is notified of the new layer.
        self.names[layer] = name
        self.session.outputs.belongs(layer, image)
        if name == CLASSES:
            self.use(layer)
        viewer.add_layer(layer)

    def use(self, layer: Labels) -> OrganelleLabels | None:
        """Use a labels layer for the model's results, and store in the project what it wrote."""
        self.names[layer] = CLASSES
        image = self.image
        project = self.project
        if image is None or project is None:
            return None
        output = self.session.outputs.use(image, layer)
        output.stored_prediction = lambda plane, rows: plane.read(project.predicted, rows)
        output.claimed.connect(self.remember, unique=True)
        return output

    def remember(self, output: OrganelleLabels, plane: Plane) -> None:
        """Store in the project which pixels of a plane the model wrote."""
        if self.project is not None and self.name_of(output.layer) == CLASSES:
            keep_predicted(self.project, output, plane)

    def keep(self) -> None:
        """Store new labels layers of the image in the project, and changed class tables."""
        viewer = self.session.viewer
        project = self.project
        image = self.image
        if viewer is None or project is None or image is None:
            return
        for layer in list(viewer.layers):
            foreign = self.session.outputs.is_of_another(layer, image)
            if isinstance(layer, Labels) and can_be_kept(layer, image) and not foreign:
                self._keep_layer(project, layer, image)

    def _keep_layer(self, project: Project, layer: Labels, image: Image) -> None:
        name = self.name_of(layer)
        classes = classes_of(layer) or ()
        if name is None:
            name = free_name(project, layer.name)
            take_over(layer, project.add_labels(name, smallest_dtype(layer), classes))
            self.names[layer] = name
            self.session.outputs.belongs(layer, image)
        if classes and classes != self._tables.get(name):
            project.show_classes(name, classes)
            self._tables[name] = classes

    def _is_reserved(self, layer: Layer, image: Image) -> bool:
        """Whether a labels layer belongs to the project, and so not to this other image."""
        return self.name_of(layer) is not None and image is not self.image


def free_name(project: Project, wanted: str) -> str:
    """Return a name for a new label image, made from a layer's name."""
    taken = {*project.label_names, REVIEWED, PREDICTED}
    stem = "".join(c if c.isalnum() or c in "-_" else "_" for c in wanted) or "labels"
    name = stem
    number = 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    return name
