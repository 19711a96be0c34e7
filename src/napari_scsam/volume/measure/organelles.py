"""A table of organelles: one row for each connected object, in physical units."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops

from napari_scsam.atomic import replacing
from napari_scsam.config import ClassSpec, UserError, VoxelSize
from napari_scsam.io.volumes import Volume
from napari_scsam.objects.components import label_components
from napari_scsam.steps import Progress, Steps

NM_PER_UM = 1000.0

MIN_VOXELS = 10
"""Objects of fewer voxels are specks."""

OBJECT = "object"
"""What an object without a class is called."""

MAX_LISTED = 3
"""Most values that a sentence names."""


@dataclass(frozen=True)
class Organelle:
    """One connected object of one class."""

    organelle: str
    number: int
    """Counted from 1 within the class; of an object without a class, its label value."""
    voxels: int
    volume_um3: float | None
    """Of a single slice: area times thickness. None when the voxel size is unknown."""
    diameter_um: float | None
    """Of the sphere (of a single slice: the disc) of the same size."""
    z: float
    """Centre, in voxels."""
    y: float
    x: float
    touches_border: bool
    """The border of the volume cuts it, so its size is too small."""


HEADINGS = {axis: f"{axis}_voxel" for axis in "zyx"}
"""Columns whose names alone would not show the unit."""


def measure(
    labels: Volume, classes: Sequence[ClassSpec], smallest: int = MIN_VOXELS
) -> Steps[list[Organelle]]:
    """Measure every connected object of every class; the label volume is held in memory.

    Parameters
    ----------
    labels
        Class ids, (Y, X) or (Z, Y, X).
    classes
        What the ids mean.
    smallest
        Objects of fewer voxels are left out.

    Raises
    ------
    UserError
        When there are labels, but none is of a class of the table. Empty labels have no rows.
    """
    values = np.asarray(labels.data[...]).reshape(labels.depth, *labels.shape[-2:])
    present = [c for c in classes if (values == c.id).any()]
    if not present and values.any():
        known = ", ".join(f"{c.id} ({c.name})" for c in classes)
        raise UserError(
            f"the labels {labels.name!r} hold {list_values(values)}, but their table has only "
            f"{known}; use the labels this table belongs to"
        )
    rows: list[Organelle] = []
    for done, spec in enumerate(present):
        yield Progress(done, len(present), spec.name)
        rows += measure_class(values == spec.id, spec.name, labels.voxel_size, smallest)
    yield Progress(len(present), len(present), "done")
    return rows


def measure_objects(labels: Volume, smallest: int = MIN_VOXELS) -> Steps[list[Organelle]]:
    """Measure objects that are labelled one by one; the label volume is held in memory.

    Parameters
    ----------
    labels
        The number of an object in each of its voxels, (Y, X) or (Z, Y, X).
    smallest
        Objects of fewer voxels are left out.

    Raises
    ------
    UserError
        When a number is negative.
    """
    yield Progress(0, 1, OBJECT)
    values = np.asarray(labels.data[...]).reshape(labels.depth, *labels.shape[-2:])
    if values.dtype.kind == "i" and values.min(initial=0) < 0:
        raise UserError(
            f"the labels {labels.name!r} hold {values.min()}; objects have numbers above 0"
        )
    found = [region for region in regionprops(values) if region.area >= smallest]
    rows = [
        measure_region(region, OBJECT, int(region.label), labels.voxel_size, values.shape)
        for region in found
    ]
    yield Progress(1, 1, "done")
    return rows


def list_values(values: NDArray[Any]) -> str:
    """Return the first few label values above 0, e.g. ``3, 7, 9 …``."""
    found = np.unique(values[values != 0])
    text = ", ".join(str(value) for value in found[:MAX_LISTED])
    if len(found) > MAX_LISTED:
        text += " …"
    return text


def measure_class(
    mask: NDArray[np.bool_], name: str, size: VoxelSize | None, smallest: int
) -> list[Organelle]:
    """Measure the connected objects (26 neighbours) of a (Z, Y, X) mask."""
    regions = regionprops(label_components(mask))
    found = [region for region in regions if region.area >= smallest]
    return [
        measure_region(region, name, number, size, mask.shape)
        for number, region in enumerate(found, start=1)
    ]


def measure_region(
    region: Any, name: str, number: int, size: VoxelSize | None, shape: tuple[int, ...]
) -> Organelle:
    """Turn scikit-image's region into a row."""
    volume = None
    diameter = None
    if size is not None:
        volume = float(region.area * np.prod(size)) / NM_PER_UM**3
        diameter = diameter_um(region.area, size, is_flat=shape[0] == 1)
    z, y, x = map(float, region.centroid)
    return Organelle(
        organelle=name,
        number=number,
        voxels=int(region.area),
        volume_um3=volume,
        diameter_um=diameter,
        z=z,
        y=y,
        x=x,
        touches_border=touches_border(region.bbox, shape),
    )


def touches_border(box: Sequence[int], shape: tuple[int, ...]) -> bool:
    """Whether a bounding box (z0, y0, x0, z1, y1, x1) reaches the border of a volume.

    The only slice of a volume is not at its border.
    """
    sides = list(zip(box[:3], box[3:], shape, strict=True))
    if shape[0] == 1:
        sides = sides[1:]
    return any(low == 0 or high == length for low, high, length in sides)


def diameter_um(voxels: float, size: VoxelSize, is_flat: bool) -> float:
    """Return the diameter of the sphere, or for a single slice the disc, of that many voxels."""
    if is_flat:
        return float(2 * np.sqrt(voxels * size[1] * size[2] / np.pi)) / NM_PER_UM
    return float(np.cbrt(6 * voxels * np.prod(size) / np.pi)) / NM_PER_UM


def write_table(path: Path, rows: Sequence[Organelle]) -> None:
    """Write the rows as CSV, atomically; unknown sizes stay empty."""
    with replacing(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([HEADINGS.get(f.name, f.name) for f in fields(Organelle)])
        writer.writerows(astuple(row) for row in rows)
