"""Which provisional labels of neighbouring blocks touch, from the faces in their records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.volume.blocks import Block, BlockPlan
from napari_scsam.volume.instances.basins import highest_saddles
from napari_scsam.volume.instances.holes import BACKGROUND_COMPONENT
from napari_scsam.volume.instances.job import InstanceJob
from napari_scsam.volume.instances.pairs import LabelPairs, distinct_pairs, shortened
from napari_scsam.volume.instances.record import BlockRecord, write_arrays


@dataclass(frozen=True)
class Layer:
    """One layer of voxels: labels counted over all blocks from 1 on, 0 for none, and values."""

    labels: NDArray[np.int64]
    values: NDArray[np.int64] | None = None
    """Of labels that are connected only within one value."""
    heights: NDArray[np.int64] | None = None
    """Distances to the background, of basins."""


def join_block(job: InstanceJob, number: int) -> None:
    """Write which labels of a block touch labels of the blocks before it, of each kind.

    Voxels that share a face, an edge or a corner touch, also those of blocks that are diagonal
    neighbours.
    """
    offsets = np.load(job.offsets(), mmap_mode="r")
    arrays: dict[str, LabelPairs] = {}
    for kind in range(len(job.kinds)):
        if offsets[kind, number + 1] == offsets[kind, number]:
            continue
        reader = Faces(job, kind, offsets[kind])
        axes = range(len(job.plan.shape))
        touching = [reader.touching_across(job.plan[number], axis) for axis in axes]
        if job.watershed:
            arrays[f"{kind}.saddles"] = highest_saddles(np.concatenate(touching))
            arrays[f"{kind}.pairs"] = reader.links_of(job.plan[number])
        else:
            arrays[f"{kind}.pairs"] = distinct_pairs(np.concatenate(touching))
        if job.fill_holes:
            beside = [reader.beside_across(job.plan[number], axis) for axis in axes]
            arrays[f"{kind}.beside"] = distinct_pairs(np.concatenate(beside))
    write_arrays(job.pairs(number), arrays)


def read_pairs(job: InstanceJob, kind: int, offsets: NDArray[np.int64]) -> LabelPairs:
    """Read the labels that are one object across a border of blocks, from what was written.

    Parameters
    ----------
    job, kind
        Whose labels.
    offsets
        Labels before each block.
    """
    found = [np.zeros((0, 2), np.int64)]
    for number in np.flatnonzero(np.diff(offsets)):
        with BlockRecord(job.pairs(int(number))) as record:
            found.append(record.array(kind, "pairs"))
    return np.concatenate(found)


def read_saddles(job: InstanceJob, kind: int, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Read where basins touch, inside blocks and across their borders: N×3, labels and height.

    Parameters
    ----------
    job, kind, offsets
        As in `read_pairs`.
    """
    found = [np.zeros((0, 3), np.int64)]
    for number in np.flatnonzero(np.diff(offsets)):
        with BlockRecord(job.record(int(number))) as record:
            inside = record.array(kind, "saddles")
        first = int(offsets[number]) - 1  # labels of a block begin at 1
        found.append(inside + np.array([first, first, 0]))
        with BlockRecord(job.pairs(int(number))) as record:
            found.append(record.array(kind, "saddles"))
    return np.concatenate(found)


def read_beside(job: InstanceJob, kind: int, offsets: NDArray[np.int64]) -> LabelPairs:
    """Read which objects are beside which background, inside blocks and across their borders.

    Parameters
    ----------
    job, kind, offsets
        As in `read_pairs`.
    """
    found = [np.zeros((0, 2), np.int64)]
    for number in np.flatnonzero(np.diff(offsets)):
        with BlockRecord(job.record(int(number))) as record:
            found.append(record.array(kind, "beside") + int(offsets[number]) - 1)
        with BlockRecord(job.pairs(int(number))) as record:
            found.append(record.array(kind, "beside"))
    return np.concatenate(found)


