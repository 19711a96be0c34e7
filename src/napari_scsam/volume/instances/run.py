"""One run: its stages, each of which goes on where a stopped run ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count as counting
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_scsam.config import UserError
from napari_scsam.errors import PartlyDoneError
from napari_scsam.io.formats.slices import TIFF_SUFFIXES
from napari_scsam.io.zarr_access import is_zarr
from napari_scsam.steps import Progress, Steps, mapped
from napari_scsam.volume.blocks import BlockPlan, plan_blocks
from napari_scsam.volume.instances.basins import halo_of
from napari_scsam.volume.instances.chunks import create_array
from napari_scsam.volume.instances.done_list import DoneList
from napari_scsam.volume.instances.edges import join_block
from napari_scsam.volume.instances.job import InstanceJob
from napari_scsam.volume.instances.label_block import Unreadable, Unwritable, label_block
from napari_scsam.volume.instances.numbers import (
    load_counts,
    number_kinds,
    save_counts,
    write_offsets,
)
from napari_scsam.volume.instances.output import (
    Levels,
    create_output,
    level_jobs,
    plan_levels,
    write_instances_tiff,
)
from napari_scsam.volume.instances.renumber import LevelJob, renumber_block, write_level_block
from napari_scsam.volume.instances.request import InstanceRequest
from napari_scsam.volume.instances.run_folder import InstanceFolder
from napari_scsam.volume.instances.source import LabelSource
from napari_scsam.volume.workers import TaskError, Workers, WorkersError, run_tasks

WHOLE = "whole.zarr"
"""Objects before they are split, in the folder of a run."""

MOST_HALO = 4.0
"""How often the voxels of a block may be read with its halo. In slabs, as of a TIFF, a halo is many
times the block; then whole objects are found first, and read in cubes."""

MOST_NAMED = 3
"""Blocks that the last message names."""


@dataclass
class InstanceRun:
    """A run, and how far it is."""

    folder: InstanceFolder
    request: InstanceRequest
    settings: Mapping[str, Any]
    job: InstanceJob
    levels: Levels
    workers: Workers
    most_voxels: int
    """Of a block."""
    unreadable: dict[int, str] = field(default_factory=dict)
    """Blocks that could not be done, and why."""
    steps_done: int = 0

    @property
    def total(self) -> int:
        """Number of steps: two for each block, and one or two for each written block."""
        blocks = 3 * len(self.job.plan)
        coarser = sum(map(len, self.levels.plans[1:])) * len(self.job.kinds)
        return blocks + coarser

    def step(self, what: str) -> Progress:
        """Count a step."""
        self.steps_done += 1
        return Progress(min(self.steps_done, self.total), self.total, what)


def begin_run(
    folder: InstanceFolder,
    request: InstanceRequest,
    settings: Mapping[str, Any],
    *,
    resume: bool,
    workers: Workers,
    most_voxels: int,
) -> InstanceRun:
    """Create the folder of a run, or open that of a stopped one.

    Raises
    ------
    UserError
        When a stopped run was begun with other labels or options.
    """
    volume = request.volume
    source = LabelSource(volume)
    if workers is not None:
        source.check_path()
    plan = plan_blocks(volume.shape, volume.data.chunks, most_voxels=most_voxels)
    whole = None
    if _is_split_later(request, plan):
        whole = folder.path / WHOLE
        plan = plan_blocks(volume.shape, most_voxels=most_voxels)
    stopped = folder.settings if resume else None
    if stopped is None:
        folder.begin({**settings, "block": plan.sides})
    else:
        plan = BlockPlan(plan.shape, tuple(stopped.pop("block", plan.sides)))
        _check_same(folder, stopped, settings)
    job = InstanceJob(
        source=source,
        plan=plan,
        kinds=request.kinds,
        folder=folder.path,
        fill_holes=request.fill_holes and not request.watershed,
        watershed=request.watershed,
        whole=whole,
        sampling=sampling_of(request),
    )
    return InstanceRun(
        folder, request, settings, job, plan_levels(plan, volume), workers, most_voxels
    )


def _is_split_later(request: InstanceRequest, plan: BlockPlan) -> bool:
    """Whether whole objects are found before they are split."""
    if not request.watershed:
        return False
    sides = zip(plan.sides, halo_of(sampling_of(request)), plan.shape, strict=True)
    grown = prod(min(side + 2 * halo, length) / side for side, halo, length in sides)
    return request.fill_holes or grown > MOST_HALO


def sampling_of(request: InstanceRequest) -> tuple[float, ...]:
    """Return the size of a voxel along each axis; 1 where it is unknown."""
    volume = request.volume
    return (volume.voxel_size or (1.0, 1.0, 1.0))[-volume.ndim :]


def _check_same(
    folder: InstanceFolder, stopped: Mapping[str, Any], settings: Mapping[str, Any]
) -> None:
    if stopped == settings:
        return
    what = "other options"
    if stopped.get("labels") != settings["labels"]:
        what = "other labels"
    raise UserError(
        f"the stopped run in {folder.out} was begun with {what}; "
        "repeat its command with --resume, or start again with --overwrite"
    )


def instance_steps(run: InstanceRun) -> Steps[dict[str, int]]:
    """Do all stages, and return the number of objects by class name.

    Raises
    ------
    PartlyDoneError
        At the end, when some blocks could not be read; earlier, when nothing can be written.
    """
    counts = load_counts(run.job)
    if counts is None:
        yield from _find_whole(run)
        with _nothing_left_of_a_mistake(run):
            yield from _label_blocks(run)
            write_offsets(run.job)
        yield from _join_blocks(run)
        counts = number_kinds(run.job, run.request.smallest)
        save_counts(run.job, counts)
    else:
        lost = [n for n in range(len(run.job.plan)) if not run.job.record(n).is_file()]
        run.unreadable |= dict.fromkeys(lost, "they could not be read")
        run.steps_done += 2 * len(run.job.plan)
    draft = run.folder.draft
    if not draft.exists():
        create_output(draft, run.job.kinds, counts, run.levels, run.request.volume, run.settings)
    yield from _write_ids(run)
    yield from _write_levels(run)
    if run.folder.out.suffix.lower() in TIFF_SUFFIXES:
        write_instances_tiff(run.folder.out, draft, run.job.kinds[0], run.request.volume)
        run.folder.remove()
    else:
        run.folder.finish()
    _report(run)
    names = [kind.name for kind in run.job.kinds]
    return dict(zip(names, counts, strict=True))


def _run_of_whole(run: InstanceRun, folder: Path) -> InstanceRun:
    """Begin or continue the run that finds whole objects."""
    request = replace(run.request, watershed=False, smallest=1)
    return begin_run(
        InstanceFolder(folder),
        request,
        request.settings(),
        resume=True,
        workers=run.workers,
        most_voxels=run.most_voxels,
    )


def _find_whole(run: InstanceRun) -> Steps[None]:
    """Find whole objects, and fill their holes where that is wanted, before they are split."""
    if run.job.whole is None or run.job.whole.exists():
        return
    inner = _run_of_whole(run, run.job.whole)
    with _nothing_left_of_a_mistake(run):
        try:
            yield from mapped(
                instance_steps(inner), lambda step: replace(step, what="finding whole objects")
            )
        except PartlyDoneError:
            if not run.job.whole.exists():
                raise


@contextmanager
def _nothing_left_of_a_mistake(run: InstanceRun) -> Iterator[None]:
    """Remove the folder of a run that can never be finished, or has done nothing yet."""
    try:
        yield
    except PartlyDoneError:
        raise
    except WorkersError:
        if run.steps_done == 0:
            run.folder.remove()
        raise
    except UserError:
        run.folder.remove()
        raise


def _label_blocks(run: InstanceRun) -> Steps[None]:
    """Find the components of each block that has no record yet."""
    job = run.job
    for kind in range(len(job.kinds)):
        if not is_zarr(job.provisional(kind)):  # a folder alone is what a full disk left
            create_array(job.provisional(kind).parent, str(kind), job.plan, np.uint32)
    todo = [n for n in range(len(job.plan)) if not job.record(n).is_file()]
    run.steps_done += len(job.plan) - len(todo)
    for number, result in run_tasks(partial(label_block, job), todo, run.workers):
        yield run.step("finding objects")
        if isinstance(result, Unwritable):
            raise PartlyDoneError(
                f"{run.folder.out} cannot be written ({result.reason}); "
                "make room, and repeat the command (--resume continues scsam instances)"
            )
        if isinstance(result, (TaskError, Unreadable)):
            run.unreadable[number] = result.reason
    if len(run.unreadable) == len(job.plan):
        raise UserError(f"no part of the labels could be read ({_reason(run)}); check the file")


def _join_blocks(run: InstanceRun) -> Steps[None]:
    """Find the labels that touch across blocks, for each block that has not looked yet."""
    job = run.job
    todo = [n for n in range(len(job.plan)) if not job.pairs(n).is_file()]
    for number, result in run_tasks(partial(join_block, job), todo, run.workers):
        yield run.step("joining blocks")
        _stop_at(run, number, result)


def _write_ids(run: InstanceRun) -> Steps[None]:
    draft = run.folder.draft
    todo = range(len(run.job.plan))
    yield from _write(run, "0", partial(renumber_block, run.job, draft), todo, "writing ids")


def _write_levels(run: InstanceRun) -> Steps[None]:
    jobs: Iterable[LevelJob] = level_jobs(run.folder.draft, run.job.kinds, run.levels)
    for stage, job in zip(counting(1), jobs, strict=False):
        function = partial(write_level_block, job)
        yield from _write(run, str(stage), function, range(len(job.plan)), "coarser levels")


def _write(
    run: InstanceRun, stage: str, function: Callable[[int], None], numbers: Iterable[int], what: str
) -> Steps[None]:
    """Do the tasks of a stage that are not done yet, and record each."""
    done = DoneList(run.folder.path / "done.txt")
    todo = [number for number in numbers if f"{stage}:{number}" not in done.done]
    for number, result in run_tasks(function, todo, run.workers):
        yield run.step(what)
        _stop_at(run, number, result)
        done.add(f"{stage}:{number}")


def _stop_at(run: InstanceRun, number: int, result: object) -> None:
    """Stop a run, which can be continued, at a block that could not be joined or written."""
    if isinstance(result, TaskError):
        raise PartlyDoneError(
            f"block {number} of {run.folder.out} could not be written ({result.reason}); "
            "mend that, then repeat the command with --resume"
        )


def _reason(run: InstanceRun) -> str:
    return next(iter(run.unreadable.values()))


def _report(run: InstanceRun) -> None:
    """Name the blocks in which nothing could be found.

    Raises
    ------
    PartlyDoneError
        When there are any.
    """
    if not run.unreadable:
        return
    places = [_place(run.job.plan, number) for number in sorted(run.unreadable)]
    named = "; ".join(places[:MOST_NAMED])
    if len(places) > MOST_NAMED:
        named += f"; and {len(places) - MOST_NAMED} more"
    raise PartlyDoneError(
        f"{len(places)} of {len(run.job.plan)} blocks could not be done and hold no objects "
        f"({named}: {_reason(run)}); the others are written, "
        "so mend the labels and start again with --overwrite"
    )


def _place(plan: BlockPlan, number: int) -> str:
    """Return a block in words, e.g. ``z 0–64, y 0–256, x 256–512``."""
    block = plan[number]
    sides = zip("zyx"[-len(plan.shape) :], block.start, block.stop, strict=True)
    return f"block {number}, " + ", ".join(f"{axis} {a}–{b}" for axis, a, b in sides)
