"""One thing in hand at a time, in a real window: what lays a tool down, and that nothing of it stays."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.tools.canvas.active_tool import ActiveTool
from napari_scsam.gui.tools.correction.correct import Correcting
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.tools.segment import Segmenting

pytestmark = pytest.mark.gui

PLACE = {"scale": (40, 8, 8), "units": ("nm",) * 3}
SHIFT = Qt.KeyboardModifier.ShiftModifier
OBJECT = (45, 60)
"""Row and column of its middle."""


@pytest.fixture
def one(window, stack, predictor, qtbot):
    """A window with an object in each slice."""
    one = window(Image(stack, name="cell", **PLACE))
    data = np.zeros(stack.shape, np.uint8)
    data[:, 30:60, 30:100] = 7
    one.labels = one.viewer.add_layer(Labels(data, name="objects", **PLACE))
    one.finish()
    one.engine.predictor = predictor
    one.active_tool, one.tools, one.prompting = (
        one.session.part(ActiveTool),
        one.session.part(Correcting),
        one.session.part(Prompting),
    )
    one.buttons, one.canvas = one.widget.correct.buttons, one.viewer.window._qt_viewer.canvas.native
    one.words = one.widget.work.status.text
    one.viewer.reset_view()
    qtbot.wait(100)
    return one


def at(one, row: int, column: int) -> QPoint:
    """Where a pixel of the image lies on the canvas."""
    canvas = one.viewer.window._qt_viewer.canvas
    x, y = canvas.view.scene.node_transform(canvas._scene_canvas.scene).map(
        [column * 8, row * 8, 0, 1]
    )[:2]
    return QPoint(round(x), round(y))


def click(one, row: int = OBJECT[0], column: int = OBJECT[1]) -> None:
    QTest.mouseMove(one.canvas, at(one, row, column) + QPoint(2, 0))
    QTest.mouseMove(one.canvas, at(one, row, column))
    QTest.qWait(50)
    QTest.mouseClick(one.canvas, Qt.MouseButton.LeftButton, pos=at(one, row, column))
    one.finish()


def press(one, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(one.canvas, key, modifier)
    QTest.qWait(10)
    one.finish()


def leave_for_image(one) -> None:
    one.viewer.layers.selection.active = one.session.choices.image


def ask_for_region(one) -> None:
    one.session.part(Segmenting).choose_scope("region")
    one.session.part(Segmenting).go()


WAYS = {
    "Esc": lambda one: press(one, Qt.Key.Key_Escape),
    "Esc on the button": lambda one: QTest.keyClick(one.buttons["delete"], Qt.Key.Key_Escape),
    "pointing at objects": lambda one: press(one, Qt.Key.Key_O, SHIFT),
    "the brush": lambda one: press(one, Qt.Key.Key_2),
    "the polygon": lambda one: press(one, Qt.Key.Key_3),
    "another layer": leave_for_image,
    "a line to cut along": lambda one: press(one, Qt.Key.Key_K, SHIFT),
    "a region": ask_for_region,
    "the tool's button": lambda one: one.buttons["delete"].click(),
}


def begin_again(one, before: np.ndarray) -> None:
    """Lay everything down and restore the labels; a window serves every way."""
    one.active_tool.deactivate()
    one.session.part(Segmenting).choose_scope("slice")
    one.labels.data[...] = before
    one.labels.refresh()
    one.labels.mode = "pan_zoom"
    one.viewer.layers.selection.active = one.labels
    one.finish()


def test_a_tool_is_laid_down_and_nothing_of_it_stays(one):
    before = one.labels.data.copy()
    shown = one.viewer.dims.current_step[0]
    for way, act in WAYS.items():
        begin_again(one, before)
        one.buttons["delete"].click()
        assert one.buttons["delete"].isChecked(), way
        assert one.words() == "Delete: click the object.", way
        act(one)
        QTest.qWait(10)
        assert one.active_tool.name != "delete", way
        assert not one.buttons["delete"].isChecked(), way
        assert "Delete" not in one.words(), way
        click(one)
        left = (one.labels.data[shown] == 7).sum()
        assert left > 0.8 * (before[shown] == 7).sum(), f"{way}: a dab of the brush at most"
        assert not any(str(key) == "Escape" for key in one.labels.keymap), way


def test_the_first_half_is_forgotten_with_its_words(one):
    one.buttons["split"].click()
    click(one, 45, 40)
    assert one.words() == "Object 7: now point at its other half."
    press(one, Qt.Key.Key_Escape)
    assert one.words() == ""
    one.buttons["split"].click()
    click(one, 45, 90)
    assert one.words() == "Object 7: now point at its other half.", "it is the first again"
    assert set(np.unique(one.labels.data)) == {0, 7}


def test_a_first_half_that_a_key_began_leaves_the_brush_alone_and_goes_with_esc(one):
    one.labels.mode = "paint"
    for key in (Qt.Key.Key_K, Qt.Key.Key_Escape, Qt.Key.Key_K):
        QTest.mouseMove(one.canvas, at(one, *OBJECT) + QPoint(2, 0))
        QTest.mouseMove(one.canvas, at(one, *OBJECT))
        QTest.qWait(50)
        press(one, key)
        assert one.words() == (
            "" if key == Qt.Key.Key_Escape else "Object 7: now point at its other half."
        )
    assert one.labels.mode == "paint"
    press(one, Qt.Key.Key_1)
    assert one.words() == "", "the eraser is chosen"


def test_another_slice_and_a_held_space_leave_the_tool_in_hand(one):
    one.buttons["cut"].click()
    assert one.buttons["cut"].isChecked()
    QTest.keyPress(one.canvas, Qt.Key.Key_Space)
    QTest.keyRelease(one.canvas, Qt.Key.Key_Space)
    one.viewer.dims.set_current_step(0, 1)
    assert one.active_tool.name == "cut"
    one.buttons["cut"].click()
    one.buttons["delete"].click()
    one.viewer.dims.set_current_step(0, 2)
    click(one)
    assert [plane.any() for plane in one.labels.data] == [True, True, False, True]
    assert one.active_tool.name == ""


def test_a_tool_used_by_its_key_lays_another_down_and_lets_prompts_be(one):
    one.buttons["delete"].click()
    QTest.mouseMove(one.canvas, at(one, *OBJECT) + QPoint(2, 0))
    QTest.mouseMove(one.canvas, at(one, *OBJECT))
    QTest.qWait(50)
    press(one, Qt.Key.Key_G)
    assert one.active_tool.name == ""
    one.prompting.start()
    one.finish()
    press(one, Qt.Key.Key_G)
    assert one.prompting.active


def test_cutting_then_pointing_at_objects_leaves_neither(one):
    before = [*one.viewer.layers]
    press(one, Qt.Key.Key_K, SHIFT)
    press(one, Qt.Key.Key_O, SHIFT)
    assert "line to cut along" not in one.viewer.layers
    assert one.prompting.active
    press(one, Qt.Key.Key_O, SHIFT)
    assert [*one.viewer.layers] == before
    assert one.viewer.layers.selection.active is one.labels
    press(one, Qt.Key.Key_O, SHIFT)
    press(one, Qt.Key.Key_K, SHIFT)
    assert not one.prompting.active
    press(one, Qt.Key.Key_K, SHIFT)
    assert [*one.viewer.layers] == before
    assert one.words() == ""


def choose_in_the_list(one, layer) -> None:
    """Click on a layer in napari's list."""
    view = one.viewer.window._qt_viewer.layers
    row = len(one.viewer.layers) - 1 - one.viewer.layers.index(layer)
    QTest.mouseClick(
        view.viewport(),
        Qt.MouseButton.LeftButton,
        pos=view.visualRect(view.model().index(row, 0)).center(),
    )


