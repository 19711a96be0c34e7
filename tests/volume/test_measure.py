from __future__ import annotations

import csv

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.volumes import as_volume
from napari_scsam.steps import drive
from napari_scsam.volume.measure.organelles import measure, write_table

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(4, "PSD"))


def run(labels, voxel_size=(40, 10, 20), **options):
    return drive(measure(as_volume(labels, voxel_size), CLASSES, **options))


@pytest.fixture
def labels():
    volume = np.zeros((6, 20, 30), np.uint8)
    volume[1:4, 2:6, 3:8] = 1  # 3 x 4 x 5 voxels
    volume[4:6, 10:20, 20:30] = 1  # reaches three borders
    volume[2, 15:18, 2:6] = 4
    return volume


def test_volume_and_centre_in_physical_units(labels):
    first, second, psd = run(labels)
    assert (first.organelle, first.number, first.voxels) == ("mitochondrion", 1, 60)
    assert first.volume_um3 == pytest.approx(60 * 40 * 10 * 20 / 1e9)
    assert (first.z, first.y, first.x) == (2, 3.5, 5)
    assert (first.touches_border, second.touches_border) == (False, True)
    assert (psd.organelle, psd.number) == ("PSD", 1)


def test_diameter_is_that_of_the_sphere_or_the_disc():
    z, y, x = np.indices((41, 41, 41)) - 20
    (ball,) = run((z**2 + y**2 + x**2 <= 15**2).astype(np.uint8), (10, 10, 10))
    assert ball.diameter_um == pytest.approx(0.30, rel=0.02)
    (disc,) = run((y[0] ** 2 + x[0] ** 2 <= 15**2).astype(np.uint8), (10, 10, 10))
    assert disc.diameter_um == pytest.approx(0.30, rel=0.02)
    assert not disc.touches_border


def test_unknown_voxel_size_stays_unknown(labels, tmp_path):
    rows = run(labels, None)
    assert rows[0].volume_um3 is None
    write_table(tmp_path / "table.csv", rows)
    with (tmp_path / "table.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert list(read[0])[2:] == [
        "voxels",
        "volume_um3",
        "diameter_um",
        "z_voxel",
        "y_voxel",
        "x_voxel",
        "touches_border",
    ]
    assert [r["z_voxel"] for r in read] == ["2.0", "4.5", "2.0"]
    assert [r["voxels"] for r in read] == ["60", "200", "12"]
    assert read[0]["volume_um3"] == ""


def test_specks_are_left_out(labels):
    assert [r.organelle for r in run(labels, smallest=20)] == ["mitochondrion", "mitochondrion"]


def test_corner_neighbours_are_one_object():
    volume = np.zeros((2, 8, 8), np.uint8)
    volume[0, :4, :4] = volume[1, 4:, 4:] = 1
    assert len(run(volume)) == 1


def test_labels_of_other_classes_are_a_mistake():
    labels = np.arange(2 * 8 * 8).reshape(2, 8, 8) % 7 * 10
    with pytest.raises(
        UserError,
        match=r"hold 10, 20, 30 …, but their table has only 1 \(mitochondrion\), 4 \(PSD\); use the labels",
    ):
        run(labels)


def test_background_alone_is_an_empty_table():
    assert run(np.zeros((2, 8, 8), np.uint8)) == []
