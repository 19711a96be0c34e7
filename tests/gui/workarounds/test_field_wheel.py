from __future__ import annotations

import pytest
from napari.layers import Image
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QComboBox, QSlider

pytestmark = pytest.mark.gui

FIELDS = {
    "classes": lambda panel: panel.class_bar.classes,
    "where": lambda panel: panel.segment.scope,
    "threshold": lambda panel: panel.segment.threshold.findChild(QSlider),
    "slices": lambda panel: panel.segment.slices.findChild(QSlider),
    "smallest": lambda panel: panel.correct.smallest,
}


@pytest.fixture
def panel(window, stack):
    one = window(Image(stack))
    one.finish()
    one.widget.work_desk.segmenting.choose_scope("range")
    return one.widget


def value_of(field) -> int:
    return field.currentIndex() if isinstance(field, QComboBox) else field.value()


def turn_wheel(field) -> bool:
    """Turn it towards the user, one notch; tell whether the field took that for itself, else Qt hands it on to the panel."""
    place = QPointF(field.rect().center())
    event = QWheelEvent(
        place,
        QPointF(field.mapToGlobal(field.rect().center())),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(field, event)
    return event.isAccepted()


def test_the_wheel_scrolls_past_a_field_and_turns_one_that_was_clicked(panel, monkeypatch):
    for name, find in FIELDS.items():
        field = find(panel)
        before = value_of(field)
        assert not turn_wheel(field), name
        assert value_of(field) == before, name
        assert not field.focusPolicy() & Qt.FocusPolicy.WheelFocus & ~Qt.FocusPolicy.StrongFocus
    for name, find in FIELDS.items():
        field = find(panel)
        before = value_of(field)
        with monkeypatch.context() as patched:
            # No window is active where tests run.
            patched.setattr(field, "hasFocus", lambda: True)
            assert turn_wheel(field), name
        assert value_of(field) != before, name
