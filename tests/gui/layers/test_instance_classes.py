from __future__ import annotations

import json

import numpy as np
from napari.layers import Labels

from napari_scsam.config import ClassSpec
from napari_scsam.gui.layers.instance_classes import (
    ObjectClasses,
    mark_objects,
    object_classes,
    reviewed_objects,
    set_object_classes,
)

MITO = ClassSpec(1, "mitochondrion")
VESICLE = ClassSpec(5, "vesicle")
KNOWN = ObjectClasses((MITO, VESICLE), ((1, 10, 1), (11, 20, 5)))


def test_each_label_has_the_class_of_its_run():
    assert KNOWN.ids_of([0, 1, 10, 11, 20, 21]).tolist() == [0, 1, 1, 5, 5, 0]
    assert KNOWN.names_of([3, 12, 99]).tolist() == ["mitochondrion", "vesicle", "object"]
    assert ObjectClasses().names_of([3], "ER").tolist() == ["ER"]


def test_a_known_label_never_changes_its_class():
    more = KNOWN.with_labels([10, 21, 22], MITO)
    assert more.ids_of([10, 11, 21, 22]).tolist() == [1, 5, 1, 1]
    assert KNOWN.with_labels([11], MITO) == KNOWN
    assert more.runs == ((1, 10, 1), (11, 20, 5), (21, 22, 1))


def test_a_new_class_joins_the_table():
    other = ClassSpec(7, "ER")
    more = KNOWN.with_labels([30], other)
    assert more.names_of([30]).tolist() == ["ER"]


def test_unused_labels_are_above_all_that_were_ever_used():
    assert KNOWN.unused(2, 5) == [21, 22]
    assert KNOWN.unused(1, 100) == [101]


def test_it_is_stored_as_json_and_damage_counts_as_unknown():
    layer = Labels(np.zeros((2, 2), np.uint32))
    set_object_classes(layer, KNOWN)
    layer.metadata = json.loads(json.dumps(layer.metadata))
    assert object_classes(layer) == KNOWN
    layer.metadata = {"scsam_objects": {"classes": [], "runs": "x"}}
    assert object_classes(layer) == ObjectClasses()


def test_marks_are_set_and_taken_back():
    layer = Labels(np.zeros((2, 2), np.uint32))
    mark_objects(layer, [5, 3], reviewed=True)
    mark_objects(layer, [3], reviewed=False)
    assert reviewed_objects(layer).tolist() == [5]
