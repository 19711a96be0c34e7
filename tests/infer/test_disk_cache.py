"""What is kept on disk is read back whole or not at all, in bounds, and never in anybody's way."""

from __future__ import annotations

import errno
import json
import logging
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_scsam.config import UserError
from napari_scsam.infer import disk_cache
from napari_scsam.infer.disk_cache import DiskCache, default_cache, is_tile_array
from napari_scsam.paths import DEFAULT_CACHE_GB

SHAPE = (6, 8, 10)
CELLS = SHAPE[1:]
ROOMY = 10**9


def values(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=SHAPE).astype(np.float16)


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "embeddings", ROOMY)


def shards(cache: DiskCache) -> list[Path]:
    return sorted(file for file in (cache.root / "a" / "c").rglob("*") if file.is_file())


def test_what_was_kept_is_read_back_in_another_process_too(cache: DiskCache) -> None:
    for tile in (2, 0):
        cache.put("a", tile, 3, values(tile))
    again = DiskCache(cache.root, ROOMY)
    for tile in (0, 2):
        np.testing.assert_array_equal(again.get("a", tile, CELLS), values(tile))
    assert again.get("a", 1, CELLS) is None
    assert again.get("b", 0, CELLS) is None
    assert cache.bytes() == cache.bytes("a") > 0
    assert cache.bytes("b") == 0


def test_it_is_a_sharded_zarr_array_of_fp16_with_checksums(
    cache: DiskCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_cache, "SHARD_BYTES", 4 * values(0).nbytes)
    for tile in range(9):
        cache.put("a", tile, 9, values(tile))
    array = zarr.open_array(cache.root / "a", mode="r")
    assert (array.metadata.zarr_format, array.dtype, array.shape) == (3, np.float16, (9, *SHAPE))
    assert (array.chunks, array.shards) == ((1, *SHAPE), (4, *SHAPE))
    (sharding,) = json.loads((cache.root / "a" / "zarr.json").read_text())["codecs"]
    assert sharding["configuration"]["codecs"][-1]["name"] == "crc32c"
    assert len(shards(cache)) == 3
    for tile in range(9):
        np.testing.assert_array_equal(cache.get("a", tile, CELLS), values(tile))


def flip(data: bytes) -> bytes:
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


@pytest.mark.parametrize(
    "damage",
    [flip, lambda data: data[: len(data) // 2], lambda _: b"", lambda data: bytes(len(data))],
)
@pytest.mark.parametrize("where", ["shard", "header"])
def test_what_is_damaged_or_cut_off_is_missing_and_can_be_kept_anew(
    cache: DiskCache, damage, where: str
) -> None:
    for tile in range(2):
        cache.put("a", tile, 2, values(tile))
    file = shards(cache)[0] if where == "shard" else cache.root / "a" / "zarr.json"
    file.write_bytes(damage(file.read_bytes()))
    found = cache.get("a", 0, CELLS)
    assert found is None or np.array_equal(
        found, values(0)
    )  # a bit in the header's white space is no damage
    for tile in range(2):
        cache.put("a", tile, 2, values(tile))
        np.testing.assert_array_equal(cache.get("a", tile, CELLS), values(tile))
    assert not cache.trouble


def test_one_damaged_tile_costs_no_other(cache: DiskCache) -> None:
    for tile in range(2):
        cache.put("a", tile, 2, values(tile))
    (file,) = shards(cache)
    file.write_bytes(flip(file.read_bytes()))
    assert [cache.get("a", tile, CELLS) is None for tile in range(2)] == [True, False]


def test_values_of_another_form_are_missing(cache: DiskCache) -> None:
    cache.put("a", 0, 2, values(0))
    assert cache.get("a", 0, (8, 9)) is None
    assert cache.get("a", 5, CELLS) is None
    cache.put("a", 0, 7, values(1))
    np.testing.assert_array_equal(cache.get("a", 0, CELLS), values(1))


def test_what_is_not_finite_is_not_kept(cache: DiskCache) -> None:
    cache.put("a", 0, 1, np.full(SHAPE, np.inf, np.float16))
    assert not cache.root.exists()


def test_slices_longest_unused_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_000_000))
    real = os.utime
    monkeypatch.setattr(
        "os.utime", lambda path: real(path, (now := next(clock), now))
    )  # file systems tell times in coarse steps
    one = DiskCache(tmp_path / "one", ROOMY)
    one.put("a", 0, 1, values(0))
    cache = DiskCache(tmp_path / "embeddings", 4 * one.bytes())
    for number, name in enumerate("abc"):
        cache.put(name, 0, 1, values(number))
    np.testing.assert_array_equal(cache.get("a", 0, CELLS), values(0))
    cache.put("d", 0, 1, values(3))
    assert {name: cache.get(name, 0, CELLS) is not None for name in "abcd"} == {
        "a": True,
        "b": False,
        "c": True,
        "d": True,
    }
    for number in range(20):
        cache.put(f"more{number}", 0, 1, values(number))
        assert cache.bytes() <= cache.limit


