from __future__ import annotations

import numpy as np
from listed import class_labels

from napari_scsam.gui.tools.objects.find import FindingObjects


def test_objects_of_all_classes_are_found_and_a_boundary_belongs_to_its_mitochondrion(found):
    truth = class_labels()
    table = found.store.table
    assert table["class"].tolist() == ["mitochondrion"] * 2 + ["vesicle"] * 3
    assert table["voxels"].tolist() == [2 * 12 * 20, 3 * 10 * 30, 2 * 4 * 4, 25, 25]
    np.testing.assert_allclose(table["volume_um3"], table["voxels"] * 20 * 8 * 8 / 1e9)
    assert table["touches_border"].tolist() == [False, True, False, False, True]
    np.testing.assert_array_equal(found.store.layer.data != 0, truth != 0)
    np.testing.assert_array_equal(found.labels.data, truth)
    assert "2 × mitochondrion and 3 × vesicle" in found.said[-1]


def test_found_again_objects_replace_those_that_nobody_touched_and_only_those(found):
    first = found.store.layer
    found.labels.data[2, 70:75, 80:85] = 0
    found.finding.find()
    assert found.store.layer is first
    assert len(found.store.table) == 4
    found.selecting.select([1])
    found.editing.delete()
    found.finding.find()
    assert found.store.layer is not first
    assert len(found.store.table) == 4
    assert not (np.asarray(first.data) == 1).any(), "the edited objects stay as they are"


def test_without_labels_a_sentence_says_what_to_do(session, said):
    session.part(FindingObjects).find()
    assert "segment some slices first" in said[-1]


def test_empty_labels_have_no_object(found):
    found.labels.data[...] = 0
    found.finding.find()
    assert "no object" in found.said[-1]
