"""Read MRC and REC files (electron tomography)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_scsam.io.lazy import Source, explaining
from napari_scsam.io.units import voxel_size_nm
from napari_scsam.io.untrusted.sizes import HARMLESS

HEADER = 1024
"""Bytes of the header."""

BIG_ENDIAN = b"\x11\x11"
"""Machine stamp of files whose first byte of a number is the highest."""

BYTES: Mapping[int, int] = {0: 1, 1: 2, 2: 4, 4: 8, 6: 2, 12: 2}
"""Bytes of a voxel by the mode; https://www.ccpem.ac.uk/mrc_format/mrc2014.php"""

IMOD_STAMP = 1146047817
"""Marks the header as IMOD's; https://bio3d.colorado.edu/imod/doc/mrc_format.txt"""


def read_mrc(path: Path) -> Source:
    """Map an MRC file into memory; Ångström become nm, and 0 means unknown.

    Raises
    ------
    UserError
        When the header is not MRC, or the file is shorter than its header says.
    """
    with explaining(path):
        check_length(path)
        return _read(path)


def check_length(path: Path) -> None:
    """Check that a file is as long as its header says, before anything is read by it.

    Raises
    ------
    ValueError
        When it is not, or the header makes no sense.
    """
    with path.open("rb") as file:
        header = file.read(HEADER)
    if len(header) < HEADER:
        raise ValueError("it is shorter than the header of an MRC")
    order = "<"
    if header[212:214] == BIG_ENDIAN:
        order = ">"
    columns, rows, sections, mode = struct.unpack_from(f"{order}4i", header)
    (extended,) = struct.unpack_from(f"{order}i", header, 92)
    if mode not in BYTES:
        raise ValueError(f"its mode {mode} is not one of {', '.join(map(str, BYTES))}")
    if min(columns, rows, sections) < 1:
        raise ValueError(f"its header states the size {columns} x {rows} x {sections}")
    if not 0 <= extended <= HARMLESS:
        raise ValueError(f"its header states an extended header of {extended} bytes")
    expected = HEADER + extended + columns * rows * sections * BYTES[mode]
    size = path.stat().st_size
    if size < expected:
        raise ValueError(f"its header states {expected} bytes, but it has {size}")


def _read(path: Path) -> Source:
    import mrcfile  # it takes a tenth of a second, which opening the panel does not have

    with mrcfile.mmap(path, mode="r", permissive=False) as mrc:
        data = mrc.data
        if data is None:
            raise ValueError("it has no image data")
        if data.dtype == np.int8 and _imod_unsigned(mrc.header):
            data = data.view(np.uint8)
        sizes = _sizes(mrc.voxel_size)[-data.ndim :]
    return Source(
        array=data,
        axes="tzyx"[-data.ndim :],
        voxel_size=voxel_size_nm(sizes, ["angstrom"] * len(sizes)),
    )


def _sizes(voxel_size: Any) -> list[float]:
    """Return the sides of a voxel along z, y, x: seven digits, as the header holds float32."""
    return [float(f"{float(voxel_size[axis]):.7g}") for axis in "zyx"]


def _imod_unsigned(header: Any) -> bool:
    """Whether IMOD wrote the bytes without sign, as it did by default before 2012."""
    int32 = np.dtype(np.int32).newbyteorder(header.mode.dtype.byteorder)
    words = np.frombuffer(header.extra2.tobytes(), dtype=int32)
    stamp, flags = words[10:12]
    return bool(stamp == IMOD_STAMP and not flags & 1)
