"""A table of organelles: one row for each connected object, in physical units."""

from __future__ import annotations

import csv
from collections.abc import Generator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label, regionprops

from napari_scsam.atomic import replacing
from napari_scsam.config import ClassSpec, UserError, VoxelSize
from napari_scsam.io.volumes import Volume
from napari_scsam.steps import Progress

NM_PER_UM = 1000.0

SMALLEST = 10
"""Voxels of an object; fewer are a speck."""

SEVERAL = 3
"""Values that are named where many are wrong."""


@dataclass(frozen=True)
class Organelle:
    """One connected object of one class."""

    organelle: str
    number: int
    """Counted from 1 within the class."""
    voxels: int
    volume_um3: float | None
    """Of a single slice: its area times the slice's thickness. None when the voxel size is unknown."""
    diameter_um: float | None
    """Of the sphere (of a single slice: the disc) of the same size."""
    z: float
    """Centre, in voxels."""
    y: float
    x: float
    touches_border: bool
    """It is cut by the border of the volume, so its size is too small."""


HEADINGS = {axis: f"{axis}_voxel" for axis in "zyx"}
"""Columns whose name alone would not tell the unit."""


def measure(
    labels: Volume, classes: Sequence[ClassSpec], smallest: int = SMALLEST
) -> Generator[Progress, None, list[Organelle]]:
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
        When there are labels, but none is of a class of the table. Where there are none, there is nothing to measure.
    """
    values = np.asarray(labels.data[...]).reshape(labels.depth, *labels.shape[-2:])
    present = [c for c in classes if (values == c.id).any()]
    if not present and values.any():
        found = [str(value) for value in np.unique(values[values != 0])]
        held = ", ".join(found[:SEVERAL]) + (" …" if len(found) > SEVERAL else "")
        known = ", ".join(f"{c.id} ({c.name})" for c in classes)
        raise UserError(
            f"the labels {labels.name!r} hold {held}, but their table has only {known}; give the labels that it is of"
        )
    rows: list[Organelle] = []
    for done, spec in enumerate(present):
        yield Progress(done, len(present), spec.name)
        rows += objects_of(values == spec.id, spec.name, labels.voxel_size, smallest)
    yield Progress(len(present), len(present), "done")
    return rows


def objects_of(
    mask: NDArray[np.bool_], name: str, size: VoxelSize | None, smallest: int
) -> list[Organelle]:
    """Measure the connected objects of a (Z, Y, X) mask; voxels that share a corner belong together."""
    found = [
        region for region in regionprops(label(mask, connectivity=3)) if region.area >= smallest
    ]
    return [
        organelle(region, name, number, size, mask.shape)
        for number, region in enumerate(found, start=1)
    ]


def organelle(
    region: Any, name: str, number: int, size: VoxelSize | None, shape: tuple[int, ...]
) -> Organelle:
    """Turn scikit-image's region into a row."""
    flat = shape[0] == 1
    volume = None if size is None else float(region.area * np.prod(size)) / NM_PER_UM**3
    touching = [
        low == 0 or high == n
        for low, high, n in zip(region.bbox[:3], region.bbox[3:], shape, strict=True)
    ]
    z, y, x = (float(v) for v in region.centroid)
    diameter = None if size is None else diameter_um(region.area, size, flat)
    return Organelle(
        name,
        number,
        int(region.area),
        volume,
        diameter,
        z,
        y,
        x,
        any(touching[1:] if flat else touching),
    )


def diameter_um(voxels: float, size: VoxelSize, flat: bool) -> float:
    """Diameter of the sphere, or for a single slice the disc, of that many voxels."""
    if flat:
        return float(2 * np.sqrt(voxels * size[1] * size[2] / np.pi)) / NM_PER_UM
    return float(np.cbrt(6 * voxels * np.prod(size) / np.pi)) / NM_PER_UM


def write_table(path: Path, rows: Sequence[Organelle]) -> None:
    """Write the rows as CSV, atomically; unknown sizes stay empty."""
    with replacing(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([HEADINGS.get(f.name, f.name) for f in fields(Organelle)])
        writer.writerows(astuple(row) for row in rows)