def test_another_layer_stays_chosen_when_what_was_drawn_goes(one):
    before = [*one.viewer.layers]
    for draw in (one.buttons["cut"].click, lambda: ask_for_region(one)):
        draw()
        assert len(one.viewer.layers) == len(before) + 1
        choose_in_the_list(one, one.session.choices.image)
        QTest.qWait(20)
        assert [*one.viewer.layers] == before
        assert one.viewer.layers.selection.active is one.session.choices.image
        assert one.words() == ""
    one.buttons["cut"].click()
    one.viewer.layers.remove(one.viewer.layers.selection.active)
    QTest.qWait(10)
    assert one.active_tool.name == ""
    assert [*one.viewer.layers] == before


@pytest.fixture
def reviewed(one, tmp_path, wait):
    """The window with a project."""
    keeper = one.session.part(ProjectKeeper)
    keeper.new(str(tmp_path / "mine"))
    wait(lambda: keeper.project is not None)
    one.finish()
    one.rectangle = one.widget.desk.review.rectangle
    return one


def test_a_second_press_of_rectangle_ends_it_and_so_does_esc(reviewed):
    before = [*reviewed.viewer.layers]
    for leave in (
        reviewed.rectangle.click,
        lambda: press(reviewed, Qt.Key.Key_Escape),
        lambda: press(reviewed, Qt.Key.Key_O, SHIFT),
    ):
        reviewed.rectangle.click()
        assert reviewed.words().startswith("Drag a rectangle")
        leave()
        assert "rectangle to mark" not in reviewed.viewer.layers
        assert "rectangle" not in reviewed.words()
    press(reviewed, Qt.Key.Key_O, SHIFT)
    assert [*reviewed.viewer.layers] == before


def test_a_click_is_no_rectangle_and_leaves_it_in_hand(reviewed):
    reviewed.rectangle.click()
    click(reviewed)
    QTest.qWait(20)
    assert reviewed.active_tool.name == "rectangle to mark"
    assert reviewed.viewer.layers.selection.active.mode == "add_rectangle"
    assert not np.asarray(reviewed.session.part(ProjectKeeper).project.reviewed).any()


def test_the_dock_closed_lays_down_what_is_in_hand(reviewed):
    before = [*reviewed.viewer.layers]
    reviewed.session.part(Reviewing).mark_rectangle()
    assert len(reviewed.viewer.layers) == len(before) + 1
    reviewed.viewer.window.remove_dock_widget(reviewed.widget)
    assert [*reviewed.viewer.layers] == before
