"""Segmenting on workers: each loads the network once, and labels groups of slices.

Groups are made of whole files of the output, so that no two workers write one. What a worker has
written is on disk before it returns; the ledger is written by the process that gave the tasks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from math import ceil, lcm
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import zarr

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.checkpoints.find import absolute_names
from napari_scsam.config import UserError, VoxelSize, select_classes
from napari_scsam.errors import NAMED_RUNS, list_slices
from napari_scsam.infer.beside import networks_hash
from napari_scsam.infer.disk_cache import default_cache
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import Contrast
from napari_scsam.io.locations import is_address
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.io.slabs import slab_depth, with_slabs
from napari_scsam.io.volumes import Volume, open_volume
from napari_scsam.io.zarr_access import ZarrArray, member_array
from napari_scsam.volume.answer import Answer
from napari_scsam.volume.cluster import Workers, WorkersError
from napari_scsam.volume.labelling import Labelling
from napari_scsam.volume.run_plan import RunPlan
from napari_scsam.volume.three_axes import CubePlan, plan_cubes
from napari_scsam.volume.workers import TaskError, run_tasks
from napari_scsam.volume.writing.group_writer import GroupWriter
from napari_scsam.volume.writing.ledger import FinishedSlice
from napari_scsam.volume.writing.written_slices import group_depth

AVERAGED_SLICES = 32
"""Slices of a group whose neighbours are averaged: those beside its ends are computed twice."""

LEAST_AVERAGED = 8
"""Slices of such a group where there are few for each worker."""

MOST_SLICES = 128
"""Slices of a group that follows the chunks of the image."""

GROUPS_A_WORKER = 4
"""Groups that each worker gets at least, so that none waits long for the last ones."""

HOPELESS = 8
"""Groups that fail before any other is done; then the run stops."""

T = TypeVar("T")


@dataclass(frozen=True)
class SliceGroup:
    """Slices that one worker labels."""

    slices: tuple[int, ...]

    def __str__(self) -> str:
        return list_slices(self.slices, NAMED_RUNS)


@dataclass(frozen=True)
class GroupDone:
    """What became of a group."""

    slices: tuple[int, ...]
    finished: tuple[FinishedSlice, ...] = ()
    damaged: Mapping[int, DamagedPartError] = field(default_factory=dict)
    """What was wrong with slices that could not be read."""
    failure: str = ""
    """Why nothing was done; empty when it was."""


@dataclass(frozen=True)
class WorkerRun:
    """What workers need to know of a run, as picklable values."""

    image: str
    voxel_size: VoxelSize | None
    shape: tuple[int, ...]
    dtype: str
    checkpoint: str
    weights: str
    device: str
    tta: bool
    coarse: bool
    classes: tuple[str, ...]
    contrast: Contrast
    plan: RunPlan
    """Without slices, which are those of a group."""
    labels: str
    """Folder of the label image."""

    @classmethod
    def of(cls, labelling: Labelling, labels: Path, checkpoint: str, device: str) -> WorkerRun:
        """Describe a run for workers.

        Parameters
        ----------
        labelling
            As it would be done here.
        labels
            Folder of the label image.
        checkpoint
            Name or path, and those of networks beside it.
        device
            As `Predictor` takes it.
        """
        source = labelling.source
        predictor = labelling.predictor
        return cls(
            image=_absolute(str(source.path)),
            voxel_size=source.voxel_size,
            shape=source.shape,
            dtype=str(source.dtype),
            checkpoint=absolute_names(checkpoint),
            weights=networks_hash(predictor.model),
            device=device,
            tta=predictor.tta,
            coarse=predictor.coarse,
            classes=tuple(spec.name for spec in labelling.requested),
            contrast=labelling.contrast,
            plan=replace(labelling.plan, slices=()),
            labels=str(labels.absolute()),
        )


def _absolute(path: str) -> str:
    if is_address(path):
        return path
    return os.path.abspath(path)  # noqa: PTH100  # may end with the :/path of HDF5


def groups_of_slices(
    left: Sequence[int],
    level: ZarrArray,
    source: Volume,
    plan: RunPlan,
    workers: Workers,
) -> list[SliceGroup]:
    """Divide slices into groups of whole files of the output, and of whole chunks of the image.

    Parameters
    ----------
    left
        The slices, in order.
    level
        Level 0 of the labels.
    source
        The image.
    plan
        Of the run.
    workers
        As `run_tasks` takes them.
    """
    depth = group_depth(level)
    if plan.axes > 1:
        return _layers(left, depth, plan_cubes(source.depth, plan.window, 1))
    side = lcm(depth, slab_depth(source.shape, source.data.chunks))
    if side > MOST_SLICES:
        side = depth
    least = 1
    if plan.average_z:
        side *= ceil(AVERAGED_SLICES / side)
        least = LEAST_AVERAGED
    if isinstance(workers, int):
        share = max(least, len(left) // (workers * GROUPS_A_WORKER))
        side = min(side, ceil(share / depth) * depth)
    found = groupby(left, key=lambda z: z // side)
    return [SliceGroup(tuple(slices)) for _, slices in found]


def _layers(left: Sequence[int], depth: int, plan: CubePlan) -> list[SliceGroup]:
    """Divide slices into layers along z; a file that two layers share is of the first of them."""

    def layer_of(z: int) -> range:
        return plan.layer_of(z // depth * depth)

    return [SliceGroup(tuple(slices)) for _, slices in groupby(left, layer_of)]


def label_on_workers(
    job: WorkerRun, groups: Iterable[SliceGroup], workers: Workers
) -> Generator[GroupDone, None, None]:
    """Label groups of slices on workers, and yield what became of each as it ends.

    Raises
    ------
    UserError
        When the first groups all fail: then all would.
    """
    failures = 0
    succeeded = False
    with closing(run_tasks(partial(label_group, job), groups, workers)) as results:
        for group, result in results:
            if not isinstance(result, TaskError):
                succeeded = True
                yield result
                continue
            failures += 1
            if failures >= HOPELESS and not succeeded:
                raise UserError(f"no worker can label any slice ({result.reason})")
            yield GroupDone(group.slices, failure=result.reason)


def label_group(job: WorkerRun, group: SliceGroup) -> GroupDone:
    """Label the slices of a group, and write them; called on a worker."""
    with worker_memory() as memory:
        predictor = remembered(memory, (job.checkpoint, job.weights, job.device), job, _load)
        predictor.tta = job.tta
        predictor.coarse = job.coarse
        source = remembered(memory, (job.image, job.voxel_size), job, _open)
        level = member_array(zarr.open_group(job.labels, mode="r+"), "0")
        classes = select_classes(predictor.classes, list(job.classes))
        labelling = Labelling(source, predictor, classes, job.contrast, job.plan)
        writer = GroupWriter(level, job.plan)
        finished: list[FinishedSlice] = []
        with closing(labelling.answers(group.slices)) as answers:
            for answer in answers:
                if isinstance(answer, Answer):
                    finished += writer.add(answer)
        finished += writer.flush()
    damaged = {z: labelling.damaged[z] for z in group.slices if z in labelling.damaged}
    return GroupDone(group.slices, tuple(finished), damaged)


def _load(job: WorkerRun) -> Predictor:
    """Load the network of a run.

    Raises
    ------
    WorkersError
        When the worker has another checkpoint of this name, or none.
    """
    try:
        model = load_checkpoint(job.checkpoint)
    except UserError as error:
        raise WorkersError(f"a worker cannot load the checkpoint: {error}") from error
    if networks_hash(model) != job.weights:
        raise WorkersError(
            f"a worker has another checkpoint {job.checkpoint}; copy the same file there"
        )
    return Predictor(model, job.device, default_cache(), fill=False)


def _open(job: WorkerRun) -> Volume:
    """Open the image of a run.

    Raises
    ------
    WorkersError
        When the worker does not see the same image.
    """
    try:
        volume = open_volume(job.image)
    except UserError as error:
        raise WorkersError(f"a worker cannot open the image: {error}") from error
    if (volume.shape, str(volume.dtype)) != (job.shape, job.dtype):
        raise WorkersError(f"a worker sees another image at {job.image}; mount the same folder")
    return with_slabs(replace(volume, voxel_size=job.voxel_size))


@contextmanager
def worker_memory() -> Iterator[dict[Any, Any]]:
    """Yield what this worker process remembers from task to task, to one task at a time."""
    from distributed import get_worker

    kept = vars(get_worker()).setdefault("napari_scsam", {})
    with kept.setdefault("lock", Lock()):
        yield kept


def remembered(
    memory: dict[Any, Any], key: Any, job: WorkerRun, make: Callable[[WorkerRun], T]
) -> T:
    """Return what is remembered under a key; else make it, and forget the last of its kind."""
    kind = make.__name__
    if memory.get(kind, (None,))[0] != key:
        memory.pop(kind, None)
        memory[kind] = (key, make(job))
    found: T = memory[kind][1]
    return found
