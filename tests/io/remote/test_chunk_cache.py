from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_scsam.config import UserError
from napari_scsam.io.remote.chunk_cache import HEADER, ChunkCache, default_chunk_cache


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_bytes_come_back(tmp_path: Path) -> None:
    cache = ChunkCache(tmp_path / "c", 10_000)
    assert cache.get("a") is None
    cache.put("a", b"voxels")
    cache.put("empty", b"")
    assert cache.get("a") == b"voxels"
    assert cache.get("empty") == b""
    assert ChunkCache(tmp_path / "c", 10_000).get("a") == b"voxels"


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "other"])
def test_damaged_bytes_are_not_returned(tmp_path: Path, damage: str) -> None:
    cache = ChunkCache(tmp_path / "c", 10_000)
    cache.put("a", bytes(range(200)))
    (file,) = files_of(tmp_path)
    whole = file.read_bytes()
    damaged = {
        "cut": whole[:-1],
        "changed": whole[:-1] + b"\0",
        "empty": b"",
        "other": b"x" * len(whole),
    }
    file.write_bytes(damaged[damage])
    assert cache.get("a") is None


def test_the_oldest_go_when_the_limit_is_reached(tmp_path: Path) -> None:
    each = 1000 - HEADER.size
    cache = ChunkCache(tmp_path / "c", 5000)
    for number in range(5):
        cache.put(str(number), bytes(each))
        os.utime(cache._path(str(number)), (number, number))
    assert cache.get("0") is not None  # used just now
    cache.put("5", bytes(each))
    assert sum(file.stat().st_size for file in files_of(tmp_path)) <= 4000
    assert cache.get("0") is not None
    assert cache.get("1") is None
    assert cache.get("5") is not None


def test_no_limit_no_file_and_a_full_disk_costs_nothing(tmp_path: Path) -> None:
    ChunkCache(tmp_path / "c", 0).put("a", b"voxels")
    assert not (tmp_path / "c").exists()
    (tmp_path / "file").write_text("in the way")
    ChunkCache(tmp_path / "file", 1000).put("a", b"voxels")


def test_the_limit_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_REMOTE_GB", "2.5")
    assert default_chunk_cache().limit == 2_500_000_000
    monkeypatch.setenv("NAPARI_SCSAM_REMOTE_GB", "much")
    with pytest.raises(UserError, match="NAPARI_SCSAM_REMOTE_GB is 'much'"):
        default_chunk_cache()
