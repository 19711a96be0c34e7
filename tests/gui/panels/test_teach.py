from __future__ import annotations

from dataclasses import replace

import pytest

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.teach import TeachPanel
from napari_scsam.gui.prompts.teaching import TeachState

pytestmark = pytest.mark.gui

GRANULE = ClassSpec(9, "granule")


@pytest.fixture
def panel(qtbot) -> TeachPanel:
    panel = TeachPanel("Shift+M", "Shift+I")
    qtbot.addWidget(panel)
    panel.show()
    return panel


@pytest.fixture
def state() -> TeachState:
    return TeachState(
        active=False, name="membrane", on_class=True, spec=None, taught=(), possible=True
    )


def test_the_class_chosen_above_is_taught(panel, state, qtbot):
    panel.show_state(state)
    assert panel.start.text() == "Teach membrane   (Shift+M)"
    assert not panel.body.isVisible()
    with qtbot.waitSignal(panel.toggled_by_user) as asked:
        panel.start.click()
    assert asked.args == [""]
    panel.show_state(replace(state, active=True))
    assert panel.start.text() == "Stop teaching membrane   (Shift+M)"
    assert panel.start.isChecked()
    assert panel.body.isVisible()
    panel.show_state(state)
    assert not panel.start.isChecked()


def test_a_typed_name_goes_with_the_button(panel, state, qtbot):
    panel.show_state(state)
    assert panel.name.text() == "", "no class is proposed"
    panel.name.setText("granule")
    panel.show_state(replace(state, name="vesicle"))
    assert panel.name.text() == "granule", "what is being typed stays"
    assert panel.start.text() == "Teach granule   (Shift+M)"
    with qtbot.waitSignal(panel.toggled_by_user) as asked:
        panel.start.click()
    assert asked.args == ["granule"]
    assert panel.name.text() == "", "it is ready for the next"


def test_enter_teaches_the_class_that_was_typed(panel, state, qtbot):
    panel.show_state(state)
    panel.name.returnPressed.emit()
    panel.name.setText(" granule ")
    with qtbot.waitSignal(panel.name_chosen) as asked:
        panel.name.returnPressed.emit()
    assert asked.args == ["granule"]
    assert panel.name.text() == ""


def test_the_side_is_shown_and_chosen(panel, state):
    asked = []
    panel.side_chosen.connect(asked.append)
    panel.show_state(replace(state, active=True, on_class=False))
    assert panel.beside.isChecked()
    assert not panel.on.isChecked()
    assert asked == [], "what the program shows was not chosen"
    panel.on.click()
    panel.beside.click()
    assert asked == [True, False]


def test_each_taught_class_can_be_forgotten(panel, state, classes, qtbot):
    panel.show_state(state)
    assert panel.taught.isHidden()
    panel.show_state(replace(state, taught=(GRANULE, classes[0])))
    assert list(panel.taught.buttons) == ["granule", "mitochondrion"]
    with qtbot.waitSignal(panel.forget_asked) as asked:
        panel.taught.buttons["granule"].click()
    assert asked.args == ["granule"]
    panel.show_state(replace(state, taught=()))
    assert panel.taught.isHidden()
    assert panel.taught.buttons == {}


def test_a_network_without_classes_teaches_nothing(panel, state):
    panel.show_state(replace(state, possible=False))
    for part in (panel.start, panel.name):
        assert not part.isEnabled()
        assert "answers clicks and boxes only" in part.toolTip()
    panel.show_state(state)
    assert panel.start.isEnabled()
    assert panel.start.toolTip().startswith("Paint strokes")
