"""Read MRC and REC files (electron tomography)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mrcfile
import numpy as np

from napari_scsam.io.lazy import Source
from napari_scsam.io.units import voxel_size_nm

IMOD_STAMP = 1146047817
"""Marks the header as IMOD's; https://bio3d.colorado.edu/imod/doc/mrc_format.txt"""


def read_mrc(path: Path) -> Source:
    """Map an MRC file into memory; Ångström become nm, and 0 means unknown.

    Raises
    ------
    ValueError
        When the header is not MRC, or the file is shorter than its header says.
    """
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
