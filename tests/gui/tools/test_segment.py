"""Thresholds, regions, ranges and volumes, without a window."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.key_bindings import coerce_keybinding

from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.strokes import REDO, UNDO
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.segment import Segmenting, region_of
from napari_scsam.gui.tools.show_class import ShowingClass
from napari_scsam.gui.tools.write_labels import REMEMBERED_SLICES


@pytest.fixture
def one(fake_engine, info, stack):
    viewer = ViewerModel()
    session = Session(viewer, fake_engine, AtOnce)
    session.choices.choose_checkpoint(info)
    session.choices.choose_image(viewer.add_image(stack, scale=(5, 2, 3), translate=(10, 20, 30)))
    said: list[str] = []
    session.status.connect(said.append)
    return SimpleNamespace(
        viewer=viewer,
        session=session,
        segmenting=session.part(Segmenting),
        said=said,
        engine=fake_engine,
    )


def labels_of(one) -> np.ndarray:
    return next(layer for layer in one.viewer.layers if isinstance(layer, Labels)).data


def written(one) -> list[int]:
    return np.flatnonzero(labels_of(one).any(axis=(1, 2))).tolist()


def test_the_parts_of_a_session_are_made_once(one):
    assert one.session.part(Segmenting) is one.segmenting


def test_a_range_of_slices_is_written_one_by_one(one):
    one.segmenting.choose_scope("range")
    one.segmenting.choose_range(3, 1)
    steps = []
    one.session.jobs.progressed.connect(
        lambda step: steps.append((step.done, step.total, step.what))
    )
    one.segmenting.go()
    assert written(one) == [1, 2, 3]
    assert steps[-1][:2] == (3, 3)
    assert any("left" in what for _, _, what in steps)
    assert "3 slices segmented" in one.said[-1]
    layer = next(layer for layer in one.viewer.layers if isinstance(layer, Labels))
    layer.undo()
    assert written(one) == [1, 2]


def test_the_whole_volume_along_the_axis_that_is_shown(one):
    one.segmenting.choose_scope("volume")
    one.segmenting.go()
    assert written(one) == [0, 1, 2, 3]
    one.viewer.dims.order = (1, 0, 2)
    assert one.segmenting.depth == 96
    one.engine.predictor.asked.clear()
    one.segmenting.go()
    assert len(one.engine.predictor.asked) == 96


def test_what_was_finished_before_a_cancel_stays(one, stack):
    one.segmenting.choose_scope("volume")
    one.session.jobs.worker.held.add(Job.SEGMENT_SLICES)
    one.segmenting.go()
    ((_, make),) = one.session.jobs.worker._kept
    steps = make()
    while one.segmenting._written < 2:
        one.session.jobs.progressed.emit(next(steps))
    steps.close()
    one.segmenting.cancel()
    assert written(one) == [0, 1]
    assert one.said[-1] == "Cancelled; 2 finished slices stay."
    assert not one.session.jobs.worker.busy()


def test_a_cancel_tells_all_that_it_drops(one):
    one.segmenting.choose_scope("volume")
    one.session.jobs.worker.held |= {Job.SEGMENT_SLICES, Job.SEGMENT}
    one.segmenting.go()
    one.segmenting.segment()
    one.segmenting.cancel()
    assert one.said[-1] == (
        "Cancelled: the run over slices and the slice shown; nothing was changed."
    )


def test_a_region_is_segmented_and_nothing_else(one, stack):
    one.viewer.dims.set_current_step(0, 2)
    one.segmenting.choose_scope("region")
    one.segmenting.go()
    rectangle = one.viewer.layers["region to segment"]
    assert one.viewer.layers.selection.active is rectangle
    assert rectangle.mode == "add_rectangle"
    rectangle.add_rectangles(np.array([[2, 10, 20], [2, 10, 59], [2, 40, 59], [2, 40, 20]]))
    assert "region to segment" not in one.viewer.layers
    found = labels_of(one)
    assert found[2, 10:41, 20:60].all()
    assert np.count_nonzero(found) == 31 * 40
    assert "in a region of slice 2" in one.said[-1]
    np.testing.assert_array_equal(one.engine.predictor.image, stack[2, 10:41, 20:60])


def test_a_click_is_no_region_and_the_next_drag_draws_it(one):
    one.segmenting.choose_scope("region")
    one.segmenting.go()
    rectangle = one.viewer.layers["region to segment"]
    rectangle.add_rectangles(np.array([[1, 10, 20], [1, 10, 20.5], [1, 10.5, 20.5], [1, 10.5, 20]]))
    assert one.viewer.layers.selection.active is rectangle
    assert not len(rectangle.data)
    rectangle.add_rectangles(np.array([[1, 10, 20], [1, 10, 59], [1, 40, 59], [1, 40, 20]]))
    assert "in a region of slice 1" in one.said[-1]


def test_undo_reaches_the_labels_while_a_region_is_drawn(one):
    one.session.part(Segmenting).segment()
    one.segmenting.choose_scope("region")
    one.segmenting.go()
    rectangle = one.viewer.layers.selection.active
    rectangle.keymap[coerce_keybinding(UNDO)](rectangle)
    assert not labels_of(one).any()
    rectangle.keymap[coerce_keybinding(REDO)](rectangle)
    assert labels_of(one).any()


def test_pixels_of_a_rectangle():
    corners = np.array([(-3.0, 4.2), (9.6, 4.2), (9.6, 7.8), (-3.0, 7.8)])
    assert region_of(corners, (5, 50, 60), Plane(0, 2)) == (4, 0, 9, 11)
    assert region_of(corners, (50, 9), Plane()) == (4, 0, 9, 9)
    assert region_of(corners + 100, (50, 60), Plane()) is None


def test_a_threshold_is_kept_for_each_class_and_the_slice_follows(one, classes):
    one.session.part(Segmenting).segment()
    one.session.part(Segmenting).choose_classes(classes[:1])
    asked = len(one.engine.predictor.asked)
    one.segmenting.set_threshold_offset(1.5)
    assert len(one.engine.predictor.asked) == asked + 1
    assert one.engine.predictor.threshold_offsets == {"mitochondrion": 1.5}
    one.session.part(Segmenting).choose_classes(classes[1:2])
    assert one.segmenting.threshold_offset == 0
    one.session.part(Segmenting).choose_classes(classes[:1])
    assert one.segmenting.threshold_offset == 1.5


def test_a_slice_still_follows_after_much_work_on_another(one, classes):
    one.session.part(Segmenting).choose_classes(classes[:1])
    for z in (1, 2):
        one.viewer.dims.set_current_step(0, z)
        one.session.part(Segmenting).segment()
    for by in range(1, REMEMBERED_SLICES + 2):
        one.segmenting.set_threshold_offset(by / 10)
    one.viewer.dims.set_current_step(0, 1)
    one.segmenting.set_threshold_offset(-1.0)
    assert one.engine.predictor.threshold_offsets == {"mitochondrion": -1.0}
    one.session.part(Segmenting).choose_classes(classes[2:])
    one.segmenting.segment()
    assert set(np.unique(labels_of(one)[1])) == {0, 1, 3}


def test_a_threshold_for_a_class_that_is_not_written_here_is_shown(one, classes):
    one.segmenting.choose_classes(classes[:1])
    one.segmenting.segment()
    one.segmenting.choose_classes(classes[1:2])
    before = labels_of(one).copy()
    one.segmenting.set_threshold_offset(0.5)
    np.testing.assert_array_equal(labels_of(one), before)
    assert one.session.part(ShowingClass).active
    one.segmenting.segment()
    one.segmenting.set_threshold_offset(-0.5)
    assert not one.session.part(ShowingClass).active, "what was written follows"


def test_stepping_through_the_classes(one, classes):
    one.segmenting.step_class(1)
    assert one.session.choices.chosen == classes[:1]
    one.segmenting.step_class(-1)
    assert one.session.choices.chosen == classes[2:]
    one.segmenting.step_class(1)
    assert one.session.choices.chosen == classes[:1]


def test_a_range_beyond_the_volume_is_told(one):
    one.segmenting.choose_scope("range")
    one.segmenting.choose_range(40, 50)
    one.segmenting.go()
    assert "choose slices from 0 to 3" in one.said[-1]
