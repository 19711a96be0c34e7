from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.volumes import open_labels, open_volume

STACK = np.random.default_rng(0).integers(0, 60000, (4, 20, 30)).astype(np.uint16)


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "f4", "bool"])
def test_arrays_of_numpy_are_mapped(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "a.npy", STACK.astype(dtype))
    volume = open_volume(tmp_path / "a.npy")
    assert volume.voxel_size is None
    np.testing.assert_array_equal(volume.data[...], STACK.astype(dtype))
    np.save(tmp_path / "f.npy", np.asfortranarray(STACK.astype(dtype)))
    np.testing.assert_array_equal(open_volume(tmp_path / "f.npy").plane(2), STACK.astype(dtype)[2])


def test_labels_come_back(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", STACK % 7)
    np.testing.assert_array_equal(open_labels(tmp_path / "a.npy").data[...], STACK % 7)


def test_python_objects_and_damaged_arrays_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[{}]], object), allow_pickle=True)
    with pytest.raises(UserError, match="object"):
        open_volume(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", STACK)
    (tmp_path / "b.npy").write_bytes((tmp_path / "b.npy").read_bytes()[:-1])
    with pytest.raises(UserError, match="it should have"):
        open_volume(tmp_path / "b.npy")
    (tmp_path / "c.npy").write_bytes(b"\x93NUMPY\1\0\xff\xff" + b"{" * 3000)
    with pytest.raises(UserError, match="cannot be opened"):
        open_volume(tmp_path / "c.npy")


def test_a_raw_file_has_its_shape_in_its_name(tmp_path: Path) -> None:
    STACK.astype(">u2").tofile(tmp_path / "a.raw")
    named = f"{tmp_path}/a.raw:4x20x30:>u2"
    volume = open_volume(named)
    np.testing.assert_array_equal(volume.data[...], STACK)
    np.testing.assert_array_equal(open_volume(volume.path or "").plane(3), STACK[3])
    (tmp_path / "b.raw").write_bytes(bytes(100) + STACK.tobytes())
    np.testing.assert_array_equal(
        open_volume(f"{tmp_path}/b.raw:4x20x30:uint16:100").data[...], STACK
    )


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("", r"holds 4800 bytes and no shape; name it .* a\.raw:40x512x512:uint8"),
        (":4x20x31:uint16", "take 4960; check its shape and type"),
        (":4x20x30:uint8", "take 2400"),
        (":4x20x30:grey8", "'grey8' is not a type of numbers"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(tmp_path: Path, name: str, match: str) -> None:
    STACK.tofile(tmp_path / "a.raw")
    with pytest.raises(UserError, match=match):
        open_volume(f"{tmp_path}/a.raw{name}")
