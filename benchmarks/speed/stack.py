"""Segmenting slices and a stack, compared with the encoders alone on the same tiles."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from benchmarks.speed.clock import Figure, interleaved
from benchmarks.speed.models import shipped, stack, with_vit_b
from numpy.typing import NDArray
from torch import Tensor

from napari_scsam.infer.device import precision
from napari_scsam.infer.parallel import parallel_runner, parallel_tiles
from napari_scsam.infer.predictor import Predictor
from napari_scsam.infer.tiling import cut_tile
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.volumes import as_volume
from napari_scsam.model import ScSAM
from napari_scsam.volume.run import segment_volume

SIZE = (5.0, 5.0, 5.0)
"""Of a voxel in nm, which the shipped model was made for, so that nothing is resampled."""

SLICES = 12
"""Enough that the start of a run, which is the same for a thousand slices, hardly counts."""


def measure(*, quick: bool) -> list[Figure]:
    """Time the shipped model, and a ViT-B on tiles of 512 px unless quick, on 1-megapixel slices."""
    if quick:
        return one("shipped model", shipped(), stack(1, 96), 1)
    figures = one("shipped model", shipped(), stack(SLICES, 1000), 3)
    return figures + one("vit_b", with_vit_b(512), stack(SLICES, 1000), 1)


def one(name: str, model: ScSAM, images: NDArray[np.uint8], rounds: int) -> list[Figure]:
    """Time a first slice, the whole stack into zarr, and the encoders alone.

    Every predictor is new, because it caches slices.
    """
    volume = as_volume(images, SIZE)
    with tempfile.TemporaryDirectory() as folder:
        seconds = interleaved(
            {
                "encoders": encoders_alone(Predictor(model, "cpu"), images, 1),
                "parallel": encoders_alone(Predictor(model, "cpu"), images, parallel_tiles()),
                "first": lambda: first_slice(Predictor(model, "cpu"), images[0]),
                "stack": lambda: list(
                    segment_volume(
                        volume,
                        Predictor(model, "cpu"),
                        Path(folder) / "labels.zarr",
                        overwrite=True,
                    )
                ),
            },
            rounds,
        )
    side = images.shape[1]
    whole = (
        f"{name}, {len(images)} slices of {images.shape[1]}² into zarr, against the encoders alone"
    )
    return [
        Figure(f"{name}, first segmentation of a slice of {side}²", seconds["first"], "s"),
        Figure(f"{whole}, tile after tile", seconds["stack"] / seconds["encoders"], "×", "≤ 1.15"),
        Figure(
            f"{whole}, tiles side by side as in the stack",
            seconds["stack"] / seconds["parallel"],
            "×",
        ),
    ]


def first_slice(predictor: Predictor, image: NDArray[np.uint8]) -> None:
    """Segment a slice that is not cached."""
    predictor.set_image(image, SIZE)
    predictor.segment()


def encoders_alone(
    predictor: Predictor, images: NDArray[np.uint8], at_once: int
) -> Callable[[], None]:
    """Create the work of running both encoders on every tile, `at_once` in parallel."""
    contrast = measure_contrast(images)
    slices = [predictor.prepare(image, contrast=contrast) for image in images]
    tiles = [
        torch.from_numpy(cut_tile(s.grey, tile))[None, None].contiguous()
        for s in slices
        for tile in predictor.tiles(s)
    ]

    def encode(tile: Tensor) -> None:
        with torch.inference_mode(), precision(predictor.device):
            predictor.model.encode(tile.contiguous(memory_format=torch.channels_last))

    def every() -> None:
        with parallel_runner(at_once) as run:
            for start in range(0, len(tiles), at_once):
                run(encode, tiles[start : start + at_once])

    return every
