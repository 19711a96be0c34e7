from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import VoxelSize
from napari_scsam.io import label_pyramid
from napari_scsam.io.labels import create_labels, finish_labels
from napari_scsam.io.volumes import open_labels


def build(path: Path, labels: np.ndarray, voxel_size: VoxelSize | None) -> list[np.ndarray]:
    create_labels(path, labels.shape, voxel_size, ())[...] = labels
    finish_labels(path)
    return [level[...] for level in open_labels(path).levels]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_pyramid, "COARSEST", 16)
    monkeypatch.setattr(label_pyramid, "CHUNK", 24)


@pytest.mark.parametrize(
    ("voxel_size", "steps"),
    [
        ((5.0, 5.0, 5.0), [(2, 2, 2), (4, 4, 4)]),
        ((40.0, 20.0, 20.0), [(1, 2, 2), (2, 4, 4)]),
        (None, [(1, 2, 2), (1, 4, 4)]),
    ],
)
def test_levels_keep_every_second_voxel(
    tmp_path: Path, voxel_size: VoxelSize | None, steps: list[tuple[int, ...]]
) -> None:
    labels = np.random.default_rng(0).integers(0, 9, (7, 61, 45)).astype(np.uint8)
    levels = build(tmp_path / "a.zarr", labels, voxel_size)
    assert len(levels) == len(steps)
    for level, (z, y, x) in zip(levels, steps, strict=True):
        np.testing.assert_array_equal(level, labels[::z, ::y, ::x])


def test_one_slice(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 9, (61, 20)).astype(np.uint16)
    levels = build(tmp_path / "a.zarr", labels, None)
    assert [level.shape for level in levels] == [(31, 10), (16, 5)]
    np.testing.assert_array_equal(levels[1], labels[::4, ::4])


def test_small_labels_have_no_coarser_level(tmp_path: Path) -> None:
    assert build(tmp_path / "a.zarr", np.ones((3, 16, 16), np.uint8), None) == []


def test_building_again_follows_a_change(tmp_path: Path) -> None:
    labels = np.zeros((2, 20, 20), np.uint8)
    build(tmp_path / "a.zarr", labels, None)
    create_labels(tmp_path / "a.zarr", labels.shape, None, (), resume=True)[1, 4, 6] = 7
    finish_labels(tmp_path / "a.zarr")
    assert open_labels(tmp_path / "a.zarr").levels[0][1, 2, 3] == 7
