"""Finding the objects of classes and measuring them, on the worker thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, UserError, VoxelSize
from napari_scsam.gui.layers.instance_classes import ObjectClasses
from napari_scsam.objects.boxes import Box, Tally, merge_tallies, tally, tally_steps
from napari_scsam.steps import Progress, Steps

if TYPE_CHECKING:
    from napari_scsam.volume.measure.table import ObjectTable

MOST_VOXELS = 2**29
"""Larger volumes are not searched in the window: their objects would not fit into memory."""

CONNECTIVITY = {2: 8, 3: 26}
"""By the number of axes: voxels that share a corner are of one object."""

DTYPE = np.uint32
"""Of an instance layer; it holds any number of objects that fits into memory."""


@dataclass(frozen=True)
class FindRequest:
    """The class labels to find objects in."""

    data: Any
    """(Y, X) or (Z, Y, X) class ids."""
    classes: tuple[ClassSpec, ...]
    voxel_size: VoxelSize | None
    split: bool = False
    """Whether objects that touch are split."""


@dataclass(frozen=True)
class MeasureRequest:
    """The objects to measure."""

    labels: Any
    """(Y, X) or (Z, Y, X), one label an object."""
    classes: ObjectClasses
    voxel_size: VoxelSize | None


@dataclass(frozen=True)
class FoundObjects:
    """The objects that were found, numbered from 1, class by class."""

    labels: NDArray[np.uint32]
    classes: ObjectClasses
    count: int
    table: ObjectTable = field(repr=False)


def find_objects_steps(request: FindRequest) -> Steps[FoundObjects]:
    """Find the objects of all classes; a part belongs to its whole.

    Raises
    ------
    UserError
        When the volume is too large, or holds no object.
    """
    shape = request.data.shape
    if prod(shape) > MOST_VOXELS:
        raise UserError(
            f"the labels have {prod(shape) / 1e9:.1f} billion voxels, too many for the window; "
            "run `scsam instances` on them, and open what it writes"
        )
    whole = wholes(request.classes)
    yield Progress(0, 3, "reading the labels")
    merged = np.zeros(shape, np.uint16)
    for z in range(shape[0]):
        merged[z] = whole[np.minimum(np.asarray(request.data[z]), len(whole) - 1)]
    yield Progress(1, 3, "finding objects")
    labels, count = number_components(merged)
    if not count:
        raise UserError("there is no object in the labels; segment some slices first")
    yield Progress(2, 3, "numbering objects")
    labels, runs = sort_by_class(labels, merged, count)
    classes = ObjectClasses(request.classes, runs)
    table = yield from measure_steps(MeasureRequest(labels, classes, request.voxel_size))
    return FoundObjects(labels, classes, count, table)


def wholes(classes: Sequence[ClassSpec]) -> NDArray[np.uint16]:
    """Return the class id that each label value belongs to, itself or its whole; 0 for others.

    The last entry, beyond all ids, is for labels that are no class.
    """
    by_name = {spec.name: spec for spec in classes}
    table = np.zeros(max(spec.id for spec in classes) + 2, np.uint16)
    for spec in classes:
        whole = spec
        seen = {spec.name}
        while whole.part_of in by_name and whole.part_of not in seen:
            whole = by_name[whole.part_of]
            seen.add(whole.name)
        table[spec.id] = whole.id
    return table


def number_components(classes: NDArray[np.uint16]) -> tuple[NDArray[np.uint32], int]:
    """Return the connected components of an array of classes, numbered from 1, and their count."""
    number: Any = cc3d.connected_components  # its types refuse an int for the connectivity
    labels, count = number(
        classes, connectivity=CONNECTIVITY[classes.ndim], return_N=True, out_dtype=DTYPE
    )
    return labels, int(count)


def sort_by_class(
    labels: NDArray[np.uint32], classes: NDArray[np.uint16], count: int
) -> tuple[NDArray[np.uint32], tuple[tuple[int, int, int], ...]]:
    """Change the numbers of objects, so that those of a class follow each other.

    Returns
    -------
    labels
        The objects with their new numbers.
    runs
        First and last number of each class, and its id.
    """
    of_object = np.zeros(count + 1, np.uint16)
    of_object[labels.ravel()] = classes.ravel()
    of_object[0] = 0
    order = np.argsort(of_object, kind="stable")
    new = np.zeros(count + 1, DTYPE)
    new[order] = np.arange(count + 1)
    runs = []
    for number in np.unique(of_object[1:]):
        members = np.flatnonzero(of_object[order] == number)
        runs.append((int(members[0]), int(members[-1]), int(number)))
    return new[labels], tuple(runs)


def measure_steps(request: MeasureRequest) -> Steps[ObjectTable]:
    """Measure all objects of an array."""
    counted = yield from tally_steps(request.labels)
    return _table_of(request, counted)


def measure_boxes(request: MeasureRequest, boxes: Mapping[int, Box]) -> ObjectTable:
    """Measure some objects, each of which is in a box."""
    tallies = []
    for value, box in boxes.items():
        block = np.asarray(request.labels[box])
        own = np.where(block == value, block, np.zeros_like(block))
        tallies.append(tally(own, [side.start for side in box]))
    return _table_of(request, merge_tallies(tallies))


def _table_of(request: MeasureRequest, counted: Tally) -> ObjectTable:
    from napari_scsam.volume.measure.table import ObjectTable

    shape = np.asarray(request.labels.shape)
    voxels = counted.counts.astype(np.int64)
    values = counted.values.astype(np.int64)
    columns: dict[str, NDArray[Any]] = {
        "class": request.classes.names_of(values),
        "id": values,
        "voxels": voxels,
    }
    columns |= sizes_in_um(voxels, request.voxel_size, len(shape))
    columns["touches_border"] = touches_border(counted.low, counted.high, shape)
    for axis, name in enumerate("zyx"[-len(shape) :]):
        columns[f"first_{name}_voxel"] = counted.low[:, axis].astype(np.int64)
        columns[f"last_{name}_voxel"] = counted.high[:, axis].astype(np.int64) - 1
    return ObjectTable(columns)


def sizes_in_um(
    voxels: NDArray[np.int64], voxel_size: VoxelSize | None, ndim: int
) -> Mapping[str, NDArray[Any]]:
    """Return volumes, or areas of a single image; nothing where the size of voxels is unknown."""
    if voxel_size is None:
        return {}
    if ndim == 2:
        return {"area_um2": voxels * voxel_size[1] * voxel_size[2] / 1e6}
    return {"volume_um3": voxels * prod(voxel_size) / 1e9}


def touches_border(low: NDArray[Any], high: NDArray[Any], shape: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which boxes reach the border; the only slice of a volume is not at its border."""
    counted = shape > 1
    ends = (low == 0) | (high == shape)
    found: NDArray[np.bool_] = ends[:, counted].any(axis=1)
    return found
