"""The check that no widget outlives its test can fail."""

from __future__ import annotations

from left_widgets import count_widgets, left_since
from qtpy.QtWidgets import QWidget

from napari_scsam.gui.panels.parts.size_field import SizeField


def test_a_window_that_is_left_is_named_until_it_is_deleted(qapp) -> None:
    before = count_widgets()
    window = QWidget()
    assert [name.rpartition(".")[2] for name in left_since(before)] == ["QWidget"]
    window.deleteLater()
    assert left_since(before) == []


def test_a_widget_of_ours_is_named_wherever_it_is(qapp) -> None:
    parent = QWidget()
    before = count_widgets()
    field = SizeField("y")
    field.setParent(parent)
    assert [name.rpartition(".")[2] for name in left_since(before)] == ["SizeField"]
    parent.deleteLater()
    assert left_since(before) == []


def test_a_widget_that_only_python_held_is_collected(qapp) -> None:
    before = count_widgets()
    window = QWidget()
    window.itself = window  # a circle, which only a collection ends
    del window
    assert left_since(before) == []
