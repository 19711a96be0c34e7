"""Read NRRD, with its voxels in the same file or beside it; https://teem.sourceforge.net/nrrd."""

from __future__ import annotations

import bz2
import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from napari_scsam.config import UserError
from napari_scsam.io.formats.numbers import map_numbers
from napari_scsam.io.formats.packed import UnpackedArray
from napari_scsam.io.lazy import Source
from napari_scsam.io.read_errors import explaining
from napari_scsam.io.saved.watched import watch_others
from napari_scsam.io.units import sides_nm, three_sides, whole_size
from napari_scsam.io.untrusted.hdf5_links import check_beside

NRRD_SUFFIXES = (".nrrd", ".nhdr")

LETTERS: Mapping[str, str] = {
    **dict.fromkeys(
        ("rgb-color", "hsv-color", "xyz-color", "rgba-color", "3-color", "4-color"), "s"
    ),
    **dict.fromkeys(
        ("list", "vector", "2-vector", "3-vector", "4-vector", "point", "complex"), "c"
    ),
    "time": "t",
}
"""Letters of axes that are not in space, by their kind."""


TYPES: Mapping[str, str] = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
"""Numpy types by the names of NRRD."""


SEVERAL_FILES = re.compile(
    rb"^data ?file:\s*(LIST\b|.*%\d*d.*\s\d+\s+\d+\s)", re.IGNORECASE | re.MULTILINE
)
"""A field of the header that names more than one file with voxels."""

LONGEST_HEADER = 1 << 16
"""Bytes at the start of a file in which this field is searched for."""


OPENERS: Mapping[str, Any] = {
    **dict.fromkeys(("gz", "gzip"), gzip.open),
    **dict.fromkeys(("bz2", "bzip2"), bz2.open),
}
"""By the encoding."""


def read_nrrd(path: Path) -> Source:
    """Open a NRRD; raw voxels are mapped into memory, compressed ones unpacked when needed.

    Returns
    -------
    Source
        With the voxel size of ``spacings`` or ``space directions``, if there are units.

    Raises
    ------
    UserError
        When it is damaged, or its voxels are in several files or outside of its folder.
    """
    with explaining(path):
        header, offset = _header(path)
        sizes = [int(size) for size in header["sizes"]]
        if len(sizes) > 5 or min(sizes, default=0) < 1:
            raise ValueError(f"its header states the size {sizes}")
        axes = _axes(header, len(sizes))
        spatial = [number for number, letter in enumerate(axes) if letter in "zyx"]
        sides = sides_nm(*_calibration(header, spatial))
        return Source(
            array=_array(path, header, offset, tuple(reversed(sizes))),
            axes="".join(reversed(axes)),
            voxel_size=whole_size(sides) if len(sides) > 1 else None,
            sides=three_sides(sides),
        )


def _header(path: Path) -> tuple[Mapping[str, Any], int]:
    """Return the fields of the header, and where it ends."""
    import nrrd

    with path.open("rb") as file:
        _check_one_file(path, file)
        try:
            header = nrrd.read_header(file)
        except nrrd.NRRDError as error:
            raise ValueError(str(error)) from error
        return header, file.tell()


def _check_one_file(path: Path, file: IO[bytes]) -> None:
    """Refuse voxels in several files, whose names are a list or a pattern with a number."""
    start = file.read(LONGEST_HEADER)
    file.seek(0)
    if SEVERAL_FILES.search(start):
        raise UserError(f"{path} keeps its voxels in several files; save it as one file instead")


def _axes(header: Mapping[str, Any], count: int) -> list[str]:
    """Return one letter for each axis, the fastest first."""
    kinds = [str(kind).lower() for kind in header.get("kinds", ())]
    if len(kinds) != count:
        kinds = ["space"] * count
    left = iter("xyz")
    return [LETTERS.get(kind) or next(left, "q") for kind in kinds]


def _calibration(
    header: Mapping[str, Any], spatial: Sequence[int]
) -> tuple[list[float | None], list[str | None]]:
    """Return sizes and units of the axes in space, the slowest first."""
    spacings = list(header.get("spacings", ()))
    units: list[Any] = list(header.get("units", ()))
    directions = header.get("space directions")
    if directions is not None:
        rows = [None if row is None else np.asarray(row, float) for row in directions]
        spacings = [None if row is None else float(np.linalg.norm(row)) for row in rows]
        of_space = list(header.get("space units", ()))
        units = list(_spread(of_space, rows))
    sizes = [_number(spacings, number) for number in reversed(spatial)]
    return sizes, [_text(units, number) for number in reversed(spatial)]


def _spread(units: Sequence[Any], rows: Sequence[Any]) -> list[Any]:
    """Return a unit for each axis of the array, of those of the space."""
    left = iter(units)
    return [None if row is None or np.isnan(row).any() else next(left, None) for row in rows]


def _number(values: Sequence[Any], at: int) -> float | None:
    if at >= len(values) or values[at] is None or not np.isfinite(values[at]):
        return None
    return float(values[at])


def _text(values: Sequence[Any], at: int) -> str | None:
    if at >= len(values) or values[at] is None:
        return None
    return str(values[at]).strip('"')


def _dtype(header: Mapping[str, Any]) -> np.dtype[Any]:
    name = str(header["type"]).lower()
    if name not in TYPES:
        raise ValueError(f"its type {name!r} is not supported")
    order = ">" if str(header.get("endian", "little")).lower() == "big" else "<"
    return np.dtype(f"{order}{TYPES[name]}")


def _array(path: Path, header: Mapping[str, Any], offset: int, shape: tuple[int, ...]) -> Any:
    """Return the voxels, which are watched where they are in a file of their own."""
    detached = header.get("data file", header.get("datafile"))
    if detached is None:
        return _voxels(path, header, offset, shape)
    check_beside(path, str(detached), "the voxels")
    file = path.parent / str(detached)
    if not file.is_file():
        raise UserError(
            f"{path} keeps its voxels in {detached}, which is not one file beside it; put it there"
        )
    return watch_others(_voxels(file, header, 0, shape), [file])


def _voxels(file: Path, header: Mapping[str, Any], offset: int, shape: tuple[int, ...]) -> Any:
    dtype = _dtype(header)
    encoding = str(header["encoding"]).lower()
    skip = int(header.get("byte skip", header.get("byteskip", 0)))
    if int(header.get("line skip", header.get("lineskip", 0))):
        raise ValueError("it has lines to skip before its voxels; save it without")
    if encoding == "raw":
        if skip == -1:
            skip = file.stat().st_size - offset - prod(shape) * dtype.itemsize
        return map_numbers(file, dtype, shape, offset + skip)
    if encoding not in OPENERS or skip < 0:
        raise ValueError(f"its encoding {encoding!r} is not supported; save it as raw or gzip")
    opener = OPENERS[encoding]

    @contextmanager
    def unpacked(name: Path) -> Iterator[IO[bytes]]:
        with name.open("rb") as packed:
            packed.seek(offset)
            with opener(packed, "rb") as stream:
                yield stream

    return UnpackedArray(file, skip, shape, dtype, unpacked)
