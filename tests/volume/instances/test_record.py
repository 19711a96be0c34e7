from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_scsam.volume.instances.record import BlockRecord, faces_of, write_arrays


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a record of a block with two kinds, in a folder that was not there."""
    path = tmp_path / "blocks" / "0" / "7.npz"
    write_arrays(
        path,
        {
            "counts": np.array([2, 0], np.int64),
            "has_objects": np.array(True),
            "others": np.array([9, 300], np.uint16),
            "0.first": np.array([5, 11], np.int64),
        },
    )
    return path


def test_what_is_written_is_read(path: Path) -> None:
    with BlockRecord(path) as record:
        assert record.counts().tolist() == [2, 0]
        assert record.array(0, "first").tolist() == [5, 11]
        assert record.has_objects() is True
        assert record.others() == [9, 300]
        assert all(type(value) is int for value in record.others())


def test_a_record_knows_which_arrays_it_has(path: Path) -> None:
    with BlockRecord(path) as record:
        assert record.has(0, "first")
        assert not record.has(0, "voxels")
        assert not record.has(1, "first")


def test_a_record_without_objects_says_so(tmp_path: Path) -> None:
    write_arrays(tmp_path / "0.npz", {"has_objects": np.array(False)})
    with BlockRecord(tmp_path / "0.npz") as record:
        assert record.has_objects() is False


def test_a_record_replaces_the_one_before(path: Path) -> None:
    write_arrays(path, {"counts": np.array([1])})
    with BlockRecord(path) as record:
        assert record.counts().tolist() == [1]
        assert not record.has(0, "first")
    assert list(path.parent.iterdir()) == [path]


def test_objects_of_python_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pickle"):
        write_arrays(tmp_path / "0.npz", {"counts": np.array([object()])})
    assert list(tmp_path.iterdir()) == []


def test_faces_are_the_outermost_layers_of_each_axis() -> None:
    labels = np.arange(24).reshape(2, 3, 4)
    faces = faces_of(labels, "labels")
    assert set(faces) == {f"labels.{side}{axis}" for side in ("low", "high") for axis in range(3)}
    np.testing.assert_array_equal(faces["labels.low0"], labels[0])
    np.testing.assert_array_equal(faces["labels.high0"], labels[1])
    np.testing.assert_array_equal(faces["labels.low1"], labels[:, 0])
    np.testing.assert_array_equal(faces["labels.high1"], labels[:, 2])
    np.testing.assert_array_equal(faces["labels.low2"], labels[..., 0])
    np.testing.assert_array_equal(faces["labels.high2"], labels[..., 3])
    assert all(face.flags.c_contiguous for face in faces.values())


def test_both_faces_of_a_single_layer_are_that_layer() -> None:
    labels = np.arange(6).reshape(1, 6)
    faces = faces_of(labels, "x")
    np.testing.assert_array_equal(faces["x.low0"], faces["x.high0"])
