"""The strokes that teach classes, kept in the folder of a project.

``strokes/`` holds one array for each class and viewing axis: 1 on the class, 2 beside it, 0 where
nothing was drawn. It has the shape of the image, in chunks of one slice. Chunks without strokes
take no space. The attributes of an array name its class, so any name is possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import zarr

from napari_scsam.io.zarr_access import ZarrArray, member_group

STROKES = "strokes"
"""Name of the group in the folder of a project."""

ON = 1
"""On the class."""
BESIDE = 2
"""On what is not the class."""

SIDE = 512
"""Largest side of a chunk in pixels."""


@dataclass(frozen=True)
class StrokeKey:
    """Which strokes: of a class, on slices across an axis."""

    name: str
    """Of the class, in lower case: both cases mean the same class."""
    axis: int | None = None
    """The axis across the slices; None for a 2-D image."""
    title: str = field(default="", compare=False)
    """Name of the class, as the user wrote it."""

    @classmethod
    def of(cls, name: str, axis: int | None) -> StrokeKey:
        """Return the key of a class."""
        return cls(name.casefold(), axis, name)


def stroke_chunks(shape: Sequence[int], axis: int | None) -> tuple[int, ...]:
    """Return the chunks of an array of strokes, one slice thick."""
    sides = [1] * (len(shape) - 3) + [min(SIDE, size) for size in shape[-3:]]
    if axis is not None:
        sides[axis] = 1
    return tuple(sides)


def list_strokes(folder: Path) -> dict[StrokeKey, str]:
    """Return the names of the arrays in the folder of a project, by their key."""
    root = zarr.open_group(folder, mode="r")
    if STROKES not in root:
        return {}
    group = member_group(root, STROKES)
    return {_key_of(array): f"{STROKES}/{name}" for name, array in sorted(group.arrays())}


def create_strokes(folder: Path, key: StrokeKey, shape: Sequence[int]) -> str:
    """Create an empty array for strokes in the folder of a project, and return its name."""
    root = zarr.open_group(folder, mode="r+")
    if STROKES not in root:
        root.create_group(STROKES)
    group = member_group(root, STROKES)
    number = max((int(name) for name, _ in group.arrays()), default=-1) + 1
    group.create_array(
        str(number),
        shape=tuple(shape),
        chunks=stroke_chunks(shape, key.axis),
        dtype="uint8",
        fill_value=0,
        attributes={"class": key.title, "axis": key.axis},
    )
    return f"{STROKES}/{number}"


def _key_of(array: ZarrArray) -> StrokeKey:
    axis = array.attrs["axis"]
    return StrokeKey.of(str(array.attrs["class"]), None if axis is None else int(str(axis)))
