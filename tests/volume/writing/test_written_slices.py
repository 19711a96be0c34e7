"""Slices of labels as files: which are written together, and whether they are whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_scsam.volume.writing.written_slices import (
    chunk_names,
    group_of,
    is_whole,
    slice_folder,
    write_slices,
)

SHAPE = (4, 20, 30)
U8 = np.dtype(np.uint8)
WHOLE = (slice(0, 20), slice(0, 30))


@pytest.fixture
def level(tmp_path: Path) -> zarr.Array:
    """Labels of one slice a file."""
    return zarr.create_array(tmp_path / "labels" / "0", shape=SHAPE, dtype=U8, chunks=(1, 20, 30))


@pytest.mark.parametrize(
    ("z", "expected"), [(0, range(3)), (2, range(3)), (3, range(3, 6)), (7, range(6, 8))]
)
def test_slices_of_a_shard_are_written_together(tmp_path: Path, z: int, expected: range) -> None:
    level = zarr.create_array(
        tmp_path, shape=(8, 16, 16), dtype=U8, chunks=(1, 16, 16), shards=(3, 16, 16)
    )
    assert group_of(level, z) == expected


def test_a_single_slice_is_a_group_of_its_own(tmp_path: Path) -> None:
    level = zarr.create_array(tmp_path / "a", shape=(16, 16), dtype=U8)
    assert group_of(level, 0) == range(1)
    assert slice_folder(level, 0) == tmp_path / "a" / "c"


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_files_of_a_slice_are_found_in_both_forms_of_zarr(
    tmp_path: Path, zarr_format: int
) -> None:
    level = zarr.create_array(
        tmp_path / "0",
        shape=SHAPE,
        dtype=U8,
        chunks=(1, 16, 16),
        zarr_format=zarr_format,
        chunk_key_encoding=None if zarr_format == 3 else {"name": "v2", "separator": "/"},
    )
    labels = np.ones((1, 20, 30), np.uint8)
    names = write_slices(level, 2, labels, WHOLE)
    assert names == ("0/0", "0/1", "1/0", "1/1")
    assert chunk_names(level, 2) == names
    assert chunk_names(level, 1) == ()
    assert is_whole(level, 2, names)


def test_a_slice_is_whole_while_its_files_are_there_and_can_be_read(level: zarr.Array) -> None:
    names = write_slices(level, 1, np.ones((1, 20, 30), np.uint8), WHOLE)
    assert is_whole(level, 1, names)
    assert is_whole(level, 1, None)
    assert is_whole(level, 2, ()), "a slice without labels has no files"
    assert not is_whole(level, 1, (*names, "9/9"))
    file = slice_folder(level, 1) / names[0]
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    assert not is_whole(level, 1, names)
    file.unlink()
    assert not is_whole(level, 1, names)


def test_a_part_of_a_slice_is_written_at_its_place(level: zarr.Array) -> None:
    write_slices(level, 3, np.full((1, 5, 6), 7, np.uint8), (slice(10, 15), slice(24, 30)))
    read = level[...]
    assert (read[3, 10:15, 24:30] == 7).all()
    assert np.count_nonzero(read) == 30
