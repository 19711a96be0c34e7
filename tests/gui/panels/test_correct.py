from __future__ import annotations

import pytest

from napari_scsam.gui.object_tools import OBJECT_TOOLS
from napari_scsam.gui.panels.correct import NOTHING_TO_CORRECT, CorrectPanel

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot) -> CorrectPanel:
    panel = CorrectPanel({tool.name: tool.key for tool in OBJECT_TOOLS})
    qtbot.addWidget(panel)
    return panel


def show(panel: CorrectPanel, **changes) -> None:
    panel.show_choices(
        **(
            {
                "whole": False,
                "radius": 2.0,
                "smallest": 50.0,
                "in_micrometres": False,
                "armed": None,
            }
            | changes
        )
    )


def test_units_follow_the_dimensions(panel):
    show(panel)
    assert [panel.unit.itemText(i) for i in (0, 1)] == ["pixels", "µm²"]
    show(panel, whole=True, in_micrometres=True, smallest=0.0005)
    assert panel.unit.currentText() == "µm³"
    assert panel.smallest.value() == 0.0005


def test_a_unit_with_fewer_decimals_changes_no_size(panel):
    asked = []
    panel.smallest_changed.connect(asked.append)
    for in_micrometres, smallest in ((False, 500), (True, 0.0393), (False, 500)):
        show(panel, in_micrometres=in_micrometres, smallest=smallest)
        assert panel.smallest.value() == smallest
    assert asked == []


def test_the_tool_in_hand_stands_out_and_showing_asks_for_nothing(panel):
    asked = []
    for signal in (
        panel.tool_asked,
        panel.radius_changed,
        panel.smallest_changed,
        panel.unit_changed,
    ):
        signal.connect(asked.append)
    show(panel, armed="merge", radius=3.5)
    assert [name for name, button in panel.buttons.items() if button.isChecked()] == ["merge"]
    assert asked == []
    panel.buttons["grow"].click()
    panel.whole.click()
    panel.radius.setValue(4)
    assert asked == ["grow", "toggle_whole", 4.0]


def test_locks_are_listed_and_named_in_short(panel):
    asked = []
    panel.lock_changed.connect(lambda *what: asked.append(what))
    panel.show_locks(
        [(1, "mitochondrion", True), (2, "ER", False), (3, "vesicle", True), (4, "PSD", True)]
    )
    assert panel.locks.text() == "Locked: mitochondrion, vesicle and 1 more"
    panel.locks.menu().actions()[1].trigger()
    assert asked == [(2, True)]
    panel.show_locks([])
    assert (panel.locks.text(), panel.locks.isEnabled()) == ("Locked: nothing", False)


def test_without_labels_the_tools_say_what_to_do_first(panel):
    tips = {name: button.toolTip() for name, button in panel.buttons.items()}
    panel.show_labels(there=False)
    assert not any(button.isEnabled() for button in panel.buttons.values())
    assert {button.toolTip() for button in panel.buttons.values()} == {NOTHING_TO_CORRECT}
    panel.show_labels(there=True)
    assert all(button.isEnabled() for button in panel.buttons.values())
    assert {name: button.toolTip() for name, button in panel.buttons.items()} == tips
