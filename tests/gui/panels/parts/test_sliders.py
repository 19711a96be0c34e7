from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLineEdit, QSlider

from napari_scsam.gui.panels.parts.sliders import OffsetSlider, SliceRange

pytestmark = pytest.mark.gui


@pytest.fixture
def offset(qtbot) -> OffsetSlider:
    slider = OffsetSlider(6, 0.1)
    qtbot.addWidget(slider)
    slider.show()
    return slider


@pytest.fixture
def slices(qtbot) -> SliceRange:
    slider = SliceRange()
    qtbot.addWidget(slider)
    slider.show_slices(3, 20, 100)
    slider.show()
    return slider


def type_into(label: QLineEdit, text: str) -> None:
    label.setFocus()
    label.selectAll()
    QTest.keyClicks(label, text)
    QTest.keyClick(label, Qt.Key.Key_Return)


def test_arrow_keys_move_the_threshold_in_steps(offset):
    for key, value in (
        (Qt.Key.Key_Right, 0.1),
        (Qt.Key.Key_Up, 0.2),
        (Qt.Key.Key_PageUp, 1.2),
        (Qt.Key.Key_Left, 1.1),
        (Qt.Key.Key_PageDown, 0.1),
        (Qt.Key.Key_Down, 0.0),
    ):
        QTest.keyClick(offset.findChild(QSlider), key)
        assert offset.offset() == value


def test_a_threshold_can_be_typed(offset):
    changed = []
    offset.valueChanged.connect(changed.append)
    type_into(offset.findChild(QLineEdit), "2.5")
    assert (offset.offset(), changed) == (2.5, [2.5])


def test_the_slices_shown_emit_nothing_and_stand_at_the_ends(slices):
    picked = []
    slices.range_picked.connect(lambda *range_: picked.append(range_))
    slices.show_slices(5, 9, 12)
    assert [label.text() for label in slices.findChildren(QLineEdit)][:2] == ["5", "9"]
    assert picked == []


def test_first_and_last_slice_can_be_typed_and_come_in_order(slices):
    picked = []
    slices.range_picked.connect(lambda *range_: picked.append(range_))
    first, last = slices.findChildren(QLineEdit)[:2]
    type_into(last, "30")
    type_into(first, "10")
    type_into(first, "50")
    assert picked == [(3, 30), (10, 30), (30, 50)]


def test_an_image_of_one_slice_has_a_range_too(slices):
    slices.show_slices(0, 0, 1)
    assert slices.value() == (0, 0)
