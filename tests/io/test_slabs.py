"""Slices of any chunking: each chunk is read once, and the slices are what they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
import zarr

from napari_scsam.io import slabs
from napari_scsam.io.contrast import WHOLE_BYTES, measure_contrast, sample_places
from napari_scsam.io.lazy import LazyArray
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.io.saved.watched import ChangedFileError
from napari_scsam.io.slabs import SlabArray, with_slabs
from napari_scsam.io.volumes import as_volume, open_volume

STACK = np.random.default_rng(0).integers(0, 60_000, (20, 70, 90), dtype=np.uint16)


class Counted:
    """An array that counts the bytes of the chunks that are read of it."""

    def __init__(self, chunks: tuple[int, ...] | None) -> None:
        self.shape = STACK.shape
        self.dtype = STACK.dtype
        self.chunks = chunks
        self.bytes = 0

    def __getitem__(self, key: tuple[Any, ...]) -> np.ndarray:
        voxels = 1
        for part, size, side in zip(key, self.shape, self.chunks or (1, 1, 1), strict=True):
            first, last = (part, part + 1) if isinstance(part, int) else part.indices(size)[:2]
            voxels *= min(size, -(-last // side) * side) - first // side * side
        self.bytes += voxels * self.dtype.itemsize
        return STACK[key]


def counted(chunks: tuple[int, ...] | None, kept: int) -> tuple[Counted, SlabArray]:
    source = Counted(chunks)
    return source, SlabArray(LazyArray(source, (None,) * 3, "counted"), "counted", kept)


@pytest.mark.parametrize("chunks", [None, (1, 70, 90), (8, 16, 16), (20, 70, 90), (32, 256, 256)])
@pytest.mark.parametrize("kept", [10**9, 100_000, 1000])
def test_every_chunk_is_read_once(
    chunks: tuple[int, ...] | None, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slabs, "PIECE_BYTES", 20_000)
    source, array = counted(chunks, kept)
    for z in range(20):
        np.testing.assert_array_equal(array[z], STACK[z])
    assert source.bytes == STACK.nbytes
    np.testing.assert_array_equal(array[3:5, 2:, :7], STACK[3:5, 2:, :7])
    array.close()


def test_a_small_volume_is_read_once_for_contrast_and_slices() -> None:
    source, array = counted((8, 16, 16), 10**9)
    assert measure_contrast(array) == measure_contrast(STACK)
    for z in range(20):
        array[z][:] = 0  # what is handed out is a copy
        np.testing.assert_array_equal(array[z], STACK[z])
    assert source.bytes == STACK.nbytes


def write(path: Path, form: str) -> Path:
    if form == "zarr":
        zarr.create_array(path / "x.zarr", data=STACK, chunks=(7, 32, 32))
        return path / "x.zarr"
    if form == "sharded":
        zarr.create_array(path / "x.zarr", data=STACK, chunks=(5, 35, 45), shards=(10, 70, 90))
        return path / "x.zarr"
    if form == "HDF5":
        with h5py.File(path / "x.h5", "w") as file:
            file.create_dataset("x", data=STACK, chunks=(6, 32, 32), compression="gzip")
        return path / "x.h5"
    if form == "MRC":
        with mrcfile.new(path / "x.mrc") as file:
            file.set_data(STACK)
        return path / "x.mrc"
    compression = "zlib" if form == "packed TIFF" else None
    tifffile.imwrite(path / "x.tif", STACK, compression=compression, metadata={"axes": "ZYX"})
    return path / "x.tif"


@pytest.mark.parametrize("form", ["zarr", "sharded", "HDF5", "MRC", "TIFF", "packed TIFF"])
def test_every_format_gives_the_same_slices(form: str, tmp_path: Path) -> None:
    volume = with_slabs(open_volume(write(tmp_path, form)))
    for z in (0, 19, 5, 6):
        np.testing.assert_array_equal(volume.plane(z), STACK[z])
    np.testing.assert_array_equal(volume.data[...], STACK)


def test_a_damaged_chunk_costs_its_slices(tmp_path: Path) -> None:
    path = write(tmp_path, "zarr")
    (path / "c" / "1" / "0" / "0").write_bytes(b"damaged")
    volume = with_slabs(open_volume(path))
    for z in range(7, 14):
        with pytest.raises(DamagedPartError):
            volume.plane(z)
    np.testing.assert_array_equal(volume.plane(6), STACK[6])
    np.testing.assert_array_equal(volume.plane(14), STACK[14])


def test_a_file_that_goes_away_is_noticed_although_its_slab_was_read(tmp_path: Path) -> None:
    path = write(tmp_path, "zarr")
    volume = with_slabs(open_volume(path))
    volume.plane(0)
    path.rename(tmp_path / "away.zarr")
    with pytest.raises(ChangedFileError):
        volume.plane(1)


def test_a_full_disk_costs_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(slabs.FileSlab, "fill", full)
    _, array = counted((8, 16, 16), 1000)
    np.testing.assert_array_equal(array[9], STACK[9])


def test_an_array_in_memory_stays_as_it_is() -> None:
    volume = as_volume(STACK)
    assert with_slabs(volume) is volume


@pytest.mark.parametrize("chunks", [None, (1, 512, 512), (32, 256, 256), (64, 1024, 1024)])
@pytest.mark.parametrize("shape", [(256, 4096, 4096), (12, 9000, 9000), (8000, 8192, 8192)])
def test_the_contrast_of_a_large_volume_is_cheap(
    chunks: tuple[int, ...] | None, shape: tuple[int, ...]
) -> None:
    places = sample_places(shape, chunks, 1)
    sides = chunks or (1, 1, 1)
    read = 0
    for place in places:
        z, rows, columns = place if isinstance(place, tuple) else (place, *map(slice, shape[1:]))
        assert 0 <= z < shape[0]
        height, width = (
            len(range(*part.indices(size)))
            for part, size in zip((rows, columns), shape[1:], strict=True)
        )
        assert min(height, width) >= min(200, *shape[1:])
        read += min(sides[0], shape[0]) * height * width
    total = int(np.prod(shape, dtype=np.int64))
    assert read <= max(0.12 * total, 2 * sides[0] * 1024 * 1024)
    assert len({p[0] if isinstance(p, tuple) else p for p in places}) >= min(
        4, -(-shape[0] // sides[0])
    )


def test_the_contrast_of_a_small_volume_does_not_depend_on_chunks() -> None:
    for chunks in (None, (1, 64, 64), (32, 256, 256)):
        assert sample_places((100, 1024, 1024), chunks, 2) == sample_places(
            (100, 1024, 1024), None, 2
        )
    assert WHOLE_BYTES > 100 * 1024 * 1024 * 2
