from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtTest import QTest

from napari_scsam.gui.volume_panel import VolumePanel

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot) -> VolumePanel:
    panel = VolumePanel()
    qtbot.addWidget(panel)
    panel.show_size(None, "", flat=False, possible=True)
    return panel


def test_layers_are_listed_and_picked(panel):
    layers = [Image(np.zeros((3, 4)), name=name) for name in ("a", "b")]
    picked = []
    panel.layer_chosen.connect(picked.append)
    panel.show_layers(layers, layers[1])
    assert panel.layers.currentText() == "b"
    panel.layers.activated.emit(0)
    assert picked == [layers[0]]
    panel.show_layers([], None)
    assert not panel.layers.isEnabled()


def type_size(panel, *texts):
    for field, text in zip(panel.sizes, texts, strict=True):
        field.clear()
        QTest.keyClicks(field, text)
    QTest.keyClick(panel.sizes[-1], Qt.Key.Key_Return)


def test_a_typed_size_is_told_once_all_of_it_is_there(panel):
    typed = []
    panel.size_typed.connect(typed.append)
    type_size(panel, "", "10", "12.5")
    assert typed == []
    type_size(panel, "40", "10", "12.5")
    assert typed == [(40.0, 10.0, 12.5)]
    type_size(panel, "", "", "")
    assert typed[-1] is None


def test_nonsense_cannot_be_typed(panel):
    type_size(panel, "-4e", "1o0", "nan")
    assert [field.text() for field in panel.sizes] == ["4", "10", ""]


def test_a_flat_image_needs_no_z(panel):
    panel.show_size((8.0, 8.0, 4.0), "", flat=True, possible=True)
    assert [field.text() for field in panel.sizes] == ["8", "8", "4"]
    assert not panel.sizes[0].isEnabled()
    typed = []
    panel.size_typed.connect(typed.append)
    panel.show_size(None, "", flat=True, possible=True)
    panel.sizes[1].setText("6")
    panel.sizes[2].setText("6")
    panel.sizes[2].editingFinished.emit()
    assert typed == [(6.0, 6.0, 6.0)]


def test_dropped_files_are_asked_for(panel, tmp_path):
    asked = []
    panel.file_asked.connect(asked.append)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "cell.tif"))])
    event = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    panel.dropEvent(event)
    assert asked == [str(tmp_path / "cell.tif")]
