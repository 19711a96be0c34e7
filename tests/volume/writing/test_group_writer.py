from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_scsam.volume.answer import Answer, inside_mask
from napari_scsam.volume.run_plan import RunPlan
from napari_scsam.volume.writing.group_writer import GroupWriter

WINDOW = (slice(2, 10), slice(4, 16))


def answer_of(z: int) -> Answer:
    return Answer(
        z,
        f"hash{z}",
        lambda: np.full((8, 12), z + 1, np.uint8),
        lambda: np.full((1, 8, 12), 10 * z, np.uint8),
    )


@pytest.fixture
def level(tmp_path: Path) -> zarr.Array:
    """Return labels of which two slices are in one file."""
    return zarr.create_array(
        tmp_path / "0", shape=(5, 16, 16), dtype=np.uint8, chunks=(1, 16, 16), shards=(2, 16, 16)
    )


@pytest.fixture
def writer(level: zarr.Array) -> GroupWriter:
    return GroupWriter(level, RunPlan(tuple(range(5)), WINDOW, whole=False))


def test_slices_are_written_when_their_file_is_whole(
    level: zarr.Array, writer: GroupWriter
) -> None:
    assert writer.add(answer_of(0)) == []
    assert not level[...].any()
    finished = writer.add(answer_of(1))
    assert [(slice_.z, slice_.pixels) for slice_ in finished] == [(0, "hash0"), (1, "hash1")]
    assert (level[0, 2:10, 4:16] == 1).all()
    assert (level[1, 2:10, 4:16] == 2).all()
    assert level[:2].sum() == 8 * 12 * 3
    assert writer.flush() == []


def test_each_slice_names_the_file_that_it_is_in(writer: GroupWriter) -> None:
    writer.add(answer_of(2))
    finished = writer.add(answer_of(3))
    assert {slice_.chunks for slice_ in finished} == {("0/0",)}


def test_the_last_file_may_hold_fewer_slices(level: zarr.Array, writer: GroupWriter) -> None:
    finished = writer.add(answer_of(4))
    assert [slice_.z for slice_ in finished] == [4]
    assert (level[4, 2:10, 4:16] == 5).all()


def test_a_slice_of_another_file_writes_what_was_begun(
    level: zarr.Array, writer: GroupWriter
) -> None:
    writer.add(answer_of(0))
    finished = writer.add(answer_of(3))
    assert [slice_.z for slice_ in finished] == [0, 3]
    assert (level[0, 2:10, 4:16] == 1).all()
    assert not level[1].any()
    assert not level[2].any()
    assert (level[3, 2:10, 4:16] == 4).all()


def test_what_is_left_is_written_at_the_end(level: zarr.Array, writer: GroupWriter) -> None:
    writer.add(answer_of(2))
    assert [slice_.z for slice_ in writer.flush()] == [2]
    assert (level[2, 2:10, 4:16] == 3).all()
    assert writer.flush() == []


def test_outside_of_a_mask_nothing_is_left() -> None:
    mask = np.zeros((8, 12), bool)
    mask[3, 4] = True
    answer = inside_mask(answer_of(6), mask)
    assert (answer.z, answer.pixels) == (6, "hash6")
    labels = answer.labels()
    assert labels[3, 4] == 7
    assert np.count_nonzero(labels) == 1
    probabilities = answer.probabilities()
    assert probabilities[0, 3, 4] == 60
    assert np.count_nonzero(probabilities) == 1
