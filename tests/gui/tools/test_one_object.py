"""Single objects: point, accept or discard, propagate; the network is one that sees bright discs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from at_once import AtOnce
from discs import DISCS, MIDDLE, ONE, PLACE, SHAPE, labels_of, point
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.prompt_layers import PromptLayers
from napari_scsam.gui.prompts.kinds import (
    BY_SHAPE_TYPE,
    PROMPT_KINDS,
    SCRIBBLE,
    SCRIBBLE_POINTS,
)
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.accept import Accepting
from napari_scsam.gui.tools.canvas.active_tool import ActiveTool
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.propagate import Propagating
from napari_scsam.gui.tools.segment import Segmenting


@pytest.fixture
def one(prompted):
    return prompted


@pytest.fixture
def real(window, predictor):
    """Prompt in a real window."""
    one = window(Image(DISCS, name="cell", **PLACE))
    one.finish()
    one.engine.predictor = predictor
    one.viewer.dims.set_current_step(0, MIDDLE)
    one.prompting = one.session.part(Prompting)
    one.widget.prompt.start.click()
    one.finish()
    return one


def test_closing_the_dock_takes_the_layers_for_prompts_away(one):
    one.session.attach()
    assert len(one.viewer.layers) > 1
    one.session.detach()
    assert [layer.name for layer in one.viewer.layers] == ["cell"]
    assert "Enter" not in map(str, one.viewer.keymap)
    assert not one.prompting.active


def test_a_click_shows_an_object_and_enter_accepts_it_as_one_undo_step(one):
    point(one, MIDDLE, 30, 40)
    preview = one.prompting.layers.preview
    assert preview.visible
    assert one.prompting.found.patch.mask.sum() == ONE[MIDDLE].sum()
    image = one.session.choices.image
    corner = (MIDDLE, one.prompting.found.patch.y, one.prompting.found.patch.x)
    np.testing.assert_allclose(preview.data_to_world((0, 0, 0)), image.data_to_world(corner))
    assert not any(layer.name.endswith("organelles") for layer in one.viewer.layers)
    one.prompting.accept()
    labels = labels_of(one)
    np.testing.assert_array_equal(labels.data == 1, ONE & (np.arange(11) == MIDDLE)[:, None, None])
    assert len(one.prompting.layers.points.data) == 0
    assert not preview.visible
    assert "Accepted as mitochondrion on slice 5" in one.said[-1]
    assert f"{ONE[MIDDLE].sum()} pixels changed" in one.said[-1]
    labels.undo()
    assert not labels.data.any()
    labels.redo()
    assert labels.data.any()


def test_undo_takes_an_accepted_object_back_while_prompting(one):
    point(one, MIDDLE, 30, 40)
    one.prompting.accept()
    labels, points = labels_of(one), one.prompting.layers.points
    assert one.viewer.layers.selection.active is points, "the next click is for the next object"
    point(one, MIDDLE, 60, 95)
    one.prompting.undo()
    assert labels.data.any()
    assert "Esc discards it" in one.said[-1]
    one.prompting.discard()
    one.viewer.dims.set_current_step(0, 0)
    one.prompting.undo()
    assert not labels.data.any()
    assert one.said[-1] == "Undone on slice 5 (you are on slice 0)."
    one.prompting.redo()
    np.testing.assert_array_equal(labels.data[MIDDLE] == 1, ONE[MIDDLE])


def test_many_pixels_are_counted_as_the_other_panels_do(start_prompting):
    one = start_prompting(
        Image(np.full((96, 128), 220, np.uint8) * (np.arange(128) < 100), name="flat")
    )
    point(one, 30, 40)
    assert "9\u2009600 pixels" in one.said[-1]
    one.prompting.accept()
    assert "9\u2009600 pixels changed" in one.said[-1]


def test_a_click_beside_the_image_asks_for_nothing(one):
    asked = one.session.jobs.worker.kinds.count(Job.PROMPT)
    for y, x in ((-40, 5), (1500, 20), (30, 9999)):
        point(one, MIDDLE, y, x)
    assert one.session.jobs.worker.kinds.count(Job.PROMPT) == asked
    assert "beside the image; click on an object" in one.said[-1]
    point(one, MIDDLE, 30, 40)
    assert one.prompting.found.patch.mask.sum() == ONE[MIDDLE].sum()


def test_escape_drops_it(one):
    point(one, MIDDLE, 30, 40)
    one.prompting.discard()
    assert one.prompting.found is None
    assert len(one.prompting.layers.points.data) == 0
    assert not any(layer.name.endswith("organelles") for layer in one.viewer.layers)
    one.prompting.accept()
    assert "Nothing is found yet" in one.said[-1]


def test_it_goes_into_the_class_chosen_and_leaves_what_is_protected(one, classes):
    one.session.part(Accepting).choose_target(classes[2])
    one.session.protections["dear to me"] = lambda _layer, _plane, rows, current: (
        np.arange(rows.start, rows.stop)[:, None] + 0 * current < 30
    )
    point(one, MIDDLE, 60, 95)
    point(one, MIDDLE, 30, 40)
    one.prompting.accept()
    labels = labels_of(one).data[MIDDLE]
    np.testing.assert_array_equal(
        labels == 3, (DISCS[MIDDLE] > 100) & (np.arange(96)[:, None] >= 30)
    )
    above = ONE[MIDDLE, :30].sum()
    assert f"pixels changed, {above} are dear to me and stay;" in one.said[-1]


def test_the_class_that_objects_go_to_stays_when_several_are_chosen(one, classes):
    one.session.part(Segmenting).choose_classes(classes[1:2])
    assert one.prompting.state.target == classes[1]
    one.session.part(Segmenting).choose_classes(classes)
    assert one.prompting.state.target == classes[1]
    one.session.part(Accepting).choose_target(classes[0])
    assert one.prompting.state.target == classes[0]
    one.session.part(Segmenting).choose_classes(classes[2:])
    one.session.part(Segmenting).choose_classes(classes)
    assert one.prompting.state.target == classes[2]


def test_marks_outside_take_away_and_every_slice_has_its_own_object(one):
    point(one, MIDDLE, 30, 40)
    first = one.prompting.found
    one.prompting.switch_side()
    point(one, MIDDLE, 30, 45)
    assert one.prompting.found.request.marks.inside == (True, False)
    assert one.prompting.found.request.earlier is first
    assert not one.prompting.found.patch.mask.any()
    one.viewer.dims.set_current_step(0, 0)
    assert one.prompting.found is None
    one.prompting.set_side(inside=True)
    point(one, 0, 60, 95)
    assert one.prompting.found.plane.position == 0
    one.viewer.dims.set_current_step(0, MIDDLE)
    assert one.prompting.found.request.marks.inside == (True, False)


def test_words_on_an_object_go_with_it(real):
    status, points = real.widget.work.status, real.prompting.layers.points

    def take_marks_away() -> None:
        points.selected_data = set(range(len(points.data)))
        points.remove_selected()

    for leave in (lambda: real.viewer.dims.set_current_step(0, 0), take_marks_away):
        point(real, MIDDLE, 30, 40)
        real.finish()
        assert "Enter accepts it" in status.text()
        leave()
        real.finish()
        assert not status.text()
        real.viewer.dims.set_current_step(0, MIDDLE)
        real.finish()
    real.prompting.discard()
    real.finish()
    assert status.text() == "Discarded; nothing was changed."


def test_a_box_and_a_scribble(one):
    one.prompting.use("box")
    strokes = one.prompting.layers.strokes
    assert one.viewer.layers.selection.active is strokes
    strokes.add_rectangles(
        np.array([[MIDDLE, 15, 25], [MIDDLE, 15, 55], [MIDDLE, 45, 55], [MIDDLE, 45, 25]])
    )
    assert one.prompting.found.request.marks.box == (25.5, 15.5, 55.5, 45.5)
    assert one.prompting.found.patch.mask.sum() == ONE[MIDDLE].sum()
    one.prompting.discard()
    assert strokes.nshapes == 0
    one.prompting.use("scribble")
    strokes.add_paths(np.array([[MIDDLE, 60, 85], [MIDDLE, 60, 105]]))
    marks = one.prompting.found.request.marks
    assert all(marks.inside)
    assert len(marks.points) == 8
    np.testing.assert_allclose(marks.points[0], (86.25, 60))
    assert one.prompting.found.patch.mask.sum() == ((DISCS[MIDDLE] > 100) & ~ONE[MIDDLE]).sum()


def test_a_click_is_no_box_and_the_object_found_stays(real):
    canvas, status = real.viewer.window._qt_viewer.canvas.native, real.widget.work.status
    real.widget.prompt.kinds["box"].click()
    for row in (60, 30):  # without an object shown, and with one
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=on_canvas(real, MIDDLE, row, 90))
        QTest.qWait(20)
        real.finish()
        assert "drag one" in status.text()
        assert real.prompting.layers.strokes.mode == "add_rectangle"
        if row == 60:
            drag(canvas, on_canvas(real, MIDDLE, 15, 25), on_canvas(real, MIDDLE, 45, 55))
            real.finish()
            found = real.prompting.found
            assert found.patch.mask.sum() == ONE[MIDDLE].sum()
    assert real.prompting.found is found
    assert real.prompting.layers.strokes.nshapes == 1
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    real.finish()
    np.testing.assert_array_equal(labels_of(real).data[MIDDLE] == 1, ONE[MIDDLE])


def test_an_object_is_propagated_until_it_ends_as_one_undo_step(one):
    point(one, MIDDLE, 30, 40)
    one.prompting.propagate()
    labels = labels_of(one)
    np.testing.assert_array_equal(labels.data == 1, ONE)
    assert "stopped at 9 because it ends and at 1" in one.said[-1]
    assert one.prompting.state.ends == (9, 1)
    one.session.part(Propagating).go_to(9)
    assert one.viewer.dims.current_step[0] == 9
    labels.undo()
    assert not labels.data.any()
    labels.redo()
    np.testing.assert_array_equal(labels.data == 1, ONE)


def test_propagation_stops_at_the_limit_and_can_be_cancelled(one):
    one.session.part(Propagating).limit(1)
    point(one, MIDDLE, 30, 40)
    one.session.jobs.worker.held.add("propagate")
    one.prompting.propagate()
    one.session.part(Segmenting).cancel()
    one.session.jobs.worker.release()
    assert not any(layer.name.endswith("organelles") for layer in one.viewer.layers)
    assert one.prompting.found is not None
    one.prompting.propagate()
    assert np.unique(np.nonzero(labels_of(one).data)[0]).tolist() == [4, 5, 6]


@pytest.mark.parametrize(
    ("max_slices", "sentence"),
    [
        (2, "on slices 3–7; reached the limit (± 2 slices)."),
        (5, "on slices 0–10; reached the first slice, reached the last slice."),
        (50, "on slices 0–10; reached the first slice, reached the last slice."),
    ],
)
def test_it_is_said_plainly_why_nothing_stopped_an_object(one, max_slices, sentence):
    one.session.part(Propagating).limit(max_slices)
    point(one, MIDDLE, 60, 95)
    one.prompting.propagate()
    assert sentence in one.said[-1]


def test_each_side_has_its_own_end(one):
    one.viewer.dims.set_current_step(0, 8)
    one.session.part(Propagating).limit(4)
    point(one, 8, 60, 95)
    one.prompting.propagate()
    assert "on slices 4–10; reached the last slice, reached the limit (± 4 slices)." in one.said[-1]


def test_an_object_on_its_way_is_not_said_to_wait_for_enter(one):
    point(one, MIDDLE, 30, 40)
    one.session.jobs.worker.held.add("propagate")
    one.prompting.propagate()
    assert one.said[-1].startswith("Propagating the object")


def test_other_axes(one):
    one.viewer.dims.order = (2, 0, 1)
    one.viewer.dims.set_current_step(2, 40)
    point(one, MIDDLE, 30, 40)
    assert one.prompting.found.plane.axis == 2
    one.prompting.accept()
    expected = np.zeros(SHAPE, bool)
    expected[:, :, 40] = ONE[:, :, 40]
    np.testing.assert_array_equal(labels_of(one).data == 1, expected)


def test_a_flat_image(start_prompting):
    one = start_prompting(Image(DISCS[MIDDLE], name="flat"))
    point(one, 30, 40)
    one.prompting.propagate()
    assert "no other slices" in one.said[-1]
    one.prompting.accept()
    np.testing.assert_array_equal(labels_of(one).data == 1, ONE[MIDDLE])


def test_segmenting_again_leaves_the_accepted_object_alone(one, classes):
    one.session.part(Segmenting).choose_classes(classes[:1])
    one.session.part(Segmenting).segment()
    labels = labels_of(one)
    assert (labels.data[MIDDLE] == 1).sum() == (DISCS[MIDDLE] > 100).sum()
    point(one, MIDDLE, 30, 40)
    one.prompting.accept()
    one.session.choices.threshold_offsets["mitochondrion"] = 9.0
    one.session.part(Segmenting).segment()
    np.testing.assert_array_equal(labels.data[MIDDLE] == 1, ONE[MIDDLE])


def test_stopping_leaves_the_viewer_as_it_was(one):
    image = one.session.choices.image
    one.prompting.stop()
    assert list(one.viewer.layers) == [image]
    assert not one.viewer.keymap
    one.prompting.toggle()
    one.viewer.layers.remove(one.prompting.layers.points)
    assert not one.prompting.active
    assert list(one.viewer.layers) == [image]
    one.prompting.toggle()
    one.viewer.layers.remove(image)
    assert not one.prompting.active
    assert len(one.viewer.layers) == 0


def test_marks_that_were_not_accepted_come_back(one):
    point(one, MIDDLE, 30, 40)
    found = one.prompting.found.patch
    one.prompting.use("scribble")
    one.session.part(ActiveTool).activate("something else", lambda: None)
    assert not one.prompting.active
    assert [layer.name for layer in one.viewer.layers] == ["cell"]
    one.prompting.start()
    assert one.prompting.layers.preview.visible
    np.testing.assert_array_equal(one.prompting.found.patch.mask, found.mask)
    assert one.viewer.layers.selection.active is one.prompting.layers.strokes
    one.prompting.accept()
    one.prompting.stop()
    one.prompting.start()
    assert one.prompting.found is None
    assert not one.prompting.layers.drawn_marks()
    point(one, MIDDLE, 30, 40)
    one.viewer.layers.remove(one.prompting.layers.strokes)
    one.prompting.start()
    assert not one.prompting.layers.drawn_marks(), "who takes the layer away takes the marks away"


def test_all_marks_come_back_as_they_were(one):
    one.prompting.set_side(inside=False)
    point(one, MIDDLE, 40, 40)
    one.prompting.set_side(inside=True)
    point(one, MIDDLE + 1, 31, 41)
    one.prompting.layers.strokes.add_rectangles(
        np.array([[MIDDLE, 20, 30], [MIDDLE, 20, 50], [MIDDLE, 41, 50], [MIDDLE, 41, 30]])
    )
    one.prompting.set_side(inside=False)
    one.prompting.layers.strokes.add_paths(np.array([[MIDDLE, 60, 85], [MIDDLE, 60, 105]]))
    before, colours = (
        one.prompting.layers.read(Plane(0, MIDDLE)),
        one.prompting.layers.points.face_color.copy(),
    )
    for _ in range(2):
        one.prompting.stop()
        one.prompting.start()
    layers = one.prompting.layers
    assert layers.read(Plane(0, MIDDLE)) == before
    np.testing.assert_array_equal(layers.points.face_color, colours)
    np.testing.assert_array_equal(
        layers.drawn_marks().without(Plane(0, MIDDLE)).points, [[MIDDLE + 1, 31, 41]]
    )
    point(one, MIDDLE, 50, 50)
    assert not layers.read(Plane(0, MIDDLE)).inside[2], "the panel says Outside"


def test_marks_stay_with_their_image(one):
    image = one.session.choices.image
    point(one, MIDDLE, 30, 40)
    one.prompting.stop()
    one.session.choices.choose_image(one.viewer.add_image(DISCS, name="another", **PLACE))
    one.prompting.start()
    assert one.prompting.layers.image.name == "another"
    assert not one.prompting.layers.drawn_marks()
    one.session.choices.choose_image(image)
    one.prompting.start()
    assert one.prompting.layers.drawn_marks()
    one.prompting.stop()
    image.data = DISCS.copy()
    one.prompting.start()
    assert not one.prompting.layers.drawn_marks(), "they were of other pixels"
    point(one, MIDDLE, 30, 40)
    one.viewer.layers.remove(image)
    assert not any(layer.name == "points" for layer in one.viewer.layers)


def test_marks_that_led_to_something_do_not_come_back(one):
    point(one, MIDDLE, 30, 40)
    point(one, MIDDLE + 1, 32, 40)
    one.session.jobs.worker.held.add("propagate")
    one.prompting.propagate()
    one.prompting.stop()
    one.session.jobs.worker.release()
    one.prompting.start()
    np.testing.assert_array_equal(one.prompting.layers.points.data, [[MIDDLE + 1, 32, 40]])


def test_without_an_image_it_says_what_is_missing(fake_engine, info):
    session = Session(ViewerModel(), fake_engine, AtOnce)
    said = []
    session.status.connect(said.append)
    session.part(Prompting).toggle()
    assert "open a file" in said[-1]
    assert not session.part(Prompting).active


def on_canvas(one, *where) -> QPoint:
    """Where a pixel of the image lies on the canvas."""
    canvas = one.viewer.window._qt_viewer.canvas
    world = one.session.choices.image.data_to_world(where)
    x, y = canvas.view.scene.node_transform(canvas._scene_canvas.scene).map(
        [world[2], world[1], 0, 1]
    )[:2]
    return QPoint(round(x), round(y))


def drag(canvas, start: QPoint, end: QPoint) -> None:
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    for share in np.linspace(0, 1, 12):
        QTest.mouseMove(canvas, start + (end - start) * share)
        QTest.qWait(5)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)


@pytest.mark.gui
def test_mouse_keys_and_panel_in_a_real_window(real, wait):
    canvas, panel = real.viewer.window._qt_viewer.canvas.native, real.widget.prompt
    points = real.prompting.layers.points
    for where, modifier in (
        ((30, 40), Qt.KeyboardModifier.NoModifier),
        ((60, 95), Qt.KeyboardModifier.ControlModifier),
    ):
        QTest.mouseClick(
            canvas, Qt.MouseButton.LeftButton, modifier, on_canvas(real, MIDDLE, *where)
        )
        real.finish()
    assert list(points.features["side"]) == ["inside", "outside"]
    assert not np.array_equal(points.face_color[0], points.face_color[1])
    np.testing.assert_allclose(points.data, [(MIDDLE, 30, 40), (MIDDLE, 60, 95)], atol=1.5)
    assert panel.inside.isChecked()
    assert panel.accept.isEnabled()
    assert real.prompting.found.patch.mask.sum() == ONE[MIDDLE].sum()
    QTest.keyClick(canvas, Qt.Key.Key_I, Qt.KeyboardModifier.ShiftModifier)
    assert panel.outside.isChecked()
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    real.finish()
    np.testing.assert_array_equal(labels_of(real).data[MIDDLE] == 1, ONE[MIDDLE])
    assert not panel.accept.isEnabled()
    QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not labels_of(real).data.any()
    QTest.keyClick(
        canvas,
        Qt.Key.Key_Z,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
    )
    np.testing.assert_array_equal(labels_of(real).data[MIDDLE] == 1, ONE[MIDDLE])
    real.prompting.set_side(inside=True)
    panel.kinds["scribble"].click()
    strokes = real.prompting.layers.strokes
    drag(canvas, on_canvas(real, MIDDLE, 60, 88), on_canvas(real, MIDDLE, 60, 100))
    real.finish()
    assert strokes.shape_type == ["path"]
    assert real.prompting.found.patch.mask.sum() == ((DISCS[MIDDLE] > 100) & ~ONE[MIDDLE]).sum()
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    real.finish()
    assert strokes.nshapes == 0
    panel.kinds["point"].click()
    points.add((MIDDLE, 60, 95))
    real.finish()
    panel.propagate.click()
    real.finish()
    assert (labels_of(real).data == 1).any(axis=(1, 2)).all()
    panel.start.click()
    assert len(real.viewer.layers) == 2
    assert not panel.accept.isVisible()
    real.widget.segment.scope.show_choice("region")
    real.widget.segment.scope.activated.emit(1)
    real.widget.segment.segment.click()
    drag(canvas, on_canvas(real, MIDDLE, 20, 20), on_canvas(real, MIDDLE, 80, 40))
    real.finish()
    assert "region to segment" not in real.viewer.layers
    assert real.engine.predictor.slice.shape == pytest.approx((61, 21), abs=2)


def test_advice_goes_with_the_prompts_and_what_was_done_stays(real):
    prompting, status = real.prompting, real.widget.work.status
    prompting.discard()
    assert status.text() == "Discarded; nothing was changed."
    prompting.stop()
    assert not status.text()
    prompting.start()
    assert status.text().startswith("Click on an object.")
    prompting.stop()
    assert not status.text()
    prompting.start()
    real.finish()
    point(real, MIDDLE, 30, 40)
    real.finish()
    prompting.accept()
    real.finish()
    prompting.stop()
    assert status.text().startswith("Accepted as mitochondrion on slice 5.")


def test_the_layers_come_one_by_one_and_none_after_the_end():
    viewer = ViewerModel()
    layers = PromptLayers(viewer, viewer.add_image(DISCS), {}, {})
    steps = layers.add_steps()
    next(steps)
    assert list(viewer.layers)[1:] == [layers.preview]
    layers.remove()
    assert list(steps) == []
    assert len(viewer.layers) == 1


def test_the_kind_of_prompt_stays_for_the_next_time(one):
    one.prompting.use("box")
    one.prompting.stop()
    one.prompting.start()
    assert one.viewer.layers.selection.active is one.prompting.layers.strokes
    assert one.prompting.layers.strokes.mode == "add_rectangle"


def test_a_fourth_kind_of_prompt_is_one_row(one, monkeypatch):
    ellipse = replace(SCRIBBLE, name="ellipse", mode="add_ellipse", shape_type="ellipse")
    monkeypatch.setitem(PROMPT_KINDS, "ellipse", ellipse)
    monkeypatch.setitem(BY_SHAPE_TYPE, "ellipse", ellipse)
    one.prompting.use("ellipse")
    strokes = one.prompting.layers.strokes
    assert one.viewer.layers.selection.active is strokes
    assert strokes.mode == "add_ellipse"
    strokes.add_ellipses(
        np.array([[MIDDLE, 50, 85], [MIDDLE, 50, 105], [MIDDLE, 70, 105], [MIDDLE, 70, 85]])
    )
    assert one.prompting.found.request.marks.box is None
    assert len(one.prompting.found.request.marks.points) == SCRIBBLE_POINTS
