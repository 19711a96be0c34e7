from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.run_record import RunRecord
from napari_scsam.gui.layers.taken_pixels import read_bands
from napari_scsam.gui.layers.write_prediction import OrganelleLabels
from napari_scsam.steps import drive


@pytest.fixture
def layer():
    data = np.zeros((3, 6, 8), np.uint8)
    data[1, :2] = 5
    return Labels(data)


@pytest.fixture
def record(layer):
    return RunRecord(OrganelleLabels(layer))


def write(record: RunRecord, z: int, where, value: int) -> None:
    """Write into a slice as a run does, and note it."""
    layer = record.output.layer
    plane = Plane(0, z)
    before = read_bands(layer, plane)
    prediction = layer.data[z].copy()
    prediction[where] = value
    drive(record.output.write_steps(plane, prediction, [value]))
    record.note(plane, before, read_bands(layer, plane))


def nothing(_plane, _rows, current):
    return np.zeros(current.shape, bool)


def test_a_run_is_taken_back_as_a_whole(record, layer):
    before = layer.data.copy()
    write(record, 0, np.s_[2:4], 3)
    write(record, 1, np.s_[2:, 4:], 3)
    assert len(record) == 2
    assert np.count_nonzero(layer.data == 3) == 2 * 8 + 4 * 4
    changed = drive(record.take_back_steps(nothing))
    np.testing.assert_array_equal(layer.data, before)
    assert changed == 2 * 8 + 4 * 4


def test_a_slice_that_was_written_twice_goes_back_to_the_beginning(record, layer):
    before = layer.data.copy()
    write(record, 1, np.s_[2:4], 3)
    write(record, 1, np.s_[2:, :2], 4)
    assert len(record) == 1
    drive(record.take_back_steps(nothing))
    np.testing.assert_array_equal(layer.data, before)


def test_what_the_user_changed_since_stays(record, layer):
    write(record, 0, np.s_[2:4], 3)
    layer.data[0, 2, :3] = 7
    layer.data[0, 3, 0] = 0
    drive(record.take_back_steps(nothing))
    assert layer.data[0, 2].tolist() == [7, 7, 7, 0, 0, 0, 0, 0]
    assert not layer.data[0, 3].any()


def test_protected_pixels_stay(record, layer):
    write(record, 0, np.s_[2:4], 3)

    def protect(plane, rows, current):
        assert plane == Plane(0, 0)
        kept = np.zeros(current.shape, bool)
        kept[:, 5:] = current[:, 5:] == 3
        return kept

    assert drive(record.take_back_steps(protect)) == 2 * 5
    assert (layer.data[0, 2:4, 5:] == 3).all()
    assert not layer.data[0, :, :5].any()


def test_the_last_slice_is_taken_back_first(record):
    for z in (2, 0, 1):
        write(record, z, np.s_[:], 3)
    seen = []

    def note(plane, _rows, current):
        if not seen or seen[-1] != plane.position:
            seen.append(plane.position)
        return np.zeros(current.shape, bool)

    drive(record.take_back_steps(note))
    assert seen == [1, 0, 2]
