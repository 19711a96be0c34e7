from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from napari_scsam.io.saved import saved_chunks
from napari_scsam.io.saved.saved_chunks import SavedChunks

A, B, C = (0,), (1,), (2,)


class Disk:
    """Three chunks of four numbers; reading and writing wait for a gate."""

    shape, chunks, dtype = (12,), (4,), np.dtype(np.uint8)

    def __init__(self) -> None:
        self.values = np.zeros(12, np.uint8)
        self.reading, self.writing = threading.Event(), threading.Event()
        self.may_read, self.may_write = threading.Event(), threading.Event()
        self.may_read.set()
        self.may_write.set()

    def __getitem__(self, key):
        values = self.values[key].copy()
        self.reading.set()
        assert self.may_read.wait(10)
        return values

    def __setitem__(self, key, values):
        self.writing.set()
        assert self.may_write.wait(10)
        self.values[key] = values


@pytest.fixture
def disk():
    disk = Disk()
    yield disk
    disk.may_read.set()
    disk.may_write.set()


def change(chunks: SavedChunks, block, value: int) -> None:
    with chunks.hold(block) as values:
        values[:] = value
        chunks.mark(block)


def look(chunks: SavedChunks, block) -> int:
    with chunks.hold(block) as values:
        return int(values[0])


def test_a_chunk_that_is_being_written_is_not_dropped_for_its_old_self(disk):
    chunks = SavedChunks(disk, memory=4)
    disk.may_write.clear()
    change(chunks, A, 7)
    assert disk.writing.wait(10)
    assert (look(chunks, B), look(chunks, C)) == (0, 0)
    assert chunks.unsaved == 1
    assert look(chunks, A) == 7
    disk.may_write.set()
    chunks.flush()
    assert disk.values.tolist() == [7] * 4 + [0] * 8
    look(chunks, B)
    assert chunks.known == {B}, "now it may go"


def test_flush_waits_for_the_chunk_that_another_thread_writes(disk):
    chunks = SavedChunks(disk, memory=12)
    disk.may_write.clear()
    change(chunks, A, 7)
    assert disk.writing.wait(10)
    flushing = threading.Thread(target=chunks.flush)
    flushing.start()
    flushing.join(0.1)
    assert flushing.is_alive()
    disk.may_write.set()
    flushing.join(10)
    assert disk.values[0] == 7
    assert chunks.unsaved == 0


def test_what_was_fetched_before_a_change_does_not_come_after_it(disk):
    chunks = SavedChunks(disk, memory=4)
    disk.may_read.clear()
    seen = []
    reader = threading.Thread(target=lambda: seen.append(look(chunks, A)))
    reader.start()
    assert disk.reading.wait(10)
    chunks._fetch = lambda block: disk.values[
        chunks.place(block)
    ].copy()  # others need not wait for the gate
    change(chunks, A, 7)
    chunks.flush()
    look(chunks, B)
    assert A not in chunks.known
    disk.may_read.set()
    reader.join(10)
    assert seen == [7]


def test_others_go_on_while_a_chunk_is_fetched(disk):
    chunks = SavedChunks(disk, memory=12)
    assert look(chunks, B) == 0
    disk.may_read.clear()
    disk.reading.clear()
    reader = threading.Thread(target=look, args=(chunks, A))
    reader.start()
    assert disk.reading.wait(10)
    assert look(chunks, B) == 0
    assert reader.is_alive()
    disk.may_read.set()
    reader.join(10)


def test_who_changes_labels_does_not_wait_for_a_queue_of_chunks(disk, monkeypatch):
    monkeypatch.setattr(saved_chunks, "LATEST", 0.0)
    chunks = SavedChunks(disk, memory=12)
    disk.may_write.clear()
    for block in (A, B, C):
        change(chunks, block, 7)
    assert disk.writing.wait(10)  # the thread has the disk, and keeps it
    chunks.hurry()
    assert chunks.unsaved == 3
    disk.may_write.set()
    chunks.flush()
    assert (disk.values == 7).all()


def test_what_waits_too_long_is_written_by_who_changes_labels(disk, monkeypatch):
    monkeypatch.setattr(saved_chunks, "DELAY", 60.0)
    monkeypatch.setattr(saved_chunks, "LATEST", 0.01)
    chunks = SavedChunks(disk, memory=12)
    change(chunks, A, 7)
    chunks.hurry()
    assert disk.values[0] == 0
    time.sleep(0.02)
    chunks.hurry()
    assert disk.values[0] == 7
