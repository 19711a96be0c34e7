from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from napari_scsam.gui.panels.one_object import PromptPanel
from napari_scsam.gui.prompts.state import PromptState
from napari_scsam.infer.patch import Patch

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot) -> PromptPanel:
    panel = PromptPanel("Shift+O", "Shift+I", "Shift+E")
    qtbot.addWidget(panel)
    panel.show()
    return panel


@pytest.fixture
def state(classes):
    """Make a state of the prompts."""
    still = PromptState(
        active=True,
        kind="point",
        inside=True,
        target=classes[0],
        found=None,
        max_slices=50,
        ends=(),
    )
    return partial(replace, still)


def found(mask: np.ndarray) -> Patch:
    return Patch(mask, 0, 0)


def test_the_tools_are_shown_only_while_prompting(panel, state):
    panel.show_state(state(active=False))
    assert not panel.accept.isVisible()
    assert panel.start.text().startswith("Point at an object")
    panel.show_state(state(kind="box", inside=False))
    assert panel.accept.isVisible()
    assert panel.start.text().startswith("Stop pointing")
    assert [name for name, button in panel.kinds.items() if button.isChecked()] == ["box"]
    assert panel.outside.isChecked()
    assert not panel.inside.isChecked()


def test_the_class_that_an_object_is_added_to_is_named(panel, state, classes):
    panel.show_state(state())
    assert panel.accept.text() == "Accept as mitochondrion   (Enter)"
    panel.show_state(state(target=classes[2]))
    assert panel.accept.text() == "Accept as vesicle   (Enter)"
    assert panel.accept.toolTip().startswith("Add the object to vesicle,")
    panel.show_state(state(target=None))
    assert panel.accept.text() == "Accept as the class   (Enter)"


def test_there_is_nothing_to_accept_without_an_object(panel, state):
    for there, mask in ((False, np.zeros((2, 2), bool)), (True, np.eye(2, dtype=bool))):
        panel.show_state(state(found=found(mask)))
        assert (panel.accept.isEnabled(), panel.propagate.isEnabled()) == (there, there)
    panel.show_state(state())
    assert not panel.accept.isEnabled()


def test_where_an_object_stopped_is_a_way_to_go_there(panel, state):
    asked = []
    panel.end_asked.connect(asked.append)
    panel.show_state(state(ends=(84,)))
    assert [button.isVisible() for button in panel.ends] == [True, False]
    panel.ends[0].click()
    assert asked == [84]


def test_what_is_picked_is_asked_for(panel, state):
    asked = []
    for signal in (
        panel.kind_chosen,
        panel.side_chosen,
        panel.max_slices_changed,
    ):
        signal.connect(asked.append)
    panel.show_state(state())
    assert asked == [], "what the program shows is nobody's wish"
    panel.kinds["scribble"].click()
    panel.outside.click()
    panel.max_slices.setValue(7)
    assert asked == ["scribble", False, 7]
