"""Embedding a whole volume ahead, so that every slice of it is at hand at once."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_scsam.config import UserError
from napari_scsam.infer.disk_cache import TRIM_TO, DiskCache
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.paths import CACHE_LIMIT_VARIABLE
from napari_scsam.steps import Progress, as_part

if TYPE_CHECKING:
    from napari_scsam.io.volumes import Volume
    from napari_scsam.model import ScSAM


def embed_volume(
    volume: Volume,
    model: ScSAM,
    disk: DiskCache | None,
    device: str = "auto",
    *,
    tta: bool = False,
) -> Generator[Progress, None, int]:
    """Keep the embeddings of every slice on disk; yields after each tile, and closing it stops.

    What is there already is not computed again, so a stopped run goes on where it was.

    Parameters
    ----------
    volume
        From `open_volume`.
    model
        From `load_checkpoint`.
    disk
        From `default_cache`.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    tta
        Keep all the views that tta segmenting looks at.

    Returns
    -------
    int
        Bytes that the cache now takes on disk.

    Raises
    ------
    UserError
        When there is no cache, it cannot be written, or it is too small for
        this volume; or when `tta` is asked of a network without classes.
    """
    if disk is None:
        raise UserError(
            f"the cache for embeddings is off; set {CACHE_LIMIT_VARIABLE} to the gigabytes that it may take"
        )
    if tta:
        model.config.need_classes()  # clicks are answered from the slice as it is
    predictor = Predictor(model, device, disk, tta=tta)
    contrast = measure_contrast(volume.data)
    for z in range(volume.depth):
        seen = predictor.seen(
            predictor.prepare(volume.plane(z), volume.voxel_size, contrast=contrast)
        )
        for number, view in enumerate(seen):
            counts = [
                len(predictor.tiles(each)) for each in seen
            ]  # more when tiles were halved for want of memory
            for step in as_part(
                predictor.cache_steps(view),
                z * sum(counts) + sum(counts[:number]),
                volume.depth * sum(counts),
            ):
                yield replace(step, what=f"slice {z}")
        check(
            disk,
            sum(predictor.encoder.bytes_on_disk(view.grid(predictor.load.tile)) for view in seen)
            * volume.depth,
        )
    yield Progress(volume.depth, volume.depth, "done")
    return disk.bytes()


def check(disk: DiskCache, needed: int) -> None:
    """Raise a `UserError` when the cache cannot be written, or has no room for so many bytes."""
    if disk.trouble:
        raise UserError(
            f"embeddings cannot be kept in {disk.root} ({disk.trouble}); make room there, or set NAPARI_SCSAM_CACHE"
        )
    if needed > TRIM_TO * disk.limit:
        raise UserError(
            f"the embeddings of this volume take about {needed / 1e9:.3g} GB, more than the cache may hold; "
            f"set {CACHE_LIMIT_VARIABLE}={math.ceil(needed / TRIM_TO / 1e9)} or more"
        )
