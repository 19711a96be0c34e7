"""What a run will take, before it starts: tiles, time and memory, from a tile that is measured."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from math import ceil

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.infer.predictor import Predictor
from napari_scsam.infer.prepared_slice import Slice, zoomed
from napari_scsam.infer.tiling import HALO, tile_grid
from napari_scsam.io.slabs import SLAB_BYTES
from napari_scsam.io.volumes import Volume
from napari_scsam.steps import drive, in_words
from napari_scsam.volume.labelling import is_flat
from napari_scsam.volume.run_plan import RunPlan
from napari_scsam.volume.three_axes import CUBE_AXES, LONGEST_SIDE, plan_cubes

FLOAT = 4
"""Bytes of a logit."""

MAPS = 2
"""Copies of the logits of a slice: as they are computed, and as they become labels."""


@dataclass(frozen=True)
class Estimate:
    """What a run will take."""

    slices: int
    tiles: int
    """Of all slices, in all views."""
    seconds: float
    peak_bytes: int
    """Memory of a process at its peak."""

    def __str__(self) -> str:
        return (
            f"{self.slices} slices, {self.tiles} tiles: about {in_words(self.seconds)}, "
            f"and {self.peak_bytes / 1e9:.1f} GB of memory"
        )


def count_tiles(volume: Volume, predictor: Predictor, plan: RunPlan) -> int:
    """Return the tiles of a run, in all views; of the volume nothing is read."""
    if plan.axes == CUBE_AXES:
        return sum(_tiles_of_views(predictor, *each) for each in _pictures(volume, predictor, plan))
    shape = _window_shape(plan)
    if plan.mask is None:
        tiles = _tiles_of_views(predictor, shape, predictor.zoom_for(volume.pixel_size))
        return tiles * len(plan.slices)
    zoom = predictor.zoom_for(volume.pixel_size)
    wanted = (plan.mask.wanted(z, plan.reach, plan.window) for z in plan.slices)
    return sum(_tiles_of_views(predictor, shape, zoom, inside) for inside in wanted)


def _tiles_of_views(
    predictor: Predictor,
    shape: tuple[int, int],
    zoom: tuple[float, float],
    wanted: NDArray[np.bool_] | None = None,
) -> int:
    """Return the tiles of a picture that are computed, in all views."""
    total = 0
    for view in predictor.views:
        seen = zoomed(shape, (zoom[0] * view.zoom, zoom[1] * view.zoom))
        tiles = tile_grid(seen, predictor.batch_limits.tile, HALO)
        grey = np.broadcast_to(np.float32(0), seen)
        slice_ = Slice("", shape, grey, wanted=view.of_mask(wanted))
        total += sum(map(slice_.needs, tiles))
    return total


def _pictures(
    volume: Volume, predictor: Predictor, plan: RunPlan
) -> Iterator[tuple[tuple[int, int], tuple[float, float]]]:
    """Yield the shape and the zoom of each picture of a run along three axes."""
    zoom = min(predictor.zoom_for(volume.pixel_size))
    cubes = plan_cubes(volume.depth, plan.window, zoom)
    size = volume.voxel_size or (1.0, 1.0, 1.0)
    wanted = set(plan.slices)
    for layer in cubes.layers:
        if not wanted.intersection(layer):
            continue
        for block in cubes.blocks(layer):
            if plan.mask is not None and not plan.mask.reaches(block):
                continue
            lengths = [side.stop - side.start for side in cubes.grown(block)]
            for axis, side in enumerate(block):
                shape = tuple(length for n, length in enumerate(lengths) if n != axis)
                sides = [nm for n, nm in enumerate(size) if n != axis]
                picture = (shape[0], shape[1]), predictor.zoom_for(sides)
                yield from repeat(picture, side.stop - side.start)


def estimate_run(
    volume: Volume, predictor: Predictor, plan: RunPlan, workers: int = 1
) -> Estimate | None:
    """Measure a tile in the middle of a volume, and return what all of them will take.

    None when that tile shows nothing, or cannot be read.

    Parameters
    ----------
    volume
        The image.
    predictor
        With the network, its device and its views.
    plan
        What is labelled.
    workers
        Processes that share the work.
    """
    seconds = measure_tile(volume, predictor, plan)
    if seconds is None:
        return None
    tiles = count_tiles(volume, predictor, plan)
    return Estimate(
        len(plan.slices), tiles, seconds * tiles / workers, peak_bytes(volume, predictor, plan)
    )


def measure_tile(volume: Volume, predictor: Predictor, plan: RunPlan) -> float | None:
    """Return the seconds that a tile takes; None when it shows nothing or cannot be read."""
    zoom = predictor.zoom_for(volume.pixel_size)
    rows, columns = plan.window
    height, width = (ceil(predictor.batch_limits.tile / side) for side in zoom)
    y = max(rows.start, (rows.start + rows.stop - height) // 2)
    x = max(columns.start, (columns.start + columns.stop - width) // 2)
    z = plan.slices[len(plan.slices) // 2]
    place = (slice(y, min(y + height, rows.stop)), slice(x, min(x + width, columns.stop)))
    try:
        tile = np.asarray(volume.data[place if volume.ndim == 2 else (z, *place)])
    except UserError:
        return None
    if is_flat(tile):
        return None
    predictor.set_image(tile, volume.pixel_size)
    times = []
    for _ in range(2):  # the first one prepares what all others use
        predictor.embeddings.clear()
        predictor.slice.logits.clear()
        start = time.perf_counter()
        drive(predictor.logits_steps())
        times.append(time.perf_counter() - start)
    count = len(predictor.tiles()) * len(predictor.views)
    return min(times) / count


def peak_bytes(volume: Volume, predictor: Predictor, plan: RunPlan) -> int:
    """Return the memory that a process takes at its peak, roughly: what it has, and its maps."""
    classes = len(predictor.classes)
    height, width = _window_shape(plan)
    pixels = height * width
    if plan.axes == CUBE_AXES:
        return _bytes_now() + FLOAT * (MAPS * classes + 2) * max(LONGEST_SIDE**3, pixels)
    zoom = predictor.zoom_for(volume.pixel_size)
    largest = max(view.zoom for view in predictor.views)
    seen = int(pixels * zoom[0] * zoom[1] * largest**2)
    maps = FLOAT * (classes + 2) * seen + FLOAT * classes * pixels * MAPS
    if plan.average_z:
        maps += FLOAT // 2 * classes * pixels * 3
    slab = min(SLAB_BYTES, volume.data.nbytes)
    return _bytes_now() + maps + slab


def _window_shape(plan: RunPlan) -> tuple[int, int]:
    rows, columns = plan.window
    return rows.stop - rows.start, columns.stop - columns.start


def _bytes_now() -> int:
    """Return the most memory that this process has had; 0 on systems that do not say."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
