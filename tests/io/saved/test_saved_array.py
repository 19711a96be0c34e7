from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_scsam.io.saved import saved_chunks
from napari_scsam.io.saved.saved_array import SavedArray

SHAPE = (6, 50, 70)


@pytest.fixture
def stored(tmp_path: Path):
    return zarr.create_array(
        tmp_path / "a", shape=SHAPE, chunks=(1, 32, 32), dtype="uint8", fill_value=0
    )


def wait_until(true, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.01)


def test_behaves_like_numpy_and_ends_up_on_disk(stored):
    rng, saved, numpy = (
        np.random.default_rng(0),
        SavedArray(stored, memory=4 * 32 * 32),
        np.zeros(SHAPE, np.uint8),
    )
    for _ in range(60):
        low = [int(rng.integers(0, n)) for n in SHAPE]
        box = tuple(slice(a, a + int(rng.integers(1, 40))) for a in low)
        some = tuple(rng.integers(0, n, 30) for n in SHAPE)
        for array in (saved, numpy):
            array[box] = 3
        values = rng.integers(0, 9, 30).astype(np.uint8)
        unique = np.unique(np.ravel_multi_index(some, SHAPE), return_index=True)[1]
        some = tuple(axis[unique] for axis in some)
        for array in (saved, numpy):
            array[some] = values[unique]
            array[2, ::3, 5] = 7
        np.testing.assert_array_equal(saved[some], numpy[some])
        np.testing.assert_array_equal(saved[box], numpy[box])
    np.testing.assert_array_equal(np.asarray(saved), numpy)
    saved.flush()
    np.testing.assert_array_equal(stored[...], numpy)
    assert len(saved._memory.known) <= 4, "memory is bounded"


def test_a_change_is_on_disk_within_a_second_and_the_thread_ends(stored):
    saved = SavedArray(stored)
    saved[1, 3:9, 4] = 5
    assert saved.unsaved == 1
    wait_until(lambda: bool((stored[1, 3:9, 4] == 5).all()), 1.0)
    wait_until(lambda: not any(t.name == "scsam-save" for t in threading.enumerate()))
    saved[1, 3:9, 4] = 0
    wait_until(lambda: not stored[...].any(), 1.0)


def test_reading_gives_a_copy(stored):
    saved = SavedArray(stored)
    saved[0][:] = 9
    saved[0, 0:3, 0:3][:] = 9
    assert not saved[...].any()


def test_memory_of_another_array_is_taken_over(stored):
    data = np.random.default_rng(0).integers(0, 5, SHAPE).astype(np.uint8)
    saved = SavedArray(stored)
    saved.seed(data)
    np.testing.assert_array_equal(saved[...], data)
    saved.flush()
    np.testing.assert_array_equal(stored[...], data)


def test_a_disk_that_is_full_is_tried_again(stored, monkeypatch):
    monkeypatch.setattr(saved_chunks, "RETRY", 0.05)
    saved = SavedArray(stored)

    class Full:
        shape = SHAPE

        def __setitem__(self, key, value):
            raise OSError("No space left on device")

    saved[0, 0, 0]  # now the chunk is in memory
    saved._memory.stored = Full()
    saved[0, 0, 0] = 1
    wait_until(lambda: saved.trouble is not None)
    assert saved.unsaved == 1
    saved._memory.stored = stored
    wait_until(lambda: stored[0, 0, 0] == 1)
    wait_until(lambda: saved.trouble is None)


def test_all_chunks_are_read_ahead_and_edits_stay(stored):
    stored[...] = 2
    saved = SavedArray(stored)
    saved[3] = 4
    saved.preload()
    wait_until(lambda: len(saved._memory.known) == 6 * 2 * 3)
    assert (saved[3] == 4).all()
    assert (saved[2] == 2).all()


def test_what_was_changed_just_before_the_end_is_written(stored, tmp_path):
    code = f"""
import zarr
from napari_scsam.io.saved.saved_array import SavedArray
saved = SavedArray(zarr.open_array({str(tmp_path / "a")!r}))
saved[2] = 7
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (stored[2] == 7).all()


def test_what_must_be_fetched_is_known_beforehand(stored):
    stored[...] = 2
    saved = SavedArray(stored)
    box = (slice(1, 3), slice(0, 40), slice(0, 20))
    assert saved.absent(box) == 4 * 32 * 32
    saved[box]
    assert saved.absent(box) == 0
    assert saved.absent((slice(1, 4), slice(0, 10), slice(0, 10))) == 32 * 32


def test_shards_are_written_as_a_whole(tmp_path: Path):
    stored = zarr.create_array(
        tmp_path / "a", shape=SHAPE, chunks=(1, 16, 16), shards=(2, 32, 32), dtype="uint8"
    )
    saved = SavedArray(stored)
    saved[:, 10:40, 20:60] = 5
    saved.flush()
    assert saved.chunks == (2, 32, 32)
    np.testing.assert_array_equal(stored[...], saved[...])
    assert (stored[:, 10:40, 20:60] == 5).all()


def test_an_array_of_another_shape_is_refused_at_once(stored):
    saved = SavedArray(stored)
    with pytest.raises(ValueError, match="cannot fill"):
        saved.seed(np.ones((4, 9, 9), np.uint8))
    assert not saved.unsaved
