from __future__ import annotations

import numpy as np
import pytest
from listed import MITO, number

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.tools.objects.filters import Filters


def test_painting_makes_numbers_stale_and_measures_that_object_alone(found):
    others = found.store.table["surface_um2"][1:].copy()
    surface = number(found, 1, "surface_um2")
    found.store.layer.data_setitem((np.full(9, 1), np.full(9, 23), np.arange(10, 19)), 1)
    assert found.store.stale == {1}
    found.store.catch_up()
    assert not found.store.stale
    assert number(found, 1) == 480 + 9
    assert number(found, 1, "surface_um2") > surface
    np.testing.assert_array_equal(found.store.table["surface_um2"][1:], others)


def test_numbers_after_edits_are_those_of_a_measurement_of_everything(found):
    layer = found.store.layer
    layer.data_setitem((np.full(9, 3), np.full(9, 0), np.arange(50, 59)), 3)
    layer.data_setitem((np.full(5, 3), np.full(5, 50), np.arange(20, 25)), 0)
    layer.undo()
    found.store.catch_up()
    edited = found.store.table
    found.store.measure()
    assert list(edited) == list(found.store.table)
    for key, values in found.store.table.columns.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(edited[key], values, err_msg=key)
        else:
            np.testing.assert_array_equal(edited[key], values, err_msg=key)


def test_undo_and_redo_are_seen(found):
    layer = found.store.layer
    layer.data_setitem(tuple(np.argwhere(layer.data == 4).T), 0)
    found.store.catch_up()
    assert number(found, 4) is None
    layer.undo()
    assert found.store.stale == {4}
    found.store.catch_up()
    assert number(found, 4) == 25
    layer.redo()
    found.store.catch_up()
    assert number(found, 4) is None


def test_a_part_that_is_cut_off_has_the_class_of_its_object(found):
    layer = found.store.layer
    half = np.nonzero((layer.data == 2) & (np.arange(128) >= 35))
    layer.data_setitem(half, 77)
    found.store.catch_up()
    assert number(found, 77, "class") == MITO.name
    assert number(found, 2) + number(found, 77) == 900


def test_another_array_is_measured_as_a_whole(found):
    found.store.layer.data = np.where(found.store.layer.data > 2, 9, 0).astype(np.uint32)
    assert found.store.labels.tolist() == [9]
    assert number(found, 9) == 32 + 25 + 25


def test_the_layer_has_the_same_columns_for_naparis_own_table(found):
    found.store.write_features()
    features = found.store.layer.features
    assert features["index"].tolist() == [1, 2, 3, 4, 5]
    assert features["voxels"].tolist() == found.store.table["voxels"].tolist()


def test_a_removed_layer_leaves_an_empty_table(found):
    found.viewer.layers.remove(found.store.layer)
    assert found.store.layer is None
    assert len(found.store.table) == 0


def test_filters_keep_what_passes_all_of_them(found):
    columns = found.store.table.columns
    some = Filters(class_name="vesicle", at_border=False)
    assert columns["id"][some.mask(columns)].tolist() == [3, 4]
    few = Filters(smallest=0.00004, largest=0.0007)
    assert columns["id"][few.mask(columns)].tolist() == [1, 3]


def test_a_cancelled_measurement_leaves_stale_rows_which_are_measured_when_they_are_needed(found):
    worker = found.session.jobs.worker
    worker.held.add(Job.MEASURE_OBJECTS)
    changed = np.where(found.store.layer.data == 3, 0, found.store.layer.data)
    found.store.layer.data = changed
    assert found.store.stale == {1, 2, 3, 4, 5}
    with pytest.raises(UserError, match="still being measured"):
        found.store.catch_up()
    found.session.jobs.cancel(Job.MEASURE_OBJECTS)
    assert not found.store.measuring
    assert found.store.stale, "never wrong numbers in silence"
    worker.held.clear()
    found.store.catch_up()
    assert found.store.labels.tolist() == [1, 2, 4, 5]
