"""Finding the objects of classes and measuring them, on the worker thread."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, UserError, VoxelSize
from napari_scsam.gui.layers.instance_classes import LabelRange, ObjectClasses
from napari_scsam.objects.boxes import Box
from napari_scsam.steps import Progress, Steps

if TYPE_CHECKING:
    from napari_scsam.volume.measure.table import ObjectTable

MOST_VOXELS = 2**29
"""Larger volumes are not searched in the window: their objects would not fit into memory."""

DTYPE = np.uint32
"""Of an instance layer; it holds any number of objects that fits into memory."""

FILE = "objects.zarr"
"""What objects are written to while they are searched, in a temporary folder."""


@dataclass(frozen=True)
class LabelsLocation:
    """Where an array of labels is, and the image that it belongs to."""

    voxel_size: VoxelSize | None
    """nm along z, y, x."""
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """nm along z, y, x."""
    image: Any = None
    """Grey values of the same shape; None without any."""


@dataclass(frozen=True)
class FindRequest:
    """The class labels to find objects in."""

    data: Any
    """(Y, X) or (Z, Y, X) class ids."""
    classes: tuple[ClassSpec, ...]
    place: LabelsLocation
    split: bool = False
    """Whether objects that touch are split."""


@dataclass(frozen=True)
class MeasureRequest:
    """The objects to measure."""

    labels: Any
    """(Y, X) or (Z, Y, X), one label an object."""
    classes: ObjectClasses
    place: LabelsLocation
    unknown: str = "object"
    """What objects without a class are called."""


@dataclass(frozen=True)
class FoundObjects:
    """The objects that were found, numbered from 1, class by class."""

    labels: NDArray[np.uint32]
    classes: ObjectClasses
    table: ObjectTable = field(repr=False)


# Finding


def find_objects_steps(request: FindRequest) -> Steps[FoundObjects]:
    """Find the objects of all classes, and measure them; a part belongs to its whole.

    Raises
    ------
    UserError
        When the volume is too large, or holds no object.
    """
    from napari_scsam.io.volumes import as_volume
    from napari_scsam.volume.instances.find import find_instances

    check_fits_in_memory(request.data.shape)
    yield Progress(0, 1, "reading the labels")
    merged, wholes = merge_parts(request)
    volume = as_volume(merged, request.place.voxel_size, "the labels")
    with tempfile.TemporaryDirectory(prefix="scsam-objects-") as folder:
        path = Path(folder) / FILE
        names = {spec.id: spec.name for spec in wholes}
        counts = yield from find_instances(volume, path, classes=names, watershed=request.split)
        if not any(counts.values()):
            raise UserError("there is no object in the labels; segment some slices first")
        labels, runs = read_classes(path, wholes, counts, merged.shape)
    classes = ObjectClasses(request.classes, runs)
    table = yield from measure_steps(MeasureRequest(labels, classes, request.place))
    return FoundObjects(labels, classes, table)


def check_fits_in_memory(shape: Sequence[int]) -> None:
    """Raise a `UserError` if the objects of a volume would not fit into memory."""
    if prod(shape) > MOST_VOXELS:
        raise UserError(
            f"the labels have {prod(shape) / 1e9:.1f} billion voxels, too many for the window; "
            "run `scsam instances` on them, and open what it writes"
        )


def merge_parts(request: FindRequest) -> tuple[NDArray[np.uint16], tuple[ClassSpec, ...]]:
    """Return the labels with parts as their wholes, and the wholes that they hold."""
    table = whole_of(request.classes)
    merged = np.zeros(request.data.shape, np.uint16)
    for z in range(len(merged)):
        merged[z] = table[np.minimum(np.asarray(request.data[z]), len(table) - 1)]
    present = set(np.unique(merged).tolist())
    wholes = tuple(spec for spec in request.classes if spec.id in present)
    if not wholes:
        raise UserError("there is no object in the labels; segment some slices first")
    return merged, wholes


def whole_of(classes: Sequence[ClassSpec]) -> NDArray[np.uint16]:
    """Return the class id that each label value belongs to, its own or its whole's; 0 for others.

    The last entry, beyond all ids, is for labels that are not a class.
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


