"""The volume in 3-D: objects in their colours, surfaces of the selected ones, nothing over them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels, Layer, Surface

from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.jobs.object_surfaces import SurfaceRequest, Surfaces, surface_steps
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.layers.instance_layer import (
    SelectedView,
    add_behind,
    surface_layer,
)
from napari_scsam.gui.layers.plane import camera_of
from napari_scsam.gui.tools.objects.select import SelectingObjects
from napari_scsam.gui.tools.objects.store import ObjectStore
from napari_scsam.gui.workarounds.view_direction import set_view_direction
from napari_scsam.project.review import Outlines

if TYPE_CHECKING:
    from napari.utils.events import Event

    from napari_scsam.gui.session import Session

MOST_SURFACES = 200
"""Selected objects whose surfaces are shown; more are shown by their voxels alone."""


class Viewing3D:
    """Follows the switch between 2-D and 3-D; made by ``session.part(Viewing3D)``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._store = session.part(ObjectStore)
        self._selecting = session.part(SelectingObjects)
        self._hidden: list[Layer] = []
        """Layers that were hidden for 3-D, and are shown again after."""
        self._surfaces: Surface | None = None
        self._selecting.changed.connect(self._show_surfaces)
        session.ended.connect(self._on_ended)
        viewer = session.viewer
        if viewer is not None:
            viewer.dims.events.ndisplay.connect(self._on_ndisplay)
            viewer.layers.events.inserted.connect(self._on_inserted)
            viewer.layers.events.removed.connect(self._on_removed)

    @property
    def in_3d(self) -> bool:
        """Whether the viewer shows three dimensions."""
        viewer = self._session.viewer
        return viewer is not None and viewer.dims.ndisplay == 3

    def _on_ndisplay(self) -> None:
        viewer = self._session.viewer
        if self.in_3d and viewer is not None:
            set_view_direction(viewer, camera_of(viewer))
            self._hide_all()
        else:
            for layer in self._hidden:
                layer.visible = True
            self._hidden.clear()
        self._show_surfaces()

    def _hide_all(self) -> None:
        viewer = self._session.viewer
        if viewer is None:
            return
        for layer in viewer.layers:
            self._hide(layer)

    def _hide(self, layer: Layer) -> None:
        if layer.visible and self._covers(layer):
            self._hidden.append(layer)
            layer.visible = False

    def _covers(self, layer: Layer) -> bool:
        """Whether a layer would stand before the objects in 3-D."""
        if isinstance(layer.data, Outlines | SelectedView):
            return True
        objects = self._store.layer
        if objects is None or not objects.visible or layer is objects:
            return False
        if isinstance(layer, Labels):
            return classes_of(layer) is not None
        return isinstance(layer, Image)

    def _on_inserted(self, event: Event) -> None:
        if self.in_3d:
            self._hide(event.value)

    def _on_removed(self, event: Event) -> None:
        if event.value is self._surfaces:
            self._surfaces = None
        if event.value in self._hidden:
            self._hidden.remove(event.value)

    # Surfaces

    def _show_surfaces(self) -> None:
        """Compute the surfaces of the selected objects while the viewer shows 3-D."""
        layer = self._store.layer
        rows = self._selecting.rows
        if not self.in_3d or layer is None or layer.ndim != 3 or not rows.size:
            self._session.jobs.cancel(Job.OBJECT_SURFACES)
            self._remove_surfaces()
            return
        labels = self._store.labels[rows[:MOST_SURFACES]].tolist()
        boxes = [self._store.box_of(int(row)) for row in rows[:MOST_SURFACES]]
        colours = np.array([layer.get_color(label) for label in labels], np.float32)
        request = SurfaceRequest(layer.data, tuple(labels), tuple(boxes), colours)
        steps = partial(surface_steps, request)
        self._session.jobs.submit(Job.OBJECT_SURFACES, steps, self._on_surfaces)

    def _on_surfaces(self, found: Surfaces) -> None:
        viewer = self._session.viewer
        layer = self._store.layer
        self._remove_surfaces()
        if viewer is None or layer is None or not self.in_3d or not len(found.faces):
            return
        if found.labels != tuple(self._selecting.labels[: len(found.labels)].tolist()):
            return
        self._surfaces = surface_layer(layer, found.vertices, found.faces, found.colours)
        add_behind(viewer, self._surfaces)

    def _remove_surfaces(self) -> None:
        shown = self._surfaces
        self._surfaces = None
        viewer = self._session.viewer
        if shown is not None and viewer is not None and shown in viewer.layers:
            viewer.layers.remove(shown)

    def _on_ended(self) -> None:
        if self._session.window_is_gone:
            return
        self._remove_surfaces()
        for layer in self._hidden:
            layer.visible = True
        self._hidden.clear()
