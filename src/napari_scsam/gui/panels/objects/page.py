"""The page *Objects*: find the objects, list them, act on them, and plot them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.objects.columns import Columns
from napari_scsam.gui.panels.objects.filters import FilterBar
from napari_scsam.gui.panels.objects.plots import ObjectPlots
from napari_scsam.gui.panels.objects.table_view import ObjectTableView
from napari_scsam.gui.panels.parts.page import Page
from napari_scsam.gui.panels.parts.save_name import ask_save_name
from napari_scsam.gui.panels.parts.widgets import (
    Dropdown,
    button,
    checkbox,
    fill_row,
    note_label,
    offer,
    swatch,
)

FIND_TIP = (
    "Find the single objects of every class in all slices, and measure them.\n"
    "They go into a layer of their own, one label an object. The class labels stay.\n"
    "The boundary of an organelle belongs to it."
)
SPLIT_TIP = "Split objects of one class that touch at a narrow place."
DELETE_TIP = "Turn the selected objects into background. Key: Delete. Ctrl+Z undoes it."
MERGE_TIP = "Make one object of the selected ones, with the label of the largest."
RELABEL_TIP = "Make the selected objects another class."
EXPORT_TIP = "Write or copy the rows shown, or the selected ones if there are several."
NO_OBJECTS = "There are no objects yet. Press Find objects first."
PLOT_TIP = "Plot a column by class, or two columns. What you drag over is selected."
REVIEWED_TIP = (
    "Mark the selected objects as checked, and go to the next that is not. Again: unmark."
)
NEXT_TIP = "Go to the next object of the table that is not reviewed."

CONTACTS_TIP = (
    "Measure where objects are near each other: the area and the number of places, by class,\n"
    "and the distance to the nearest object of each other class. They become columns."
)
NEAR_NM = (10, 30, 50, 100, 200)
"""Distances of contacts that are offered."""

NO_OBJECTS_YET = "No objects yet. Segment some slices, then press Find objects."

NO_LABELS_YET = "There are no labels to search. Segment some slices first."

TABLES = "Comma-separated values (*.csv);;Parquet (*.parquet)"


class ObjectsPanel(Page):
    """Shows and asks; makes no decisions.

    Parameters
    ----------
    reviewed_key, next_key
        Keys, as the user reads them.
    """

    find_asked = Signal()
    split_chosen = Signal(bool)
    contacts_asked = Signal(float)
    """How near objects in contact are, in nm."""
    layer_chosen = Signal(object)
    delete_asked = Signal()
    merge_asked = Signal()
    relabel_asked = Signal(object)
    """The `ClassSpec` that the selected objects become."""
    export_asked = Signal(str)
    """A path that ends with .csv or .parquet."""
    copy_asked = Signal()
    reviewed_asked = Signal()
    next_asked = Signal()

    def __init__(self, reviewed_key: str, next_key: str) -> None:
        super().__init__("Objects")
        self.search = button("Find objects", FIND_TIP, self.find_asked)
        self.split = checkbox("Split touching", SPLIT_TIP, self.split_chosen)
        self.contacts = button("Contacts  ", CONTACTS_TIP)
        near = QMenu(self.contacts)
        for distance in NEAR_NM:
            action = near.addAction(f"Within {distance} nm")
            action.triggered.connect(lambda _=False, nm=distance: self.contacts_asked.emit(nm))
        self.contacts.setMenu(near)
        self.layers = Dropdown("The layer whose objects are listed.")
        self.layers.picked.connect(self.layer_chosen)
        self.filters = FilterBar()
        self.table = ObjectTableView()
        self.note = note_label(NO_OBJECTS_YET)
        self.note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._rows = QStackedWidget()
        """The table, or what is said in its place."""
        self.delete = button("Delete", DELETE_TIP, self.delete_asked)
        self.merge = button("Merge", MERGE_TIP, self.merge_asked)
        self.relabel = button("Make it  ", RELABEL_TIP)
        self.relabel.setMenu(QMenu(self.relabel))
        self.export = button("Export  ", EXPORT_TIP)
        menu = QMenu(self.export)
        menu.addAction("Write a table (CSV, Parquet) …", self._ask_file)
        menu.addAction("Copy", self.copy_asked.emit)
        self.export.setMenu(menu)
        self.reviewed = button(f"Reviewed   ({reviewed_key})", REVIEWED_TIP, self.reviewed_asked)
        self.next = button(f"Next unreviewed   ({next_key})", NEXT_TIP, self.next_asked)
        self.plot = button("Plot", PLOT_TIP, checkable=True)
        self._offer_uses(0)
        self.plots = ObjectPlots()
        self.plots.hide()
        self.plot.toggled.connect(self.plots.setVisible)
        self.table.delete_asked.connect(self.delete_asked)
        self.table.copy_asked.connect(self.copy_asked)
        self._offered: tuple[ClassSpec, ...] | None = None
        self._lay_out()

    # What is shown

    def show_layers(
        self, layers: Sequence[tuple[object, str]], chosen: object, *, of_another: bool = False
    ) -> None:
        """Offer the layers whose objects can be listed.

        Parameters
        ----------
        layers, chosen
            The layers with their names, and the one listed; nothing is shown where it is the only
            one.
        of_another
            Whether it is of another image than the chosen one: then its name is shown.
        """
        self.layers.empty()
        for layer, name in layers:
            self.layers.add(layer, name)
        known = self.layers.show_choice(chosen)
        is_clear = known and not of_another
        self.layers.setVisible(len(layers) > 1 or (bool(layers) and not is_clear))

    def show_columns(self, columns: Columns, shown: NDArray[np.bool_], sentence: str) -> None:
        """Show other objects, which of them pass the filters, and a sentence without any."""
        self.table.objects.show_columns(columns, shown)
        self.plots.show_columns(columns, shown)
        self._offer_uses(shown.size)
        self._show_sentence(sentence)

    def _offer_uses(self, objects: int) -> None:
        """Offer what can be done with so many objects; without any, tooltips say what to do."""
        obstacle = "" if objects else NO_OBJECTS
        offer(self.export, EXPORT_TIP, obstacle)
        offer(self.contacts, CONTACTS_TIP, obstacle)
        offer(self.next, NEXT_TIP, obstacle)
        offer(self.plot, PLOT_TIP, "" if self.plot.isChecked() else obstacle)

    def show_labels(self, *, there: bool) -> None:
        """Offer to find objects where there are labels to search."""
        offer(self.search, FIND_TIP, "" if there else NO_LABELS_YET)

    def show_rows(self, shown: NDArray[np.bool_], sentence: str) -> None:
        """Show the objects that pass other filters, and a sentence where none does."""
        self.table.objects.show_rows(shown)
        self.plots.show_rows(shown)
        self._show_sentence(sentence)

    def _show_sentence(self, sentence: str) -> None:
        self.note.setText(sentence)
        self._rows.setCurrentWidget(self.note if sentence else self.table)

    def show_selected(self, rows: NDArray[np.intp]) -> None:
        """Show which objects are selected."""
        self.table.show_selected(rows)
        self.plots.show_selected(rows)
        self.show_possible(len(rows))

    def show_possible(self, selected: int) -> None:
        """Enable what can be done with so many objects."""
        for part in (self.delete, self.relabel, self.reviewed):
            part.setEnabled(selected > 0)
        self.merge.setEnabled(selected > 1)

    def show_classes(self, classes: Sequence[ClassSpec], chosen: str) -> None:
        """Offer classes to show, and to make of objects."""
        self.filters.show_classes(classes, chosen)
        if tuple(classes) == self._offered:
            return
        self._offered = tuple(classes)
        colours: Mapping[str, str] = {spec.name: spec.colour for spec in classes}
        self.table.objects.show_colours(colours)
        self.plots.show_colours(colours)
        menu = self.relabel.menu()
        menu.clear()
        for spec in classes:
            action = menu.addAction(swatch(spec.colour), spec.name)
            action.triggered.connect(lambda _=False, chosen=spec: self.relabel_asked.emit(chosen))

    def _ask_file(self) -> None:
        path = ask_save_name(self, "Name of the table", "objects", TABLES, _as_table)
        if path:
            self.export_asked.emit(path)

    def _lay_out(self) -> None:
        above = QHBoxLayout()
        above.addWidget(self.search, 1)
        above.addWidget(self.split)
        above.addWidget(self.contacts)
        acts = QHBoxLayout()
        fill_row(acts, self.delete, self.merge, self.relabel, self.export)
        steps = QHBoxLayout()
        steps.addWidget(self.reviewed, 3)
        steps.addWidget(self.next, 4)
        steps.addWidget(self.plot, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(above)
        column.addWidget(self.layers)
        column.addWidget(self.filters)
        self._rows.addWidget(self.table)
        self._rows.addWidget(self.note)
        column.addWidget(self._rows, 3)
        column.addLayout(acts)
        column.addLayout(steps)
        column.addWidget(self.plots, 2)
        self.layers.hide()
        self.show_possible(0)


def _as_table(path: str, chosen: str) -> str:
    """Return a path with the suffix of the kind of table that was chosen."""
    if path.endswith((".csv", ".parquet")):
        return path
    return f"{path}{'.parquet' if 'parquet' in chosen else '.csv'}"