def test_what_is_larger_than_the_whole_cache_is_not_kept(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / "embeddings", values(0).nbytes - 1)
    cache.put("a", 0, 1, values(0))
    assert not cache.root.exists()


def keep_all(root: Path, tiles: list[int]) -> None:
    cache = DiskCache(root, ROOMY)
    for tile in tiles:
        cache.put("a", tile, 8, values(tile))


@pytest.mark.slow
def test_two_processes_that_write_one_shard_lose_nothing(cache: DiskCache) -> None:
    context = multiprocessing.get_context("spawn")
    others = [
        context.Process(target=keep_all, args=(cache.root, tiles))
        for tiles in ([0, 1, 2, 3], [7, 6, 5, 4])
    ]
    for other in others:
        other.start()
    for other in others:
        other.join(120)
    assert [other.exitcode for other in others] == [0, 0]
    for tile in range(8):
        np.testing.assert_array_equal(cache.get("a", tile, CELLS), values(tile))


def test_a_full_disk_ends_the_keeping_with_one_line(
    cache: DiskCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache.put("a", 0, 3, values(0))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("zarr.storage._local._put", full)
    with caplog.at_level(logging.WARNING):
        for tile in (1, 2):
            cache.put("a", tile, 3, values(tile))
    (line,) = [record.getMessage() for record in caplog.records]
    assert "No space left on device" in line
    assert "continuing without" in line
    np.testing.assert_array_equal(cache.get("a", 0, CELLS), values(0))


def test_a_place_that_cannot_be_written_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("not a folder")
    cache = DiskCache(tmp_path / "file" / "embeddings", ROOMY)
    assert cache.get("a", 0, CELLS) is None
    cache.put("a", 0, 1, values(0))
    assert cache.trouble
    assert len(caplog.records) == 1


def test_another_process_that_never_ends_writing_is_not_waited_for(
    cache: DiskCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(disk_cache, "LOCK_SECONDS", 0.05)
    cache.root.mkdir(parents=True)
    with disk_cache.FileLock(cache.root / ".lock"):
        start = time.monotonic()
        cache.put("a", 0, 1, values(0))
        assert time.monotonic() - start < 30
    assert cache.trouble
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("text", "limit"), [("2.5", 2_500_000_000), ("", int(DEFAULT_CACHE_GB * 1e9)), ("0", None)]
)
def test_the_user_sets_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, limit: int | None
) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_CACHE_GB", text)
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path))
    cache = default_cache()
    assert (cache and cache.limit) == limit
    if cache:
        assert cache.root == tmp_path / "embeddings"


@pytest.mark.parametrize("text", ["plenty", "-1", "inf", "nan"])
def test_a_size_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_CACHE_GB", text)
    with pytest.raises(UserError, match="set it to the size of the cache in gigabytes, or to 0"):
        default_cache()


ENDS_WHILE_KEEPING = """
import sys, threading, time
from pathlib import Path
import numpy as np
from napari_scsam.infer.disk_cache import DiskCache

def keep():
    while threading.main_thread().is_alive():
        time.sleep(0.01)
    cache.put("late", 0, 1, np.zeros((2, 4, 4), np.float16))
    print(repr(cache.trouble))

cache = DiskCache(Path(sys.argv[1]), 1 << 20)
cache.put("early", 0, 1, np.zeros((2, 4, 4), np.float16))
threading.Thread(target=keep).start()
"""


def test_python_that_ends_meanwhile_is_not_taken_for_foreign_files(tmp_path: Path) -> None:
    """zarr refuses everything then, and the line said "not written by this program"."""
    done = subprocess.run(
        [sys.executable, "-c", ENDS_WHILE_KEEPING, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "''\n"
    assert done.stderr == ""
    assert (tmp_path / "early/zarr.json").is_file()


@pytest.mark.parametrize("error", [PermissionError(13, "no"), OSError(36, "too long")])
def test_a_place_that_cannot_be_looked_at_holds_nothing(
    cache: DiskCache, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def refuse(_path: Path) -> bool:
        raise error

    monkeypatch.setattr(Path, "is_file", refuse)
    assert cache.get("slice", 0, (2, 2)) is None


def test_lists_in_lists_without_end_are_a_damaged_slice(tmp_path: Path) -> None:
    (tmp_path / "zarr.json").write_text("[" * 100_000)
    assert is_tile_array(tmp_path)
