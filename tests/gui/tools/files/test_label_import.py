from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.tools.files.label_import import (
    find_values_steps,
    guess_map,
    import_label_steps,
    read_steps,
    translate,
)
from napari_scsam.steps import drive

OURS = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "membrane"))


def test_values_are_classes_by_name_or_by_the_same_value():
    theirs = (ClassSpec(7, "Membrane"), ClassSpec(8, "granule"))
    assert guess_map([7, 8, 9], theirs, OURS) == {7: 2, 8: 0, 9: 0}
    assert guess_map([1, 2, 9], (), OURS) == {1: 1, 2: 2, 9: 0}


@pytest.mark.parametrize("shape", [(6, 8), (3, 6, 8)])
def test_all_values_are_found_and_written_as_one_undo_step(shape):
    data = np.zeros(shape, np.uint16)
    data[..., 1, 2] = 700
    data[..., 2, 2] = 3
    foreign = drive(find_values_steps(data, None))
    assert foreign.values == [3, 700]
    assert foreign.classes == ()
    layer = Labels(np.full(shape, 2, np.uint8))
    drive(import_label_steps(layer, foreign.data, {700: 1}))
    assert (layer.data[..., 1, 2] == 1).all()
    assert np.count_nonzero(layer.data == 1) == np.count_nonzero(data == 700)
    layer.undo()
    assert (layer.data == 2).all()


def test_values_that_map_to_no_class_become_background():
    labels = np.array([[0, 3], [5, 9]])
    np.testing.assert_array_equal(
        translate(labels, np.array([3, 9]), np.array([1, 2])), [[0, 1], [0, 2]]
    )
    assert not translate(labels, np.array([], int), np.array([], int)).any()


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        drive(read_steps(str(tmp_path / "missing.tif")))
