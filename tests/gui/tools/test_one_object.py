"""Single objects: point, see, accept or drop, carry, teach; the network is one that sees bright discs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.prompt_layers import PromptLayers
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.active_tool import Hand
from napari_scsam.gui.tools.one_object import ONE_SIDED, Prompting

MIDDLE = 5
SHAPE = (11, 96, 128)


def discs() -> np.ndarray:
    """Two discs: one on slices 2 to 8, one on all."""
    z, y, x = np.mgrid[:11, :96, :128]
    one = (np.hypot(y - 30 - 2 * (z - MIDDLE), x - 40) <= 11) & (abs(z - MIDDLE) <= 3)
    other = np.hypot(y - 60, x - 95) <= 14
    return np.where(one | other, 220, 20).astype(np.uint8)


DISCS = discs()
ONE = (DISCS > 100) & (np.arange(128) < 70)


@pytest.fixture
def start(fake_engine, predictor, info):
    """Prompt in a viewer without a window, where everything happens at once."""

    def begin(image):
        viewer = ViewerModel()
        session = Session(viewer, fake_engine, AtOnce)
        fake_engine.predictor = predictor
        session.choose_checkpoint(info)
        session.choose_image(viewer.add_layer(image))
        if image.ndim == 3:
            viewer.dims.set_current_step(0, MIDDLE)
        one = SimpleNamespace(
            viewer=viewer, session=session, prompting=session.part(Prompting), said=[]
        )
        session.status.connect(one.said.append)
        one.prompting.start()
        return one

    return begin


PLACE = {"scale": (5, 7.68, 10.24), "translate": (100, 50, 20), "units": ("nm",) * 3}


@pytest.fixture
def one(start):
    return start(Image(DISCS, name="cell", **PLACE))


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


def labels_of(one) -> Labels:
    (found,) = [
        layer
        for layer in one.viewer.layers
        if isinstance(layer, Labels) and layer.name.endswith("organelles")
    ]
    return found


def point(one, *where) -> None:
    one.prompting.layers.points.add(where)


def test_a_click_shows_an_object_and_enter_accepts_it_as_one_undo_step(one):
    point(one, MIDDLE, 30, 40)
    preview = one.prompting.layers.preview
    assert preview.visible
    assert one.prompting.found.patch.mask.sum() == ONE[MIDDLE].sum()
    image = one.session.image
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


def test_undo_takes_an_accepted_object_back_with_the_marks_in_the_hand(one):
    point(one, MIDDLE, 30, 40)
    one.prompting.accept()
    labels, points = labels_of(one), one.prompting.layers.points
    assert one.viewer.layers.selection.active is points, "the next click is for the next object"
    point(one, MIDDLE, 60, 95)
    one.prompting.undo()
    assert labels.data.any()
    assert "Esc drops it" in one.said[-1]
    one.prompting.drop()
    one.viewer.dims.set_current_step(0, 0)
    one.prompting.undo()
    assert not labels.data.any()
    assert one.said[-1] == "Undone on slice 5; you are looking at slice 0."
    one.prompting.redo()
    np.testing.assert_array_equal(labels.data[MIDDLE] == 1, ONE[MIDDLE])


def test_many_pixels_are_counted_as_the_other_panels_do(start):
    one = start(Image(np.full((96, 128), 220, np.uint8) * (np.arange(128) < 100), name="flat"))
    point(one, 30, 40)
    assert "9\u2009600 pixels" in one.said[-1]
    one.prompting.accept()
    assert "9\u2009600 pixels changed" in one.said[-1]


def test_escape_drops_it(one):
    point(one, MIDDLE, 30, 40)
    one.prompting.drop()
    assert one.prompting.found is None
    assert len(one.prompting.layers.points.data) == 0
    assert not any(layer.name.endswith("organelles") for layer in one.viewer.layers)
    one.prompting.accept()
    assert "Nothing is found yet" in one.said[-1]


def test_it_goes_into_the_class_chosen_and_leaves_what_is_protected(one, classes):
    one.prompting.aim(classes[2])
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


def test_the_class_that_objects_go_to_stays_when_several_are_chosen_and_that_is_known(one, classes):
    assert not one.prompting.stayed, "all were chosen from the beginning"
    one.session.choose_classes(classes[1:2])
    assert (one.prompting.target, one.prompting.stayed) == (classes[1], False)
    one.session.choose_classes(classes)
    assert (one.prompting.target, one.prompting.stayed) == (classes[1], True)
    one.prompting.aim(classes[1])
    assert not one.prompting.stayed, "now it was chosen for them"
    one.session.choose_classes(classes[2:])
    one.session.choose_classes(classes)
    assert (one.prompting.target, one.prompting.stayed) == (classes[2], True)


def test_marks_outside_take_away_and_every_slice_has_its_own_object(one):
    point(one, MIDDLE, 30, 40)
    first = one.prompting.found
    one.prompting.other_side()
    point(one, MIDDLE, 30, 45)
    assert one.prompting.found.request.marks.inside == (True, False)
    assert one.prompting.found.request.earlier is first
    assert not one.prompting.found.patch.mask.any()
    one.viewer.dims.set_current_step(0, 0)
    assert one.prompting.found is None
    one.prompting.mark_inside(True)
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
    real.prompting.drop()
    real.finish()
    assert status.text() == "Dropped; nothing was changed."


def test_a_box_and_a_scribble(one):
    one.prompting.use("box")
    strokes = one.prompting.layers.strokes
    assert one.viewer.layers.selection.active is strokes
    strokes.add_rectangles(
        np.array([[MIDDLE, 15, 25], [MIDDLE, 15, 55], [MIDDLE, 45, 55], [MIDDLE, 45, 25]])
    )
    assert one.prompting.found.request.marks.box == (25.5, 15.5, 55.5, 45.5)
    assert one.prompting.found.patch.mask.sum() == ONE[MIDDLE].sum()
    one.prompting.drop()
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
    real.widget.prompt.tools["box"].click()
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


def test_an_object_is_carried_until_it_ends_as_one_undo_step(one):
    point(one, MIDDLE, 30, 40)
    one.prompting.carry()
    labels = labels_of(one)
    np.testing.assert_array_equal(labels.data == 1, ONE)
    assert "stopped at 9 because it ends and at 1" in one.said[-1]
    assert one.prompting.ends == (9, 1)
    one.prompting.go_to(9)
    assert one.viewer.dims.current_step[0] == 9
    labels.undo()
    assert not labels.data.any()
    labels.redo()
    np.testing.assert_array_equal(labels.data == 1, ONE)


def test_carrying_stops_after_so_many_slices_and_can_be_cancelled(one):
    one.prompting.limit_propagation(1)
    point(one, MIDDLE, 30, 40)
    one.session._worker.held.add("carry")
    one.prompting.carry()
    one.session.cancel()
    one.session._worker.release()
    assert not any(layer.name.endswith("organelles") for layer in one.viewer.layers)
    assert one.prompting.found is not None
    one.prompting.carry()
    assert np.unique(np.nonzero(labels_of(one).data)[0]).tolist() == [4, 5, 6]


@pytest.mark.parametrize(
    ("reach", "sentence"),
    [
        (2, "on slices 3–7; went as far as asked (± 2 slices)."),
        (5, "on slices 0–10; reached the first slice, reached the last slice."),
        (50, "on slices 0–10; reached the first slice, reached the last slice."),
    ],
)
def test_it_is_said_plainly_why_nothing_stopped_an_object(one, reach, sentence):
    one.prompting.limit_propagation(reach)
    point(one, MIDDLE, 60, 95)
    one.prompting.carry()
    assert sentence in one.said[-1]


def test_each_side_has_its_own_end(one):
    one.viewer.dims.set_current_step(0, 8)
    one.prompting.limit_propagation(4)
    point(one, 8, 60, 95)
    one.prompting.carry()
    assert (
        "on slices 4–10; reached the last slice, went as far as asked (± 4 slices)." in one.said[-1]
    )


def test_an_object_on_its_way_is_not_said_to_wait_for_enter(one):
    point(one, MIDDLE, 30, 40)
    one.session._worker.held.add("carry")
    one.prompting.carry()
    assert one.said[-1].startswith("Carrying the object")


def test_other_axes(one):
    one.viewer.dims.order = (2, 0, 1)
    one.viewer.dims.set_current_step(2, 40)
    point(one, MIDDLE, 30, 40)
    assert one.prompting.found.plane.axis == 2
    one.prompting.accept()
    expected = np.zeros(SHAPE, bool)
    expected[:, :, 40] = ONE[:, :, 40]
    np.testing.assert_array_equal(labels_of(one).data == 1, expected)


def test_a_flat_image(start):
    one = start(Image(DISCS[MIDDLE], name="flat"))
    point(one, 30, 40)
    one.prompting.carry()
    assert "no other slices" in one.said[-1]
    one.prompting.accept()
    np.testing.assert_array_equal(labels_of(one).data == 1, ONE[MIDDLE])


def test_segmenting_again_leaves_the_accepted_object_alone(one, classes):
    one.session.choose_classes(classes[:1])
    one.session.segment()
    labels = labels_of(one)
    assert (labels.data[MIDDLE] == 1).sum() == (DISCS[MIDDLE] > 100).sum()
    point(one, MIDDLE, 30, 40)
    one.prompting.accept()
    one.session.threshold_offsets["mitochondrion"] = 9.0
    one.session.segment()
    np.testing.assert_array_equal(labels.data[MIDDLE] == 1, ONE[MIDDLE])


def test_a_class_is_taught_from_scribbles(one, classes):
    one.prompting.use("scribble")
    one.prompting.teach("granule")
    assert "nothing marks 'granule'" in one.said[-1]
    one.prompting.layers.strokes.add_paths(np.array([[MIDDLE, 60, 85], [MIDDLE, 60, 105]]))
    one.prompting.teach(" granule ")
    assert [spec.name for spec in one.session.classes] == [
        "mitochondrion",
        "membrane",
        "vesicle",
        "granule",
    ]
    assert one.session.chosen == one.session.classes[-1:]
    assert one.prompting.target.name == "granule"
    one.session.segment()
    assert (labels_of(one).data[MIDDLE] == one.session.classes[-1].id).sum() == (
        DISCS[MIDDLE] > 100
    ).sum()


def test_what_the_checkpoint_was_trained_on_is_not_taught_over(one, classes):
    one.prompting.layers.points.add((MIDDLE, 60, 95))
    one.prompting.teach("Mitochondrion")
    assert (
        one.said[-1]
        == "the checkpoint knows 'Mitochondrion' already and would lose it; take another name for what you teach"
    )
    assert "teach" not in one.session._worker.kinds
    assert one.session.classes == classes


def test_what_a_checkpoint_was_saved_with_is_taught_anew(one, info, monkeypatch):
    predictor = one.session.engine.predictor
    classes = predictor.classes
    found = partial(predictor.model.add_class, prototype=torch.ones(256), over=["mitochondrion"])
    monkeypatch.setattr(predictor, "teach", lambda spec, *_: found(spec))
    saved = replace(
        info, classes=classes, training={"taught": {"classes": [classes[2].name], "from": "tiny"}}
    )
    one.session.choose_checkpoint(saved)
    teach(one, classes[2].name.upper())
    (taught,) = one.session.taught
    assert taught.spec == classes[2]
    assert one.session.classes == classes
    assert one.session.classes[2].over == ("mitochondrion",)
    one.session.forget(taught)
    assert one.session.classes == classes
    assert one.session.taught == ()


def teach(one, name: str) -> None:
    one.prompting.layers.points.add((MIDDLE, 60, 95))
    one.prompting.teach(name)


def test_a_taught_class_is_forgotten_and_its_labels_stay(one, classes):
    one.session.segment()
    teach(one, "granule")
    granule = one.session.taught[0]
    layer = labels_of(one)
    layer.data[MIDDLE] = granule.spec.id
    one.session.forget(granule)
    assert one.session.classes == one.session.chosen == classes
    assert [spec.name for spec in one.session.engine.predictor.classes] == [
        spec.name for spec in one.session.engine.predictor._own[0]
    ]
    assert one.said[-1] == "Granule is forgotten; pixels that are in it stay in it."
    assert (layer.data[MIDDLE] == granule.spec.id).all()
    assert granule.spec in classes_of(layer)
    teach(one, "droplet")
    one.session.segment()
    assert labels_of(one) is layer, "the id of one class does not come to mean another"
    assert one.session.taught[0].spec.id not in {spec.id for spec in (*classes, granule.spec)}
    teach(one, "granule")
    assert one.session.taught[-1].spec == granule.spec


def test_teaching_without_outside_is_advised_against(one):
    notification_manager.records.clear()
    teach(one, "granule")
    assert "what looks alike Outside, and teach it again" in ONE_SIDED
    assert [record.message for record in notification_manager.records] == [ONE_SIDED], (
        "it outlasts what is found"
    )
    one.prompting.other_side()
    one.prompting.layers.points.add((MIDDLE, 5, 5))
    one.prompting.other_side()
    teach(one, "droplet")
    assert len(notification_manager.records) == 1


def test_what_was_taught_is_shown_at_once_on_its_slice(one, classes):
    teach(one, "granule")
    granule = one.session.classes[-1]
    assert (labels_of(one).data[MIDDLE] == granule.id).sum() == (DISCS[MIDDLE] > 100).sum()
    assert not labels_of(one).data[:MIDDLE].any()
    assert one.session.viewer.layers.selection.active is one.prompting.layers.points, (
        "the tool stays in hand"
    )


def test_what_gives_way_to_a_taught_class_is_told(one, monkeypatch):
    predictor = one.session.engine.predictor
    found = partial(
        predictor.model.add_class, prototype=torch.ones(256), over=["mitochondrion", "membrane"]
    )
    monkeypatch.setattr(predictor, "teach", lambda spec, *_: found(spec))
    notification_manager.records.clear()
    teach(one, "granule")
    (said,) = [
        record.message for record in notification_manager.records if record.message != ONE_SIDED
    ]
    assert (
        said == "granule goes before mitochondrion and membrane, found under its strokes till now."
    )


def test_a_taught_class_takes_what_is_written_of_those_it_goes_before(one, classes, monkeypatch):
    one.session.choose_classes(classes[:1])
    one.session.segment()
    labels, disc = labels_of(one), DISCS[MIDDLE] > 100
    assert (labels.data[MIDDLE] == 1).sum() == disc.sum()
    labels.data[MIDDLE, 90:] = (
        1  # far from the discs: what is not found to be of the new class stays
    )
    predictor = one.session.engine.predictor
    found = partial(predictor.model.add_class, prototype=torch.ones(256), over=["mitochondrion"])
    monkeypatch.setattr(predictor, "teach", lambda spec, *_: found(spec))
    teach(one, "granule")
    granule = one.session.classes[-1]
    np.testing.assert_array_equal(labels.data[MIDDLE] == granule.id, disc)
    assert (labels.data[MIDDLE, 90:] == 1).all()


def test_more_strokes_may_all_lie_outside(one):
    teach(one, "granule")
    notification_manager.records.clear()
    one.said.clear()
    one.prompting.other_side()
    one.prompting.layers.points.add((MIDDLE, 5, 5))
    one.prompting.teach("Granule")
    assert [taught.spec.name for taught in one.session.taught] == ["granule"]
    assert any("strokes add up" in said for said in one.said)
    assert notification_manager.records == []
    one.prompting.layers.points.add((MIDDLE, 5, 5))
    one.prompting.teach("droplet")
    assert one.said[-1].startswith("nothing marks 'droplet'")


def test_a_taught_class_takes_nothing_from_another(one, classes):
    one.session.choose_classes(classes[:1])
    one.session.segment()
    labels = labels_of(one)
    found = labels.data[MIDDLE] == 1
    assert found.any()
    one.prompting.layers.points.add((MIDDLE, 60, 95))
    one.session.threshold_offsets["granule"] = -9.0  # everywhere
    one.prompting.teach("granule")
    one.session.segment()
    assert np.array_equal(labels.data[MIDDLE] == 1, found)
    assert (labels.data[MIDDLE][~found] == one.session.classes[-1].id).all()
    assert one.said[-1].endswith(
        f"; {found.mean():.1%} stay other classes or yours.".replace("%", " %")
    ), "and the panel says so"


def test_stopping_leaves_the_viewer_as_it_was(one):
    image = one.session.image
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
    one.session.part(Hand).take("something else", lambda: None)
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
    one.prompting.mark_inside(False)
    point(one, MIDDLE, 40, 40)
    one.prompting.mark_inside(True)
    point(one, MIDDLE + 1, 31, 41)
    one.prompting.layers.strokes.add_rectangles(
        np.array([[MIDDLE, 20, 30], [MIDDLE, 20, 50], [MIDDLE, 41, 50], [MIDDLE, 41, 30]])
    )
    one.prompting.mark_inside(False)
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
    image = one.session.image
    point(one, MIDDLE, 30, 40)
    one.prompting.stop()
    one.session.choose_image(one.viewer.add_image(DISCS, name="another", **PLACE))
    one.prompting.start()
    assert one.prompting.layers.image.name == "another"
    assert not one.prompting.layers.drawn_marks()
    one.session.choose_image(image)
    one.prompting.start()
    assert one.prompting.layers.drawn_marks()
    one.prompting.stop()
    image.data = DISCS.copy()
    one.prompting.start()
    assert not one.prompting.layers.drawn_marks(), "they were of other pixels"
    point(one, MIDDLE, 30, 40)
    one.viewer.layers.remove(image)
    assert not any(layer.name == "points" for layer in one.viewer.layers)


@pytest.mark.parametrize("kind", ["carry", "teach"])
def test_marks_that_led_to_something_do_not_come_back(one, kind):
    point(one, MIDDLE, 30, 40)
    point(one, MIDDLE + 1, 32, 40)
    one.session._worker.held.add(kind)
    one.prompting.carry() if kind == "carry" else one.prompting.teach("granule")
    one.prompting.stop()
    one.session._worker.release()
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
    world = one.session.image.data_to_world(where)
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
    real.prompting.mark_inside(True)
    panel.tools["scribble"].click()
    strokes = real.prompting.layers.strokes
    drag(canvas, on_canvas(real, MIDDLE, 60, 88), on_canvas(real, MIDDLE, 60, 100))
    real.finish()
    assert strokes.shape_type == ["path"]
    assert real.prompting.found.patch.mask.sum() == ((DISCS[MIDDLE] > 100) & ~ONE[MIDDLE]).sum()
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    real.finish()
    assert strokes.nshapes == 0
    panel.tools["point"].click()
    points.add((MIDDLE, 60, 95))
    real.finish()
    panel.carry.click()
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
    assert real.engine.predictor.current().shape == pytest.approx((61, 21), abs=2)


def test_advice_goes_with_the_prompts_and_what_was_done_stays(real):
    prompting, status = real.prompting, real.widget.work.status
    prompting.drop()
    assert status.text() == "Dropped; nothing was changed."
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
    layers = PromptLayers(viewer, viewer.add_image(DISCS), {})
    steps = layers.enter_steps()
    next(steps)
    assert list(viewer.layers)[1:] == [layers.preview]
    layers.remove()
    assert list(steps) == []
    assert len(viewer.layers) == 1


def test_the_tool_in_the_hand_stays_for_the_next_time(one):
    one.prompting.use("box")
    one.prompting.stop()
    one.prompting.start()
    assert one.viewer.layers.selection.active is one.prompting.layers.strokes
    assert one.prompting.layers.strokes.mode == "add_rectangle"
