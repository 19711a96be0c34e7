"""Blocks that cover a volume: the parts in which it is read, computed and written.

A block is made of whole chunks of the file, so that each chunk is decoded once. It is as close to a
cube as these allow. A plan computes its blocks when they are asked for: one of 10⁷ blocks takes no
more memory than one of ten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, prod

MOST_BLOCK_VOXELS = 2**24
"""Voxels of a block: 16 Mi, e.g. 256 × 256 × 256."""

CHUNK_SIDE = 64
"""Longest side of a chunk of what is written block by block."""

SHORTEST_SIDE = 16
"""Shortest side of such a chunk, unless the block is shorter."""


@dataclass(frozen=True)
class Block:
    """A part of a volume."""

    number: int
    """Its place in the plan, from 0 on."""
    position: tuple[int, ...]
    """Its place in the grid of blocks."""
    start: tuple[int, ...]
    """First voxel."""
    stop: tuple[int, ...]
    """The voxel behind the last one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return tuple(last - first for first, last in zip(self.start, self.stop, strict=True))

    @property
    def slices(self) -> tuple[slice, ...]:
        """Where it is in the volume."""
        return tuple(map(slice, self.start, self.stop))

    def grown(self, halo: int | Sequence[int], shape: Sequence[int]) -> tuple[slice, ...]:
        """Return where it is with `halo` more voxels at each side, inside a volume of `shape`."""
        halos = halo
        if isinstance(halos, int):
            halos = [halos] * len(self.start)
        return tuple(
            slice(max(0, first - more), min(length, last + more))
            for first, last, more, length in zip(self.start, self.stop, halos, shape, strict=True)
        )


@dataclass(frozen=True)
class BlockPlan(Sequence[Block]):
    """All blocks of a volume, in reading order."""

    shape: tuple[int, ...]
    """Of the volume."""
    sides: tuple[int, ...]
    """Of a block; the last one along an axis may be shorter."""

    @property
    def counts(self) -> tuple[int, ...]:
        """Blocks along each axis."""
        return tuple(
            ceil(length / side) for length, side in zip(self.shape, self.sides, strict=True)
        )

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of chunks for what is written block by block: none is in two blocks."""
        return tuple(map(_chunk_side, self.sides, self.shape))

    def __len__(self) -> int:
        return prod(self.counts)

    def __getitem__(self, number: int) -> Block:  # type: ignore[override]  # no ranges
        if not 0 <= number < len(self):
            raise IndexError(f"block {number} of {len(self)}")
        position: list[int] = []
        left = number
        for count in reversed(self.counts):
            position.insert(0, left % count)
            left //= count
        return self._block(number, tuple(position))

    def __iter__(self) -> Iterator[Block]:
        return (self[number] for number in range(len(self)))

    def at(self, position: Sequence[int]) -> Block | None:
        """Return the block at a place in the grid; None outside of the volume."""
        number = 0
        for place, count in zip(position, self.counts, strict=True):
            if not 0 <= place < count:
                return None
            number = number * count + place
        return self._block(number, tuple(position))

    def _block(self, number: int, position: tuple[int, ...]) -> Block:
        start = tuple(p * side for p, side in zip(position, self.sides, strict=True))
        stop = tuple(
            min(first + side, length)
            for first, side, length in zip(start, self.sides, self.shape, strict=True)
        )
        return Block(number, position, start, stop)


def plan_blocks(
    shape: Sequence[int],
    chunks: Sequence[int] | None = None,
    *,
    most_voxels: int = MOST_BLOCK_VOXELS,
) -> BlockPlan:
    """Return blocks that cover a volume.

    Parameters
    ----------
    shape
        (Y, X) or (Z, Y, X).
    chunks
        Of the file: blocks are made of whole chunks, unless one chunk alone is too large. None
        when any part can be read by itself.
    most_voxels
        Of a block.

    Returns
    -------
    BlockPlan
        Blocks in reading order.
    """
    lengths = tuple(map(int, shape))
    units = (1,) * len(lengths) if chunks is None else tuple(map(int, chunks))
    sides = [min(unit, length) for unit, length in zip(units, lengths, strict=True)]
    if prod(sides) > most_voxels:
        return BlockPlan(lengths, _halved(sides, most_voxels))
    return BlockPlan(lengths, _grown(sides, lengths, most_voxels))


def _halved(sides: list[int], most_voxels: int) -> tuple[int, ...]:
    """Halve the longest side until a block is small enough."""
    while prod(sides) > most_voxels and max(sides) > 1:
        longest = sides.index(max(sides))
        sides[longest] = ceil(sides[longest] / 2)
    return tuple(sides)


def _grown(sides: list[int], lengths: Sequence[int], most_voxels: int) -> tuple[int, ...]:
    """Double the shortest side that may grow, to the end of the volume at most."""
    open_axes = {axis for axis, side in enumerate(sides) if side < lengths[axis]}
    while open_axes:
        axis = min(open_axes, key=lambda a: (sides[a], a))
        side = min(2 * sides[axis], lengths[axis])
        if prod(sides) // sides[axis] * side > most_voxels:
            open_axes.discard(axis)
            continue
        sides[axis] = side
        if side == lengths[axis]:
            open_axes.discard(axis)
    return tuple(sides)


def _chunk_side(side: int, length: int) -> int:
    """Return the side of a chunk, which divides that of the blocks unless there is but one."""
    if side >= length:
        return min(CHUNK_SIDE, length)
    fitting = [n for n in range(SHORTEST_SIDE, CHUNK_SIDE + 1) if side % n == 0]
    return max(fitting, default=side)
