from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtTest import QTest

from napari_scsam.gui.panels.volume import VolumePanel

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
    assert typed == [(40.0, 10.0, 12.5)], "and once"
    type_size(panel, "", "", "")
    assert typed[-1] is None


@pytest.mark.parametrize(
    "text",
    [
        "10,5",
        "1,000",
        "-3",
        "1e9",
        "ten nm",
        "0",
        "0.0",
        "nan",
        "inf",
        "1_0",
        "10 µm",
        "1e-30",
        "-4e",
        "5-",
        ".",
    ],
)
def test_what_is_no_size_gets_a_sentence_and_changes_nothing(panel, text):
    typed = []
    panel.size_typed.connect(typed.append)
    type_size(panel, "40", text, "8")
    assert typed == []
    assert panel.note.text().startswith(f"'{text}' for y ")
    assert "write" in panel.note.text()
    assert panel.sizes[1].text() == text, "what was typed can be put right"


@pytest.mark.parametrize(
    ("text", "size"), [("12.5", 12.5), (" 8 ", 8), ("10 nm", 10), ("1e1", 10), (".5", 0.5)]
)
def test_a_size_is_read_as_it_is_written(panel, text, size):
    typed = []
    panel.size_typed.connect(typed.append)
    type_size(panel, "40", "8", text)
    assert typed == [(40, 8, size)]


def test_what_is_missing_is_named(panel):
    type_size(panel, "", "10", "")
    assert panel.note.text().startswith("Type z and x as well")


def test_an_untouched_field_tells_nothing_and_takes_the_sentence_back(panel):
    panel.show_size((8.123456789, 8, 8), "From the layer.", flat=False, possible=True)
    typed = []
    panel.size_typed.connect(typed.append)
    type_size(panel, "8.12346", "", "8")
    assert panel.note.text() != "From the layer."
    type_size(panel, "8.12346", "8", "8")
    assert typed == []
    assert panel.note.text() == "From the layer."


def test_other_news_does_not_wipe_out_what_is_being_typed(panel):
    panel.show()
    panel.sizes[1].setFocus()
    QTest.keyClicks(panel.sizes[1], "12")
    panel.show_size(None, "The network is ready.", flat=False, possible=True)
    assert panel.sizes[1].text() == "12"
    panel.show_size((8, 8, 8), "Another image.", flat=False, possible=True)
    assert panel.sizes[1].text() == "8"


def test_emptied_fields_go_back_to_what_the_layer_says(window, stack):
    layer = Image(stack, scale=(40, 8, 8), units=("nm",) * 3)
    one = window(layer)
    panel = one.widget.volume
    type_size(panel, "40", "10", "10")
    assert one.session.choices.voxel_size == (40, 10, 10)
    type_size(panel, "40", "10,5", "10")
    assert one.session.choices.voxel_size == (40, 10, 10)
    type_size(panel, "", "", "")
    assert one.session.choices.voxel_size == (40, 8, 8)
    assert [field.text() for field in panel.sizes] == ["40", "8", "8"]


def test_an_image_that_cannot_be_segmented_is_told_once_chosen(window, stack):
    grey = Image(stack, name="cell")
    one = window(
        Image(np.full((8, 9, 3), (9, 0, 0), np.uint8), rgb=True, name="photo"),
        Image(np.zeros((2, 8, 9), np.uint8), shear=[0.5, 0, 0], name="leaning"),
        grey,
    )
    one.finish()
    panel = one.widget.volume
    for number, wrong in enumerate(
        (
            "'photo' is an RGB image with colours; choose a grey-value layer",
            "'leaning' is sheared or rotated through its slices",
        )
    ):
        panel.layers.activated.emit(number)
        assert panel.note.text().startswith(wrong)
    panel.layers.activated.emit(2)
    assert panel.note.text().startswith("Voxel size unknown")


def test_a_flat_image_needs_no_z(panel):
    panel.show_size((8.0, 8.0, 4.0), "", flat=True, possible=True)
    assert [field.text() for field in panel.sizes] == ["", "8", "4"]
    assert panel.summary.text().endswith(": 8 × 4 nm"), "nobody gave a z"
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
    event = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    panel.dropEvent(event)
    assert asked == [str(tmp_path / "cell.tif")]