def read_classes(
    path: Path, classes: Sequence[ClassSpec], counts: Mapping[str, int], shape: Sequence[int]
) -> tuple[NDArray[np.uint32], tuple[LabelRange, ...]]:
    """Read the objects of all classes into one array, numbered class by class.

    Returns
    -------
    labels
        One label an object.
    runs
        First and last label of each class, and its id.
    """
    from napari_scsam.io.volumes import open_labels
    from napari_scsam.volume.instances.kinds import ObjectKind

    labels = np.zeros(shape, DTYPE)
    runs = []
    before = 0
    for spec in classes:
        count = counts.get(spec.name, 0)
        if not count:
            continue
        found = open_labels(path / "labels" / ObjectKind(spec.name, (spec.id,)).folder).data
        depth = (found.chunks or found.shape)[0]  # each chunk is decoded once
        for z in range(0, len(labels), depth):
            own = np.asarray(found[z : z + depth]).astype(DTYPE)
            np.copyto(labels[z : z + depth], own + DTYPE(before), where=own > 0)
        runs.append((before + 1, before + count, spec.id))
        before += count
    return labels, tuple(runs)


# Measuring


def measure_steps(request: MeasureRequest) -> Steps[ObjectTable]:
    """Measure all objects of an array, block by block."""
    from napari_scsam.io.volumes import as_volume
    from napari_scsam.volume.measure.objects import measure_objects

    place = request.place
    labels = as_volume(request.labels, place.voxel_size, "the objects")
    image = None
    if place.image is not None:
        image = as_volume(place.image, place.voxel_size, "the image")
    table = yield from measure_objects(labels, image=image)
    return _complete(request, table)


def measure_boxes(request: MeasureRequest, boxes: Mapping[int, Box]) -> ObjectTable:
    """Measure some objects, each of which is in a box; those that are gone have no row."""
    from napari_scsam.volume.measure.table import join_tables

    tables = [_measure_box(request, value, box) for value, box in boxes.items()]
    return _complete(request, join_tables(tables))


def _measure_box(request: MeasureRequest, value: int, box: Box) -> ObjectTable:
    from napari_scsam.volume.blocks import Block
    from napari_scsam.volume.measure.array import UNIT_SIZE
    from napari_scsam.volume.measure.columns import make_table
    from napari_scsam.volume.measure.parts import measure_part

    shape = request.labels.shape
    place = request.place
    start = tuple(side.start for side in box)
    stop = tuple(side.stop for side in box)
    # A margin of one voxel closes the surface, where the volume goes on.
    wide = Block(0, (0,) * len(box), start, stop).grown(1, shape)
    block = Block(0, (0,) * len(box), tuple(s.start for s in wide), tuple(s.stop for s in wide))
    values = np.asarray(request.labels[wide])
    own = np.where(values == value, values, np.zeros_like(values))
    grey = None
    if place.image is not None:
        grey = np.asarray(place.image[wide])
    size = (place.voxel_size or UNIT_SIZE)[-len(shape) :]
    sums = measure_part(own, block, shape, size, grey).sums
    names = np.full(len(sums), "object")
    return make_table(sums, names, shape, place.voxel_size)


def _complete(request: MeasureRequest, table: ObjectTable) -> ObjectTable:
    """Return a table with the classes of its objects, their places, and sorted by labels."""
    ids = table["id"].astype(np.int64)
    columns: dict[str, NDArray[Any]] = {"id": ids}
    columns["class"] = request.classes.names_of(ids, request.unknown)
    for axis, start in zip("zyx", request.place.origin, strict=True):
        columns[f"{axis}_um"] = table[f"{axis}_um"] + start / 1000
    return without_unknown(table.with_columns(columns)).select(np.argsort(ids, kind="stable"))


def without_unknown(table: ObjectTable) -> ObjectTable:
    """Return a table without the columns in which nothing is known."""
    from napari_scsam.volume.measure.table import ObjectTable

    kept = {
        name: values
        for name, values in table.columns.items()
        if values.dtype.kind != "f" or not len(values) or np.isfinite(values).any()
    }
    return ObjectTable(kept)
