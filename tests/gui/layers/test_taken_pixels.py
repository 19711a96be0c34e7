from __future__ import annotations

import gc

import numpy as np
import pytest
from napari.layers import Labels

from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.taken_pixels import TakenPixels, read_bands
from napari_scsam.steps import drive

PLANE = Plane(0, 1)


@pytest.fixture
def layer():
    data = np.zeros((3, 4, 6), np.uint8)
    data[1, 0, :4] = 5
    data[1, 1, :2] = 6
    return Labels(data)


def take(taken: TakenPixels, layer: Labels, value: int, where) -> None:
    """Write a class, and note what it took."""
    before = read_bands(layer, PLANE)
    layer.data[1][where] = value
    drive(taken.note_steps(layer, PLANE, value, before))


def test_what_a_class_took_is_known(layer):
    taken = TakenPixels()
    take(taken, layer, 9, np.s_[:2, :3])
    below = taken.below(layer, PLANE, 9)
    assert below.tolist() == [
        [5, 5, 5, 0, 0, 0],
        [6, 6, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_what_it_took_twice_is_what_was_there_first(layer):
    taken = TakenPixels()
    take(taken, layer, 9, np.s_[0, 0])
    take(taken, layer, 9, np.s_[0, :2])
    assert taken.below(layer, PLANE, 9)[0].tolist() == [5, 5, 0, 0, 0, 0]


def test_pixels_that_others_took_are_not_counted(layer):
    taken = TakenPixels()
    before = read_bands(layer, PLANE)
    layer.data[1, 0, 0] = 8
    layer.data[1, 0, 1] = 9
    drive(taken.note_steps(layer, PLANE, 9, before))
    assert taken.below(layer, PLANE, 9)[0].tolist() == [0, 5, 0, 0, 0, 0]
    assert not taken.below(layer, PLANE, 8).any()


def test_other_planes_and_layers_are_not_known(layer):
    taken = TakenPixels()
    take(taken, layer, 9, np.s_[0, :])
    assert not taken.below(layer, Plane(0, 2), 9).any()
    assert not taken.below(Labels(layer.data.copy()), PLANE, 9).any()


def test_a_layer_that_is_gone_is_forgotten(layer):
    taken = TakenPixels()
    other = Labels(layer.data.copy())
    take(taken, other, 9, np.s_[0, :])
    assert len(taken._of) == 1
    del other
    gc.collect()
    assert len(taken._of) == 0


def test_bands_are_copies(layer):
    bands = read_bands(layer, PLANE)
    layer.data[1] = 0
    assert np.concatenate(bands).sum() == 4 * 5 + 2 * 6
