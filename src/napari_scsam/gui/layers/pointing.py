"""What the user points at: the labels layer, the voxel under the mouse, and moving the view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_scsam.config import UserError
from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, classes_of
from napari_scsam.gui.layers.locks import locked_labels
from napari_scsam.gui.layers.plane import (
    Plane,
    camera_of,
    data_to_viewer,
    plane_shown_of,
    viewer_to_data,
)
from napari_scsam.objects.place import Place

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_scsam.objects.boxes import LabelBoxes


@dataclass(frozen=True)
class LayerPlane:
    """A labels layer and the plane of it that is shown."""

    layer: Labels
    plane: Plane

    @property
    def holds_classes(self) -> bool:
        """Whether its labels are classes; else each label is one object."""
        return classes_of(self.layer) is not None

    def place(self, boxes: LabelBoxes | None, *, whole: bool) -> Place:
        """Return where the tools work: the volume shown, or the plane shown."""
        fixed = self.plane.across
        if whole:
            fixed = dict(enumerate(self.plane.lead))
        within = [slice(0, count) for count in self.layer.data.shape]
        steps = [abs(float(step)) for step in self.layer.scale]
        finest = min(step for axis, step in enumerate(steps) if axis not in fixed)
        spacing = [step / finest for step in steps]
        for axis, index in fixed.items():
            within[axis] = slice(index, index + 1)
            spacing[axis] = 1.0
        return Place(
            self.layer.data,
            tuple(within),
            tuple(spacing),
            self.holds_classes,
            boxes,
            locked_labels(self.layer),
        )

    def label_name(self, value: int) -> str:
        """Name a label for the user."""
        if not value:
            return "background"
        for spec in classes_of(self.layer) or ():
            if spec.id == value:
                return spec.name
        return f"label {value}" if self.holds_classes else f"object {value}"

    def check_unlocked(self, value: int) -> None:
        """Raise a `UserError` if a label is locked."""
        if value in locked_labels(self.layer):
            raise UserError(f"{self.label_name(value)} is locked; unlock it first")


def labels_layer(viewer: Viewer) -> Labels:
    """Find the user's labels layer to correct: the active one, else the topmost visible one.

    Raises
    ------
    UserError
        When no layer can be corrected.
    """
    layer = _find_labels_layer(viewer)
    if layer is None:
        raise UserError("there is no labels layer to correct; segment a slice first, or add one")
    if layer.multiscale:
        raise UserError(
            f"'{layer.name}' is a pyramid, which napari cannot edit; open only its full resolution"
        )
    return layer


def kept_labels(viewer: Viewer) -> list[Labels]:
    """Return the labels layers that are the user's, the topmost first, also hidden ones."""
    return [
        layer
        for layer in reversed(viewer.layers)
        if isinstance(layer, Labels) and NOT_KEPT_KEY not in layer.metadata
    ]


def _find_labels_layer(viewer: Viewer) -> Labels | None:
    """Find the first candidate that can be edited, else the first of all."""
    labels = kept_labels(viewer)
    active = [layer for layer in labels if layer is viewer.layers.selection.active]
    candidates = active + [layer for layer in labels if layer.visible]
    for layer in candidates:
        # Napari makes every pyramid uneditable; the user is told of that.
        if layer.editable or layer.multiscale:
            return layer
    return next(iter(candidates), None)


def shown_layer_plane(viewer: Viewer) -> LayerPlane:
    """Find the labels layer to correct, and the plane of it that is shown."""
    layer = labels_layer(viewer)
    return LayerPlane(layer, plane_shown_of(viewer, layer))


def voxel_under_mouse(viewer: Viewer, target: LayerPlane) -> tuple[int, ...]:
    """Find the voxel under the mouse.

    Raises
    ------
    UserError
        When the mouse is outside the layer.
    """
    layer = target.layer
    plane = target.plane
    voxel = [round(float(i)) for i in viewer_to_data(viewer, layer, viewer.cursor.position)]
    for axis, index in plane.across.items():
        # The slider may have moved after the mouse did.
        voxel[axis] = index
    if not all(0 <= i < n for i, n in zip(voxel, layer.data.shape, strict=True)):
        raise UserError(f"the mouse is outside '{layer.name}'; point at an object of it")
    return tuple(voxel)


def center_on(viewer: Viewer, target: LayerPlane, voxel: tuple[int, ...]) -> None:
    """Show a voxel in the middle of the canvas; the mouse points at it until it moves."""
    place = data_to_viewer(viewer, target.layer, voxel)
    offset = viewer.dims.ndim - target.layer.ndim
    if target.plane.axis is not None:
        viewer.dims.set_point(target.plane.axis + offset, place[target.plane.axis])
    position = [*viewer.dims.point[:offset], *place]
    camera_of(viewer).center = tuple(position[axis] for axis in viewer.dims.displayed)
    viewer.cursor.position = tuple(position)
