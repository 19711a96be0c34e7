"""The page *Objects* by itself: what it offers, and when."""

from __future__ import annotations

import numpy as np

from napari_scsam.gui.panels.objects.page import (
    EXPORT_TIP,
    NO_LABELS_YET,
    NO_OBJECTS,
    ObjectsPanel,
)


def test_a_table_is_exported_only_when_there_are_objects(qtbot) -> None:
    page = ObjectsPanel("R", "N")
    qtbot.addWidget(page)
    for part in (page.export, page.next, page.plot, page.contacts):
        assert not part.isEnabled()
        assert part.toolTip() == NO_OBJECTS
    columns = {"id": np.array([7]), "class": np.array(["ER"]), "voxels": np.array([9])}
    page.show_columns(columns, np.zeros(1, bool), "None passes the filters.")
    assert page.plot.isEnabled()
    assert page.next.isEnabled()
    assert page.contacts.isEnabled()
    assert page.export.isEnabled(), "rows that filters hide come back"
    assert page.export.toolTip() == EXPORT_TIP
    page.show_columns({}, np.zeros(0, bool), "No objects yet.")
    assert not page.export.isEnabled()


def test_objects_are_searched_where_there_are_labels_and_a_layer_of_another_image_is_named(qtbot):
    page = ObjectsPanel("R", "N")
    qtbot.addWidget(page)
    page.show_labels(there=False)
    assert not page.search.isEnabled()
    assert page.search.toolTip() == NO_LABELS_YET
    page.show_labels(there=True)
    assert page.search.isEnabled()
    page.show_layers([(1, "cell objects")], 1)
    assert page.layers.isHidden()
    page.show_layers([(1, "cell objects")], 1, of_another=True)
    assert not page.layers.isHidden()
    assert page.layers.currentText() == "cell objects"
