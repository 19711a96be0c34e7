from __future__ import annotations

import bz2
import gzip
import io
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.formats import packed as module
from napari_scsam.io.formats.packed import (
    UnpackedArray,
    copy_exactly,
    is_packed,
    open_bytes,
    skip,
)

VALUES = np.arange(24, dtype="<u2").reshape(2, 3, 4)


def write(path: Path, data: bytes) -> Path:
    writers: dict[str, Any] = {".gz": gzip.compress, ".bz2": bz2.compress}
    path.write_bytes(writers.get(path.suffix, bytes)(data))
    return path


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.gz", True), ("a.GZ", True), ("a.nrrd.bz2", True), ("a.zip", False), ("gz", False)],
)
def test_a_packed_file_is_known_by_its_name(name: str, expected: bool) -> None:
    assert is_packed(Path(name)) is expected


@pytest.mark.parametrize("name", ["a.gz", "a.bz2", "a.bin"])
def test_bytes_are_read_unpacked(tmp_path: Path, name: str) -> None:
    with open_bytes(write(tmp_path / name, b"some bytes")) as file:
        assert file.read() == b"some bytes"


@pytest.mark.parametrize("name", ["a.gz", "a.bz2", "a.bin"])
def test_an_array_is_read_from_its_place_on(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, b"header" + VALUES.tobytes() + b"more that is not read")
    array = UnpackedArray(path, 6, VALUES.shape, VALUES.dtype)
    assert array.ndim == 3
    np.testing.assert_array_equal(array[1, :, 2:], VALUES[1, :, 2:])
    np.testing.assert_array_equal(array[...], VALUES)


def test_a_file_is_unpacked_once_and_not_before_it_is_needed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", VALUES.tobytes())
    opened = []

    def opener(file: Path) -> Any:
        opened.append(file)
        return open_bytes(file)

    array = UnpackedArray(path, 0, VALUES.shape, VALUES.dtype, opener)
    assert opened == []
    for _ in range(3):
        array[0]
    assert opened == [path]


@pytest.mark.parametrize(("offset", "missing"), [(0, 8), (8, 16), (60, 12)])
def test_a_file_that_ends_early_says_by_how_much(tmp_path: Path, offset: int, missing: int) -> None:
    path = write(tmp_path / "a.gz", VALUES.tobytes()[:40])
    count = 24 if offset < 40 else 1
    array = UnpackedArray(path, offset, (count,), VALUES.dtype)
    with pytest.raises(ValueError, match=r"ends \d+ bytes early"):
        array[...]


@pytest.mark.parametrize("count", [0, 1, 7, 10])
def test_exactly_so_many_bytes_are_copied_and_skipped(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(module, "PIECE", 3)
    source = io.BytesIO(b"0123456789")
    target = io.BytesIO()
    copy_exactly(source, target, count)
    assert target.getvalue() == b"0123456789"[:count]
    assert source.tell() == count
    source.seek(0)
    skip(source, count)
    assert source.tell() == count


def test_missing_bytes_are_counted() -> None:
    with pytest.raises(ValueError, match="ends 2 bytes early"):
        copy_exactly(io.BytesIO(b"abc"), io.BytesIO(), 5)
    with pytest.raises(ValueError, match="ends 3 bytes early"):
        skip(io.BytesIO(b"abc"), 6)


class Usage(NamedTuple):
    """Stands for the space on a disk."""

    free: int


@pytest.mark.parametrize(("free", "fits"), [(48, True), (47, False)])
def test_a_disk_without_room_is_named_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, fits: bool
) -> None:
    path = write(tmp_path / "a.gz", VALUES.tobytes())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free))
    array = UnpackedArray(path, 0, VALUES.shape, VALUES.dtype)
    if fits:
        assert array[0, 0, 1] == 1
    else:
        with pytest.raises(UserError, match="unpack it elsewhere and open the result"):
            array[0]
