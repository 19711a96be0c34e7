from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_scsam.gui.layers import write_edit
from napari_scsam.gui.layers.write_edit import write_edit_steps
from napari_scsam.objects.tools import Edit

SHAPE = (3, 6, 8)


@pytest.fixture
def layer() -> Labels:
    data = np.random.default_rng(3).integers(0, 4, SHAPE).astype(np.uint8)
    return Labels(data.copy())


def edit_to(layer: Labels, after: np.ndarray) -> Edit:
    """Return the edit that turns a layer into `after`."""
    before = np.asarray(layer.data)
    where = np.nonzero(before != after)
    return Edit(
        tuple(axis.astype(np.int32) for axis in where), before[where].copy(), after[where].copy()
    )


def run(steps) -> tuple[int, int]:
    """Run all steps; return the turns of the event loop and the result."""
    turns = 0
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return turns, done.value
        turns += 1


@pytest.mark.parametrize("batch", [2**17, 10, 1])
def test_an_edit_of_any_number_of_batches_is_one_undo_step(layer, monkeypatch, batch):
    monkeypatch.setattr(write_edit, "EDIT_BATCH", batch)
    before = layer.data.copy()
    after = np.where(before == 1, 9, np.where(before == 2, 0, before)).astype(np.uint8)
    size = int((before != after).sum())
    turns, changed = run(write_edit_steps(layer, edit_to(layer, after)))
    assert changed == size
    assert turns == -(-size // batch) - 1, "one turn of the event loop between two batches"
    np.testing.assert_array_equal(layer.data, after)
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    layer.redo()
    np.testing.assert_array_equal(layer.data, after)


def test_what_was_painted_since_stays_and_is_not_counted(layer):
    before = layer.data.copy()
    edit = edit_to(layer, np.full(SHAPE, 7, np.uint8))
    layer.data_setitem((np.array([1]), np.array([2]), np.array([3])), np.array([200]))
    _, changed = run(write_edit_steps(layer, edit))
    assert changed == before.size - 1
    assert layer.data[1, 2, 3] == 200
    assert (np.delete(layer.data.ravel(), np.ravel_multi_index((1, 2, 3), SHAPE)) == 7).all()


def test_what_is_painted_between_two_batches_stays(layer, monkeypatch):
    monkeypatch.setattr(write_edit, "EDIT_BATCH", layer.data.size // 2)
    steps = write_edit_steps(layer, edit_to(layer, np.full(SHAPE, 7, np.uint8)))
    next(steps)
    layer.data[2, 5, 7] = 99
    _, changed = run(steps)
    assert changed == layer.data.size - 1
    assert layer.data[2, 5, 7] == 99


def test_an_edit_that_is_overtaken_leaves_no_undo_step(layer):
    edit = edit_to(layer, np.full(SHAPE, 7, np.uint8))
    layer.data[...] = 50
    assert run(write_edit_steps(layer, edit)) == (0, 0)
    assert not layer._undo_history
    assert (layer.data == 50).all()


def test_a_hidden_layer_is_shown(layer):
    layer.visible = False
    run(write_edit_steps(layer, edit_to(layer, np.zeros(SHAPE, np.uint8))))
    assert layer.visible
    assert not layer.data.any()


def test_one_label_is_kept_as_one_number_in_the_undo_step(layer):
    run(write_edit_steps(layer, edit_to(layer, np.full(SHAPE, 7, np.uint8))))
    (_indices, _before, value) = layer._undo_history[-1][0]
    assert np.ndim(value) == 0
