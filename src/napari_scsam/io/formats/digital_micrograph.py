"""Read DM3 and DM4, what Gatan's Digital Micrograph writes.

See https://www.er-c.org/cbb/info/dmformat. A file is a tree of tags: groups, numbers, structures and
arrays. Arrays are not read here, their place in the file is.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from napari_scsam.io.formats.numbers import map_numbers
from napari_scsam.io.lazy import Source
from napari_scsam.io.read_errors import explaining
from napari_scsam.io.units import sides_nm, three_sides, whole_size

DM_SUFFIXES = (".dm3", ".dm4")

GROUP = 20
"""Kind of a tag that holds others."""
TAG = 21
STRUCTURE = 15
STRING = 18
ARRAY = 20

NUMBERS: Mapping[int, str] = {
    2: "h",
    3: "i",
    4: "H",
    5: "I",
    6: "f",
    7: "d",
    8: "?",
    9: "b",
    10: "b",
    11: "q",
    12: "Q",
}
"""Letters of `struct` by the code of a type."""

IMAGE_TYPES: Mapping[int, str] = {
    1: "i2",
    2: "f4",
    3: "c8",
    6: "u1",
    7: "i4",
    9: "i1",
    10: "u2",
    11: "u4",
    12: "f8",
    14: "u1",
    39: "i8",
    40: "u8",
}
"""Numpy types by ``DataType`` of an image."""

COLOURS = 23
"""``DataType`` of images of blue, green, red and an unused byte."""

DEEPEST = 32
"""Groups in groups; images are seven down."""

MOST_TAGS = 1_000_000
LONGEST_TEXT = 4096
"""Numbers of the longest array that is read as text."""

Tree = dict[str, Any]
"""Tags by name; those without are numbered."""


@dataclass(frozen=True)
class StoredArray:
    """An array in the file."""

    offset: int
    count: int
    itemsize: int
    text: str = ""
    """What a short array of 16 bits says, if it is text."""


@dataclass
class _Reader:
    """Reads tags from the file, in their order."""

    file: IO[bytes]
    wide: bool
    """Whether it is a DM4, whose lengths have 64 bits."""
    order: str
    """Of the bytes of values; those of the tree are always big-endian."""
    left: int = field(default=MOST_TAGS)
    """How many more tags are read."""

    def take(self, form: str) -> tuple[Any, ...]:
        """Read numbers, big-endian unless an order is named."""
        if form[0] not in "<>":
            form = f">{form}"
        size = struct.calcsize(form)
        data = self.file.read(size)
        if len(data) < size:
            raise ValueError("it is cut off")
        return struct.unpack(form, data)

    def count(self) -> int:
        """Read a length of 32 or 64 bits."""
        (number,) = self.take("Q" if self.wide else "I")
        return int(number)

    def group(self, depth: int) -> Tree:
        """Read the tags of a group."""
        if depth > DEEPEST:
            raise ValueError("its groups are too deep")
        self.take("2B")
        found: Tree = {}
        for number in range(self.count()):
            self.left -= 1
            if self.left < 0:
                raise ValueError(f"it has more than {MOST_TAGS} tags")
            kind, length = self.take("BH")
            if kind == 0:  # the end of the file
                break
            name = self.file.read(length).decode("latin-1") or str(number)
            if self.wide:
                self.take("Q")
            if kind == GROUP:
                found[name] = self.group(depth + 1)
            elif kind == TAG:
                found[name] = self.value()
            else:
                raise ValueError(f"it has a tag of the unknown kind {kind}")
        return found

    def value(self) -> Any:
        """Read a number, a text or a structure; of an array, its place."""
        (mark,) = self.take("4s")
        count = self.count()
        if mark != b"%%%%" or not 0 < count <= LONGEST_TEXT:
            raise ValueError("a tag of it is damaged")
        types = [self.count() for _ in range(count)]
        if types[0] == ARRAY:
            return self.array(types[1:])
        if types[0] == STRUCTURE:
            return self.take(self.structure(types))
        if types[0] == STRING:
            return self.file.read(min(types[1], LONGEST_TEXT)).decode("utf-16-le", "replace")
        return self.take(f"{self.order}{self.letter(types[0])}")[0]

    def array(self, types: Sequence[int]) -> StoredArray:
        """Return the place of an array; of a short one of letters, the text too."""
        count = types[-1]
        form = f"{self.order}{self.letter(types[0]) if types[0] != STRUCTURE else ''}"
        if types[0] == STRUCTURE:
            form = self.structure(types[:-1])
        place = StoredArray(self.file.tell(), count, struct.calcsize(form))
        if types[0] == 4 and count <= LONGEST_TEXT:
            text = self.file.read(2 * count).decode("utf-16-le", "replace")
            return replace(place, text=text)
        self.file.seek(place.offset + place.count * place.itemsize)
        return place

    def structure(self, types: Sequence[int]) -> str:
        """Return the form of a structure: kind, length of its name, count, and pairs of fields."""
        return self.order + "".join(map(self.letter, types[4::2]))

    def letter(self, code: int) -> str:
        """Return the form of a number."""
        if code not in NUMBERS:
            raise ValueError(f"it has a value of the unknown type {code}")
        return NUMBERS[code]


def read_dm(path: Path) -> Source:
    """Map the image in a DM3 or DM4 file into memory.

    Returns
    -------
    Source
        With the calibration of each axis that is in a unit of length.

    Raises
    ------
    UserError
        When it is damaged, or has no image.
    """
    with explaining(path):
        tree = read_tags(path)
        image = _image(tree)
        sizes = [int(size) for _, size in sorted(image["Dimensions"].items(), key=_by_number)]
        shape = tuple(reversed(sizes))
        axes = "tzyx"[-len(shape) :]
        sides = sides_nm(*_calibration(image, len(shape)))[-3:]
        place = image["Data"]
        kind = image["DataType"]
        dtype = np.dtype(IMAGE_TYPES.get(kind, "u1"))
        if kind == COLOURS:
            shape = (*shape, 4)
            axes += "s"
        elif kind not in IMAGE_TYPES:
            raise ValueError(f"its images are of the unknown type {kind}")
        if not 2 <= len(sizes) <= 4:
            raise ValueError(f"it holds data of {len(sizes)} axes, not an image")
        if place.count * place.itemsize < int(np.prod(shape, dtype=object)) * dtype.itemsize:
            raise ValueError(f"it states the size {shape}, but has {place.count} values")
        order = tree["order"]
        return Source(
            array=map_numbers(path, dtype.newbyteorder(order), shape, place.offset),
            axes=axes,
            voxel_size=whole_size(sides),
            sides=three_sides(sides),
        )


def read_tags(path: Path) -> Tree:
    """Read the tree of tags, and the ``order`` of bytes.

    Raises
    ------
    ValueError
        When it is not a DM3 or DM4, or is damaged.
    """
    with path.open("rb") as file:
        start = file.read(4)
        version = int.from_bytes(start, "big")
        if version not in (3, 4):
            raise ValueError("it does not begin as DM3 and DM4 files do")
        reader = _Reader(file, wide=version == 4, order="<")
        reader.count()
        (little,) = reader.take("I")
        reader.order = "<" if little else ">"
        return {**reader.group(0), "order": reader.order}


def _image(tree: Tree) -> Tree:
    """Return the data of the largest image; others are thumbnails."""
    images = [entry["ImageData"] for entry in tree["ImageList"].values() if "ImageData" in entry]
    images = [image for image in images if isinstance(image.get("Data"), StoredArray)]
    if not images:
        raise ValueError("it has no image")
    largest: Tree = max(images, key=lambda image: image["Data"].count * image["Data"].itemsize)
    return largest


def _calibration(image: Tree, ndim: int) -> tuple[list[float | None], list[str | None]]:
    """Return size and unit of each axis, the slowest first."""
    stated = image.get("Calibrations", {}).get("Dimension", {})
    axes = [axis for _, axis in sorted(stated.items(), key=_by_number)][:ndim]
    axes += [{}] * (ndim - len(axes))
    sizes = [_size(axis) for axis in reversed(axes)]
    units = [axis.get("Units") for axis in reversed(axes)]
    return sizes, [unit.text if isinstance(unit, StoredArray) else None for unit in units]


def _size(axis: Tree) -> float | None:
    scale = axis.get("Scale")
    if not isinstance(scale, (int, float)):
        return None
    return float(f"{abs(scale):.7g}")  # the file has 32 bits


def _by_number(item: tuple[str, Any]) -> int:
    return int(item[0])
