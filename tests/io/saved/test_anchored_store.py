from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.core.buffer import default_buffer_prototype

from napari_scsam.config import UserError
from napari_scsam.io.saved import saved_chunks
from napari_scsam.io.saved.anchored_store import (
    AnchoredStore,
    MissingStoreError,
    Presence,
    UnreadableError,
    anchored,
)
from napari_scsam.io.saved.saved_array import SavedArray

SHAPE = (4, 20, 20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    zarr.create_array(tmp_path / "a", shape=SHAPE, chunks=(1, 20, 20), dtype="uint8", fill_value=0)
    return tmp_path / "a"


@pytest.fixture
def saved(folder: Path, monkeypatch: pytest.MonkeyPatch) -> SavedArray:
    monkeypatch.setattr(saved_chunks, "RETRY", 0.05)
    return SavedArray(zarr.open_array(folder))


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("replaced", [False, True])
def test_an_array_that_is_gone_is_not_made_again(
    saved: SavedArray, folder: Path, replaced: bool
) -> None:
    saved[0] = 1
    saved.flush()
    away = folder.rename(folder.with_name("away"))
    if replaced:  # by an array of the same shape
        zarr.create_array(folder, shape=SHAPE, chunks=(1, 20, 20), dtype="uint8", fill_value=0)
    saved[1] = 2  # whether or not its chunk was read before
    saved[0, :5] = 3
    wait_until(lambda: saved.trouble is not None)
    assert isinstance(saved.trouble, MissingStoreError)
    assert isinstance(saved.trouble, UserError)
    assert saved.unsaved == 2
    with pytest.raises(MissingStoreError):
        saved.flush()
    assert folder.exists() == replaced
    if replaced:
        assert not (folder / "c").exists()
        shutil.rmtree(folder)
    away.rename(folder)
    wait_until(lambda: not saved.unsaved)
    assert saved.trouble is None
    expected = np.zeros(SHAPE, np.uint8)
    expected[0] = 1
    expected[0, :5] = 3
    expected[1] = 2
    np.testing.assert_array_equal(zarr.open_array(folder)[...], expected)


def test_what_is_not_known_is_an_error_while_it_is_gone(saved: SavedArray, folder: Path) -> None:
    folder.rename(folder.with_name("away"))
    saved[2, :5] = 1
    for read in (lambda: saved[2], lambda: saved[3], saved.touched):
        with pytest.raises(MissingStoreError):
            read()
    folder.with_name("away").rename(folder)
    saved.flush()
    assert saved[2].sum() == 5 * 20


@pytest.mark.parametrize("wrong", ["garbage", "empty", "folder", "link", "file for a folder"])
def test_a_chunk_that_cannot_be_read_is_never_zeros(
    saved: SavedArray, folder: Path, wrong: str
) -> None:
    saved[...] = 1
    saved.flush()
    file = folder / "c" / "1" / "0" / "0"
    file.unlink()
    if wrong == "garbage":
        file.write_bytes(b"garbage")
    elif wrong == "empty":
        file.touch()
    elif wrong == "folder":
        file.mkdir()
    elif wrong == "link":
        file.symlink_to("nowhere")
    else:
        file.parent.rmdir()
        file.parent.touch()
    again = SavedArray(zarr.open_array(folder))
    with pytest.raises(UnreadableError, match="cannot be read at slice 1"):
        again[1]
    with pytest.raises(UnreadableError):
        again[1, 0, 0] = 2
    assert (again[0] == 1).all()
    assert set(again.damaged) == {(1, 0, 0)}


def test_a_chunk_that_was_never_written_is_zeros(saved: SavedArray) -> None:
    assert not saved[3].any()
    assert saved.damaged == {}


def test_data_are_on_disk_before_they_are_saved(
    saved: SavedArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    order: list[str] = []
    fsync = os.fsync
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda n: (order.append("sync"), fsync(n))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("move"), replace(a, b))[1])
    saved[1] = 1
    saved.flush()
    moved = order.index("move")
    assert "sync" in order[:moved]
    assert "sync" in order[moved:]


def test_other_stores_are_left_alone(folder: Path) -> None:
    memory = zarr.create_array(zarr.storage.MemoryStore(), shape=(4,), dtype="uint8")
    assert anchored(memory) is memory
    Presence(memory).check()
    array = anchored(zarr.open_array(folder, mode="r"))
    assert isinstance(array.store, AnchoredStore)
    assert array.read_only


def test_metadata_below_a_file_are_absent_but_chunks_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "METADATA.ome.xml").write_text("<OME/>")
    store = AnchoredStore(tmp_path, read_only=True)
    assert store.get_sync("METADATA.ome.xml/.zarray", prototype=default_buffer_prototype()) is None
    with pytest.raises(NotADirectoryError):
        store.get_sync("METADATA.ome.xml/0.0.0", prototype=default_buffer_prototype())


def test_metadata_that_were_damaged_after_they_were_read_are_told(tmp_path: Path) -> None:
    """Found by damaged projects: the array was opened by a copy of its metadata."""
    stored = zarr.create_array(tmp_path / "a.zarr", shape=(2, 4), chunks=(2, 4), dtype="u1")
    header = tmp_path / "a.zarr/zarr.json"
    metadata = json.loads(header.read_text(encoding="utf-8"))
    header.write_text(json.dumps({**metadata, "storage_transformers": "../.."}), encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.zarr is damaged \(.*\); give it up or restore it"):
        anchored(stored)
