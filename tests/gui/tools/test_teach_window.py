"""Strokes in a real window: whatever the mouse does, a stroke ends, and only strokes paint."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from discs import DISCS, MIDDLE, PLACE
from napari.layers import Image
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_scsam.gui.project.strokes import StrokeStore
from napari_scsam.gui.tools.canvas.active_tool import ActiveTool
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.teach import Teaching

pytestmark = pytest.mark.gui

LEFT = Qt.MouseButton.LeftButton
RIGHT = Qt.MouseButton.RightButton
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def info(info, predictor):
    return replace(info, classes=predictor.classes)


@pytest.fixture
def one(window, predictor, info):
    """A window with the brush for strokes of a class."""
    one = window(Image(DISCS, name="cell", **PLACE))
    one.finish()
    one.engine.predictor = one.predictor = predictor
    one.viewer.dims.set_current_step(0, MIDDLE)
    one.teaching = one.session.part(Teaching)
    one.store = one.session.part(StrokeStore)
    one.canvas = one.viewer.window._qt_viewer.canvas.native
    one.taught = []
    begin(one)
    notification_manager.records.clear()
    teach = predictor.teach

    def watched(spec, on, beside, **options):
        one.taught.append((int(on.sum()), int(beside.sum())))
        return teach(spec, on, beside, **options)

    predictor.teach = watched
    yield one
    assert not [r for r in notification_manager.records if str(r.severity) == "error"]


def begin(one) -> None:
    """Begin with a class that nobody painted yet; a window serves several checks."""
    one.session.part(ActiveTool).deactivate()
    if one.store.keys("granule"):
        one.teaching.forget("granule")
    one.finish()
    one.viewer.dims.set_current_step(0, MIDDLE)
    one.widget.teach.name.setText("granule")
    one.widget.teach.start.click()
    one.finish()
    one.taught.clear()


def at(one, row: float, column: float) -> QPoint:
    """Return where a pixel of the image is on the canvas."""
    canvas = one.viewer.window._qt_viewer.canvas
    world = one.session.choices.image.data_to_world((MIDDLE, row, column))
    scene = canvas.view.scene.node_transform(canvas._scene_canvas.scene)
    x, y = scene.map([world[2], world[1], 0, 1])[:2]
    return QPoint(round(x), round(y))


def press(one, row, column, button=LEFT) -> None:
    QTest.mousePress(one.canvas, button, NONE, at(one, row, column))


def move(one, row, column) -> None:
    QTest.mouseMove(one.canvas, at(one, row, column))


def release(one, row, column, button=LEFT) -> None:
    QTest.mouseRelease(one.canvas, button, NONE, at(one, row, column))


def painted(one) -> np.ndarray:
    (key,) = one.store.keys("granule")
    return np.array(one.store.array(key)[MIDDLE])


def hover(one) -> None:
    """Move the mouse across the picture, with no button pressed."""
    for column in range(20, 110, 15):
        move(one, 20, column)
    one.finish()


def a_short_stroke_ends_when_the_button_is_released(one):
    press(one, 60, 92)
    for column in range(93, 99):
        move(one, 60, column)
    release(one, 60, 98)
    one.finish()
    first = painted(one)
    assert first.any()
    assert len(one.taught) == 1, "one stroke is learned once"
    hover(one)
    np.testing.assert_array_equal(painted(one), first)
    assert len(one.taught) == 1
    assert [known.spec.name for known in one.session.choices.taught] == ["granule"]


def a_click_is_a_dot(one):
    QTest.mouseClick(one.canvas, LEFT, NONE, at(one, 60, 95))
    one.finish()
    rows, columns = np.nonzero(painted(one))
    assert 60 in rows
    assert 95 in columns
    assert np.ptp(rows) <= one.teaching.strokes.layer.brush_size
    assert len(one.taught) == 1


def press_moves_and_release_in_one_batch(one):
    where = at(one, 60, 90), at(one, 61, 98)
    QTest.mousePress(one.canvas, LEFT, NONE, where[0])
    QTest.mouseMove(one.canvas, where[1])
    QTest.mouseRelease(one.canvas, LEFT, NONE, where[1])
    one.finish()
    first = painted(one)
    assert first.any()
    hover(one)
    np.testing.assert_array_equal(painted(one), first)


def a_release_outside_the_canvas_ends_a_stroke(one):
    press(one, 60, 95)
    QTest.mouseMove(one.canvas, QPoint(-30, 90))
    QTest.mouseRelease(one.canvas, LEFT, NONE, QPoint(-30, 90))
    one.finish()
    first = painted(one)
    hover(one)
    np.testing.assert_array_equal(painted(one), first)
    assert len(one.taught) == 1


def a_second_button_ends_a_stroke_and_paints_nothing(one):
    press(one, 60, 90)
    move(one, 60, 94)
    press(one, 60, 95, RIGHT)
    move(one, 60, 97)
    release(one, 60, 97, RIGHT)
    release(one, 60, 97)
    one.finish()
    first = painted(one)
    assert first.any()
    hover(one)
    np.testing.assert_array_equal(painted(one), first)
    press(one, 30, 40, RIGHT)
    move(one, 30, 60)
    release(one, 30, 60, RIGHT)
    one.finish()
    np.testing.assert_array_equal(painted(one), first)
    press(one, 60, 98)
    release(one, 60, 98)
    one.finish()
    assert np.count_nonzero(painted(one)) > np.count_nonzero(first), "the next stroke works"


def a_key_during_a_stroke(one, key) -> None:
    press(one, 60, 90)
    move(one, 60, 94)
    code = getattr(Qt.Key, f"Key_{key}")
    modifier = Qt.KeyboardModifier.ShiftModifier if key in "IMS" else NONE
    QTest.keyClick(one.canvas, code, modifier)
    one.finish()
    move(one, 60, 97)
    release(one, 60, 97)
    one.finish()
    first = painted(one)
    assert first.any()
    hover(one)
    np.testing.assert_array_equal(painted(one), first)
    assert one.taught, f"what was painted is learned: {key}"


def test_no_key_leaves_a_stroke_open(one):
    for key in ("I", "M", "1", "Escape", "S"):
        begin(one)
        a_key_during_a_stroke(one, key)


def a_release_that_is_lost_is_made_up_for_by_the_next_press(one):
    press(one, 60, 90)
    move(one, 60, 92)
    press(one, 60, 97)
    release(one, 60, 97)
    one.finish()
    first = painted(one)
    hover(one)
    np.testing.assert_array_equal(painted(one), first)
    assert len(one.taught) >= 1


def another_slice_during_a_stroke(one):
    press(one, 60, 90)
    move(one, 60, 92)
    one.viewer.dims.set_current_step(0, MIDDLE + 1)
    move(one, 60, 97)
    release(one, 60, 97)
    one.finish()
    planes = one.store.planes("granule")
    assert MIDDLE in [plane.position for plane in planes]
    assert len(one.taught) == len(planes), "every slice that was painted on is learned from"


STROKES = (
    a_short_stroke_ends_when_the_button_is_released,
    a_click_is_a_dot,
    press_moves_and_release_in_one_batch,
    a_release_outside_the_canvas_ends_a_stroke,
    a_second_button_ends_a_stroke_and_paints_nothing,
    a_release_that_is_lost_is_made_up_for_by_the_next_press,
    another_slice_during_a_stroke,
)


def test_whatever_the_mouse_does_a_stroke_ends(one):
    for check in STROKES:
        begin(one)
        check(one)


def test_undo_and_the_other_side_by_keys(one):
    control = Qt.KeyboardModifier.ControlModifier
    QTest.mouseClick(one.canvas, LEFT, NONE, at(one, 60, 95))
    one.finish()
    QTest.keyClick(one.canvas, Qt.Key.Key_I, Qt.KeyboardModifier.ShiftModifier)
    assert one.widget.teach.beside.isChecked()
    QTest.mouseClick(one.canvas, LEFT, NONE, at(one, 10, 10))
    one.finish()
    assert set(np.unique(painted(one))) == {0, 1, 2}
    QTest.keyClick(one.canvas, Qt.Key.Key_Z, control)
    one.finish()
    assert set(np.unique(painted(one))) == {0, 1}
    QTest.keyClick(one.canvas, Qt.Key.Key_M, Qt.KeyboardModifier.ShiftModifier)
    assert not one.widget.teach.body.isVisible()
    assert [layer.name for layer in one.viewer.layers] == ["cell", "cell organelles"]


def verbs(one) -> dict:
    """What a user may do at any moment, whatever runs."""

    def paint(name: str) -> None:
        if one.teaching.strokes is None or one.teaching.strokes.spec.name != name:
            one.teaching.start(name)
        QTest.mouseClick(one.canvas, LEFT, NONE, at(one, 60, 95))

    return {
        "paint": lambda: paint("granule"),
        "paint another": lambda: paint("droplet"),
        "forget": lambda: one.teaching.forget("granule"),
        "forget another": lambda: one.teaching.forget("droplet"),
        "undo": lambda: one.teaching.strokes and one.teaching.strokes.undo(),
        "toggle": lambda: one.teaching.toggle("granule"),
        "segment": lambda: one.session.part(Segmenting).segment(),
        "cancel": lambda: one.session.part(Segmenting).cancel(),
    }


@pytest.mark.slow
def test_every_verb_while_a_stroke_of_the_mouse_is_learned(one):
    teach = one.predictor.teach

    def slowly(*strokes, **options):
        time.sleep(0.05)
        return teach(*strokes, **options)

    one.predictor.teach = slowly
    own = {spec.name for spec in one.predictor.own_classes}
    acts = verbs(one)
    for verb, act in acts.items():
        acts["paint"]()
        QTest.qWait(15)
        act()
        one.finish()
        names = {known.spec.name for known in one.session.choices.taught}
        in_network = {spec.name for spec in one.predictor.classes} - own
        assert names == in_network, verb
        assert names <= set(one.store.names()), verb
        if verb == "forget":
            assert "granule" not in names
