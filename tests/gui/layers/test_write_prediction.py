from __future__ import annotations

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Labels

from napari_scsam.gui.layers import write_prediction as painting
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.write_prediction import OrganelleLabels, merge_prediction, row_bands

MITO, ER = 1, 2
MIDDLE = Plane(0, 1)


@pytest.fixture(params=["numpy", "zarr"], autouse=True)
def small_bands(request, monkeypatch):
    """Everything must hold for planes of several bands, in memory and in chunks."""
    monkeypatch.setattr(painting, "BAND", 24)
    return request.param


@pytest.fixture
def output(small_bands) -> OrganelleLabels:
    shape = (3, 8, 10)
    if small_bands == "numpy":
        return OrganelleLabels(Labels(np.zeros(shape, np.uint8)))
    return OrganelleLabels(
        Labels(
            zarr.create_array(
                store=zarr.storage.MemoryStore(), shape=shape, chunks=(1, 4, 4), dtype="uint8"
            )
        )
    )


def prediction(**classes) -> np.ndarray:
    labels = np.zeros((8, 10), np.uint8)
    for rows, value in classes.values():
        labels[rows] = value
    return labels


MITO_TOP = prediction(mito=(slice(0, 4), MITO))
MITO_MIDDLE = prediction(mito=(slice(2, 6), MITO))
ER_BOTTOM = prediction(er=(slice(5, 8), ER))


def write(output, labels, ids, plane=MIDDLE, **options) -> int:
    steps = output.write_steps(plane, labels, ids, **options)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def shown(output, plane=MIDDLE) -> np.ndarray:
    return plane.read(output.layer.data)


def test_a_write_is_drawn_once(output):
    drawn = []
    output.layer.events.set_data.connect(drawn.append)
    write(output, MITO_TOP, [MITO])
    assert len(drawn) == 1


def test_a_small_plane_is_written_in_one_step(output, monkeypatch):
    monkeypatch.setattr(painting, "BAND", 80)
    assert list(output.write_steps(MIDDLE, MITO_TOP, [MITO])) == []
    np.testing.assert_array_equal(shown(output), MITO_TOP)


def test_a_write_changes_one_plane_and_is_one_undo_step(output):
    assert write(output, MITO_TOP, [MITO]) == 40
    np.testing.assert_array_equal(shown(output), MITO_TOP)
    assert not shown(output, Plane(0, 0)).any()
    output.layer.undo()
    assert not shown(output).any()
    output.layer.redo()
    np.testing.assert_array_equal(shown(output), MITO_TOP)


def test_planes_along_every_axis(output):
    labels = np.ones((3, 10), np.uint8)
    assert write(output, labels, [MITO], Plane(1, 5)) == 30
    assert np.asarray(output.layer.data[:, 5]).all()
    assert np.count_nonzero(output.layer.data[...]) == 30


def test_segmenting_again_moves_the_class_and_leaves_others(output):
    write(output, MITO_TOP, [MITO])
    write(output, ER_BOTTOM, [ER])
    write(output, MITO_MIDDLE, [MITO])
    expected = ER_BOTTOM.copy()
    expected[2:6] = MITO
    np.testing.assert_array_equal(shown(output), expected)


def test_the_users_pixels_stay(output):
    write(output, MITO_TOP, [MITO])
    output.layer.data_setitem((np.array([1, 1]), np.array([0, 7]), np.array([3, 3])), 0)
    output.layer.data_setitem((np.array([1]), np.array([1]), np.array([4])), ER)
    output.layer.data_setitem((np.array([1]), np.array([7]), np.array([9])), MITO)
    write(output, MITO_MIDDLE, [MITO])
    after = shown(output)
    assert after[0, 3] == 0
    assert after[1, 4] == ER
    assert after[7, 9] == MITO
    assert after[0, 0] == 0
    assert after[5, 5] == MITO


