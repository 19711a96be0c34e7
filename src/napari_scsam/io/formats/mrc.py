"""Read MRC, REC, MAP and ST files (electron tomography), also those with a wrong stamp.

See https://www.ccpem.ac.uk/mrc_format/mrc2014.php
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_scsam.io.formats.packed import UnpackedArray, is_packed, open_bytes
from napari_scsam.io.label_files.mrc import read_mrc_record
from napari_scsam.io.label_files.record import origin_of
from napari_scsam.io.lazy import Source
from napari_scsam.io.read_errors import explaining
from napari_scsam.io.units import sides_nm, three_sides, whole_size
from napari_scsam.io.untrusted.sizes import HARMLESS

MRC_SUFFIXES = (".mrc", ".mrcs", ".rec", ".map", ".st", ".ali", ".preali", ".ccp4")

HEADER = 1024
"""Bytes of the header."""

BIG_ENDIAN = b"\x11\x11"
"""Machine stamp of files whose first byte of a number is the highest."""

MAP_STAMP = b"MAP"
"""Three bytes that mark an MRC file since the year 2000."""

FOUR_BITS = 101
"""Mode with two voxels in a byte; https://bio3d.colorado.edu/imod/doc/mrc_format.txt"""

RGB = 16
"""Mode of IMOD with three bytes a voxel."""

TYPES: Mapping[int, str] = {
    0: "i1",
    1: "i2",
    2: "f4",
    4: "c8",
    6: "u2",
    12: "f2",
    RGB: "u1",
    FOUR_BITS: "u1",
}
"""Numpy types by the mode."""

IMOD_STAMP = 1146047817
"""Marks the header as IMOD's; https://bio3d.colorado.edu/imod/doc/mrc_format.txt"""

HIGHEST_SIGNED = 127
"""Highest byte with a sign; statistics above it say that there is none."""

VOLUME_STACKS = range(401, 631)
"""Space groups of several volumes in one file."""

NOBODY_SET = 1.0
"""Å between the slices in files whose writer did not know the distance."""

Order = Literal["<", ">"]


