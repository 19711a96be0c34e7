from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from imaris_files import write_imaris

from napari_scsam.config import UserError
from napari_scsam.io.volumes import open_volume

VOXELS = np.random.default_rng(0).integers(1, 255, (2, 2, 5, 20, 37), np.uint8)


def test_one_image_with_its_size_and_coarser_copy(tmp_path: Path) -> None:
    write_imaris(tmp_path / "a.ims", VOXELS[:1, :1], (30.0, 5.0, 4.0))
    volume = open_volume(tmp_path / "a.ims")
    assert volume.voxel_size == (30.0, 5.0, 4.0)
    assert volume.origin == (15.0, 2.5, 2.0)
    np.testing.assert_array_equal(volume.data[...], VOXELS[0, 0])
    np.testing.assert_array_equal(volume.data[1:3, -4:, 36], VOXELS[0, 0, 1:3, -4:, 36])
    np.testing.assert_array_equal(volume.levels[0][...], VOXELS[0, 0, :, ::2, ::2])
    assert volume.data.chunks == (16, 16, 16)


def test_channels_and_time_points_are_chosen(tmp_path: Path) -> None:
    write_imaris(tmp_path / "a.ims", VOXELS, (30.0, 5.0, 4.0))
    with pytest.raises(UserError, match="--time 0 to 1"):
        open_volume(tmp_path / "a.ims")
    volume = open_volume(tmp_path / "a.ims", channel=1, time=0)
    np.testing.assert_array_equal(volume.data[...], VOXELS[0, 1])


def test_sizes_that_lie_are_refused(tmp_path: Path) -> None:
    write_imaris(tmp_path / "a.ims", VOXELS[:1, :1], (30.0, 5.0, 4.0))
    with h5py.File(tmp_path / "a.ims", "r+") as file:
        channel = file["DataSet/ResolutionLevel 0/TimePoint 0/Channel 0"]
        channel.attrs["ImageSizeX"] = np.frombuffer(b"3700000000", "S1")
    with pytest.raises(UserError, match="it states the size"):
        open_volume(tmp_path / "a.ims")
    (tmp_path / "b.ims").write_bytes(b"not HDF5")
    with pytest.raises(UserError, match="cannot be opened"):
        open_volume(tmp_path / "b.ims")