def test_the_users_pixels_stay_when_the_model_agreed_once(output):
    output.layer.data_setitem((np.array([1]), np.array([0]), np.array([0])), MITO)
    write(output, MITO_TOP, [MITO])
    write(output, np.zeros_like(MITO_TOP), [MITO])
    assert np.argwhere(shown(output)).tolist() == [[0, 0]]


def test_the_users_pixels_go_when_asked(output):
    write(output, MITO_TOP, [MITO])
    output.layer.data_setitem((np.array([1]), np.array([0]), np.array([3])), ER)
    output.layer.data_setitem((np.array([1]), np.array([7]), np.array([9])), MITO)
    write(output, MITO_TOP, [MITO], replace_edits=True)
    np.testing.assert_array_equal(shown(output), MITO_TOP)


def test_after_undo_the_model_may_write_again(output):
    write(output, MITO_TOP, [MITO])
    write(output, ER_BOTTOM, [ER])
    output.layer.undo()
    output.layer.undo()
    assert write(output, MITO_MIDDLE, [MITO]) == 40
    np.testing.assert_array_equal(shown(output), MITO_MIDDLE)


@pytest.mark.parametrize("painted", [False, True])
def test_after_undoing_several_writes_nothing_is_taken_for_the_users(output, painted):
    both = np.maximum(MITO_TOP, ER_BOTTOM)
    stricter = prediction(mito=(slice(1, 2), MITO))
    for labels in (both, both * (ER_BOTTOM > 0), stricter):
        write(output, labels, [MITO, ER])
    for _ in range(3):
        output.layer.undo()
    output.note_undone()
    if painted:  # napari forgets then what was undone
        output.layer.data_setitem((np.array([1]), np.array([4]), np.array([0])), ER)
    write(output, both, [MITO, ER])
    assert shown(output)[4, 0] == painted * ER
    np.testing.assert_array_equal(np.delete(shown(output), 4, 0), np.delete(both, 4, 0))


def test_a_step_that_is_redone_is_the_models_although_the_same_was_asked_meanwhile(output):
    write(output, MITO_TOP, [MITO])
    write(output, MITO_MIDDLE, [MITO])
    output.layer.undo()
    assert write(output, MITO_TOP, [MITO]) == 0
    output.layer.redo()
    write(output, MITO_TOP, [MITO])
    np.testing.assert_array_equal(shown(output), MITO_TOP)


def test_what_is_undone_is_noted_once(output):
    write(output, MITO_TOP, [MITO])
    noted = []
    output.claimed.connect(lambda _, plane: noted.append(plane))
    output.note_undone()
    output.layer.undo()
    output.note_undone()
    output.note_undone()
    assert noted == [MIDDLE]
    assert not any(labels.any() for _, labels in output.model_pixels(MIDDLE))
    output.layer.redo()
    output.note_undone()
    assert noted == [MIDDLE] * 2


def test_writes_that_belong_together_are_one_undo_step(output):
    write(output, ER_BOTTOM, [ER])
    write(output, MITO_TOP, [MITO])
    for again in (prediction(mito=(slice(1, 5), MITO)), MITO_TOP * 0, MITO_TOP):
        write(output, again, [MITO], joins=True)
    np.testing.assert_array_equal(shown(output), np.maximum(MITO_TOP, ER_BOTTOM))
    output.layer.undo()
    np.testing.assert_array_equal(shown(output), ER_BOTTOM)
    output.layer.redo()
    np.testing.assert_array_equal(shown(output), np.maximum(MITO_TOP, ER_BOTTOM))
    output.layer.undo()
    write(output, MITO_MIDDLE, [MITO])  # none of it is taken for the user's
    np.testing.assert_array_equal(shown(output), merge_prediction(ER_BOTTOM, MITO_MIDDLE, [MITO]))


