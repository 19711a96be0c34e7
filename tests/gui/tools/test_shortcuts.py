from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.notifications import notification_manager
from napari.utils.shortcuts import default_shortcuts
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLineEdit, QSlider, QWidget

from napari_scsam.gui.tools.shortcuts import (
    ACTIONS,
    CLASS_KEYS,
    SEGMENT,
    SEGMENT_KEYS,
    register_shortcuts,
)

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_no_key_takes_anything_away_from_napari(action):
    taken = {str(key) for keys in default_shortcuts.values() for key in keys}
    assert taken
    assert action.key.replace("-", "+") not in taken


def test_the_key_segments_in_the_window_it_is_pressed_in(window, stack, wait):
    one = window(Image(stack))
    one.finish()
    QTest.keyClick(
        one.viewer.window._qt_viewer.canvas.native, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier
    )
    wait(lambda: len(one.viewer.layers) == 2)
    one.finish()


def test_the_key_is_listed_in_the_preferences(window):
    window()
    from napari._qt.widgets.qt_keyboard_settings import ShortcutEditor

    editor = ShortcutEditor()
    texts = [editor._table.item(row, 0).text() for row in range(editor._table.rowCount())]
    assert "Segment the slice shown (ScSAM)" in texts
    editor.deleteLater()


def test_a_key_that_the_user_chose_stays(make_napari_viewer):
    make_napari_viewer()
    shortcuts = get_settings().shortcuts.shortcuts
    action_manager._shortcuts.pop(SEGMENT.id, None)
    get_settings().shortcuts.shortcuts = {**shortcuts, SEGMENT.id: ["Alt-J"]}
    register_shortcuts()
    assert not action_manager._shortcuts.get(SEGMENT.id)
    assert "J" in SEGMENT.shown_key


def test_without_a_widget_the_key_says_what_to_do(make_napari_viewer):
    notification_manager.records.clear()
    SEGMENT.run(make_napari_viewer())
    assert "Open the ScSAM widget" in notification_manager.records[-1].message


def test_keys_work_wherever_the_hand_was_last(window, stack, wait):
    one = window(Image(stack))
    one.finish()
    panel, said = one.widget, []
    one.session.status.connect(said.append)

    def press_in(place: QWidget) -> None:
        """Press Shift+S where a click has left the focus."""
        QTest.keyClick(place, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)

    classes = panel.class_bar.classes
    classes.setFocus()
    classes.showPopup()
    classes.hidePopup()
    assert panel.window().focusWidget() not in (classes, classes.line), (
        "the next letter is no search"
    )
    numbers = (panel.segment.slices.findChild(QLineEdit), panel.correct.radius)
    for place in (
        panel.segment.segment,
        panel.segment.scope,
        panel.segment.threshold.findChild(QSlider),
        panel.correct.unit,
        *numbers,
    ):
        said.clear()
        press_in(place)
        assert any("Segmenting 3 classes" in sentence for sentence in said), place
        one.finish()
    for field in (panel.volume.sizes[0], panel.teach.name):
        press_in(field)
        assert field.text().casefold() == "s", "a field for text takes them"


def test_each_class_has_a_key(window, stack, classes):
    one = window(Image(stack))
    one.finish()
    for number, spec in enumerate(classes):
        CLASS_KEYS[number].run(one.viewer)
        assert one.session.choices.chosen == (spec,)
        assert one.widget.class_bar.classes.currentText() == spec.name
    CLASS_KEYS[len(classes)].run(one.viewer)
    assert one.session.choices.chosen == classes[-1:], "there is no such class"
    SEGMENT_KEYS[len(classes)].run(one.viewer)
    one.finish()
    assert one.session.labels is None, "choosing has written nothing"
    SEGMENT_KEYS[2].run(one.viewer)
    one.finish()
    assert one.session.choices.chosen == (classes[2],)
    assert set(np.unique(one.session.labels.data)) == {0, classes[2].id}
