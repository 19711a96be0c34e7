from __future__ import annotations

import numpy as np
from listed import MITO, VESICLE, number

from napari_scsam.gui.layers.locks import lock


def say(found) -> list[str]:
    """Collect what the tools say."""
    said: list[str] = []
    found.editing._work.status.connect(said.append)
    return said


def test_several_are_deleted_in_one_undo_step(found):
    layer = found.store.layer
    before = layer.data.copy()
    found.selecting.select([4, 5])
    found.editing.delete()
    assert not np.isin(layer.data, (4, 5)).any()
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    found.store.catch_up()
    assert len(found.store.table) == 5


def test_another_class_is_another_label_so_that_undo_restores_the_class(found):
    found.selecting.select([3])
    found.editing.relabel(MITO)
    found.store.catch_up()
    assert found.selecting.labels.tolist() == [6]
    assert number(found, 6, "class") == MITO.name
    assert number(found, 6) == 32
    assert number(found, 3) is None
    found.store.layer.undo()
    found.store.catch_up()
    assert number(found, 3, "class") == VESICLE.name
    assert number(found, 6) is None


def test_merging_keeps_the_label_of_the_largest(found):
    found.selecting.select([1, 2])
    found.editing.merge()
    found.store.catch_up()
    assert number(found, 2) == 480 + 900
    assert number(found, 1) is None
    assert found.selecting.labels.tolist() == [2]


def test_locked_objects_stay(found):
    said = say(found)
    lock(found.store.layer, 1, locked=True)
    found.selecting.select([1, 2])
    found.editing.delete()
    found.store.catch_up()
    assert number(found, 1) == 480
    assert number(found, 2) is None
    found.editing.delete()
    assert "locked" in said[-1]


def test_nothing_selected_is_said(found):
    said = say(found)
    found.editing.delete()
    assert "no object is selected" in said[-1].casefold()


def test_an_object_that_has_just_grown_is_deleted_as_a_whole(found):
    layer = found.store.layer
    layer.data_setitem((np.full(9, 0), np.full(9, 80), np.arange(10, 19)), 4)
    found.selecting.select([4])
    found.editing.delete()
    assert not (layer.data == 4).any()
