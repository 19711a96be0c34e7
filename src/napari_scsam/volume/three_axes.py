"""Labels of isotropic volumes from slices along z, y and x, whose logits are averaged.

The volume is computed layer by layer, and a layer block by block. A block is read with its
surroundings and cut into pictures along each axis. Logits of a layer wait in a temporary file until
its slices are labelled as a whole. So memory does not grow with the volume.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, pairwise, product
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.infer.tiling import EMPTY_LOGIT, HALO
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.objects.boxes import Box3D
from napari_scsam.steps import drive
from napari_scsam.volume.answer import Answer, Working
from napari_scsam.volume.probabilities import probability_bytes
from napari_scsam.volume.setup import Setup
from napari_scsam.volume.writing.ledger import pixels_hash

CUBE_AXES = 3

LONGEST_SIDE = 256
"""Voxels of a block along each axis, without its surroundings."""

THINNEST = 32
"""Voxels along each axis that a volume needs, to be seen along all three."""

MOST_ANISOTROPIC = 1.2
"""The longest side of a voxel by the shortest, up to which slices look alike along all axes."""


def check_isotropic(shape: Sequence[int], voxel_size: VoxelSize | None) -> None:
    """Check that slices of a volume look alike along its three axes.

    Raises
    ------
    UserError
        When they do not, when the volume is too thin, or when its voxel size is not known.
    """
    if len(shape) != CUBE_AXES or min(shape) < THINNEST:
        raise UserError(
            f"three axes need at least {THINNEST} voxels along each of them; leave out --axes"
        )
    if voxel_size is None:
        raise UserError("three axes need the size of the voxels; set it with --voxel-size")
    if max(voxel_size) > MOST_ANISOTROPIC * min(voxel_size):
        z, y, x = voxel_size
        raise UserError(
            f"voxels of {z:g} × {y:g} × {x:g} nm show other pictures along each axis; "
            "leave out --axes"
        )


@dataclass(frozen=True)
class CubePlan:
    """Blocks of a run along three axes; they do not depend on which slices are wanted."""

    depth: int
    """Slices of the volume."""
    window: tuple[slice, slice]
    """Rows and columns that are labelled."""
    halo: int
    """Voxels around a block that are seen with it."""

    @property
    def layers(self) -> list[range]:
        """The slices of each layer."""
        return _parts(range(self.depth))

    def layer_of(self, z: int) -> range:
        """Return the layer of a slice."""
        return next(layer for layer in self.layers if z in layer)

    def seen_with(self, layer: range) -> range:
        """Return the slices that are seen with those of a layer."""
        first = max(0, layer.start - self.halo)
        return range(first, min(self.depth, layer.stop + self.halo))

    def blocks(self, layer: range) -> Iterator[Box3D]:
        """Yield the blocks of a layer."""
        sides = [_parts(range(side.start, side.stop)) for side in self.window]
        for rows, columns in product(*sides):
            yield _as_slice(layer), _as_slice(rows), _as_slice(columns)

    def grown(self, block: Box3D) -> Box3D:
        """Return a block with its surroundings."""
        limits = (slice(0, self.depth), *self.window)
        z, y, x = (
            slice(max(limit.start, side.start - self.halo), min(limit.stop, side.stop + self.halo))
            for side, limit in zip(block, limits, strict=True)
        )
        return z, y, x


def plan_cubes(depth: int, window: tuple[slice, slice], zoom: float) -> CubePlan:
    """Return the blocks of a run along three axes.

    Parameters
    ----------
    depth
        Slices of the volume.
    window
        Rows and columns that are labelled.
    zoom
        Pixels of the network for one voxel.
    """
    return CubePlan(depth, window, ceil(HALO / zoom))


def _parts(whole: range) -> list[range]:
    """Divide a side evenly."""
    count = ceil(len(whole) / LONGEST_SIDE)
    ends = [whole.start + round(len(whole) * n / count) for n in range(count + 1)]
    return [range(first, last) for first, last in pairwise(ends)]


def _as_slice(part: range) -> slice:
    return slice(part.start, part.stop)


class FileArray:
    """An array in a temporary file, which goes when nothing refers to it.

    Parameters
    ----------
    shape
        Of the array.
    dtype
        Of its values.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype
        self._file = tempfile.TemporaryFile(prefix="scsam-")  # noqa: SIM115  # as long as self
        weakref.finalize(self, self._file.close)
        size = prod(shape) * dtype.itemsize
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._file.fileno(), 0, size)  # a full disk shows here
        else:
            self._file.truncate(size)

    def open(self) -> NDArray[Any]:
        """Return the array; its memory is released when it is dropped."""
        return np.memmap(self._file, self.dtype, "r+", shape=self.shape)


@dataclass(frozen=True)
class LayerLogits:
    """Slices that are computed together."""

    slices: range
    logits: FileArray
    """K×D×Y×X of the competing classes, float16."""
    hashes: dict[int, str]
    """`pixels_hash` of the slices that could be read."""


def answers_of_three_axes(
    setup: Setup, wanted: Sequence[int]
) -> Generator[Answer | Working | None, None, None]:
    """Compute slices in order, by the mean of logits along three axes.

    Parameters
    ----------
    setup
        With the volume, the network and the plan.
    wanted
        Slices; those of their layers are computed, too.

    Yields
    ------
    Answer, Working or None
        As `Labelling.answers`.
    """
    plan = plan_of_setup(setup)
    for layer, slices in groupby(wanted, plan.layer_of):
        computed = yield from compute_layer(setup, plan, layer)
        for z in slices:
            yield answer_of_layer(setup, computed, z)