def test_what_was_done_between_two_writes_keeps_them_apart(output):
    write(output, MITO_TOP, [MITO])
    output.layer.data_setitem((np.array([1]), np.array([7]), np.array([9])), ER)
    write(output, MITO_MIDDLE, [MITO], joins=True)
    output.layer.undo()
    assert shown(output)[7, 9] == ER
    np.testing.assert_array_equal(shown(output)[:7], MITO_TOP[:7])
    output.layer.undo()
    np.testing.assert_array_equal(shown(output), MITO_TOP)
    output.layer.undo()
    write(output, MITO_TOP, [MITO], joins=True)  # the step it would join was undone
    output.layer.undo()
    assert not shown(output).any()


def test_after_redo_the_pixels_are_the_models_again(output):
    write(output, MITO_TOP, [MITO])
    output.layer.undo()
    output.layer.redo()
    write(output, MITO_MIDDLE, [MITO])
    np.testing.assert_array_equal(shown(output), MITO_MIDDLE)


def test_a_write_during_a_stroke_of_the_brush_is_undone_with_it(output):
    layer = output.layer
    layer.selected_label = ER
    layer.brush_size = 1
    with layer.block_history():  # as napari does from press to release
        layer.paint((1, 7, 7), ER)
        write(output, MITO_TOP, [MITO])
    layer.undo()
    output.note_undone()
    assert not shown(output).any()
    write(output, MITO_TOP, [MITO])
    np.testing.assert_array_equal(shown(output), MITO_TOP)


def test_a_write_whose_first_rows_were_undone_before_its_last_ends(output):
    layer = output.layer
    steps = output.write_steps(MIDDLE, MITO_TOP, [MITO])
    next(steps)
    with layer.block_history():  # a stroke that ends takes the rows into its step
        layer.paint((1, 7, 7), ER)
    layer.undo()
    assert not shown(output).any()
    list(steps)
    write(output, MITO_TOP, [MITO])
    assert shown(output).any()


def test_writing_the_same_again_adds_no_undo_step(output):
    write(output, MITO_TOP, [MITO])
    assert write(output, MITO_TOP, [MITO]) == 0
    output.layer.undo()
    assert not shown(output).any()


@pytest.mark.parametrize("view", ["another slice", "3-D", "rolled", "hidden and rolled"])
def test_writing_does_not_depend_on_what_is_shown(output, view):
    viewer = ViewerModel()
    viewer.add_layer(output.layer)
    viewer.dims.set_current_step(0, 2 if view == "another slice" else 1)
    output.layer.visible = "hidden" not in view
    viewer.dims.order = (1, 0, 2) if "rolled" in view else (0, 1, 2)
    viewer.dims.ndisplay = 3 if view == "3-D" else 2
    write(output, MITO_TOP, [MITO])
    np.testing.assert_array_equal(shown(output), MITO_TOP)
    assert output.layer.visible
    output.layer.undo()
    assert not shown(output).any()


def test_merge_lays_asked_classes_over_and_clears_them_elsewhere():
    current = np.array([0, 1, 2, 1, 2], np.uint8)
    predicted = np.array([1, 1, 1, 0, 2], np.uint8)
    assert merge_prediction(current, predicted, [1]).tolist() == [1, 1, 1, 0, 2]
    assert merge_prediction(current, predicted, [2]).tolist() == [0, 1, 0, 1, 2]
    assert merge_prediction(current, predicted, [1, 2]).tolist() == [1, 1, 1, 0, 2]


def test_bands_cover_every_row_once(monkeypatch):
    monkeypatch.setattr(painting, "BAND", 100)
    rows = [row for band in row_bands((37, 12)) for row in range(37)[band]]
    assert rows == list(range(37))
    assert row_bands((2, 1000)) == [slice(0, 1), slice(1, 2)]


def test_what_is_to_be_kept_stays_even_when_edits_are_replaced(output):
    output.layer.data[1, 0] = ER
    kept = write(
        output, MITO_TOP, [MITO], replace_edits=True, keep=lambda _, current: current == ER
    )
    assert kept == 30
    assert (shown(output)[0] == ER).all()
    assert (shown(output)[1:4] == MITO).all()
