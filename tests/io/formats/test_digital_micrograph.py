from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dm4 import DM4File
from dm_files import write_dm

from napari_scsam.config import UserError
from napari_scsam.io.volumes import open_volume

STACK = np.random.default_rng(0).integers(0, 200, (4, 20, 30))


@pytest.mark.parametrize("suffix", [".dm3", ".dm4"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
def test_an_image_and_a_stack_are_mapped(tmp_path: Path, suffix: str, dtype: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_dm(path, STACK[0].astype(dtype), (0.004, 0.005), ("µm", "µm"))
    volume = open_volume(path)
    assert (volume.voxel_size, volume.dtype) == ((4.0, 4.0, 5.0), np.dtype(dtype))
    np.testing.assert_array_equal(volume.data[...], STACK[0])
    write_dm(path, STACK.astype(dtype), (30.0, 4.0, 5.0), ("nm", "nm", "nm"))
    volume = open_volume(path)
    assert volume.voxel_size == (30.0, 4.0, 5.0)
    np.testing.assert_array_equal(volume.plane(3), STACK[3])


def test_slices_without_a_distance_know_y_and_x(tmp_path: Path) -> None:
    write_dm(tmp_path / "a.dm4", STACK.astype("u1"), (1.0, 4.0, 5.0), ("", "nm", "nm"))
    volume = open_volume(tmp_path / "a.dm4")
    assert (volume.voxel_size, volume.pixel_size) == (None, (4.0, 5.0))


def test_another_library_reads_the_files_of_these_tests(tmp_path: Path) -> None:
    write_dm(tmp_path / "a.dm4", STACK[0].astype("u2"), (4.0, 5.0), ("nm", "nm"))
    with DM4File.open(str(tmp_path / "a.dm4")) as file:
        tags = file.read_directory()
        image = tags.named_subdirs["ImageList"].unnamed_subdirs[1].named_subdirs["ImageData"]
        found = file.read_tag_data(image.named_tags["Data"])
    np.testing.assert_array_equal(np.array(found).reshape(20, 30), STACK[0])


@pytest.mark.parametrize("suffix", [".dm3", ".dm4"])
def test_damaged_files_are_explained(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_dm(path, STACK.astype("u2"), (30.0, 4.0, 5.0), ("nm", "nm", "nm"))
    whole = path.read_bytes()
    for kept in (0, 3, 20, 200, 600, len(whole) - 2000):
        path.write_bytes(whole[:kept])
        with pytest.raises(UserError):
            open_volume(path)
    path.write_bytes(b"\0\0\0\5" + whole[4:])
    with pytest.raises(UserError, match="does not begin as"):
        open_volume(path)
