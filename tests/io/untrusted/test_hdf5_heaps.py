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
    with pytest.raises(UserError, match=r"em\.h5 is damaged .*has no end"):
        open_volume(whole)


def test_attributes_of_fixed_length_need_no_heap(whole: Path) -> None:
    break_heap(whole)
    with h5py.File(whole) as file:
        assert read_attribute(file["raw"], "element_size_um")[0] == 0.04
        assert read_attribute(file["raw"], "missing", 3) == 3


@pytest.mark.parametrize("kept", [0, 8, 15])
def test_what_is_too_short_to_be_a_heap_is_none(whole: Path, kept: int) -> None:
    content = whole.read_bytes()
    whole.write_bytes(content[: content.index(HEAP) + kept])
    check_heaps(whole)


@pytest.mark.parametrize("kept", [30, 56, 4095])
def test_a_heap_that_is_cut_off_is_refused(whole: Path, kept: int) -> None:
    content = whole.read_bytes()
    whole.write_bytes(content[: content.index(HEAP) + kept])
    with pytest.raises(UserError, match="has no end"):
        check_heaps(whole)


def test_a_heap_that_states_gigabytes_is_refused(whole: Path) -> None:
    """libhdf5 read them, mostly zeros, into memory."""
    content = bytearray(whole.read_bytes())
    start = content.index(HEAP)
    content[start + 8 : start + 16] = struct.pack("<Q", 2 << 30)
    whole.write_bytes(content)
    with pytest.raises(UserError, match=r"em\.h5 is damaged .*has no end"):
        open_volume(whole)