def plan_of_setup(setup: Setup) -> CubePlan:
    """Return the blocks of a run along three axes."""
    zoom = min(setup.predictor.zoom_for(setup.source.pixel_size))
    return plan_cubes(setup.source.depth, setup.plan.window, zoom)


def bytes_of_layer(setup: Setup, plan: CubePlan, layer: range) -> int:
    """Return the bytes of temporary files that the logits of a layer need."""
    rows, columns = plan.window
    pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
    logits = len(setup.predictor.competing(setup.requested)) * len(layer) * 2
    voxels = len(plan.seen_with(layer)) * np.dtype(setup.source.dtype).itemsize
    size: int = pixels * (logits + voxels)
    return size


def compute_layer(
    setup: Setup, plan: CubePlan, layer: range
) -> Generator[Working, None, LayerLogits]:
    """Compute the logits of a layer of slices, block by block."""
    voxels, hashes = yield from _read_layer(setup, plan, layer)
    names = [spec.name for spec in setup.predictor.competing(setup.requested)]
    rows, columns = plan.window
    shape = (len(names), len(layer), rows.stop - rows.start, columns.stop - columns.start)
    logits = FileArray(shape, np.dtype(np.float16))
    blocks = list(plan.blocks(layer))
    total = sum(_pictures(block) for block in blocks)
    done = 0
    first = plan.grown(blocks[0])[0].start
    for block in blocks:
        place = _moved(block, (layer.start, rows.start, columns.start))
        if setup.plan.mask is not None and not setup.plan.mask.reaches(block):
            logits.open()[(slice(None), *place)] = EMPTY_LOGIT
            done += _pictures(block)
            continue
        grown = plan.grown(block)
        seen = np.array(voxels.open()[_moved(grown, (first, rows.start, columns.start))])
        core = _moved(block, tuple(side.start for side in grown))
        total_logits = np.zeros((len(names), *(s.stop - s.start for s in core)), np.float32)
        for axis in range(CUBE_AXES):
            for picture in range(core[axis].start, core[axis].stop):
                yield Working(done, total)
                _add(setup, names, seen, core, axis, picture, total_logits)
                done += 1
        logits.open()[(slice(None), *place)] = total_logits / CUBE_AXES
    return LayerLogits(layer, logits, hashes)


def _add(
    setup: Setup,
    names: Sequence[str],
    seen: NDArray[Any],
    core: Box3D,
    axis: int,
    picture: int,
    total: NDArray[np.float32],
) -> None:
    """Add the logits of one picture of a block to those of the others."""
    place: list[Any] = [slice(None), *(slice(None) for _ in core)]
    place[axis + 1] = picture - core[axis].start
    plane = np.take(seen, picture, axis)
    if not plane.size or plane.min() == plane.max():
        total[tuple(place)] += EMPTY_LOGIT
        return
    predictor = setup.predictor
    size = setup.source.voxel_size
    sides = None if size is None else [side for n, side in enumerate(size) if n != axis]
    predictor.forget_embeddings()  # each picture is seen once; keeping them would fill memory
    predictor.set_slice(predictor.prepare(plane, sides, contrast=setup.contrast))
    logits = drive(predictor.logits_steps(names))
    inside = tuple(side for n, side in enumerate(core) if n != axis)
    total[tuple(place)] += logits[(slice(None), *inside)]


def _read_layer(
    setup: Setup, plan: CubePlan, layer: range
) -> Generator[Working, None, tuple[FileArray, dict[int, str]]]:
    """Read the slices of a layer and around it into a file; damaged ones are empty there."""
    reach = plan.grown((_as_slice(layer), *plan.window))[0]
    rows, columns = plan.window
    shape = (reach.stop - reach.start, rows.stop - rows.start, columns.stop - columns.start)
    voxels = FileArray(shape, np.dtype(setup.source.dtype))
    hashes = {}
    for z in range(reach.start, reach.stop):
        yield Working(z - reach.start, reach.stop - reach.start, f"reading slice {z}")
        try:
            plane = setup.source.plane(z)[plan.window]
        except DamagedPartError as error:
            if z in layer:
                setup.damaged[z] = error  # it costs its slice, and no other
            continue
        voxels.open()[z - reach.start] = plane
        hashes[z] = pixels_hash(plane)
    return voxels, hashes


def answer_of_layer(setup: Setup, layer: LayerLogits, z: int) -> Answer | None:
    """Return what becomes of a slice of a layer; None for one that could not be read."""
    if z not in layer.hashes:
        return None
    predictor = setup.predictor
    requested = setup.requested
    competing = predictor.competing(requested)
    size = setup.source.pixel_size

    def logits() -> NDArray[np.float32]:
        return np.array(layer.logits.open()[:, z - layer.slices.start], np.float32)

    def labels() -> NDArray[Any]:
        return predictor.labels_from_logits(logits(), competing, requested, pixel_size=size)

    def probabilities(rows: Sequence[int]) -> NDArray[np.uint8]:
        return probability_bytes(logits(), rows, predictor.rows_by_network(competing))

    rows = [competing.index(spec) for spec in requested]
    return Answer(z, layer.hashes[z], labels, partial(probabilities, rows))


def _pictures(block: Box3D) -> int:
    """Return how many pictures a block is cut into, along all axes."""
    return sum(side.stop - side.start for side in block)


def _moved(box: Box3D, origin: Sequence[int]) -> Box3D:
    """Return a box as it lies in an array that begins elsewhere."""
    z, y, x = (
        slice(side.start - first, side.stop - first)
        for side, first in zip(box, origin, strict=True)
    )
    return z, y, x
