"""Meshes of all objects of a volume, each read only where it is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_scsam.atomic import replacing_folder
from napari_scsam.config import UserError, VoxelSize
from napari_scsam.drafts import DRAFT_MARK
from napari_scsam.errors import PartlyDoneError
from napari_scsam.io.contents import check_no_link, check_outside
from napari_scsam.io.own_files import foreign_files
from napari_scsam.io.volumes import Volume
from napari_scsam.json_files import write_json
from napari_scsam.steps import Progress, Steps
from napari_scsam.version import __version__
from napari_scsam.volume.blocks import plan_blocks
from napari_scsam.volume.instances.kinds import ObjectKind
from napari_scsam.volume.instances.request import LabelsLike
from napari_scsam.volume.instances.source import LabelSource
from napari_scsam.volume.measure.images import (
    ClassesLike,
    LabelImage,
    default_smallest,
    find_label_images,
    object_images,
)
from napari_scsam.volume.meshes.boxes import Boxes, BoxJob, boxes_in_block, joined_boxes
from napari_scsam.volume.meshes.formats import MESH_FILES, NM, UM, WRITERS
from napari_scsam.volume.meshes.surface import MOST_FACES, TooLargeError, surface_of
from napari_scsam.volume.workers import (
    TaskError,
    Workers,
    check_workers,
    keep_workers,
    run_tasks,
)

RECORD = "meshes.json"
"""File that says what the meshes were made of."""

MOST_ERROR_NM = 10_000.0
"""Largest error of a surface; objects in electron microscopy are not much larger."""

OBJECTS_A_TASK = 50
NM_PER_UNIT = {NM: 1.0, UM: 1000.0}
MOST_NAMED = 3


@dataclass(frozen=True)
class MeshJob:
    """What every task of writing meshes needs to know."""

    source: LabelSource
    folder: Path
    format: str
    voxel_size: VoxelSize
    """In the unit of the format, or 1 where it is unknown."""
    origin: VoxelSize
    error: float
    """How far a vertex may move, in the same unit."""


@dataclass(frozen=True)
class MeshTask:
    """Some objects."""

    ids: tuple[int, ...]
    boxes: tuple[tuple[slice, ...], ...]


def write_meshes(
    labels: LabelsLike,
    folder: str | os.PathLike[str],
    *,
    format: str = "ply",  # noqa: A002 - it is what users call it
    simplify: float | None = None,
    classes: ClassesLike = None,
    instances: bool = False,
    smallest: int | None = None,
    voxel_size: Sequence[float] | None = None,
    overwrite: bool = False,
    workers: Workers = None,
) -> Steps[dict[str, int]]:
    """Write a closed surface of each object, ``FOLDER/CLASS/ID.ply`` or the like.

    Parameters
    ----------
    labels
        Instances, a path or an array (Z, Y, X); or labels of classes, whose objects are found
        first, as by `find_instances`.
    folder
        It appears when all meshes are written.
    format
        ``"ply"``, ``"obj"`` and ``"glb"`` are in µm, ``"precomputed"`` is neuroglancer's legacy
        mesh folder, in nm. Axes are x, y, z; the centre of the first voxel is at the origin of the
        labels, as in OME-Zarr. Where the voxel size is unknown, the unit is a voxel.
    simplify
        How far a vertex may move, in nm (in voxels where their size is unknown), so that there
        are fewer triangles; by default the shortest side of a voxel. 0 keeps all triangles.
    classes, smallest, workers
        As in `find_instances`. Objects that have ids are all kept, unless `smallest` is given.
    instances, voxel_size
        As in `measure_objects`.
    overwrite
        Replace a folder that this function wrote.

    Returns
    -------
    dict
        The number of meshes by class name.

    Raises
    ------
    UserError
        When the labels cannot be read, or the folder holds something else.
    PartlyDoneError
        At the end, when some objects have no mesh. The others are written.
    """
    target = Path(folder)
    if format not in WRITERS:
        raise UserError(f"{format!r} is not a format of meshes; choose from: {', '.join(WRITERS)}")
    check_error(simplify)
    found = find_label_images(labels, classes, voxel_size, instances=instances)
    check_stack(found.labels)
    check_meshes_replaceable(target, overwrite=overwrite)
    check_workers(workers)
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(".work", f".{target.name}.", target.parent) as place,
        keep_workers(workers) as kept,
    ):
        size = default_smallest(found, smallest)
        images = yield from object_images(found, classes, size, Path(place), kept)
        with replacing_folder(target, _is_ours) as draft:
            left_out: list[str] = []
            counts: dict[str, int] = {}
            for image in images:
                job = _job(image, draft, format, simplify)
                written = yield from _write_class(image, job, size, left_out, kept)
                counts[image.class_name] = written
            _write_record(draft, found.labels, format, simplify, counts)
    _report(left_out, target)
    return counts


def _job(image: LabelImage, draft: Path, mesh_format: str, simplify: float | None) -> MeshJob:
    volume = image.volume
    place = draft / ObjectKind(image.class_name, ()).folder
    place.mkdir()
    unit = NM_PER_UNIT[WRITERS[mesh_format][1]]
    size = volume.voxel_size
    if size is None:
        unit = 1.0
        size = (1.0, 1.0, 1.0)
    error = min(size) if simplify is None else simplify
    return MeshJob(
        source=LabelSource(volume),
        folder=place,
        format=mesh_format,
        voxel_size=(size[0] / unit, size[1] / unit, size[2] / unit),
        origin=(volume.origin[0] / unit, volume.origin[1] / unit, volume.origin[2] / unit),
        error=error / unit,
    )


def _write_class(
    image: LabelImage, job: MeshJob, smallest: int, left_out: list[str], workers: Workers
) -> Steps[int]:
    """Write the meshes of one class, and return how many there are."""
    boxes = yield from _find_boxes(image, job, workers)
    tasks = _tasks(boxes)
    written = 0
    done = 0
    for task, result in run_tasks(partial(mesh_objects, job, smallest), tasks, workers):
        done += 1
        yield Progress(done, len(tasks), f"meshes of {image.class_name}")
        if isinstance(result, TaskError):
            name = f"{image.class_name} {task.ids[0]} to {task.ids[-1]}"
            left_out.append(f"{name} ({result.reason})")
            continue
        written += result[0]
        too_large = f"(more than {MOST_FACES} triangles)"
        left_out += [f"{image.class_name} {number} {too_large}" for number in result[1]]
    return written


def _find_boxes(image: LabelImage, job: MeshJob, workers: Workers) -> Steps[Boxes]:
    volume = image.volume
    plan = plan_blocks(volume.shape, volume.data.chunks)
    parts: list[Boxes] = []
    function = partial(boxes_in_block, BoxJob(job.source, plan))
    for _, result in run_tasks(function, range(len(plan)), workers):
        yield Progress(len(parts), len(plan), f"boxes of {image.class_name}")
        if isinstance(result, TaskError):
            raise PartlyDoneError(f"no mesh was written: {result.reason}; mend the labels")
        parts.append(result)
    return joined_boxes(parts)


def _tasks(boxes: Boxes) -> list[MeshTask]:
    """Return the objects, some for each task."""
    found = []
    for first in range(0, len(boxes.ids), OBJECTS_A_TASK):
        places = range(first, min(first + OBJECTS_A_TASK, len(boxes.ids)))
        ids = tuple(int(boxes.ids[place]) for place in places)
        found.append(MeshTask(ids, tuple(map(boxes.slices, places))))
    return found


def mesh_objects(job: MeshJob, smallest: int, task: MeshTask) -> tuple[int, list[int]]:
    """Write the meshes of some objects.

    Returns
    -------
    written
        How many have one.
    too_large
        Ids of those whose surface does not fit into memory.
    """
    write = WRITERS[job.format][0]
    written = 0
    too_large = []
    for number, box in zip(task.ids, task.boxes, strict=True):
        read = partial(_read_mask, job.source, number)
        if smallest > 1 and _is_small(read, box, smallest):
            continue
        try:
            mesh = surface_of(read, box, job.voxel_size, job.error)
        except TooLargeError:
            too_large.append(number)
            continue
        write(job.folder, number, mesh.moved(job.origin[::-1]))
        written += 1
    return written, too_large


def _read_mask(source: LabelSource, number: int, where: tuple[slice, ...]) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = source.read(where) == number
    return mask


def _is_small(read: partial[NDArray[np.bool_]], box: tuple[slice, ...], smallest: int) -> bool:
    """Whether an object has fewer voxels; a box far larger than that is not read for it."""
    shape = [side.stop - side.start for side in box]
    if max(shape) >= smallest:
        return False
    return int(np.count_nonzero(read(box))) < smallest


def check_error(simplify: float | None) -> None:
    """Check how far a vertex may move, in nm; None is what suits the voxels.

    Raises
    ------
    UserError
        When it is below 0, or so far that no surface is left.
    """
    if simplify is not None and not 0 <= simplify <= MOST_ERROR_NM:
        raise UserError(
            f"a vertex cannot move by {simplify:g} nm; give a number from 0 to {MOST_ERROR_NM:g}"
        )


def check_stack(labels: Volume) -> None:
    """Check that objects of labels have a surface.

    Raises
    ------
    UserError
        When the labels are a single slice.
    """
    if labels.ndim != 3:
        raise UserError(f"{labels.name} is a single slice, which has no surface; give a stack")


def check_meshes_replaceable(folder: Path, *, overwrite: bool = False) -> None:
    """Check that meshes may be written into a folder.

    Raises
    ------
    UserError
        When something is there that is not to be replaced, or it is inside an image.
    """
    check_outside(folder)
    check_no_link(folder)
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder.is_dir() and _is_ours(folder)):
        raise UserError(
            f"{folder} already exists and holds other things than meshes; choose another name"
        )
    if not overwrite:
        raise UserError(f"{folder} already holds meshes; give another name, or move it away")


def _is_ours(folder: Path) -> bool:
    if not (folder / RECORD).is_file():
        return False
    return not foreign_files(folder, (*MESH_FILES, DRAFT_MARK.replace(".", r"\.")))


def _write_record(
    folder: Path,
    labels: Volume,
    mesh_format: str,
    simplify: float | None,
    counts: dict[str, int],
) -> None:
    unit = "voxel" if labels.voxel_size is None else WRITERS[mesh_format][1]
    record = {
        "program": f"napari-scsam {__version__}",
        "labels": labels.name if labels.path is None else str(labels.path),
        "format": mesh_format,
        "unit": unit,
        "axes": "xyz",
        "voxel_size_nm": labels.voxel_size,
        "simplified_by_at_most_nm": simplify,
        "meshes": counts,
    }
    write_json(folder / RECORD, record)


def _report(left_out: Sequence[str], folder: Path) -> None:
    if not left_out:
        return
    named = "; ".join(left_out[:MOST_NAMED])
    if len(left_out) > MOST_NAMED:
        named += f"; and {len(left_out) - MOST_NAMED} more"
    raise PartlyDoneError(f"{folder} lacks meshes of: {named}; the others are written")
