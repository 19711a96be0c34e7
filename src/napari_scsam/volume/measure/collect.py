"""Measure all objects of a label image, block by block, and merge what was measured."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.steps import Progress, Steps
from napari_scsam.volume.blocks import Block, BlockPlan
from napari_scsam.volume.instances.source import LabelSource
from napari_scsam.volume.measure.extremes import Ends, EndsFile, longest_axes, merge_ends
from napari_scsam.volume.measure.parts import MeasuredPart, measure_part
from napari_scsam.volume.measure.seams import PlaneFile, seam_surfaces
from napari_scsam.volume.measure.spool import Spool
from napari_scsam.volume.measure.sums import ObjectSums, merge_sums, no_sums
from napari_scsam.volume.measure.surface import cell_weights
from napari_scsam.volume.workers import TaskError, Workers, run_tasks

MERGED_AT = 1 << 13
"""Parts of objects that wait before they are merged, unless a quarter of the objects is more."""

ENDS_AT_ONCE = 1 << 11
"""Parts whose ends wait before they are merged; each takes a kilobyte."""

Spacing = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Measured:
    """A label image, and the image of which it has labels."""

    labels: LabelSource
    image: LabelSource | None
    plan: BlockPlan
    """Of (Y, X) for a single slice, also where a file has it as a stack."""
    size: Spacing
    """Of a voxel along each axis of the plan."""


def measure_block(measured: Measured, block: Block) -> MeasuredPart:
    """Read a block and measure the objects in it."""
    values = read_part(measured.labels, block.slices)
    grey = None
    if measured.image is not None and values.any():
        grey = read_part(measured.image, block.slices)
    return measure_part(values, block, measured.plan.shape, measured.size, grey)


def read_part(source: LabelSource, where: tuple[slice, ...]) -> NDArray[Any]:
    """Read a part of a volume; of the only slice of a stack where two axes are given."""
    if len(where) == source.volume.ndim:
        return source.read(where)
    if len(where) > source.volume.ndim:
        return source.read(where[1:])[np.newaxis]
    part: NDArray[Any] = source.read((slice(0, 1), *where))[0]
    return part


def collect_sums(measured: Measured, workers: Workers = None, what: str = "") -> Steps[ObjectSums]:
    """Measure all objects of a label image.

    Parameters
    ----------
    measured
        The label image.
    workers
        As `run_tasks` takes it.
    what
        The name of the label image in progress.

    Raises
    ------
    UserError
        When a block cannot be measured.
    """
    plan = measured.plan
    yield Progress(0, len(plan), what)
    with Spool() as spool:
        gathered = _Gathered(measured, spool)
        task = partial(measure_block, measured)
        with closing(run_tasks(task, iter(plan), workers)) as results:
            for done, (block, part) in enumerate(results, start=1):
                if isinstance(part, TaskError):
                    raise UserError(part.reason)
                gathered.add(block, part)
                yield Progress(done, len(plan), what)
        return gathered.finish()


class _Gathered:
    """What was measured in the blocks that are done."""

    def __init__(self, measured: Measured, spool: Spool) -> None:
        self._measured = measured
        self._planes = PlaneFile(spool)
        self._ends = EndsFile(spool)
        self._parts = [no_sums(len(measured.size))]

    def add(self, block: Block, part: MeasuredPart) -> None:
        """Take up a block."""
        self._planes.add(block.position, part.planes)
        self._ends.add(part.ends)
        self._parts.append(part.sums)
        waiting = sum(map(len, self._parts[1:]))
        if waiting > max(MERGED_AT, len(self._parts[0]) // 4):
            self._parts = [merge_sums(self._parts)]

    def finish(self) -> ObjectSums:
        """Return the sums of whole objects."""
        sums = merge_sums(self._parts)
        return replace(sums, surface=self._surface(sums), longest=self._longest(sums))

    def _surface(self, sums: ObjectSums) -> NDArray[np.float64]:
        """Return surfaces with what lies between blocks."""
        surface = sums.surface.copy()
        plan = self._measured.plan
        weights = cell_weights(self._measured.size)
        for block in plan:
            for ids, areas in seam_surfaces(plan, block, self._planes, weights):
                surface[np.searchsorted(sums.ids, ids)] += areas
        return surface

    def _longest(self, sums: ObjectSums) -> NDArray[np.float64]:
        """Return longest axes, also of objects in several blocks; a few thousand at a time."""
        longest = sums.longest.copy()
        size = self._measured.size
        several = np.flatnonzero(sums.parts > 1)
        for rows, file in self._ends.divided(sums.ids, several, ENDS_AT_ONCE):
            waiting: list[Ends] = []
            for ends in file.read():
                waiting.append(ends.of(sums.ids[rows]))
                if sum(len(part.ids) for part in waiting[1:]) > ENDS_AT_ONCE:
                    waiting = [merge_ends(waiting, size)]
            longest[rows] = longest_axes(merge_ends(waiting, size), size)
        return longest
