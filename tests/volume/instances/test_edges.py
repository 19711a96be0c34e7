from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_scsam.io.volumes import as_volume
from napari_scsam.volume.blocks import BlockPlan
from napari_scsam.volume.instances.edges import Layer, join_block, read_pairs, touching_labels
from napari_scsam.volume.instances.job import InstanceJob
from napari_scsam.volume.instances.kinds import NO_CLASS_NAME, ObjectKind
from napari_scsam.volume.instances.numbers import save_array
from napari_scsam.volume.instances.record import faces_of, write_arrays
from napari_scsam.volume.instances.source import LabelSource


def layer(*rows: list[int]) -> np.ndarray:
    return np.array(rows, np.int64)


def around(labels: np.ndarray) -> np.ndarray:
    """Return a layer that is one voxel wider at each side, and empty there."""
    return np.pad(labels, 1)


def touching(own: Layer, other: Layer) -> set[tuple[int, ...]]:
    return {tuple(row) for row in touching_labels(own, other).tolist()}


def test_labels_touch_by_faces_edges_and_corners() -> None:
    own = layer([0, 0, 0], [0, 7, 0], [0, 0, 0])
    for y in range(3):
        for x in range(3):
            other = np.zeros((3, 3), np.int64)
            other[y, x] = 4
            assert touching(Layer(own), Layer(around(other))) == {(3, 6)}


def test_labels_two_voxels_apart_do_not_touch() -> None:
    own = layer([7, 0, 0])
    other = layer([0, 0, 4])
    assert touching(Layer(own), Layer(around(other))) == set()


def test_a_neighbour_beyond_the_face_touches_too() -> None:
    other = np.zeros((3, 5), np.int64)
    other[0, 4] = 9  # diagonally outside of the face
    assert touching(Layer(layer([0, 0, 2])), Layer(other)) == {(8, 1)}


def test_labels_of_other_values_do_not_touch() -> None:
    own = Layer(layer([1, 2]), values=layer([5, 6]))
    other = Layer(around(layer([3, 4])), values=around(layer([5, 7])))
    assert touching(own, other) == {(2, 0)}


@pytest.fixture
def job(tmp_path: Path) -> InstanceJob:
    """Return a job whose four blocks of 2×2 have a label each, which all touch at the centre."""
    labels = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]], np.uint8)
    job = InstanceJob(
        LabelSource(as_volume(labels)),
        BlockPlan((4, 4), (2, 2)),
        (ObjectKind("ER", (1,)),),
        tmp_path,
    )
    for block in job.plan:
        part = labels[block.slices].astype(np.uint32)
        faces = {f"0.{name}": face for name, face in faces_of(part, "labels").items()}
        write_arrays(job.record(block.number), faces)
    save_array(job.offsets(), np.array([[0, 1, 2, 3, 4]]))
    return job


def test_each_block_is_joined_with_those_before_it(job: InstanceJob) -> None:
    for number in range(4):
        join_block(job, number)
    pairs = read_pairs(job, 0, np.array([0, 1, 2, 3, 4]))
    found = {tuple(sorted(pair)) for pair in pairs.tolist()}
    assert found == {(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)}


def test_blocks_without_labels_have_no_pairs(job: InstanceJob) -> None:
    offsets = np.array([[0, 0, 0, 0, 1]])
    save_array(job.offsets(), offsets)
    for number in range(4):
        join_block(job, number)
    assert read_pairs(job, 0, offsets[0]).shape == (0, 2)


def test_labels_without_a_table_touch_within_one_value(job: InstanceJob, tmp_path: Path) -> None:
    values = {0: 5, 1: 5, 2: 6, 3: 5}
    other = InstanceJob(job.source, job.plan, (ObjectKind(NO_CLASS_NAME, ()),), tmp_path)
    for block in other.plan:
        part = other.source.read(block.slices).astype(np.uint32)
        faces = {f"0.{name}": face for name, face in faces_of(part, "labels").items()}
        own = {"0.values": np.array([values[block.number]])}
        write_arrays(other.record(block.number), {**faces, **own})
    for number in range(4):
        join_block(other, number)
    pairs = read_pairs(other, 0, np.array([0, 1, 2, 3, 4]))
    assert {tuple(sorted(pair)) for pair in pairs.tolist()} == {(0, 1), (0, 3), (1, 3)}
