"""Proofread bodies: their borders are membranes, on slices across each axis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_scsam.io.volumes import as_volume
from napari_scsam.train.bodies import body_borders, turned
from napari_scsam.train.finetune.known_labels import UNKNOWN

BODIES = np.repeat(np.array([[[3, 3, 3, 3, 8, 8, 8, 8]]], np.uint16), 6, axis=1)


def test_both_sides_of_a_border_are_membrane_and_what_is_next_to_it_is_unknown() -> None:
    classes = body_borders(BODIES, 5)
    assert classes.shape == BODIES.shape
    assert classes[0, 2].tolist() == [0, 0, UNKNOWN, 5, 5, UNKNOWN, 0, 0]
    assert np.array_equal(classes[0, 0], classes[0, 5])


def test_slices_do_not_touch_each_other() -> None:
    two = np.concatenate([np.full((1, 6, 8), 1, np.uint16), np.full((1, 6, 8), 2, np.uint16)])
    assert not body_borders(two, 5).any()


def test_what_is_no_body_is_unknown() -> None:
    bodies = BODIES.copy()
    bodies[0, :, :2] = 0
    assert (body_borders(bodies, 5)[0, :, :2] == UNKNOWN).all()


@pytest.mark.parametrize(("axis", "shape"), [("z", (2, 3, 4)), ("y", (3, 2, 4)), ("x", (4, 2, 3))])
def test_a_volume_is_sliced_across_each_axis(axis: str, shape: tuple[int, ...]) -> None:
    voxels = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    volume = replace(as_volume(voxels), voxel_size=(30.0, 20.0, 10.0))
    seen = turned(volume, axis)
    assert seen.shape == shape
    expected = np.moveaxis(voxels, "zyx".index(axis), 0)
    assert np.array_equal(seen.plane(1), expected[1])
    sizes = {"z": (30.0, 20.0, 10.0), "y": (20.0, 30.0, 10.0), "x": (10.0, 30.0, 20.0)}
    assert seen.voxel_size == sizes[axis]


def test_a_single_slice_has_one_axis_to_be_sliced_across() -> None:
    volume = as_volume(np.zeros((5, 6), np.uint8))
    assert turned(volume, "y") is volume
