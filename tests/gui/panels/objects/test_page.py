"""The page *Objects* by itself: what it offers, and when."""

from __future__ import annotations

import numpy as np

from napari_scsam.gui.panels.objects.page import EXPORT_TIP, NO_OBJECTS, ObjectsPanel


def test_a_table_is_exported_only_when_there_are_objects(qtbot) -> None:
    page = ObjectsPanel("R", "N")
    qtbot.addWidget(page)
    for part in (page.export, page.next, page.plot):
        assert not part.isEnabled()
        assert part.toolTip() == NO_OBJECTS
    columns = {"id": np.array([7]), "class": np.array(["ER"]), "voxels": np.array([9])}
    page.show_columns(columns, np.zeros(1, bool), "None passes the filters.")
    assert page.plot.isEnabled()
    assert page.next.isEnabled()
    assert page.export.isEnabled(), "rows that filters hide come back"
    assert page.export.toolTip() == EXPORT_TIP
    page.show_columns({}, np.zeros(0, bool), "No objects yet.")
    assert not page.export.isEnabled()
