"""Measure all objects of label images of any size: `measure_objects`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lcm, prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_scsam.allocator import share_freed_memory
from napari_scsam.config import UserError
from napari_scsam.io.volumes import Volume
from napari_scsam.paths import comparable_path
from napari_scsam.steps import Steps
from napari_scsam.volume.blocks import MOST_BLOCK_VOXELS, plan_blocks
from napari_scsam.volume.instances.request import LabelsLike
from napari_scsam.volume.instances.source import LabelSource
from napari_scsam.volume.measure.array import UNIT_SIZE
from napari_scsam.volume.measure.collect import Measured, collect_sums
from napari_scsam.volume.measure.columns import make_table
from napari_scsam.volume.measure.contacts import (
    DISTANCE_NM,
    Contacts,
    Neighbourhood,
    find_contacts,
)
from napari_scsam.volume.measure.images import (
    ClassesLike,
    LabelImage,
    default_smallest,
    find_label_images,
    object_images,
    open_grey,
)
from napari_scsam.volume.measure.origin import describe_measurement
from napari_scsam.volume.measure.source import GreySource
from napari_scsam.volume.measure.table import (
    ObjectTable,
    check_not_foreign,
    check_table_path,
    join_tables,
    write_table,
)
from napari_scsam.volume.measure.work_folder import work_folder
from napari_scsam.volume.workers import Workers, keep_workers

MOST_NEAR_NM = 10_000.0
"""Largest distance of objects in contact; at larger ones, everything is near everything."""

CONTACT_VOXELS = 1 << 21
"""Voxels of a block in which contacts are found, unless its chunks are larger."""

CONTACT_CHUNKS = 16
"""Such a block has at least so many chunks, so that those around it are not read too often."""


def measure_objects(
    labels: LabelsLike,
    out: str | os.PathLike[str] | None = None,
    *,
    image: LabelsLike | None = None,
    classes: ClassesLike = None,
    instances: bool = False,
    smallest: int | None = None,
    voxel_size: Sequence[float] | None = None,
    contacts: str | os.PathLike[str] | None = None,
    distance: float | None = None,
    workers: Workers = None,
    most_voxels: int = MOST_BLOCK_VOXELS,
) -> Steps[ObjectTable]:
    """Measure every object of label images of any size, one row an object.

    Parameters
    ----------
    labels
        A path of labels of classes, of instances or of a project; a volume; or an array in which
        each object has an id, (Y, X) or (Z, Y, X). Objects of class labels are found first, as
        `find_instances` does.
    out
        ``*.csv`` or ``*.parquet``; a file beside it says where it came from. None writes nothing.
    image
        Grey values of the same shape, for their mean and standard deviation.
    classes
        Names of classes; None for all. For labels without a class table, names by label value.
    instances
        Whether each value of the labels is an object, also where they do not say so.
    smallest
        Objects of fewer voxels are left out. None: specks of class labels, and no object that has
        an id of its own.
    voxel_size
        nm along z, y, x, instead of what the file says.
    contacts
        A second table, of the pairs of objects that are near each other; the first one then has
        the distance to the nearest object of each other class, too.
    distance
        nm at which objects are near each other; `DISTANCE_NM` when not given.
    workers
        None, a number of processes on this computer, or the address of a dask scheduler.
    most_voxels
        Of a block. The result does not depend on it.

    Returns
    -------
    ObjectTable
        In the order of the classes and ids.

    Raises
    ------
    UserError
        When labels or image cannot be read, do not fit each other, or a table cannot be written.
    """
    share_freed_memory()
    places = TablePaths.of(out, contacts)
    near = near_distance(distance, asked=contacts is not None)
    if smallest is not None and smallest < 1:
        raise UserError(f"the smallest object has {smallest} voxels; give 1 to keep all")
    found = find_label_images(labels, classes, voxel_size, instances=instances)
    least = default_smallest(found, smallest)
    if near is not None:
        check_near(near, found.labels)
    grey = None
    if image is not None:
        grey = open_grey(image, found.labels)
    with (
        work_folder(places.prefix, places.folder) as folder,
        keep_workers(workers) as kept,
    ):
        images = yield from object_images(found, classes, least, folder, kept)
        work = Work(images, grey, least, kept, most_voxels)
        table = yield from measure_images(work)
        touching = None
        if near is not None:
            touching = yield from find_contacts(_neighbourhood(work, near), table, kept)
            table = table.with_columns(touching.distances)
    settings = {"classes": _plain(classes), "smallest_voxels": least, "distance_nm": near}
    places.write(table, touching, describe_measurement(found.labels, grey, table, settings))
    return table


@dataclass(frozen=True)
class TablePaths:
    """Where tables are written."""

    out: Path | None
    contacts: Path | None

    @classmethod
    def of(
        cls, out: str | os.PathLike[str] | None, contacts: str | os.PathLike[str] | None
    ) -> TablePaths:
        """Check where tables are to be written.

        Raises
        ------
        UserError
            When one cannot be written, or both have one name.
        """
        paths = [None if path is None else Path(path) for path in (out, contacts)]
        for path in paths:
            if path is not None:
                check_table_path(path)
                check_not_foreign(path)
        places = [comparable_path(path) for path in paths if path is not None]
        if len(set(places)) < len(places):
            raise UserError(f"both tables would be {paths[0]}; give the contacts another name")
        return cls(*paths)

    @property
    def folder(self) -> Path | None:
        """The folder for temporary files: that of the table, which workers can reach."""
        place = self.out or self.contacts
        return None if place is None else place.absolute().parent

    @property
    def prefix(self) -> str:
        """How the name of the folder for temporary files begins; messages show the table's."""
        place = self.out or self.contacts
        return "scsam-" if place is None else f".{place.name}."

    def write(
        self, table: ObjectTable, touching: Contacts | None, origin: Mapping[str, Any]
    ) -> None:
        """Write the tables that were asked for."""
        if self.out is not None:
            write_table(self.out, table, origin)
        if self.contacts is not None and touching is not None:
            write_table(self.contacts, touching.table, origin)


