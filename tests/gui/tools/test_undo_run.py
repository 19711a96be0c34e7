"""A whole run is taken back at once, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Labels

from napari_scsam.config import ClassSpec
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.jobs.many_slices import RunDone
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.project.label_table import LabelTable
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.undo_run import UndoingRun


@pytest.fixture
def one(fake_engine, info, stack, classes):
    viewer = ViewerModel()
    session = Session(viewer, fake_engine, AtOnce)
    session.choices.choose_checkpoint(info)
    session.choices.choose_image(viewer.add_image(stack))
    said: list[str] = []
    session.status.connect(said.append)
    segmenting = session.part(Segmenting)
    segmenting.choose_classes(classes[:2])
    segmenting.segment()
    (labels,) = (layer for layer in viewer.layers if isinstance(layer, Labels))
    labels.data_setitem((np.array([3]), np.array([5]), np.array([6])), 3)
    return SimpleNamespace(
        viewer=viewer,
        session=session,
        segmenting=segmenting,
        undoing=session.part(UndoingRun),
        said=said,
        labels=labels,
    )


def run(one) -> np.ndarray:
    """Segment the volume, and return the labels from before."""
    before = one.labels.data.copy()
    one.segmenting.choose_scope("volume")
    one.segmenting.go()
    assert (one.labels.data != before).any()
    return before


def test_all_slices_are_taken_back(one):
    before = run(one)
    assert one.undoing.possible
    one.undoing.undo()
    np.testing.assert_array_equal(one.labels.data, before)
    assert one.said[-1] == "The run on 4 slices was taken back; later edits stay."
    assert not one.undoing.possible
    one.undoing.undo()
    assert one.said[-1] == "There is no run to undo."


def test_pixels_of_before_that_were_overwritten_come_back(one):
    one.session.choices.set_replace_edits(True)
    before = run(one)
    one.undoing.undo()
    np.testing.assert_array_equal(one.labels.data, before)


def test_a_class_that_was_removed_comes_back_with_its_pixels(one):
    table = one.session.part(LabelTable)
    own = ClassSpec(9, "granule")
    table.change(own)
    one.labels.data[1, :4, :4] = 9
    one.session.choices.set_replace_edits(True)
    run(one)
    table.remove(own)
    assert own not in classes_of(one.labels)
    one.undoing.undo()
    assert (one.labels.data == 9).any()
    assert own in classes_of(one.labels)


def test_later_edits_and_protected_pixels_stay(one):
    before = run(one)
    after = one.labels.data.copy()
    changed = np.argwhere((after != before) & (after != 0))
    edited = tuple(changed[0])
    locked = tuple(changed[-1])
    one.labels.data_setitem(tuple(np.array([i]) for i in edited), 3)

    def protect(layer, plane, rows, current):  # as a protection is called
        kept = np.zeros(current.shape, bool)
        if plane.position == locked[0]:
            kept[locked[1] - rows.start, locked[2]] = True
        return kept

    one.session.protect("reviewed", protect)
    one.undoing.undo()
    expected = before.copy()
    expected[edited] = 3
    expected[locked] = after[locked]
    np.testing.assert_array_equal(one.labels.data, expected)


def test_the_network_fills_again_what_was_taken_back(one):
    run(one)
    after = one.labels.data.copy()
    one.undoing.undo()
    one.segmenting.go()
    np.testing.assert_array_equal(one.labels.data, after)


def test_a_second_run_counts_alone(one, classes):
    run(one)
    between = one.labels.data.copy()
    one.segmenting.choose_classes(classes[2:])
    one.segmenting.go()
    one.undoing.undo()
    np.testing.assert_array_equal(one.labels.data, between)


def test_a_run_without_a_slice_yet_is_stopped_and_the_one_before_it_stays(one, monkeypatch):
    run(one)
    after = one.labels.data.copy()
    stopped = []
    jobs = one.session.jobs
    monkeypatch.setattr(jobs, "busy", lambda *asked: Job.SEGMENT_SLICES in asked)
    monkeypatch.setattr(jobs, "cancel_edits", lambda *asked: stopped.extend(asked))
    one.undoing.begin()
    one.undoing.undo()
    assert stopped == [Job.SEGMENT_SLICES]
    assert one.said[-1] == "The run was stopped before its first slice."
    np.testing.assert_array_equal(one.labels.data, after)
    one.undoing.undo()
    assert one.said[-1] == "The run on 4 slices was taken back; later edits stay."


def test_labels_that_were_removed_leave_nothing_to_undo(one):
    run(one)
    one.viewer.layers.remove(one.labels)
    assert not one.undoing.possible
    one.undoing.undo()
    assert one.said[-1] == "There is no run to undo."


def test_a_run_is_taken_back_only_on_the_image_that_it_is_on(one, stack):
    before = run(one)
    after = one.labels.data.copy()
    first = one.session.choices.image
    heard = []
    one.undoing.changed.connect(lambda: heard.append(one.undoing.possible))
    one.session.choices.choose_image(one.viewer.add_image(stack, name="other"))
    assert heard[-1] is False
    one.undoing.undo()
    assert one.said[-1] == "There is no run to undo."
    np.testing.assert_array_equal(one.labels.data, after)
    one.segmenting.go()
    other = one.session.labels
    assert other is not one.labels
    one.undoing.undo()
    assert not other.data.any()
    one.session.choices.choose_image(first)
    assert heard[-1] is True
    one.undoing.undo()
    np.testing.assert_array_equal(one.labels.data, before)


def test_undoing_a_run_leaves_a_run_on_another_image_alone(one, stack, monkeypatch):
    run(one)
    first = one.session.choices.image
    one.session.choices.choose_image(one.viewer.add_image(stack, name="other"))
    one.undoing.begin()
    stopped = []
    jobs = one.session.jobs
    monkeypatch.setattr(jobs, "busy", lambda *asked: Job.SEGMENT_SLICES in asked)
    monkeypatch.setattr(jobs, "cancel_edits", lambda *asked: stopped.extend(asked))
    one.session.choices.choose_image(first)
    one.undoing.undo()
    assert stopped == []
    assert one.said[-1] == "The run on 4 slices was taken back; later edits stay."
    one.viewer.layers.remove("other")
    assert stopped == [Job.SEGMENT_SLICES], "nothing is left to run on"
    assert "was removed" in one.said[-1]


def test_a_run_that_ends_while_another_image_is_chosen_says_how_to_undo_it(one, stack, monkeypatch):
    first = one.session.choices.image
    steps = []
    monkeypatch.setattr(one.session.jobs, "submit", lambda *asked: steps.append(asked))
    one.segmenting.choose_scope("volume")
    one.segmenting.go()
    one.session.choices.choose_image(one.viewer.add_image(stack, name="other"))
    steps[0][2](RunDone(4, 2.0))
    assert one.said[-1].endswith(f"to undo the run, choose '{first.name}' under Volume.")
