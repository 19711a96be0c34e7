"""NRRD as SimpleITK writes it, and by hand with the fields that 3D Slicer and others add."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

from napari_scsam.config import UserError
from napari_scsam.io.volumes import open_volume

STACK = np.random.default_rng(0).integers(0, 200, (4, 20, 30))


def write_by_hand(path: Path, fields: str, data: bytes = b"") -> None:
    sizes = "type: uint8\ndimension: 3\nsizes: 30 20 4\n"
    path.write_bytes(f"NRRD0005\n{sizes}{fields}\n\n".encode() + data)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "f4"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr"])
def test_what_simpleitk_writes_is_read(
    tmp_path: Path, dtype: Any, compressed: bool, suffix: str
) -> None:
    image = SimpleITK.GetImageFromArray(STACK.astype(dtype))
    image.SetSpacing((4.0, 5.0, 30.0))
    SimpleITK.WriteImage(image, str(tmp_path / f"a{suffix}"), compressed)
    volume = open_volume(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(volume.data[...], STACK)
    np.testing.assert_array_equal(volume.plane(2), STACK[2])
    assert volume.dtype == np.dtype(dtype)
    assert volume.voxel_size is None  # ITK writes no units


@pytest.mark.parametrize(
    "fields",
    [
        'spacings: 4 5 30\nunits: "nm" "nm" "nm"',
        'spacings: 0.004 0.005 0.03\nunits: "um" "um" "um"',
        'space dimension: 3\nspace directions: (4,0,0) (0,5,0) (0,0,-30)\nspace units: "nm" "nm" "nm"',
    ],
)
def test_sizes_with_units_are_read(tmp_path: Path, fields: str) -> None:
    write_by_hand(tmp_path / "a.nrrd", f"encoding: raw\n{fields}", STACK.astype(np.uint8).tobytes())
    volume = open_volume(tmp_path / "a.nrrd")
    assert volume.voxel_size == (30.0, 5.0, 4.0)
    np.testing.assert_array_equal(volume.data[...], STACK)


def test_damaged_and_hostile_files_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    packed = gzip.compress(STACK.astype(np.uint8).tobytes()[:-9])
    write_by_hand(path, "encoding: gzip", packed)
    with pytest.raises(UserError, match="ends 9 bytes early"):
        open_volume(path).plane(0)
    write_by_hand(path, "encoding: raw", b"short")
    with pytest.raises(UserError, match="it should have"):
        open_volume(path)
    write_by_hand(path, "encoding: raw\ndata file: ../secret.raw")
    with pytest.raises(UserError, match="outside of its own folder"):
        open_volume(path)
    write_by_hand(path, "encoding: hex", b"00")
    with pytest.raises(UserError, match="'hex' is not supported"):
        open_volume(path)
    path.write_bytes(b"NRRD0005\nnonsense\n\n")
    with pytest.raises(UserError):
        open_volume(path)


@pytest.mark.parametrize("files", ["LIST 2\n0.raw\n1.raw", "%d.raw 0 1 1 2"])
def test_voxels_in_several_files_are_refused_with_what_to_do(tmp_path: Path, files: str) -> None:
    write_by_hand(tmp_path / "a.nhdr", f"encoding: raw\ndata file: {files}")
    with pytest.raises(UserError, match="keeps its voxels in several files; save it as one file"):
        open_volume(tmp_path / "a.nhdr")