class Faces:
    """Reads the faces of blocks.

    Parameters
    ----------
    job, kind
        Whose records.
    offsets
        Labels before each block.
    """

    def __init__(self, job: InstanceJob, kind: int, offsets: NDArray[np.int64]) -> None:
        self._job = job
        self._kind = kind
        self._offsets = offsets

    def touching_across(self, block: Block, axis: int) -> NDArray[np.int64]:
        """Return the labels that touch across the lower face of a block, and of basins where."""
        columns = 3 if self._job.watershed else 2
        if block.position[axis] == 0:
            return np.zeros((0, columns), np.int64)
        own = self._face(block, f"low{axis}")
        if own is None:
            return np.zeros((0, columns), np.int64)
        other = self._layer_below(block, axis, own)
        return touching_labels(own, other)

    def beside_across(self, block: Block, axis: int) -> LabelPairs:
        """Return the pairs of an object and background that meet at the lower face of a block."""
        own = None
        below = None
        if block.position[axis] > 0:
            before = list(block.position)
            before[axis] -= 1
            neighbour = self._job.plan.at(before)
            own = self._face(block, f"low{axis}")
            below = None if neighbour is None else self._face(neighbour, f"high{axis}")
        if own is None or below is None or own.values is None or below.values is None:
            return np.zeros((0, 2), np.int64)
        own_is_empty = own.values == BACKGROUND_COMPONENT
        meet = own_is_empty != (below.values == BACKGROUND_COMPONENT)
        objects = np.where(own_is_empty, below.labels, own.labels)[meet]
        empty = np.where(own_is_empty, own.labels, below.labels)[meet]
        return distinct_pairs(np.stack([objects, empty], axis=1) - 1)

    def links_of(self, block: Block) -> LabelPairs:
        """Return the basins of a block that are continued in another one, each with that."""
        plan = self._job.plan
        with BlockRecord(self._job.record(block.number)) as record:
            leaves = record.array(self._kind, "leaves")
            places = record.array(self._kind, "places")[leaves]
        basins = np.flatnonzero(leaves) + int(self._offsets[block.number])
        voxels = np.stack(np.unravel_index(places, plan.shape), axis=1)
        positions = voxels // np.array(plan.sides)
        found = [np.zeros((0, 2), np.int64)]
        for position in np.unique(positions, axis=0):
            there = (positions == position).all(axis=1)
            neighbour = plan.at(position.tolist())
            if neighbour is None:
                continue
            labels = self._labels_at(neighbour, block, voxels[there])
            pairs = np.stack([basins[there], labels - 1], axis=1)
            found.append(pairs[labels > 0])
        return np.concatenate(found)

    def _labels_at(
        self, neighbour: Block, block: Block, voxels: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the labels of voxels of a neighbour that are beside a block."""
        steps = np.array(neighbour.position) - np.array(block.position)
        axis = int(np.flatnonzero(steps)[0])
        side = "low" if steps[axis] > 0 else "high"
        face = self._face(neighbour, f"{side}{axis}")
        if face is None:
            return np.zeros(len(voxels), np.int64)
        inside = np.delete(voxels - np.array(neighbour.start), axis, axis=1)
        found: NDArray[np.int64] = face.labels[tuple(inside.T)]
        return found

    def _layer_below(self, block: Block, axis: int, own: Layer) -> Layer:
        """Return the layer before the block, one voxel wider at each side, from its blocks."""
        shape = tuple(length + 2 for length in own.labels.shape)
        layer = Layer(
            np.zeros(shape, np.int64),
            None if own.values is None else np.zeros(shape, np.int64),
            None if own.heights is None else np.zeros(shape, np.int64),
        )
        for neighbour, target, source in _parts(self._job.plan, block, axis):
            face = self._face(neighbour, f"high{axis}")
            if face is None:
                continue
            layer.labels[target] = face.labels[source]
            if layer.values is not None and face.values is not None:
                layer.values[target] = face.values[source]
            if layer.heights is not None and face.heights is not None:
                layer.heights[target] = face.heights[source]
        return layer

    def _face(self, block: Block, name: str) -> Layer | None:
        """Read a face of a block; None when nothing of this kind is in the block."""
        offset = int(self._offsets[block.number])
        if int(self._offsets[block.number + 1]) == offset:
            return None
        values = None
        heights = None
        with BlockRecord(self._job.record(block.number)) as record:
            labels = record.array(self._kind, f"labels.{name}")
            if record.has(self._kind, "values"):
                values = _values(labels, record.array(self._kind, "values"))
            if self._job.watershed:
                heights = record.array(self._kind, f"heights.{name}").astype(np.int64)
        numbers = labels.astype(np.int64)
        return Layer(np.where(numbers > 0, numbers + offset, 0), values, heights)


def _values(labels: NDArray[Any], values: NDArray[Any]) -> NDArray[np.int64]:
    table = np.concatenate([[0], values.astype(np.int64)])
    found: NDArray[np.int64] = table[labels]
    return found


def _parts(
    plan: BlockPlan, block: Block, axis: int
) -> Iterator[tuple[Block, tuple[Any, ...], tuple[Any, ...]]]:
    """Return the blocks that the layer before a block is of, and which part of each."""
    for steps in product((-1, 0, 1), repeat=len(plan.shape) - 1):
        all_steps = (*steps[:axis], -1, *steps[axis:])
        neighbour = plan.at([p + s for p, s in zip(block.position, all_steps, strict=True)])
        if neighbour is None:
            continue
        target = tuple({-1: slice(0, 1), 0: slice(1, -1), 1: slice(-1, None)}[s] for s in steps)
        source = tuple({-1: slice(-1, None), 0: slice(None), 1: slice(0, 1)}[s] for s in steps)
        yield neighbour, target, source


def touching_labels(own: Layer, other: Layer) -> NDArray[np.int64]:
    """Return the labels that touch across two layers, N×2; of basins with the height, N×3.

    Parameters
    ----------
    own
        The lower layer of a block.
    other
        The layer before it, one voxel wider at each side.
    """
    found = []
    straight = (1,) * own.labels.ndim
    for steps in product((0, 1, 2), repeat=own.labels.ndim):
        where = tuple(
            slice(step, step + length) for step, length in zip(steps, own.labels.shape, strict=True)
        )
        touching = (own.labels > 0) & (other.labels[where] > 0)
        if own.values is not None and other.values is not None:
            touching &= own.values == other.values[where]
            if steps != straight:
                touching &= (
                    own.values != BACKGROUND_COMPONENT
                )  # it is connected through faces alone
        columns = [other.labels[where][touching] - 1, own.labels[touching] - 1]
        if own.heights is not None and other.heights is not None:
            lower = np.minimum(own.heights, other.heights[where])
            columns.append(lower[touching])
        found.append(shortened(np.stack(columns, axis=1)))
    pairs = np.concatenate(found)
    return pairs if own.heights is not None else distinct_pairs(pairs)