@dataclass(frozen=True)
class Header:
    """What is used of the header of an MRC."""

    order: Order
    """Of the bytes of a number."""
    size: tuple[int, int, int]
    """Sections, rows, columns."""
    mode: int
    grid: tuple[int, int, int]
    """Steps of the cell along z, y, x."""
    cell: tuple[float, float, float]
    """Å along z, y, x."""
    axes: str
    """Letters of sections, rows and columns."""
    space_group: int
    extended: int
    """Bytes between the header and the voxels."""
    unsigned: bool
    """Whether it says that bytes have no sign, as IMOD wrote them before 2012."""
    bare: bool
    """Whether it has neither labels nor statistics, as ITK writes it, with bytes without a sign."""
    stamped: bool
    """Whether it has the stamp of MRC."""

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        columns = self.size[2]
        if self.mode == FOUR_BITS:
            return (columns + 1) // 2
        if self.mode == RGB:
            return columns * 3
        return columns * self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of a whole file."""
        return HEADER + self.extended + prod(self.size[:2]) * self.row_bytes

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a stored number."""
        if self.mode == 0 and (self.unsigned or self.bare):
            return np.dtype("u1")
        return np.dtype(TYPES[self.mode]).newbyteorder(self.order)

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """Of the array of stored numbers."""
        sections, rows, columns = self.size
        depth = self.grid[0]
        if self.mode == FOUR_BITS:
            columns = self.row_bytes
        shape: tuple[int, ...] = (sections, rows, columns)
        if self.space_group in VOLUME_STACKS and depth > 0 and sections % depth == 0:
            shape = (sections // depth, depth, rows, columns)
        elif sections == 1 and self.space_group == 0 and self.axes == "zyx":
            shape = (rows, columns)
        if self.mode == RGB:
            shape = (*shape, 3)
        return shape


def read_mrc(path: Path) -> Source:
    """Map an MRC file into memory; Ångström become nm, and 0 means unknown.

    A file that is compressed as a whole is unpacked when its first voxel is needed.

    Raises
    ------
    UserError
        When the header is not MRC, or the file is shorter than its header says.
    """
    with explaining(path):
        header = read_header(path)
        sides = _sides(header)
        shape = header.stored_shape
        axes = f"t{header.axes}"[-(len(shape) - (header.mode == RGB)) :]
        if header.mode == RGB:
            axes += "s"
        if "z" not in axes:
            sides = sides[1:]
        return Source(
            array=_array(path, header),
            axes=axes,
            voxel_size=whole_size(sides),
            sides=three_sides(sides),
            origin=_origin(path),
            notes=tuple(_notes(path, header)),
        )


def _notes(path: Path, header: Header) -> Iterator[str]:
    """Yield sentences on what was taken for granted."""
    if not header.stamped:
        yield f"{path} has no stamp of an MRC file, but its header is one; it was read"
    if header.mode == 0 and header.bare and not header.unsigned:
        yield f"{path} does not say whether its bytes have a sign; they were read without, as ITK's"


def _origin(path: Path) -> tuple[float, float, float]:
    """Return nm along z, y, x of labels that we wrote; others mean different things by it."""
    if is_packed(path):
        return (0.0, 0.0, 0.0)
    return origin_of(read_mrc_record(path))


def read_header(path: Path) -> Header:
    """Read the header, and check that the file is as long as it says.

    The byte order of a wrong machine stamp is found by the mode and the sizes.

    Raises
    ------
    ValueError
        When the header makes no sense in either byte order, or the file is too short.
    """
    with open_bytes(path) as file:
        raw = file.read(HEADER)
    if len(raw) < HEADER:
        raise ValueError("it is shorter than the header of an MRC")
    orders: tuple[Order, Order] = ("<", ">")
    if raw[212:214] == BIG_ENDIAN:
        orders = (">", "<")
    try:
        header = _parse(raw, orders[0])
    except ValueError as first:
        try:
            header = _parse(raw, orders[1])
        except ValueError:
            raise first from None
    if not is_packed(path) and path.stat().st_size < header.nbytes:
        raise ValueError(
            f"its header states {header.nbytes} bytes, but it has {path.stat().st_size}"
        )
    return header


def _parse(raw: bytes, order: Order) -> Header:
    columns, rows, sections, mode = struct.unpack_from(f"{order}4i", raw)
    grid_x, grid_y, grid_z = struct.unpack_from(f"{order}3i", raw, 28)
    x, y, z = struct.unpack_from(f"{order}3f", raw, 40)
    axes = struct.unpack_from(f"{order}3i", raw, 64)
    space_group, extended = struct.unpack_from(f"{order}2i", raw, 88)
    lowest, highest, mean = struct.unpack_from(f"{order}3f", raw, 76)
    stamp, flags = struct.unpack_from(f"{order}2i", raw, 152)
    (labels,) = struct.unpack_from(f"{order}i", raw, 220)
    if mode not in TYPES:
        raise ValueError(f"its mode {mode} is not one of {', '.join(map(str, TYPES))}")
    if min(columns, rows, sections) < 1:
        raise ValueError(f"its header states the size {columns} x {rows} x {sections}")
    if not 0 <= extended <= HARMLESS:
        raise ValueError(f"its header states an extended header of {extended} bytes")
    letters = "zyx"
    if sorted(axes) == [1, 2, 3]:
        letters = "".join(" xyz"[axis] for axis in reversed(axes))
    return Header(
        order=order,
        size=(sections, rows, columns),
        mode=mode,
        grid=(grid_z, grid_y, grid_x),
        cell=(z, y, x),
        axes=letters,
        space_group=space_group,
        extended=extended,
        unsigned=(stamp == IMOD_STAMP and not flags & 1) or highest > HIGHEST_SIGNED,
        bare=not any((lowest, highest, mean, labels)),
        stamped=raw[208:211] == MAP_STAMP,
    )


def _sides(header: Header) -> tuple[float | None, ...]:
    """Return nm along z, y, x, of seven digits, as the header holds float32."""
    sizes: list[float | None] = [
        float(f"{length / steps:.7g}") if steps > 0 else None
        for length, steps in zip(header.cell, header.grid, strict=True)
    ]
    z, y, x = sizes
    if z == NOBODY_SET and (y, x) != (NOBODY_SET, NOBODY_SET):
        sizes[0] = None
    return sides_nm(sizes, ["angstrom"] * 3)


def _array(path: Path, header: Header) -> Any:
    shape = header.stored_shape
    offset = HEADER + header.extended
    stored: Any
    if is_packed(path):
        stored = UnpackedArray(path, offset, shape, header.dtype)
    else:
        stored = np.memmap(path, header.dtype, "r", offset, shape)
    if header.mode == FOUR_BITS:
        return FourBitArray(stored, header.size[2])
    return stored


class FourBitArray:
    """Numbers of four bits, two in a byte, the first one in its lower half.

    Parameters
    ----------
    stored
        (…, Y, X / 2) bytes.
    columns
        Voxels of a row.
    """

    def __init__(self, stored: Any, columns: int) -> None:
        self._stored = stored
        self.shape = (*stored.shape[:-1], columns)
        self.dtype = np.dtype(np.uint8)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[np.uint8]:
        rows = np.asarray(self._stored[(*key[:-1], slice(None))])
        halves = np.stack([rows & 0x0F, rows >> 4], -1)
        voxels = halves.reshape(*rows.shape[:-1], -1)[..., : self.shape[-1]]
        found: NDArray[np.uint8] = voxels[..., key[-1]]
        return found
