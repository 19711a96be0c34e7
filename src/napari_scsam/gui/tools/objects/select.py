"""The selected objects: chosen in the table, in a plot or in the picture, and outlined there."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.layers.instance_layer import SelectedView, add_behind, outline_layer
from napari_scsam.gui.layers.plane import camera_of, data_to_viewer, plane_shown_of
from napari_scsam.gui.layers.pointing import LayerPlane, center_on
from napari_scsam.gui.tools.canvas.active_tool import PAN_ZOOM, ActiveTool
from napari_scsam.gui.tools.canvas.click import MAX_CLICK_MOVE
from napari_scsam.gui.tools.objects.store import ObjectStore
from napari_scsam.gui.words import capitalized, group_digits
from napari_scsam.objects.boxes import box_size
from napari_scsam.objects.place import crop_object
from napari_scsam.objects.walk import central_voxel

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_scsam.gui.session import Session

MOST_READ = 2**24
"""Voxels of a box that are read to find the middle of an object; of a larger one, its centre."""

ADDING = ("Shift", "Control")
"""Keys with which a click adds to the selection, or takes from it."""

NONE = np.zeros(0, np.int64)


class SelectingObjects:
    """Selects objects of the layer that is listed; made by ``session.part(SelectingObjects)``."""

    changed = Signal()
    """Other objects are selected."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._store = session.part(ObjectStore)
        self._active_tool = session.part(ActiveTool)
        self.labels: NDArray[np.int64] = NONE
        """The labels of the selected objects, sorted."""
        self.clicks = False
        """Whether a click in the picture selects: while the page is open; see `take_clicks`."""
        self._outlines: Labels | None = None
        self._store.changed.connect(self._on_table)
        session.ended.connect(self._on_ended)
        viewer = session.viewer
        if viewer is not None:
            viewer.mouse_drag_callbacks.append(self._on_press)
            viewer.layers.events.removed.connect(self._on_removed)

    @property
    def rows(self) -> NDArray[np.intp]:
        """The rows of the selected objects."""
        return self._store.rows_of(self.labels)

    def take_clicks(self, takes: bool) -> None:
        """Choose whether a click in the picture selects."""
        self.clicks = takes
        self._outline()

    def select(self, labels: ArrayLike) -> None:
        """Select objects, and outline them in the picture."""
        wanted = np.unique(np.asarray(labels, np.int64))
        if np.array_equal(wanted, self.labels):
            return
        self.labels = wanted
        if len(wanted) == 1 and self._store.layer is not None:
            self._store.layer.selected_label = int(wanted[0])
        self._outline()
        self.changed.emit()

    def select_rows(self, rows: NDArray[np.intp]) -> None:
        """Select the objects of some rows."""
        self.select(self._store.labels[rows])

    def go_to_row(self, row: int) -> None:
        """Show an object in the middle of the picture."""
        layer = self._store.layer
        viewer = self._session.viewer
        if layer is None or viewer is None:
            return
        box = self._store.box_of(row)
        if viewer.dims.ndisplay == 3:
            self._center_in_3d(viewer, layer, box)
            return
        try:
            target = LayerPlane(layer, plane_shown_of(viewer, layer))
        except UserError as error:
            if "outside" not in str(error):
                self._session.report_error(error)
                return
            raise
        center_on(viewer, target, self._middle(layer, int(self._store.labels[row]), box, target))

    def pick(self, position: Any, direction: Any, displayed: Any, *, adding: bool) -> None:
        """Select the object at a place of the picture.

        Parameters
        ----------
        position, direction, displayed
            As napari gives them for a click.
        adding
            Whether other objects stay selected.
        """
        layer = self._store.layer
        if layer is None or not layer.visible:
            return
        found = layer.get_value(
            position, view_direction=direction, dims_displayed=displayed, world=True
        )
        label = int(found or 0)
        if not label:
            if not adding:
                self.select(NONE)
            return
        self.select(np.setxor1d(self.labels, [label]) if adding else [label])
        self._describe(label)

    # Details

    def _describe(self, label: int) -> None:
        rows = self._store.rows_of([label])
        if not rows.size:
            return
        row = int(rows[0])
        table = self._store.table
        size = f"{group_digits(int(table['voxels'][row]))} voxels"
        if "volume_um3" in table.columns:
            size = f"{table['volume_um3'][row]:.4g} µm³"
        name = capitalized(str(table["class"][row]))
        self._session.status.emit(f"{name}, object {label}: {size}.")

    def _middle(
        self, layer: Labels, label: int, box: tuple[slice, ...], target: LayerPlane
    ) -> tuple[int, ...]:
        """Return a voxel of an object near its centre, in the slice with most of it."""
        if box_size(box) <= MOST_READ:
            mask = np.asarray(layer.data[box]) == label
            if mask.any():
                return central_voxel(crop_object(label, box, mask), target.plane.axis)
        return tuple((side.start + side.stop - 1) // 2 for side in box)

    def _center_in_3d(self, viewer: Viewer, layer: Labels, box: tuple[slice, ...]) -> None:
        middle = [(side.start + side.stop - 1) / 2 for side in box]
        place = data_to_viewer(viewer, layer, middle)
        camera_of(viewer).center = tuple(place[-3:])

    def _outline(self) -> None:
        """Outline the selected objects in the picture."""
        viewer = self._session.viewer
        layer = self._store.layer
        if viewer is None or layer is None or layer not in viewer.layers or not self._needs_layer:
            self._remove_outlines()
            return
        shown = self._outlines
        if shown is not None and shown.data.data is not layer.data:
            self._remove_outlines()
            shown = None
        if shown is None:
            view = SelectedView(layer.data)
            view.select(self.labels)
            self._outlines = outline_layer(layer, view)
            self._outlines.visible = viewer.dims.ndisplay == 2
            add_behind(viewer, self._outlines)
            return
        shown.data.select(self.labels)
        shown.refresh(extent=False)

    @property
    def _needs_layer(self) -> bool:
        """Whether there is a layer of outlines: also before the first click, which is quick so."""
        return bool(self.labels.size) or (self.clicks and len(self._store.table) > 0)

    def _remove_outlines(self) -> None:
        shown = self._outlines
        self._outlines = None
        viewer = self._session.viewer
        if shown is not None and viewer is not None and shown in viewer.layers:
            viewer.layers.remove(shown)

    def _on_table(self) -> None:
        """Forget objects that are gone; their outlines follow the pixels."""
        kept = self._store.labels[self.rows]
        if len(kept) != len(self.labels):
            self.labels = kept
            self.changed.emit()
        self._outline()

    def _on_press(self, viewer: Viewer, event: Any) -> Generator[None, None, None]:
        start = np.array(event.pos)
        adding = any(key in event.modifiers for key in ADDING)
        yield
        while event.type == "mouse_move":
            yield
        moved = np.abs(np.array(event.pos) - start).max()
        if event.button == 1 and moved <= MAX_CLICK_MOVE and self._takes_clicks(viewer):
            self.pick(event.position, event.view_direction, event.dims_displayed, adding=adding)

    def _takes_clicks(self, viewer: Viewer) -> bool:
        """Whether a click selects: the page is open, and nothing else waits for it."""
        active = viewer.layers.selection.active
        mode = str(getattr(active, "mode", PAN_ZOOM))
        return self.clicks and not self._active_tool.name and mode == PAN_ZOOM

    def _on_removed(self, event: Any) -> None:
        if event.value is self._outlines:
            self._outlines = None

    def _on_ended(self) -> None:
        viewer = self._session.viewer
        if viewer is None or self._session.window_is_gone:
            return
        self._remove_outlines()
        if self._on_press in viewer.mouse_drag_callbacks:
            viewer.mouse_drag_callbacks.remove(self._on_press)
