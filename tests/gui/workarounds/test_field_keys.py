from __future__ import annotations

import pytest
from napari.layers import Image, Labels
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QFocusEvent, QKeyEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit

from napari_scsam.gui.tools.correction.correct import Correcting

pytestmark = pytest.mark.gui

FIELDS = {
    "voxel size": lambda panel: panel.volume.sizes[1],
    "classes": lambda panel: panel.class_bar.classes,
    "first slice": lambda panel: panel.segment.slices.findChild(QLineEdit),
    "grow by": lambda panel: panel.correct.radius,
    "smallest": lambda panel: panel.correct.smallest,
    "propagate through": lambda panel: panel.prompt.max_slices,
    "new class": lambda panel: panel.teach.name,
}


@pytest.fixture
def one(window, stack, monkeypatch):
    """A window in which no tool of ours is used unseen, nor any key of napari's canvas."""
    one = window(Image(stack), Labels((stack > 150).astype("uint8")))
    one.finish()
    one.used = []
    monkeypatch.setattr(Correcting, "use", lambda _, name: one.used.append(name))
    one.viewer.window._qt_viewer.canvas._scene_canvas.events.key_press.connect(
        lambda event: one.used.append(event.key.name)
    )
    return one


def test_what_is_typed_in_a_field_stays_there(one):
    for name, find in FIELDS.items():
        field = find(one.widget)
        field.setFocus()
        QTest.keyClicks(field, "gnv e1m2")
        for key in (Qt.Key.Key_Up, Qt.Key.Key_Backspace, Qt.Key.Key_Delete):
            QTest.keyClick(field, key)
        assert one.used == [], name


def overrides_shortcut(field, key: Qt.Key, text: str = "") -> bool:
    """Whether a field keeps a key from the shortcuts of the window."""
    kind = QEvent.Type.ShortcutOverride
    event = QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier, text)
    event.ignore()
    QApplication.sendEvent(field, event)
    return event.isAccepted()


def test_no_shortcut_of_the_window_gets_a_letter(one):
    for name, find in FIELDS.items():
        field = find(one.widget)
        assert overrides_shortcut(field, Qt.Key.Key_G, "g"), name
        function_key = overrides_shortcut(field, Qt.Key.Key_F11)
        assert not function_key, f"{name}: what nobody types is the window's"


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Escape])
def test_enter_and_escape_leave_a_field(one, key):
    panel = one.widget
    one.session.part(
        type(panel.work_desk.prompting)
    ).start()  # Enter would accept an object, Esc drop it
    one.finish()
    panel.segment.show_scope("range", 0, 1, 4)
    window = panel.window()
    window.activateWindow()
    for name, find in FIELDS.items():
        one.used.clear()
        field = find(panel)
        field.setFocus()
        focused = window.focusWidget()
        assert focused in (field, field.focusProxy()), name
        QTest.keyClick(focused, key)
        assert window.focusWidget() is not focused, name
        assert one.used == [], name
        QTest.keyClick(window, Qt.Key.Key_G)
        assert "grow" in one.used, name


def test_a_number_is_taken_with_enter(one):
    box = one.widget.correct.radius
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "7")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert one.session.part(Correcting).settings.radius == 7


def test_a_shifted_letter_is_a_shortcut_over_a_number_and_text_in_a_field(one):
    for name in ("grow by", "first slice"):
        QTest.keyClick(FIELDS[name](one.widget), Qt.Key.Key_D, Qt.KeyboardModifier.ShiftModifier)
        assert "delete" in one.used
        one.used.clear()
    for name in ("voxel size", "new class", "classes"):
        QTest.keyClick(FIELDS[name](one.widget), Qt.Key.Key_D, Qt.KeyboardModifier.ShiftModifier)
        assert one.used == []


def test_the_wheel_takes_no_field_for_typing(one):
    for field in FIELDS.values():
        assert (
            not field(one.widget).focusPolicy()
            & Qt.FocusPolicy.WheelFocus
            & ~Qt.FocusPolicy.StrongFocus
        )


def test_a_class_is_found_by_typing_with_the_list_closed(one, classes, wait):
    dropdown = one.widget.class_bar.classes
    QApplication.sendEvent(
        dropdown, QFocusEvent(QEvent.Type.FocusIn)
    )  # no window is active where tests run
    wait(dropdown.line.hasSelectedText)
    QTest.keyClicks(dropdown, "ves")
    QTest.keyClick(dropdown, Qt.Key.Key_Return)
    assert dropdown.currentText() == "vesicle"
    assert one.session.choices.chosen == (classes[2],)
    assert one.used == []
