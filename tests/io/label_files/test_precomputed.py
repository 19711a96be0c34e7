"""Labels for neuroglancer: read by tensorstore, named, and replaced only where they are ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorstore

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import write_labels

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(3, "vesicle"))
LABELS = np.random.default_rng(0).choice(np.array([0, 1, 3], np.uint8), (3, 70, 31))


def read(path: Path) -> np.ndarray:
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "file", "path": f"{path}/"},
    }
    return tensorstore.open(spec, open=True).result()[..., 0].read().result()


def test_tensorstore_reads_the_labels_along_x_y_z(tmp_path: Path) -> None:
    path = tmp_path / "labels.precomputed"
    write_labels(path, LABELS, (40.0, 8.0, 5.0), CLASSES, origin=(80.0, 16.0, 0.0))
    np.testing.assert_array_equal(read(path), LABELS.T)
    info = json.loads((path / "info").read_text())
    assert (info["type"], info["data_type"]) == ("segmentation", "uint32")
    (scale,) = info["scales"]
    assert scale["resolution"] == [5, 8, 40]
    assert scale["voxel_offset"] == [0, 2, 2]
    names = json.loads((path / info["segment_properties"] / "info").read_text())["inline"]
    assert names["ids"] == ["1", "3"]
    assert names["properties"][0]["values"] == ["mitochondrion", "vesicle"]


def test_large_numbers_need_64_bits(tmp_path: Path) -> None:
    values = np.array([[0, 2**40]], np.int64)
    write_labels(tmp_path / "labels.precomputed", values, None, ())
    found = read(tmp_path / "labels.precomputed")
    assert (found.dtype, found.max()) == (np.uint64, 2**40)
    with pytest.raises(UserError, match="negative labels cannot be written"):
        write_labels(tmp_path / "other.precomputed", -values, None, ())


def test_ours_are_replaced_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "labels.precomputed"
    write_labels(path, LABELS, None, CLASSES)
    write_labels(path, LABELS * 0, None, CLASSES)
    assert not read(path).any()
    (path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        write_labels(path, LABELS, None, CLASSES)
    assert (path / "notes.txt").read_text() == "mine"
