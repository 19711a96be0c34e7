"""Embedding a whole volume in advance, so that any slice of it is segmented at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_scsam.config import UserError
from napari_scsam.infer.disk_cache import TRIM_TO, DiskCache
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.slabs import with_slabs
from napari_scsam.paths import CACHE_LIMIT_VARIABLE
from napari_scsam.steps import Progress, Steps, as_part, mapped

if TYPE_CHECKING:
    from napari_scsam.infer.prepared_slice import Slice
    from napari_scsam.io.volumes import Volume
    from napari_scsam.model import ScSAM


def embed_volume(
    volume: Volume,
    model: ScSAM,
    disk: DiskCache | None,
    device: str = "auto",
    *,
    tta: bool = False,
) -> Steps[int]:
    """Cache the embeddings of every slice on disk; yields after each tile, and closing it stops.

    Embeddings in the cache are not computed again, so a stopped run resumes.

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
        Cache all the views that segmenting with test-time augmentation needs.

    Returns
    -------
    int
        Bytes that the cache now takes on disk.

    Raises
    ------
    UserError
        When there is no cache, it cannot be written, or it is too small for this volume; when
        `tta` is asked of a network without classes; or when the network was imported.
    """
    if model.config.classes_only:
        raise UserError(
            "nothing of an imported network is kept; segment the volume at once, "
            "or choose a ScSAM checkpoint"
        )
    if disk is None:
        raise UserError(
            f"the cache for embeddings is off; set {CACHE_LIMIT_VARIABLE} to its size in gigabytes"
        )
    if tta:
        model.config.need_classes()  # clicks are answered from the slice as it is
    predictor = Predictor(model, device, disk, tta=tta)
    volume = with_slabs(volume)
    contrast = measure_contrast(volume.data)
    for z in range(volume.depth):
        slice_ = predictor.prepare(volume.plane(z), volume.pixel_size, contrast=contrast)
        views = predictor.augmented(slice_)
        yield from _embed_slice(predictor, views, z, volume.depth)
        check_cache(disk, _bytes_on_disk(predictor, views) * volume.depth)
    yield Progress(volume.depth, volume.depth, "done")
    return disk.bytes()


def _embed_slice(predictor: Predictor, views: Sequence[Slice], z: int, depth: int) -> Steps[None]:
    """Cache the views of slice `z` of `depth`, and count their tiles as a part of the volume's."""

    def name_slice(step: Progress) -> Progress:
        return replace(step, what=f"slice {z}")

    for number, view in enumerate(views):
        # Counted for each view: there are more tiles after they were halved for lack of memory.
        counts = [len(predictor.tiles(each)) for each in views]
        before = z * sum(counts) + sum(counts[:number])
        steps = as_part(predictor.cache_steps(view), before, depth * sum(counts))
        yield from mapped(steps, name_slice)


def _bytes_on_disk(predictor: Predictor, views: Sequence[Slice]) -> int:
    """Return the bytes that the embeddings of these views take in the cache."""
    tile = predictor.batch_limits.tile
    return sum(predictor.encoder.bytes_on_disk(view.grid(tile)) for view in views)


def check_cache(disk: DiskCache, needed: int) -> None:
    """Check that the cache can be written, and has room for so many bytes.

    Raises
    ------
    UserError
        When it cannot or has not; the sentence says what to do.
    """
    if disk.trouble:
        raise UserError(
            f"embeddings cannot be kept in {disk.root} ({disk.trouble}); "
            "free some space there, or set NAPARI_SCSAM_CACHE"
        )
    if needed > TRIM_TO * disk.limit:
        gigabytes = math.ceil(needed / TRIM_TO / 1e9)
        raise UserError(
            f"the embeddings of this volume take about {needed / 1e9:.3g} GB, more than the cache "
            f"may hold; set {CACHE_LIMIT_VARIABLE}={gigabytes} or more"
        )
