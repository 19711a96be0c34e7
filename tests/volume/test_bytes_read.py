"""Objects are found and measured while each chunk of a file is read once, whatever the format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
import zarr

from napari_scsam.io.lazy import LazyArray
from napari_scsam.io.volumes import Volume, open_labels
from napari_scsam.steps import drive
from napari_scsam.volume.instances import source
from napari_scsam.volume.instances.find import find_instances
from napari_scsam.volume.measure.objects import measure_objects

MOST = 1.2
"""Bytes that may be read, by those of the volume."""

SHAPE = (40, 90, 100)
_SMALL = np.random.default_rng(0).random((8, 18, 20)) < 0.2
LABELS = np.kron(_SMALL, np.ones((5, 5, 5), bool)).astype(np.uint8)


class Counted(LazyArray):
    """An array that counts the bytes of the chunks that are read of it."""

    def __init__(self, stored: LazyArray) -> None:
        super().__init__(stored, (None,) * stored.ndim, "counted")
        self.bytes = 0

    def __getitem__(self, key: Any) -> Any:
        sides = self.chunks or (1,) * self.ndim
        parts = key if isinstance(key, tuple) else (key,)
        parts = (*parts, *(slice(None) for _ in self.shape[len(parts) :]))
        voxels = 1
        for part, size, side in zip(parts, self.shape, sides, strict=True):
            inside = (part, part + 1, 1) if isinstance(part, int) else part.indices(size)
            first, last, _ = inside
            voxels *= min(size, -(-last // side) * side) - first // side * side
        self.bytes += voxels * self.dtype.itemsize
        return super().__getitem__(key)


def write_tiff(path: Path) -> None:
    tifffile.imwrite(path, LABELS, photometric="minisblack")


def write_tiles(path: Path) -> None:
    tifffile.imwrite(path, LABELS, photometric="minisblack", tile=(32, 48), compression="zlib")


def write_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("labels", data=LABELS, chunks=(7, 33, 100), compression=1)


def write_mrc(path: Path) -> None:
    with mrcfile.new(path) as file:
        file.set_data(LABELS.astype(np.int8))
        file.set_volume()


def writes_zarr(chunks: tuple[int, ...], shards: Any = None) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        zarr.create_array(path, data=LABELS, chunks=chunks, shards=shards)

    return write


FILES = {
    "slices.tif": write_tiff,
    "tiles.tif": write_tiles,
    "odd.h5": write_hdf5,
    "map.mrc": write_mrc,
    "cubes.zarr": writes_zarr((16, 16, 16)),
    "slab.zarr": writes_zarr((6, 90, 100)),
    "odd.zarr": writes_zarr((3, 41, 7)),
    "column.zarr": writes_zarr((40, 1, 100)),
    "shards.zarr": writes_zarr((8, 10, 10), (16, 30, 50)),
}


@pytest.fixture(params=FILES)
def counted(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Volume:
    """Labels of a file, read through what counts; its hash is that of large labels."""
    monkeypatch.setattr(source, "HASHED_WHOLE", 0)
    monkeypatch.setattr(source, "HASHED_BLOCKS", 1)
    monkeypatch.setattr(source, "HASHED_BLOCK", 1000)
    path = tmp_path / request.param
    FILES[request.param](path)
    opened = open_labels(path)
    assert opened.shape == SHAPE
    return replace(opened, data=Counted(opened.data), voxel_size=(8.0, 8.0, 8.0), path=None)


def test_instances_read_each_chunk_once(counted: Volume, tmp_path: Path) -> None:
    drive(
        find_instances(counted, tmp_path / "out.zarr", classes={1: "vesicle"}, most_voxels=60_000)
    )
    assert counted.data.bytes <= MOST * counted.data.nbytes


def test_measuring_reads_each_chunk_once(counted: Volume) -> None:
    grey = replace(counted, data=Counted(counted.data))
    drive(measure_objects(counted, image=grey, instances=True, most_voxels=60_000))
    assert grey.data.bytes <= MOST * grey.data.nbytes
    assert counted.data.bytes - grey.data.bytes <= MOST * counted.data.nbytes
