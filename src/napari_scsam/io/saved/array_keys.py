"""What a numpy index means: a box of an array, or a list of points in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ArrayIndex = tuple[int, ...]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class BoxKey:
    """A box, perhaps with steps along its axes, perhaps with axes that numpy drops."""

    start: tuple[int, ...]
    stop: tuple[int, ...]
    steps: tuple[int, ...]
    dropped: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole box."""
        return tuple(max(0, b - a) for a, b in zip(self.start, self.stop, strict=True))

    @property
    def value_shape(self) -> tuple[int, ...]:
        """The shape that numpy returns, when `contiguous`."""
        return tuple(n for axis, n in enumerate(self.shape) if axis not in self.dropped)

    @property
    def contiguous(self) -> bool:
        """Whether every voxel of the box is indexed."""
        return all(step == 1 for step in self.steps)

    def finish(self, box: NDArray[Any]) -> NDArray[Any]:
        """Return the indexed voxels of the box, in the shape that numpy returns."""
        keys: list[int | slice] = [slice(None, None, step) for step in self.steps]
        for axis in self.dropped:
            keys[axis] = 0
        values: NDArray[Any] = box[tuple(keys)]
        return values

    def points(self) -> VoxelKey:
        """Return the indexed voxels one by one."""
        axes = [
            np.arange(a, b, s) for a, b, s in zip(self.start, self.stop, self.steps, strict=True)
        ]
        shape = tuple(len(values) for axis, values in enumerate(axes) if axis not in self.dropped)
        return VoxelKey(tuple(grid.reshape(shape) for grid in np.meshgrid(*axes, indexing="ij")))


@dataclass(frozen=True, eq=False)
class VoxelKey:
    """Voxels one by one: an array of indices for each axis, all of one shape."""

    indices: tuple[NDArray[np.intp], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that numpy returns."""
        return self.indices[0].shape

    def by_block(
        self, chunks: Sequence[int]
    ) -> Iterator[tuple[ArrayIndex, tuple[Indices, ...], Any]]:
        """Sort the points by chunk.

        Yields
        ------
        block
            The position of a chunk.
        inside
            The indices in the chunk, one array for each axis.
        chosen
            Which of the points these are.
        """
        flat = [axis.reshape(-1) for axis in self.indices]
        if not flat[0].size:
            return
        blocks = [axis // chunk for axis, chunk in zip(flat, chunks, strict=True)]
        for block, chosen in _group(blocks):
            inside = tuple(
                axis[chosen] - position * chunk
                for axis, position, chunk in zip(flat, block, chunks, strict=True)
            )
            yield block, inside, chosen


def _group(blocks: Sequence[Indices]) -> Iterator[tuple[ArrayIndex, Any]]:
    """Yield each position that occurs, and an index of the points that have it."""
    low = [int(axis.min()) for axis in blocks]
    high = [int(axis.max()) for axis in blocks]
    if low == high:  # the usual case: an edit of one slice; no copies, no sorting
        yield tuple(low), slice(None)
        return
    spans = tuple(b - a + 1 for a, b in zip(low, high, strict=True))
    numbers = np.ravel_multi_index(tuple(b - a for a, b in zip(low, blocks, strict=True)), spans)
    order = np.argsort(numbers, kind="stable")
    found, firsts = np.unique(numbers[order], return_index=True)
    for number, chosen in zip(found, np.split(order, firsts[1:]), strict=True):
        position = np.unravel_index(number, spans)
        yield tuple(int(b) + a for b, a in zip(position, low, strict=True)), chosen


def parse_key(key: Any, shape: Sequence[int]) -> BoxKey | VoxelKey:
    """Read an index.

    Parameters
    ----------
    key
        Integers, slices and ``...``; or one array or integer for each axis; or one boolean mask.
    shape
        Of the array.

    Raises
    ------
    IndexError
        When an index is outside the array, or slices are mixed with arrays.
    """
    if isinstance(key, np.ndarray) and key.dtype == bool and key.shape == tuple(shape):
        return VoxelKey(np.nonzero(key))
    if not isinstance(key, tuple):
        key = (key,)
    keys = _expand(key, len(shape))
    if not any(isinstance(k, np.ndarray | list) and np.ndim(k) for k in keys):
        return _region(keys, shape)
    if any(isinstance(k, slice) for k in keys):
        raise IndexError(
            "slices mixed with arrays of indices are not supported; give an array for each axis"
        )
    arrays = np.broadcast_arrays(*(np.asarray(k, np.intp) for k in keys))
    return VoxelKey(tuple(_inside(axis, size) for axis, size in zip(arrays, shape, strict=True)))


def _expand(keys: tuple[Any, ...], ndim: int) -> list[Any]:
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    after = keys[at + 1 :]
    free = ndim - at - len(after)
    if free < 0:
        raise IndexError(f"{len(keys)} indices for {ndim} axes")
    return [*keys[:at], *[slice(None)] * free, *after]


def _region(keys: Sequence[Any], shape: Sequence[int]) -> BoxKey:
    spans: list[tuple[int, int, int]] = []
    dropped: list[int] = []
    for axis, (key, size) in enumerate(zip(keys, shape, strict=True)):
        if isinstance(key, slice):
            spans.append(key.indices(size))
            if spans[-1][2] < 1:
                raise IndexError("slices that run backwards are not supported")
        else:
            index = int(_inside(np.asarray(key, np.intp), size))
            spans.append((index, index + 1, 1))
            dropped.append(axis)
    start, stop, steps = zip(*spans, strict=True)
    return BoxKey(start, stop, steps, tuple(dropped))


def _inside(index: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Count negative indices from the end."""
    if index.size and (index.min() < -size or index.max() >= size):
        raise IndexError(f"an index is outside an axis of {size}")
    return np.where(index < 0, index + size, index)
