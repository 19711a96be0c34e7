from __future__ import annotations

import numpy as np
import pytest
from listed import CLASSES, SCALE, class_labels

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.jobs.objects import (
    FindRequest,
    LabelsLocation,
    MeasureRequest,
    check_fits_in_memory,
    find_objects_steps,
    measure_boxes,
    whole_of,
)
from napari_scsam.steps import drive


def test_a_part_of_a_part_belongs_to_the_whole_and_a_circle_ends():
    classes = (
        ClassSpec(1, "cell"),
        ClassSpec(2, "nucleus", part_of="cell"),
        ClassSpec(4, "pore", part_of="nucleus"),
    )
    assert whole_of(classes).tolist() == [0, 1, 1, 0, 1, 0]
    circle = (ClassSpec(1, "a", part_of="b"), ClassSpec(2, "b", part_of="a"))
    assert len(whole_of(circle)) == 4


def test_touching_objects_are_split_where_asked():
    y, x = np.mgrid[:40, :80]
    discs = (np.hypot(y - 20, x - 25) < 14) | (np.hypot(y - 20, x - 51) < 14)
    labels = np.repeat(discs[None].astype(np.uint8), 6, axis=0)
    place = LabelsLocation((8.0, 8.0, 8.0))
    counts = [
        len(drive(find_objects_steps(FindRequest(labels, CLASSES, place, split))).table)
        for split in (False, True)
    ]
    assert counts == [1, 2]


def test_a_measured_box_is_what_a_measurement_of_everything_says():
    labels = class_labels()
    grey = np.random.default_rng(0).integers(0, 255, labels.shape).astype(np.uint8)
    place = LabelsLocation(SCALE, (0.0, 10.0, 20.0), grey)
    found = drive(find_objects_steps(FindRequest(labels, CLASSES, place)))
    request = MeasureRequest(found.labels, found.classes, place)
    boxes = {}
    for row in range(len(found.table)):
        ends = [(found.table[f"{a}0_voxel"][row], found.table[f"{a}1_voxel"][row]) for a in "zyx"]
        boxes[int(found.table["id"][row])] = tuple(slice(a, b) for a, b in ends)
    again = measure_boxes(request, boxes)
    assert set(again) == set(found.table)
    for key in again:
        if again[key].dtype.kind == "f":
            np.testing.assert_allclose(again[key], found.table[key], rtol=1e-9, err_msg=key)
        else:
            np.testing.assert_array_equal(again[key], found.table[key], err_msg=key)


def test_an_object_that_is_gone_has_no_row():
    place = LabelsLocation(None)
    request = MeasureRequest(np.zeros((4, 4), np.uint32), drive_classes(), place)
    assert len(measure_boxes(request, {3: (slice(0, 2), slice(0, 2))})) == 0


def drive_classes():
    """Return classes of no object."""
    from napari_scsam.gui.layers.instance_classes import ObjectClasses

    return ObjectClasses()


def test_a_volume_that_is_too_large_is_left_to_the_command():
    with pytest.raises(UserError, match="scsam instances"):
        check_fits_in_memory((1000, 1000, 1000))
