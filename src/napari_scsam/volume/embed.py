"""Embedding a whole volume ahead, so that every slice of it is at hand at once."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING

from napari_scsam.config import Progress, UserError
from napari_scsam.data.preprocess import measure_contrast
from napari_scsam.infer.disk_cache import LIMIT_VARIABLE, TRIM_TO, DiskCache
from napari_scsam.infer.predictor import Predictor

if TYPE_CHECKING:
    from napari_scsam.data.volumes import Volume
    from napari_scsam.model import ScSAM


def embed_volume(volume: Volume, model: ScSAM, disk: DiskCache | None, device: str = "auto") -> Generator[Progress, None, int]:
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

    Returns
    -------
    int
        Bytes that the cache now takes on disk.

    Raises
    ------
    UserError
        When there is no cache, it cannot be written, or it is too small for this volume.
    """
    if disk is None:
        raise UserError(f"the cache for embeddings is off; set {LIMIT_VARIABLE} to the gigabytes that it may take")
    predictor, contrast = Predictor(model, device, disk), measure_contrast(volume.data)
    for z in range(volume.depth):
        slice_ = predictor.prepare(volume.plane(z), volume.voxel_size, contrast=contrast)
        for step in predictor.keep_steps(slice_):
            yield Progress(z * step.total + step.done, volume.depth * step.total, f"slice {z}")
        check(disk, predictor.encoder.bytes_on_disk(slice_.grid(predictor.load.tile)) * volume.depth)
    yield Progress(volume.depth, volume.depth, "done")
    return disk.bytes()


def check(disk: DiskCache, needed: int) -> None:
    """Raise a `UserError` when the cache cannot be written, or has no room for so many bytes."""
    if disk.trouble:
        raise UserError(f"embeddings cannot be kept in {disk.root} ({disk.trouble}); make room there, or set NAPARI_SCSAM_CACHE")
    if needed > TRIM_TO * disk.limit:
        raise UserError(
            f"the embeddings of this volume take about {needed / 1e9:.3g} GB, more than the cache may hold; "
            f"set {LIMIT_VARIABLE}={math.ceil(needed / TRIM_TO / 1e9)} or more"
        )
