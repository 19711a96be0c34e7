"""Superblocks of HDF5 that name more than the file holds."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.formats.imaris import read_imaris
from napari_scsam.io.label_files.hdf5 import read_hdf5_record
from napari_scsam.io.untrusted.hdf5_files import check_superblock, open_hdf5
from napari_scsam.io.volumes import open_volume

DRIVER = 24 + 3 * 8
"""Where a superblock of version 0 has the address of the driver information."""

STATED = b"\0\0\0\0" + (0x88000000).to_bytes(4, "little") + b"NCSAmult"
"""Driver information of 2 GiB."""


def written(path: Path, **options: object) -> Path:
    with h5py.File(path, "w", **options) as file:
        file["x"] = np.arange(4096, dtype="u1").reshape(1, 64, 64)
    return path


def with_driver(path: Path, address: int, start: int = 0) -> Path:
    content = bytearray(path.read_bytes())
    content[start + DRIVER : start + DRIVER + 8] = address.to_bytes(8, "little")
    path.write_bytes(content + STATED)
    return path


@pytest.mark.parametrize("block", [0, 512, 4096], ids="user block of {}".format)
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_sound_file_opens(tmp_path: Path, block: int, libver: str) -> None:
    path = written(tmp_path / "a.h5", userblock_size=block, libver=libver)
    with open_hdf5(path) as file:
        assert file["x"][0, 1, 1] == 65


@pytest.mark.parametrize("block", [0, 512, 4096], ids="user block of {}".format)
def test_driver_information_of_two_gigabytes_is_refused_by_every_door(
    tmp_path: Path, block: int
) -> None:
    """libhdf5 took as much memory as the file states."""
    path = written(tmp_path / "a.h5", userblock_size=block)
    with_driver(path, path.stat().st_size - block, block)
    for door in (open_volume, read_imaris, read_hdf5_record):
        with pytest.raises(UserError, match=r"a\.h5 is damaged \(its first block names more"):
            door(path)


@pytest.mark.parametrize("address", [1 << 63, (1 << 64) - 2, 1 << 40])
def test_driver_information_beyond_the_end_is_refused(tmp_path: Path, address: int) -> None:
    path = with_driver(written(tmp_path / "a.h5"), address)
    with pytest.raises(UserError, match="names more than the file holds"):
        check_superblock(path)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n\0\0\0\0"])
def test_what_is_cut_off_is_left_to_libhdf5(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    check_superblock(path)
    with pytest.raises(OSError, match="open"):
        open_hdf5(path)
