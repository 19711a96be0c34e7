"""Label volumes of any size: real labels, repeated, each time mirrored and shifted otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

REAL = Path(__file__).resolve().parents[3] / "shared/data/hippocampus_stack/mito.tif"
"""Mitochondria of a mouse hippocampus, 96 × 500 × 500."""

CHUNK = 64


def side_of(gigabytes: float) -> int:
    """Return the side of a cube of that many voxels of one byte, in whole chunks."""
    return round((gigabytes * 2**30) ** (1 / 3) / CHUNK) * CHUNK


def write_labels(folder: Path, side: int) -> None:
    """Write a cube of labels as an OME-Zarr with the class mitochondrion, slab by slab."""
    real = tifffile.imread(REAL).astype(np.uint8)
    random = np.random.default_rng(0)
    classes = [{"id": 1, "name": "mitochondrion"}]
    root = zarr.open_group(folder, mode="w", zarr_format=3)
    root.update_attributes({"scsam": {"format": 1}})
    labels = root.create_group("labels")
    labels.update_attributes({"ome": {"version": "0.5", "labels": ["classes"]}})
    group = labels.create_group("classes")
    level = group.create_array(
        "0",
        shape=(side, side, side),
        dtype=np.uint8,
        chunks=(CHUNK,) * 3,
        shards=(4 * CHUNK,) * 3 if side % (4 * CHUNK) == 0 else None,
        compressors=ZstdCodec(level=1),
        fill_value=0,
    )
    group.update_attributes({"ome": _metadata(), "scsam": {"classes": classes}})
    depth = 4 * CHUNK
    for z in range(0, side, depth):
        thick = min(depth, side - z)
        slabs = [_slab(real, side, random) for _ in range(0, thick, len(real))]
        level[z : z + thick] = np.concatenate(slabs)[:thick]


def _slab(real: NDArray[np.uint8], side: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Return one layer of copies, D × side × side."""
    slab = np.zeros((len(real), side, side), np.uint8)
    for y in range(0, side, real.shape[1]):
        for x in range(0, side, real.shape[2]):
            copy = np.roll(real, tuple(random.integers(0, 500, 3)), axis=(0, 1, 2))
            copy = copy[:: random.choice([-1, 1]), :: random.choice([-1, 1])]
            height, width = slab[0, y : y + real.shape[1], x : x + real.shape[2]].shape
            slab[:, y : y + height, x : x + width] = copy[:, :height, :width]
    return slab


def _metadata() -> dict[str, object]:
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    scale = [{"type": "scale", "scale": [5.0, 5.0, 5.0]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    multiscale = {"name": "classes", "axes": axes, "datasets": datasets}
    label = {"version": "0.5"}
    return {"version": "0.5", "multiscales": [multiscale], "image-label": label}
