from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_scsam.config import ClassSpec
from napari_scsam.io.label_files.hdf5 import CHUNK, read_hdf5_record, write_label_hdf5
from napari_scsam.io.label_files.record import LabelRecord

RECORD = LabelRecord((ClassSpec(1, "ER"),), (40.0, 8.0, 4.0), (0.0, 16.0, -8.0))


@pytest.mark.parametrize("shape", [(3, 20, 30), (20, 30), (1, 20, 30)])
def test_labels_are_read_by_others(tmp_path: Path, shape: tuple[int, ...]) -> None:
    labels = np.random.default_rng(0).integers(0, 9, shape).astype(np.uint16)
    write_label_hdf5(tmp_path / "a.h5", labels, RECORD)
    with h5py.File(tmp_path / "a.h5") as file:
        data = file["labels"]
        np.testing.assert_array_equal(data[...], labels)
        assert data.dtype == np.uint16
        assert data.compression == "gzip"
        assert data.chunks == (1, 20, 30)[-len(shape) :]


def test_the_voxel_size_is_written_as_three_programs_read_it(tmp_path: Path) -> None:
    write_label_hdf5(tmp_path / "a.h5", np.zeros((2, 4, 4), np.uint8), RECORD)
    with h5py.File(tmp_path / "a.h5") as file:
        attributes = dict(file["labels"].attrs)
    assert attributes["element_size_um"].tolist() == [0.04, 0.008, 0.004]
    assert attributes["resolution"].tolist() == [40, 8, 4]
    assert attributes["offset"].tolist() == [0, 16, -8]
    assert list(attributes["units"]) == ["nm"] * 3
    axes = json.loads(attributes["axistags"])["axes"]
    assert [axis["key"] for axis in axes] == ["z", "y", "x"]
    assert {axis["typeFlags"] for axis in axes} == {2}


def test_a_slice_has_the_size_of_its_pixels(tmp_path: Path) -> None:
    write_label_hdf5(tmp_path / "a.h5", np.zeros((4, 4), np.uint8), RECORD)
    with h5py.File(tmp_path / "a.h5") as file:
        attributes = dict(file["labels"].attrs)
    assert attributes["resolution"].tolist() == [8, 4]
    assert attributes["offset"].tolist() == [16, -8]
    assert [axis["key"] for axis in json.loads(attributes["axistags"])["axes"]] == ["y", "x"]


def test_an_unknown_voxel_size_is_left_out(tmp_path: Path) -> None:
    write_label_hdf5(tmp_path / "a.h5", np.zeros((2, 4, 4), np.uint8), LabelRecord())
    with h5py.File(tmp_path / "a.h5") as file:
        assert not {"element_size_um", "resolution", "offset", "units"} & set(file["labels"].attrs)


def test_chunks_of_large_slices_are_limited(tmp_path: Path) -> None:
    labels = np.zeros((1, CHUNK + 1, 8), np.uint8)
    write_label_hdf5(tmp_path / "a.h5", labels, LabelRecord())
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["labels"].chunks == (1, CHUNK, 8)


def test_our_record_comes_back_and_others_have_none(tmp_path: Path) -> None:
    write_label_hdf5(tmp_path / "a.h5", np.zeros((2, 4, 4), np.uint8), RECORD)
    assert read_hdf5_record(tmp_path / "a.h5") == json.loads(RECORD.text())
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["labels"] = np.zeros(3)
    assert read_hdf5_record(tmp_path / "b.h5") == {}
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file.create_group("labels")
    assert read_hdf5_record(tmp_path / "c.h5") == {}


def test_the_same_labels_are_the_same_bytes(tmp_path: Path) -> None:
    labels = np.arange(32, dtype=np.uint8).reshape(2, 4, 4)
    for name in ("a.h5", "b.h5"):
        write_label_hdf5(tmp_path / name, labels, RECORD)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2
