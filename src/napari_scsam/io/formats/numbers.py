"""Read files of bare numbers: ``.npy``, and ``.raw`` with its shape in the name.

``cell.raw:40x512x512:uint8`` is a stack of 40 slices. Another type is, for instance, ``>u2``; bytes
to skip at the start may follow, as in ``cell.raw:40x512x512:uint16:1024``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_scsam.config import UserError
from napari_scsam.io.lazy import Source
from napari_scsam.io.locations import RAW
from napari_scsam.io.read_errors import explaining

RAW_SUFFIX = ".raw"

NPY_MAGIC = b"\x93NUMPY"


def map_numbers(
    path: Path,
    dtype: np.dtype[Any],
    shape: Sequence[int],
    offset: int = 0,
    order: Literal["C", "F"] = "C",
) -> Any:
    """Map numbers in a file into memory.

    Raises
    ------
    ValueError
        When the file is shorter than they are, or there are none.
    """
    nbytes = prod(shape) * dtype.itemsize
    size = path.stat().st_size
    if dtype.hasobject or min(shape, default=0) < 1:
        raise ValueError(f"its header states {dtype} values of the shape {tuple(shape)}")
    if offset < 0 or size < offset + nbytes:
        raise ValueError(f"it should have {offset + nbytes} bytes, but it has {size}")
    return np.memmap(path, dtype, "r", offset, tuple(shape), order)


def read_npy(path: Path) -> Source:
    """Map an array that numpy saved into memory. It says nothing of voxel sizes.

    Raises
    ------
    UserError
        When it is damaged, or holds Python objects.
    """
    with explaining(path), path.open("rb") as file:
        if file.read(len(NPY_MAGIC)) != NPY_MAGIC:
            raise ValueError("it does not begin as .npy files do")
        file.seek(0)
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_2_0
        if version == (1, 0):
            read = np.lib.format.read_array_header_1_0
        shape, fortran, dtype = read(file)
        order: Literal["C", "F"] = "F" if fortran else "C"
        return Source(array=map_numbers(path, dtype, shape, file.tell(), order))


def split_raw(text: str) -> tuple[Path, tuple[int, ...], np.dtype[Any], int] | None:
    """Return the file, shape, type and offset of a ``.raw`` that is described by its name.

    None when it is not the name of one.

    Raises
    ------
    UserError
        When the type is not one.
    """
    match = RAW.fullmatch(text)
    if match is None:
        return None
    sizes, kind, *offset = match[2].split(":")
    shape = tuple(map(int, sizes.lower().split("x")))
    return Path(match[1]), shape, _parse_type(kind), int((offset or ["0"])[0])


def _parse_type(name: str) -> np.dtype[Any]:
    try:
        return np.dtype(name)
    except TypeError as error:
        raise UserError(
            f"{name!r} is not a type of numbers; use for instance uint8, uint16 or >u2"
        ) from error


def read_raw(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], offset: int) -> Source:
    """Map a ``.raw`` into memory.

    Raises
    ------
    UserError
        When the file has another length than its numbers.
    """
    wanted = offset + prod(shape) * dtype.itemsize
    size = path.stat().st_size
    if size != wanted:
        raise UserError(
            f"{path} has {size} bytes, but {'x'.join(map(str, shape))} values of {dtype} after "
            f"{offset} bytes take {wanted}; check its shape and type"
        )
    with explaining(path):
        return Source(array=map_numbers(path, dtype, shape, offset))


def ask_for_shape(path: Path) -> Source:
    """Refuse a ``.raw`` whose shape is not in its name.

    Raises
    ------
    UserError
        Always; it says how to name the file.
    """
    size = path.stat().st_size
    raise UserError(
        f"{path} holds {size} bytes and no shape; name it with slices, rows, columns and type, "
        f"as in {path.name}:40x512x512:uint8"
    )
