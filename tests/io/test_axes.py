from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_scsam.config import UserError
from napari_scsam.io.axes import TransposedArray
from napari_scsam.io.volumes import open_volume

SIZES = {"z": 4, "y": 30, "x": 20, "c": 2, "t": 3}
RNG = np.random.default_rng(7)


def write_ngff(path: Path, axes: str, scale: list[float] | None = None) -> np.ndarray:
    """Write an OME-Zarr with these axes, as WEBKNOSSOS and ilastik do, and return its voxels."""
    data = RNG.integers(0, 255, [SIZES[axis.lower()] for axis in axes], np.uint8)
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", data=data, chunks=tuple(min(size, 8) for size in data.shape))
    steps = [{"type": "scale", "scale": scale or [1.0] * len(axes)}]
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": [{"name": axis, "unit": "nanometer"} for axis in axes],
            "datasets": [{"path": "0", "coordinateTransformations": steps}],
        }
    ]
    return data


@pytest.mark.parametrize("axes", ["".join(order) for order in permutations("zyx")])
def test_any_order_of_the_axes_is_read_as_z_y_x(tmp_path: Path, axes: str) -> None:
    nm = {"z": 40.0, "y": 4.0, "x": 5.0}
    data = write_ngff(tmp_path / "a.zarr", axes, [nm[axis] for axis in axes])
    expected = data.transpose([axes.index(axis) for axis in "zyx"])
    volume = open_volume(tmp_path / "a.zarr")
    assert volume.voxel_size == (40.0, 4.0, 5.0)
    np.testing.assert_array_equal(volume.data[...], expected)
    np.testing.assert_array_equal(volume.plane(2), expected[2])
    np.testing.assert_array_equal(volume.data[1:3, 5, 2:9], expected[1:3, 5, 2:9])
    np.testing.assert_array_equal(volume.data[-1, ::3, 4], expected[-1, ::3, 4])


def test_capital_letters_are_the_same_axes(tmp_path: Path) -> None:
    data = write_ngff(tmp_path / "a.zarr", "ZYX")
    np.testing.assert_array_equal(open_volume(tmp_path / "a.zarr").data[...], data)
    data = write_ngff(tmp_path / "b.zarr", "YX")
    np.testing.assert_array_equal(open_volume(tmp_path / "b.zarr").data[...], data)


def test_a_channel_and_a_time_point_are_chosen(tmp_path: Path) -> None:
    data = write_ngff(tmp_path / "a.zarr", "tcxyz")
    expected = data[2, 1].transpose(2, 1, 0)
    volume = open_volume(tmp_path / "a.zarr", channel=1, time=2)
    np.testing.assert_array_equal(volume.data[...], expected)
    again = open_volume(volume.path or "")
    np.testing.assert_array_equal(again.plane(3), expected[3])


def test_a_missing_or_impossible_choice_is_explained(tmp_path: Path) -> None:
    write_ngff(tmp_path / "a.zarr", "czyx")
    with pytest.raises(UserError, match=r"has 2 channels .* choose one with --channel 0 to 1"):
        open_volume(tmp_path / "a.zarr")
    with pytest.raises(UserError, match="has no channel 2; choose from 0 to 1"):
        open_volume(tmp_path / "a.zarr", channel=2)
    with pytest.raises(UserError, match="has one time only"):
        open_volume(tmp_path / "a.zarr", channel=0, time=1)
    write_ngff(tmp_path / "b.zarr", "cyx")
    with pytest.raises(UserError, match="has one time only"):
        open_volume(tmp_path / "b.zarr", channel=0, time=1)


def test_the_first_channel_of_one_may_be_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RNG.integers(0, 255, (6, 30, 20), np.uint8))
    assert open_volume(tmp_path / "a.tif", channel=0, time=0).shape == (6, 30, 20)


def test_transposing_reads_no_more_than_what_is_wanted() -> None:
    class Counting:
        shape = (20, 30, 4)
        dtype = np.dtype(np.uint8)
        read = 0

        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
            block = np.zeros(self.shape, np.uint8)[key]
            self.read += block.size
            return block

    source = Counting()
    turned = TransposedArray(source, (2, 1, 0))
    assert turned.shape == (4, 30, 20)
    assert turned[1, :, :].shape == (30, 20)
    assert source.read == 600
