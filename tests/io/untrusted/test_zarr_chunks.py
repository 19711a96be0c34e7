"""Chunks of zarr that are larger than their metadata say, or damaged, are refused."""

from __future__ import annotations

import json
import resource
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numcodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

from napari_scsam.config import UserError
from napari_scsam.io.untrusted.zarr_chunks import check_zarr_chunks
from napari_scsam.io.volumes import open_volume

STACK = np.arange(4 * 64 * 64, dtype=np.uint16).reshape(4, 64, 64)
NEW: dict[str, dict[str, Any]] = {
    "zstd": {},
    "gzip": {"compressors": GzipCodec()},
    "blosc": {"compressors": BloscCodec()},
    "plain": {"compressors": None},
    "checked": {"compressors": [ZstdCodec(), Crc32cCodec()]},
    "shards": {"shards": (4, 64, 64), "compressors": BloscCodec()},
}
OLD = {
    "blosc": numcodecs.Blosc(),
    "stored": numcodecs.Blosc("lz4", clevel=0),
    "zlib": numcodecs.Zlib(),
    "gzip": numcodecs.GZip(),
    "bz2": numcodecs.BZ2(),
    "lzma": numcodecs.LZMA(),
    "lz4": numcodecs.LZ4(),
    "zstd": numcodecs.Zstd(),
    "none": None,
}


@pytest.mark.parametrize("kind", NEW)
def test_whole_chunks_are_read_and_written(tmp_path: Path, kind: str) -> None:
    zarr.create_array(tmp_path / "a", data=STACK, chunks=(2, 32, 32), **NEW[kind])
    check_whole(tmp_path / "a")


@pytest.mark.parametrize("filters", [None, [numcodecs.Delta("<u2")]])
@pytest.mark.parametrize("kind", OLD)
def test_whole_chunks_of_zarr_v2(tmp_path: Path, kind: str, filters: Any) -> None:
    zarr.create_array(
        tmp_path / "a",
        data=STACK,
        chunks=(2, 32, 32),
        zarr_format=2,
        compressors=OLD[kind],
        filters=filters,
    )
    check_whole(tmp_path / "a")


def check_whole(folder: Path) -> None:
    checked = check_zarr_chunks(zarr.open_array(folder, mode="r+"))
    np.testing.assert_array_equal(checked[1, 3:50], STACK[1, 3:50])
    checked[0] = STACK[0] + 1
    checked.attrs["note"] = 1
    again = zarr.open_array(folder, mode="r")
    np.testing.assert_array_equal(again[0], STACK[0] + 1)
    np.testing.assert_array_equal(again[1:], STACK[1:])


def bomb(folder: Path, data: bytes, **options: Any) -> Path:
    """Create an array whose only chunk is something else."""
    zarr.create_array(folder, data=STACK[:1], chunks=(1, 64, 64), **options)
    chunk = next(f for f in folder.rglob("*") if f.is_file() and f.name[:2] not in ("za", ".z"))
    chunk.write_bytes(data)
    return folder


HALF_A_GIGABYTE = 1 << 29

BOMBS: dict[str, Callable[[], tuple[bytes, dict[str, Any]]]] = {
    "zstd": lambda: (imagecodecs.zstd_encode(bytes(HALF_A_GIGABYTE)), {}),
    "gzip": lambda: (zlib.compress(bytes(HALF_A_GIGABYTE), 1, 31), {"compressors": GzipCodec()}),
    "blosc": lambda: (
        bytes(numcodecs.Blosc("zstd").encode(bytes(HALF_A_GIGABYTE))),
        {"compressors": BloscCodec()},
    ),
    "old zlib": lambda: (
        zlib.compress(bytes(HALF_A_GIGABYTE), 1),
        {"compressors": numcodecs.Zlib(), "zarr_format": 2},
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_chunk_that_inflates_to_half_a_gigabyte_is_refused(tmp_path: Path, kind: str) -> None:
    data, options = BOMBS[kind]()
    volume = open_volume(bomb(tmp_path / "a", data, **options))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"cannot be read at slice 0: .*would inflate to"):
        volume.plane(0)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 * 1024


@pytest.mark.parametrize("old", [False, True])
def test_a_blosc_chunk_with_another_size_is_an_error(tmp_path: Path, old: bool) -> None:
    """numcodecs raises a SystemError for these bytes, or ends the process."""
    options: dict[str, Any] = {"compressors": BloscCodec()}
    if old:
        options = {"compressors": numcodecs.Blosc(), "zarr_format": 2}
    folder = bomb(tmp_path / "a", b"", **options)
    data = bytearray(numcodecs.Blosc().encode(STACK[:1]))
    data[4:8] = bytes.fromhex("0000ffff")
    next(f for f in folder.rglob("*") if f.is_file() and f.stat().st_size == 0).write_bytes(data)
    with pytest.raises(UserError, match="would inflate to"):
        open_volume(folder).plane(0)


@pytest.mark.parametrize("codec", ["pickle", "json2", "msgpack2", "vlen-utf8", "unheard_of"])
@pytest.mark.parametrize("place", ["compressor", "filters"])
def test_codecs_that_are_not_for_numbers_are_refused(
    tmp_path: Path, codec: str, place: str
) -> None:
    zarr.create_array(tmp_path / "a", data=STACK, zarr_format=2, compressors=None)
    metadata = json.loads((tmp_path / "a" / ".zarray").read_text())
    metadata[place] = {"id": codec}
    if place == "filters":
        metadata[place] = [{"id": codec}]
    (tmp_path / "a" / ".zarray").write_text(json.dumps(metadata))
    with pytest.raises(UserError, match="cannot be opened"):
        open_volume(tmp_path / "a")


def test_a_chunk_beyond_memory_is_refused(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a", data=STACK, chunks=(1, 64, 64))
    metadata = json.loads((tmp_path / "a" / "zarr.json").read_text())
    side = 1 << 22
    metadata["shape"] = [4, side, side]
    metadata["chunk_grid"]["configuration"]["chunk_shape"] = [1, side, side]
    (tmp_path / "a" / "zarr.json").write_text(json.dumps(metadata))
    volume = open_volume(tmp_path / "a")
    with pytest.raises(UserError, match="more than the memory of this computer"):
        volume.plane(0)
    with pytest.raises(UserError, match="more than the memory of this computer"):
        volume.data[0, :4, :4]