def check_near(near: float, labels: Volume) -> None:
    """Check that objects of these labels can be in contact at a distance, in nm.

    Raises
    ------
    UserError
        When the voxel size is unknown, or the distance is less than that of two voxels.
    """
    if labels.voxel_size is None:
        raise UserError(
            f"the voxel size of {labels.name!r} is unknown, and contacts need it; "
            "give it in nm (--voxel-size)"
        )
    if near < min(labels.voxel_size):
        raise UserError(
            f"objects are never within {near:g} nm, since voxels are {min(labels.voxel_size):g} nm "
            "apart; give a larger distance in nm"
        )


def near_distance(distance: float | None, *, asked: bool) -> float | None:
    """Return the distance at which objects are in contact in nm; None if that is not asked for.

    Raises
    ------
    UserError
        When it is not above 0, or there is no table for it.
    """
    if distance is None:
        return DISTANCE_NM if asked else None
    if not asked:
        raise UserError("a distance is for contacts; say where they are written (--contacts)")
    if not 0 < distance <= MOST_NEAR_NM:
        raise UserError(
            f"the distance is {distance:g} nm; give a number above 0, up to {MOST_NEAR_NM:g}"
        )
    return distance


def _plain(classes: ClassesLike) -> Any:
    """Return classes as JSON values."""
    if isinstance(classes, Mapping):
        return {str(number): name for number, name in classes.items()}
    return None if classes is None else list(classes)


@dataclass(frozen=True, eq=False)
class Work:
    """What is measured, and how."""

    images: tuple[LabelImage, ...]
    grey: Volume | None
    smallest: int
    workers: Workers
    most_voxels: int


def measure_images(work: Work) -> Steps[ObjectTable]:
    """Measure the objects of one label image after the other."""
    tables = []
    for image in work.images:
        check_shape(image.volume, work.images[0].volume)
        measured = plan_measurement(image.volume, work.grey, work.most_voxels)
        sums = yield from collect_sums(measured, work.workers, image.class_name)
        sums = sums.select(sums.voxels >= work.smallest)
        names = np.full(len(sums), image.class_name)
        size = image.volume.voxel_size
        shape = measured.plan.shape
        tables.append(make_table(sums, names, shape, size, image.volume.origin))
    return join_tables(tables)


def plan_measurement(labels: Volume, grey: Volume | None, most_voxels: int) -> Measured:
    """Return the blocks in which a label image is measured; a single slice is flat."""
    shape = labels.shape
    chunks = labels.data.chunks
    if grey is not None and grey.ndim == labels.ndim:
        chunks = common_chunks(chunks, grey.data.chunks, most_voxels)
    if labels.ndim == 3 and labels.depth == 1:
        shape = shape[1:]
        chunks = chunks and chunks[1:]
    size = (labels.voxel_size or UNIT_SIZE)[-len(shape) :]
    plan = plan_blocks(shape, chunks, most_voxels=most_voxels)
    image = None
    if grey is not None:
        image = GreySource(grey)
    return Measured(LabelSource(labels), image, plan, size)


def common_chunks(
    one: Sequence[int] | None, other: Sequence[int] | None, most_voxels: int
) -> tuple[int, ...] | None:
    """Return chunks of which both files have whole ones, so that each is read once.

    Where these are too large, the first file's.
    """
    if one is None or other is None:
        chosen = one or other
        return None if chosen is None else tuple(chosen)
    both = tuple(lcm(a, b) for a, b in zip(one, other, strict=True))
    return both if prod(both) <= most_voxels else tuple(one)


def check_shape(labels: Volume, first: Volume) -> None:
    """Check that label images have one shape.

    Raises
    ------
    UserError
        When they have not.
    """
    if labels.shape != first.shape:
        raise UserError(
            f"the label images {first.name!r} and {labels.name!r} have different shapes; "
            "measure one after the other"
        )


def _neighbourhood(work: Work, distance: float) -> Neighbourhood:
    """Return the label images for contacts; their blocks are smaller, as more is kept of each."""
    first = work.images[0].volume
    wanted = max(CONTACT_VOXELS, CONTACT_CHUNKS * prod(first.data.chunks or (1,)))
    most_voxels = min(work.most_voxels, wanted)
    plan = plan_measurement(first, None, most_voxels).plan
    return Neighbourhood(
        sources=tuple(LabelSource(image.volume) for image in work.images),
        names=tuple(image.class_name for image in work.images),
        plan=plan,
        size=(first.voxel_size or UNIT_SIZE)[-len(plan.shape) :],
        distance=distance,
    )
