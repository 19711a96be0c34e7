from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.io.volumes import Volume, as_volume, open_labels
from napari_scsam.volume.instances import source as module
from napari_scsam.volume.instances.source import (
    FEW_VALUES,
    LabelSource,
    labels_fingerprint,
    looks_grey,
)


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 5, (3, 20, 24)).astype(np.uint16)


def test_labels_in_memory_are_read_in_part(labels: np.ndarray) -> None:
    source = LabelSource(as_volume(labels))
    where = (slice(1, 2), slice(3, 9), slice(0, 4))
    np.testing.assert_array_equal(source.read(where), labels[where])


def test_labels_in_memory_do_not_travel_to_workers(labels: np.ndarray) -> None:
    with pytest.raises(UserError, match="in memory, where no worker can read it"):
        pickle.dumps(LabelSource(as_volume(labels)))


def test_labels_of_a_file_are_opened_again_where_a_copy_arrives(
    tmp_path: Path, labels: np.ndarray
) -> None:
    write_labels(tmp_path / "a.zarr", labels, (40.0, 8.0, 8.0), ())
    source = LabelSource(open_labels(tmp_path / "a.zarr"))
    source.check_path()
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301  # our own
    assert copy.name == source.name
    assert copy.volume is copy.volume
    assert copy.volume.voxel_size == (40.0, 8.0, 8.0)
    np.testing.assert_array_equal(copy.read((slice(None),) * 3), labels)


def test_equal_labels_have_one_fingerprint_wherever_they_are(
    tmp_path: Path, labels: np.ndarray
) -> None:
    write_labels(tmp_path / "a.zarr", labels, None, ())
    assert labels_fingerprint(open_labels(tmp_path / "a.zarr")) == labels_fingerprint(
        as_volume(labels.copy())
    )


def test_one_voxel_a_shape_or_a_type_changes_the_fingerprint(labels: np.ndarray) -> None:
    before = labels_fingerprint(as_volume(labels))
    changed = labels.copy()
    changed[2, 19, 23] += 1
    others = [
        changed,
        labels.reshape(3, 24, 20),
        labels.astype(np.uint32),
        labels.astype(np.int16),
        labels[:, :, :-1],
    ]
    found = [labels_fingerprint(as_volume(other)) for other in others]
    assert before not in found
    assert len(set(found)) == len(others)


class Counted:
    """Stands for large labels; remembers what was read, and may be damaged."""

    def __init__(self, array: np.ndarray, damaged: bool = False) -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype
        self.chunks = (1, *array.shape[1:])
        self.size = array.size
        self.damaged = damaged
        self.read = 0

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        part = self.array[key]
        self.read += part.size
        if self.damaged:
            raise DamagedPartError("slice 0 is damaged")
        return part


def counted(array: np.ndarray, *, damaged: bool = False) -> tuple[Volume, Counted]:
    data = Counted(array, damaged)
    return replace(as_volume(array), data=data), data


def test_of_large_labels_some_blocks_are_read(
    labels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = np.tile(labels, (40, 1, 1))
    monkeypatch.setattr(module, "HASHED_BLOCK", labels[0].size)
    volume, data = counted(many)
    labels_fingerprint(volume)
    assert data.read == many.size
    monkeypatch.setattr(module, "HASHED_WHOLE", many.size)
    volume, data = counted(many)
    labels_fingerprint(volume)
    assert data.read == many.size, "exactly this many count as few"
    monkeypatch.setattr(module, "HASHED_WHOLE", many.size - 1)
    volume, data = counted(many)
    labels_fingerprint(volume)
    assert data.read == module.HASHED_BLOCKS * labels[0].size


def test_damage_changes_the_fingerprint_and_stops_nothing(labels: np.ndarray) -> None:
    whole, _ = counted(labels)
    damaged, _ = counted(labels, damaged=True)
    assert labels_fingerprint(whole) != labels_fingerprint(damaged)


def test_noise_looks_grey_and_a_mosaic_of_many_objects_does_not() -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 250, (4, 80, 80)).astype(np.uint8)
    mosaic = np.kron(rng.permutation(400).reshape(1, 20, 20), np.ones((4, 4, 4), np.int64))
    assert looks_grey(as_volume(noise))
    assert looks_grey(as_volume(noise[0]))
    assert not looks_grey(as_volume(mosaic.astype(np.uint16)))


def test_few_values_are_never_grey() -> None:
    rng = np.random.default_rng(2)
    few = rng.permutation(np.arange(64 * 64) % FEW_VALUES).reshape(64, 64).astype(np.uint8)
    more = rng.permutation(np.arange(64 * 64) % (FEW_VALUES + 1)).reshape(64, 64).astype(np.uint8)
    assert not looks_grey(as_volume(few))
    assert looks_grey(as_volume(more))


def test_background_does_not_make_an_image_of_labels() -> None:
    image = np.zeros((400, 400), np.uint8)
    image[150:250, 150:250] = np.random.default_rng(3).integers(1, 250, (100, 100))
    assert looks_grey(as_volume(image))
