"""Connects the page *Objects* to its tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QApplication

from napari_scsam.gui.panels.objects.page import NO_OBJECTS_YET, ObjectsPanel
from napari_scsam.gui.tools.objects.contacts import MeasuringContacts
from napari_scsam.gui.tools.objects.edit import EditingObjects
from napari_scsam.gui.tools.objects.export import ExportingObjects
from napari_scsam.gui.tools.objects.filters import SIZE_UNITS, size_column
from napari_scsam.gui.tools.objects.find import FindingObjects
from napari_scsam.gui.tools.objects.select import SelectingObjects
from napari_scsam.gui.tools.objects.store import ObjectStore
from napari_scsam.gui.tools.objects.view_3d import Viewing3D
from napari_scsam.gui.tools.objects.walk import WalkingObjects
from napari_scsam.gui.tools.shortcuts import NEXT_OBJECT, REVIEW_OBJECT

if TYPE_CHECKING:
    from napari_scsam.config import ClassSpec
    from napari_scsam.gui.links import Links
    from napari_scsam.gui.session import Session

MEASURING = "The objects are being measured …"
NONE_SHOWN = "No object passes the filters."


class ObjectsDesk:
    """The page *Objects*, connected to its tools."""

    def __init__(self, session: Session, links: Links) -> None:
        self._session = session
        self.store = session.part(ObjectStore)
        self.selecting = session.part(SelectingObjects)
        self.finding = session.part(FindingObjects)
        self.contacting = session.part(MeasuringContacts)
        self.editing = session.part(EditingObjects)
        self.walking = session.part(WalkingObjects)
        self.exporting = session.part(ExportingObjects)
        session.part(Viewing3D)
        self.page = ObjectsPanel(REVIEW_OBJECT.shown_key, NEXT_OBJECT.shown_key)
        self._connect_page()
        links.add(self.store.changed, self.show_table)
        links.add(self.store.filtered, self.show_rows)
        links.add(self.store.staled, self.show_stale)
        links.add(self.store.layers_changed, self.show_layers)
        links.add(self.selecting.changed, self.show_selected)
        links.add(session.choices.image_changed, self.show_layers)
        links.add(session.outputs.used, self.show_labels)
        if session.viewer is not None:
            links.add(session.viewer.layers.events.removed, self.show_labels)
            links.add(session.viewer.layers.events.inserted, self.show_labels)
        self.show_table()

    def show_open(self, is_open: bool) -> None:
        """Select objects by clicks in the picture while the page is open."""
        self.selecting.take_clicks(is_open)

    # What is shown

    def show_table(self) -> None:
        """Show the objects of the layer, and what is selected of them."""
        store = self.store
        self.show_layers()
        self.page.filters.show_unit(SIZE_UNITS[size_column(store.table.columns)])
        self.page.show_classes(self._classes(), store.filters.class_name)
        shown = store.shown
        self.page.show_columns(store.table.columns, shown, self._sentence(shown))
        self._note_order()
        self.show_stale()
        self.show_selected()

    def show_rows(self) -> None:
        """Show the objects that pass the filters."""
        shown = self.store.shown
        self.page.show_rows(shown, self._sentence(shown))
        self._note_order()
        self._show_count()

    def show_stale(self) -> None:
        """Show which objects were edited since they were measured."""
        stale = self.store.stale
        if len(self.store.table):
            self.page.table.objects.show_stale(np.isin(self.store.labels, list(stale)))

    def show_layers(self) -> None:
        """Offer the layers that can be listed."""
        layers = [(layer, layer.name) for layer in self.store.layers]
        listed = self.store.layer
        of_another = listed is not None and self.finding.is_of_another(listed)
        self.page.show_layers(layers, listed, of_another=of_another)
        self.show_labels()

    def show_labels(self) -> None:
        """Offer to find objects where there are labels."""
        self.page.show_labels(there=self.finding.possible)

    def show_selected(self) -> None:
        """Show which objects are selected."""
        self.page.show_selected(self.selecting.rows)
        self._note_order()
        self._show_count()

    def _show_count(self) -> None:
        rows = len(self.page.table.objects.rows)
        self.page.filters.show_count(rows, len(self.store.table), len(self.selecting.labels))

    def _sentence(self, shown: NDArray[np.bool_]) -> str:
        """Return what is said in place of rows; empty where there are some."""
        if self.store.measuring:
            return MEASURING
        if not len(shown):
            return NO_OBJECTS_YET
        if not shown.any():
            return NONE_SHOWN
        return ""

    def _classes(self) -> tuple[ClassSpec, ...]:
        """Return the classes that objects can be of: without parts, which belong to a whole."""
        classes = self.store.classes.classes
        names = {spec.name for spec in classes}
        return tuple(spec for spec in classes if spec.part_of not in names)

    # What the user does

    def _connect_page(self) -> None:
        page = self.page
        store = self.store
        page.find_asked.connect(self.finding.find)
        page.split_chosen.connect(self.finding.set_split)
        page.contacts_asked.connect(self.contacting.measure)
        page.layer_chosen.connect(store.list_layer)
        page.delete_asked.connect(self.editing.delete)
        page.merge_asked.connect(self.editing.merge)
        page.relabel_asked.connect(self.editing.relabel)
        page.export_asked.connect(self.exporting.export)
        page.copy_asked.connect(self._copy)
        page.reviewed_asked.connect(self.walking.mark)
        page.next_asked.connect(self.walking.next_unreviewed)
        page.filters.class_chosen.connect(lambda name: store.filter(class_name=name))
        page.filters.border_chosen.connect(lambda which: store.filter(at_border=which))
        page.filters.reviewed_chosen.connect(lambda which: store.filter(reviewed=which))
        page.filters.sizes_chosen.connect(
            lambda low, high: store.filter(smallest=low, largest=high)
        )
        page.table.picked.connect(self.selecting.select_rows)
        page.table.visited.connect(self.selecting.go_to_row)
        page.table.objects.layoutChanged.connect(self._note_order)
        page.plots.picked.connect(self.selecting.select_rows)

    def _copy(self) -> None:
        text = self.exporting.text()
        clipboard = QApplication.clipboard()
        if text and clipboard is not None:
            clipboard.setText(text)

    def _note_order(self) -> None:
        """Note the order in which objects are gone through."""
        self.walking.order = self.page.table.objects.rows
