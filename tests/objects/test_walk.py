from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.objects.boxes import LabelBoxes, tally
from napari_scsam.objects.place import Place
from napari_scsam.objects.walk import next_component, next_label
from napari_scsam.steps import drive


def scene() -> np.ndarray:
    data = np.zeros((5, 20, 30), np.uint8)
    data[1, 2:5, 2:5] = data[1, 2:5, 20:25] = data[1, 12:15, 2:5] = 1
    data[3:5, 10:13, 10:13] = 1
    data[4, 9:14, 9:14] = 1
    data[0, 0, 0] = 4
    data[2, 5:9, 5:9] = 9
    return data


def place(data, **options) -> Place:
    return Place(data, tuple(slice(0, n) for n in data.shape), (1, 1, 1), **options)


def test_labels_in_their_order_and_deleted_ones_left_out():
    data = scene()
    here = place(data, boxes=LabelBoxes(tally(data)))
    data[data == 4] = 0
    stop = drive(next_label(here, 1, 1, 0))
    assert stop.value == 9
    assert data[stop.voxel] == 9
    assert stop.voxel[0] == 2
    assert (stop.number, stop.count) == (2, 2), "a deleted label is not counted"
    back = drive(next_label(here, 9, -1, 0))
    assert (back.value, back.voxel[0]) == (1, 1)
    with pytest.raises(UserError, match="last object"):
        drive(next_label(here, 9, 1, 0))


def test_the_only_object_is_the_last_and_without_one_there_is_none():
    data = np.zeros((5, 20, 30), np.uint8)
    data[2, 5:9, 5:9] = 9
    labels, classes = place(data, boxes=LabelBoxes(tally(data))), place(data, classes=True)
    for step, which in ((1, "last"), (-1, "first")):
        with pytest.raises(UserError, match=f"that was the {which} object$"):
            drive(next_label(labels, 9, step, 0))
        for at in ((2, 6, 6), (4 if step > 0 else 0, 0, 0)):
            with pytest.raises(UserError, match=f"that was the {which} object of this class"):
                drive(next_component(classes, 9, at, step, 0))
        with pytest.raises(UserError, match="there is no object of this class"):
            drive(next_component(classes, 4, (2, 6, 6), step, 0))
    data[:] = 0
    with pytest.raises(UserError, match="there is no object in this layer"):
        drive(next_label(labels, 9, 1, 0))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_pieces_one_after_the_other_through_the_slices(axis):
    data = np.moveaxis(scene(), 0, axis)
    here, at, seen = place(data, classes=True), (0, 0, 0), []
    while True:
        try:
            stop = drive(next_component(here, 1, at, 1, axis))
        except UserError:
            break
        at = stop.voxel
        assert data[at] == 1
        seen.append(at)
    assert [at[axis] for at in seen] == [1, 1, 1, 3, 4]
    for expected in reversed(seen[:-1]):
        at = drive(next_component(here, 1, at, -1, axis)).voxel
        assert at == expected
    with pytest.raises(UserError, match="first object"):
        drive(next_component(here, 1, at, -1, axis))


def test_from_background_the_next_in_reading_order():
    data = scene()
    here = place(data, classes=True)
    assert drive(next_component(here, 1, (1, 3, 10), 1, 0)).voxel[1] == 13
    assert drive(next_component(here, 1, (1, 3, 10), -1, 0)).voxel[2] == 22


def test_a_flat_image():
    data = scene()[1]
    here = place(data, classes=True)
    assert drive(
        next_component(Place(data, here.within, (1, 1), classes=True), 1, (0, 0), 1, None)
    ).voxel == (3, 3)
