"""The size of an embedding on disk, and reading it compared with computing it."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import zarr
from benchmarks.speed.clock import Figure, interleaved
from benchmarks.speed.models import shipped, stack, with_vit_b

from napari_scsam.infer.disk_cache import DiskCache
from napari_scsam.infer.predictor import Predictor
from napari_scsam.model import ScSAM


def measure(*, quick: bool) -> list[Figure]:
    """Time the largest tile of the shipped model, and one of a ViT-B at 512 px unless quick."""
    model = shipped()
    figures = one("shipped model", model, 128 if quick else model.config.tile, 1 if quick else 9)
    return (
        figures
        if quick
        else figures + one("vit_b", with_vit_b(512), 512, 5, most="≤ 0.6", least="≥ 20")
    )


def one(
    name: str, model: ScSAM, side: int, rounds: int, most: str = "", least: str = ""
) -> list[Figure]:
    """Cache the first tile of a slice, and time it with and without the cache."""
    with tempfile.TemporaryDirectory() as folder:
        warm = Predictor(model, "cpu", DiskCache(Path(folder) / "warm", 10**9))
        cold = Predictor(model, "cpu", DiskCache(Path(folder) / "cold", 10**9), fill=False)
        grid = warm.prepare(stack(1, side)[0]).grid(model.config.tile)
        tiles = [grid.tiles[0]]
        warm.encoder.cache(grid, tiles)
        size = warm.encoder.bytes_on_disk(grid)
        (kept,) = (
            zarr.open_array(header.parent, mode="r")
            for header in Path(folder).glob("warm/*/zarr.json")
        )
        raw = 4 * math.prod(kept.shape[1:])
        seconds = interleaved(
            {
                "read": lambda: warm.encoder.cache(grid, tiles),
                "compute": lambda: cold.encoder.cache(grid, tiles),
                "embed from disk": lambda: warm.encoder.embed(grid, tiles),
                "embed anew": lambda: cold.encoder.embed(grid, tiles),
            },
            rounds,
        )
    what = f"{name}, a tile of {tiles[0].height} px"
    return [
        Figure(f"{what}: on disk", size / 1e6, "MB", most),
        Figure(f"{what}: raw fp32 against it", raw / size, "×"),
        Figure(
            f"{what}: computing what is kept, against reading it",
            seconds["compute"] / seconds["read"],
            "×",
            least,
        ),
        Figure(
            f"{what}: embedding anew, against embedding with what is kept",
            seconds["embed anew"] / seconds["embed from disk"],
            "×",
        ),
        Figure(f"{what}: reading", 1000 * seconds["read"], "ms"),
    ]
