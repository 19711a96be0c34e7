from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.codecs import BytesCodec, Crc32cCodec

from napari_scsam.io.saved.anchored_store import MissingStoreError, UnreadableError
from napari_scsam.io.stored_chunks import StoredChunks, describe_place

SHAPE = (5, 20, 30)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    array = zarr.create_array(
        tmp_path / "labels",
        shape=SHAPE,
        dtype=np.uint16,
        chunks=(1, 16, 16),
        serializer=BytesCodec(),
        compressors=Crc32cCodec(),
    )
    array[...] = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    return tmp_path / "labels"


@pytest.fixture
def chunks(path: Path) -> StoredChunks:
    return StoredChunks(zarr.open_array(path, mode="r+"))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ((0, 0, 0), np.s_[0:1, 0:16, 0:16]),
        ((4, 1, 1), np.s_[4:5, 16:20, 16:30]),
        ((2, 0, 1), np.s_[2:3, 0:16, 16:30]),
    ],
)
def test_a_chunk_ends_with_the_array(
    chunks: StoredChunks, block: tuple[int, ...], expected: tuple[slice, ...]
) -> None:
    assert chunks.place(block) == expected
    read = chunks.read(block)
    values = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    np.testing.assert_array_equal(read, values[expected])


def test_what_is_written_is_read_by_others(path: Path, chunks: StoredChunks) -> None:
    chunks.write((3, 1, 0), np.full((1, 4, 16), 9))
    read = zarr.open_array(path, mode="r")[3, 16:20, :16]
    assert (read == 9).all()


def test_a_block_is_a_whole_shard(tmp_path: Path) -> None:
    array = zarr.create_array(
        tmp_path / "a", shape=(4, 32, 32), dtype=np.uint8, chunks=(1, 16, 16), shards=(2, 32, 32)
    )
    assert StoredChunks(array).sides == (2, 32, 32)


def test_a_chunk_that_was_never_written_is_zeros(path: Path, chunks: StoredChunks) -> None:
    (path / "c" / "1" / "0" / "0").unlink()
    assert not chunks.read((1, 0, 0)).any()
    assert chunks.damaged == {}


def test_a_damaged_chunk_is_remembered_until_it_can_be_read(
    path: Path, chunks: StoredChunks
) -> None:
    file = path / "c" / "2" / "0" / "0"
    whole = file.read_bytes()
    file.write_bytes(whole[:-7])
    with pytest.raises(UnreadableError, match=r"cannot be read at slice 2 .*restore this part"):
        chunks.read((2, 0, 0))
    assert list(chunks.damaged) == [(2, 0, 0)]
    chunks.read((2, 0, 1))
    assert list(chunks.damaged) == [(2, 0, 0)]
    file.write_bytes(whole)
    chunks.read((2, 0, 0))
    assert chunks.damaged == {}


def test_an_array_that_has_gone_is_not_zeros(path: Path, chunks: StoredChunks) -> None:
    shutil.rmtree(path)
    with pytest.raises(MissingStoreError):
        chunks.read((0, 0, 0))
    with pytest.raises(MissingStoreError):
        chunks.write((0, 0, 0), np.zeros((1, 16, 16)))
    assert not path.exists()


def test_what_holds_the_array_is_asked_before_a_write(path: Path) -> None:
    def refuse() -> None:
        raise MissingStoreError("the folder is not the one that was opened; open it again")

    chunks = StoredChunks(zarr.open_array(path, mode="r+"), refuse)
    with pytest.raises(MissingStoreError, match="not the one"):
        chunks.write((0, 0, 0), np.zeros((1, 16, 16)))
    assert zarr.open_array(path, mode="r")[0, 0, 1] == 1


def test_a_write_that_is_not_wanted_changes_nothing(path: Path, chunks: StoredChunks) -> None:
    def refuse() -> None:
        raise OSError("the disk is full")

    chunks.before_write = refuse
    with pytest.raises(OSError, match="full"):
        chunks.write((0, 0, 0), np.zeros((1, 16, 16)))
    assert zarr.open_array(path, mode="r")[0, 0, 1] == 1


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (np.s_[3:4, 0:2, 0:2], "slice 3"),
        (np.s_[4:8, 0:2, 0:2], "slices 4 to 7"),
        (np.s_[0:2, 0:2], "a part of it"),
    ],
)
def test_a_place_is_told_in_slices(place: tuple[slice, ...], words: str) -> None:
    assert describe_place(place) == words
