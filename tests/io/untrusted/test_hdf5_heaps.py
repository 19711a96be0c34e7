"""A damaged heap of HDF5 attributes is refused; libhdf5 would follow it for ever."""

from __future__ import annotations

import struct
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.untrusted.hdf5_heaps import HEAP, check_heaps, read_attribute
from napari_scsam.io.volumes import open_volume


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "em.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("raw", data=np.arange(96, dtype="u1").reshape(2, 6, 8))
        data.attrs["element_size_um"] = (0.04, 0.008, 0.008)
        data.attrs["axistags"] = '{"axes": [{"key": "z"}, {"key": "y"}, {"key": "x"}]}'
        data.attrs["units"] = ["nm", "nm", "nm"]
    return path


def break_heap(path: Path) -> None:
    """Make the free space behind the first object of a heap 0 bytes long."""
    content = bytearray(path.read_bytes())
    start = content.index(HEAP)
    (size,) = struct.unpack_from("<Q", content, start + 24)
    behind = start + 32 + -(-size // 8) * 8
    content[behind : behind + 16] = bytes(16)
    path.write_bytes(content)


def test_a_whole_file_is_read(whole: Path) -> None:
    check_heaps(whole)
    assert open_volume(whole).voxel_size == (40.0, 8.0, 8.0)


def test_a_heap_that_never_ends_is_refused(whole: Path) -> None:
    break_heap(whole)
    with pytest.raises(UserError, match=r"em\.h5 is damaged .*never ends"):
        open_volume(whole)


def test_attributes_of_fixed_length_need_no_heap(whole: Path) -> None:
    break_heap(whole)
    with h5py.File(whole) as file:
        assert read_attribute(file["raw"], "element_size_um")[0] == 0.04
        assert read_attribute(file["raw"], "missing", 3) == 3


@pytest.mark.parametrize("length", [5752, 5768, 5790])
def test_a_heap_that_is_cut_off_is_no_circle(whole: Path, length: int) -> None:
    content = whole.read_bytes()
    whole.write_bytes(content[: content.index(HEAP) + length % 64])
    check_heaps(whole)
    whole.write_bytes(b"")
    check_heaps(whole)
