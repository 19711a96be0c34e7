"""What the user points at: the labels layer, the voxel under the mouse, and how to get the view to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_scsam.config import UserError
from napari_scsam.gui.layers.class_table import NOT_KEPT, classes_of
from napari_scsam.gui.layers.locks import locked_labels
from napari_scsam.gui.layers.plane import Plane, data_to_viewer, plane_shown_of, viewer_to_data
from napari_scsam.objects.place import Place

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_scsam.objects.boxes import LabelBoxes


@dataclass(frozen=True)
class View:
    """A labels layer and the plane of it that is shown."""

    layer: Labels
    plane: Plane

    @property
    def classes(self) -> bool:
        """Whether its labels are classes; else each label is one object."""
        return classes_of(self.layer) is not None

    def place(self, boxes: LabelBoxes | None, *, whole: bool) -> Place:
        """Return where the tools work: all of the layer, or the plane shown."""
        shape = self.layer.data.shape
        flat = None if whole else self.plane.axis
        within = tuple(
            slice(self.plane.position, self.plane.position + 1) if axis == flat else slice(0, n)
            for axis, n in enumerate(shape)
        )
        steps = [abs(float(step)) for step in self.layer.scale]
        finest = min(step for axis, step in enumerate(steps) if axis != flat)
        spacing = tuple(1.0 if axis == flat else step / finest for axis, step in enumerate(steps))
        return Place(
            self.layer.data, within, spacing, self.classes, boxes, locked_labels(self.layer)
        )

    def name(self, value: int) -> str:
        """Name a label for the user."""
        if not value:
            return "background"
        names = {spec.id: spec.name for spec in classes_of(self.layer) or ()}
        return names.get(value, f"label {value}" if self.classes else f"object {value}")


def labels_layer(viewer: Viewer) -> Labels:
    """Find the user's labels layer to correct: the active one, else the topmost that is visible.

    Raises
    ------
    UserError
        When there is none that can be corrected.
    """
    active = viewer.layers.selection.active
    labels = [
        layer
        for layer in reversed(viewer.layers)
        if isinstance(layer, Labels) and NOT_KEPT not in layer.metadata
    ]
    found = [layer for layer in labels if layer is active] + [
        layer for layer in labels if layer.visible
    ]
    layer = next(
        (layer for layer in found if layer.editable or layer.multiscale), next(iter(found), None)
    )
    if layer is None:
        raise UserError("there is no labels layer to correct; segment a slice first, or add one")
    if layer.multiscale:
        raise UserError(
            f"'{layer.name}' is a pyramid, which napari cannot edit; open its full resolution alone"
        )
    if layer.ndim not in (2, 3):
        raise UserError(
            f"'{layer.name}' has {layer.ndim} axes; objects are corrected in 2-D and 3-D labels"
        )
    return layer


def view_of(viewer: Viewer) -> View:
    """Find the labels layer to correct, and the plane of it that is shown."""
    layer = labels_layer(viewer)
    return View(layer, plane_shown_of(viewer, layer))


def voxel_under_mouse(viewer: Viewer, view: View) -> tuple[int, ...]:
    """Find the voxel under the mouse.

    Raises
    ------
    UserError
        When the mouse is outside the layer.
    """
    layer = view.layer
    plane = view.plane
    voxel = [round(float(i)) for i in viewer_to_data(viewer, layer, viewer.cursor.position)]
    if plane.axis is not None:
        voxel[plane.axis] = plane.position  # the slider may have moved since the mouse did
    if not all(0 <= i < n for i, n in zip(voxel, layer.data.shape, strict=True)):
        raise UserError(f"the mouse is outside '{layer.name}'; point at an object of it")
    return tuple(voxel)


def look_at(viewer: Viewer, view: View, voxel: tuple[int, ...]) -> None:
    """Show a voxel in the middle of the canvas, and take it for the one pointed at until the mouse moves."""
    place = data_to_viewer(viewer, view.layer, voxel)
    before = viewer.dims.ndim - view.layer.ndim
    if view.plane.axis is not None:
        viewer.dims.set_point(view.plane.axis + before, place[view.plane.axis])
    position = [*viewer.dims.point[:before], *place]
    camera = (
        viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    )  # it moved in napari 0.9
    camera.center = tuple(position[axis] for axis in viewer.dims.displayed)
    viewer.cursor.position = tuple(position)
