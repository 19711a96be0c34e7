"""HDF5 files whose first block is checked before libhdf5 reads it.

A superblock of version 0 or 1 may name a block of driver information. libhdf5 2.0.0 reads as much
as that block states, up to 4 GiB, and takes what the file lacks for zeros.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import h5py

from napari_scsam.config import UserError

SIGNATURE = b"\x89HDF\r\n\x1a\n"

ADDRESSES = {0: 24, 1: 28}
"""Where the four addresses of a superblock are, by its version; the last is the driver's."""

LARGEST_SUPERBLOCK = 28 + 4 * 8

DRIVER = struct.Struct("<4xI8x")
"""Beginning of the driver information; it holds the bytes that follow."""


def open_hdf5(path: Path) -> h5py.File:
    """Open a file to read it.

    Raises
    ------
    OSError
        When libhdf5 cannot open it.
    UserError
        When its first block is damaged so that opening it would take gigabytes.
    """
    check_superblock(path)
    return h5py.File(path, "r")


def check_superblock(path: Path) -> None:
    """Check that the driver information of a file lies in it.

    Raises
    ------
    UserError
        When it does not.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        place = _driver_place(file, size)
        end = 0 if place is None else _driver_end(file, place, size)
    if end > size:
        raise UserError(
            f"{path} is damaged (its first block names more than the file holds); "
            "copy or download it again"
        )


def _driver_end(file: BinaryIO, place: int, size: int) -> int:
    """Return where the driver information ends, as it states."""
    if place >= size:
        return place + DRIVER.size
    file.seek(place)
    (length,) = DRIVER.unpack(file.read(DRIVER.size).ljust(DRIVER.size, b"\0"))
    return place + DRIVER.size + int(length)


def _driver_place(file: BinaryIO, size: int) -> int | None:
    """Return where the driver information is; `None` without one."""
    start = 0
    while start < size:
        file.seek(start)
        block = file.read(LARGEST_SUPERBLOCK)
        if block.startswith(SIGNATURE):
            address = _driver_address(block)
            return None if address is None else start + address
        start = max(512, 2 * start)  # after a user block, whose size is a power of two
    return None


def _driver_address(block: bytes) -> int | None:
    """Return the address of the driver information in a superblock; `None` without one."""
    first = ADDRESSES.get(block[8]) if len(block) == LARGEST_SUPERBLOCK else None
    width = block[13] if first is not None else 0
    if first is None or width not in (2, 4, 8):
        return None
    address = block[first + 3 * width :][:width]
    if address == b"\xff" * width:
        return None
    return int.from_bytes(address, "little")
