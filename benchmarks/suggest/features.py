"""What the network makes of the slices of each set, computed once and kept in files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from napari_scsam.infer.predictor import Predictor
from napari_scsam.infer.prepared_slice import AugmentedView, Slice, resample
from napari_scsam.infer.taught.slice_features import join_tiles
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.volumes import open_labels, open_volume

POOL = 4
"""Model pixels to one cell, along one side."""

VIEW = AugmentedView(turned=True, zoom=0.75)
"""The second view, with which the first may disagree."""

VALUES = 6
"""Label values that are read, from 1 on."""

Maps = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class SliceSet:
    """Slices of one volume, on a crop."""

    image: str
    labels: str
    """Files, below the folder of the data."""
    slices: tuple[int, ...]
    rows: tuple[int, int]
    columns: tuple[int, int]
    voxel_size: tuple[float, float, float] | None
    classes: tuple[int, ...]
    """Label values that are learned, from 0 for the value 1."""
    instances: bool = False
    """Whether every value above 0 is the one class."""


SETS: Mapping[str, SliceSet] = {
    "sbem": SliceSet(
        image="brain_sbem/raw.tif",
        labels="brain_sbem/mito.tif",
        slices=tuple(range(20)),
        rows=(500, 884),
        columns=(300, 748),
        voxel_size=(40.0, 10.0, 10.0),
        classes=(0,),
    ),
    "hip": SliceSet(
        image="hippocampus/train_raw.tif",
        labels="hippocampus/train_labels.tif",
        slices=tuple(range(36)),
        rows=(96, 672),
        columns=(128, 896),
        voxel_size=(5.0, 5.0, 5.0),
        classes=(0, 1, 2, 3, 5),
    ),
    "dev": SliceSet(
        image="hippocampus/dev_raw.tif",
        labels="hippocampus/dev_labels.tif",
        slices=tuple(range(0, 12, 2)),
        rows=(96, 672),
        columns=(128, 896),
        voxel_size=(5.0, 5.0, 5.0),
        classes=(0, 1, 2, 3, 5),
    ),
    "stack": SliceSet(
        image="hippocampus_stack/raw.tif",
        labels="hippocampus_stack/mito.tif",
        slices=tuple(range(0, 96, 3)),
        rows=(60, 420),
        columns=(100, 400),
        voxel_size=(5.0, 7.68, 10.24),
        classes=(0,),
    ),
    "leaf": SliceSet(
        image="leaf/more_raw.tif",
        labels="leaf/more_chloroplast_instances.tif",
        slices=tuple(range(7)),
        rows=(600, 1368),
        columns=(1000, 1768),
        voxel_size=None,
        classes=(0,),
        instances=True,
    ),
    "leaftest": SliceSet(
        image="leaf/raw.tif",
        labels="leaf/chloroplast_instances.tif",
        slices=tuple(range(3)),
        rows=(600, 1368),
        columns=(1000, 1768),
        voxel_size=None,
        classes=(0,),
        instances=True,
    ),
}


def cached_maps(
    predictor: Predictor, name: str, data: Path, cache: Path
) -> Iterator[tuple[int, Maps]]:
    """Yield the slices of a set with their maps; those without a file are computed first."""
    cache.mkdir(parents=True, exist_ok=True)
    for z in SETS[name].slices:
        file = cache / f"{name}_{z:03d}.npz"
        if not file.is_file():
            maps = slice_maps(predictor, SETS[name], z, data)
            half: dict[str, Any] = {key: each.astype(np.float16) for key, each in maps.items()}
            np.savez(file, **half)
        with np.load(file) as kept:
            yield z, {key: kept[key].astype(np.float32) for key in kept.files}


def slice_maps(predictor: Predictor, chosen: SliceSet, z: int, data: Path) -> Maps:
    """Compute the maps of one slice, in cells; the fused features in cells of their own."""
    part = (slice(*chosen.rows), slice(*chosen.columns))
    image = open_volume(data / chosen.image)
    contrast = measure_contrast(image.data)
    predictor.set_image(image.plane(z)[part], chosen.voxel_size, contrast=contrast)
    slice_ = predictor.slice
    tiles = predictor.tiles()
    embeddings = [predictor.embed(tile) for tile in tiles]
    detail = join_tiles(tiles, [each.detail for each in embeddings], slice_.model_shape, 2)
    return {
        "logits": pooled(resample(predictor.class_logits(), slice_.model_shape)),
        "view": pooled(resample(view_logits(predictor, slice_), slice_.model_shape)),
        "fused": join_tiles(tiles, [each.fused for each in embeddings], slice_.model_shape, 16),
        "detail": pooled(detail, POOL // 2),
        "truth": pooled(truth_maps(chosen, z, part, data, slice_.model_shape)),
        "grey": pooled(slice_.grey[None])[0],
    }


def view_logits(predictor: Predictor, slice_: Slice) -> NDArray[np.float32]:
    """Compute the logits of the second view, on the first."""
    view = slice_.augmented(VIEW)
    predictor.set_slice(view)
    logits = VIEW.back(predictor.class_logits())
    predictor.set_slice(slice_)
    return np.ascontiguousarray(logits)


def truth_maps(
    chosen: SliceSet, z: int, part: tuple[slice, slice], data: Path, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Read where each label value is, 6×Y×X at the model's pixel size."""
    values = open_labels(data / chosen.labels).plane(z)[part]
    if chosen.instances:
        values = values > 0
    masks = np.stack([values == value for value in range(1, VALUES + 1)])
    return np.asarray(F.interpolate(torch.from_numpy(masks)[None].float(), shape, mode="area")[0])


def pooled(maps: NDArray[np.float32], side: int = POOL) -> NDArray[np.float32]:
    """Average K×Y×X maps in squares; the last are smaller where a side does not divide."""
    batch = torch.from_numpy(np.ascontiguousarray(maps, np.float32))[None]
    return np.asarray(F.avg_pool2d(batch, side, ceil_mode=True)[0])
