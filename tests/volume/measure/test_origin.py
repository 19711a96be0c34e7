from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_scsam.io.volumes import as_volume
from napari_scsam.version import __version__
from napari_scsam.volume.measure.origin import OBJECTS_FORMAT, describe_measurement
from napari_scsam.volume.measure.table import ObjectTable

TABLE = ObjectTable({"class": np.array(["ER", "PSD", "ER"]), "id": np.array([1, 1, 2])})


def test_the_origin_of_a_table_can_be_read_by_anyone() -> None:
    labels = replace(
        as_volume(np.zeros((2, 3, 4), np.uint16)),
        voxel_size=(40.0, 8.0, 8.0),
        path=Path("/data/labels.zarr"),
    )
    image = as_volume(np.zeros((2, 3, 4), np.uint8))
    found = describe_measurement(labels, image, TABLE, {"smallest": 10})
    assert json.loads(json.dumps(found)) == found
    assert found["format"] == OBJECTS_FORMAT
    assert found["objects"] == {"ER": 2, "PSD": 1}
    assert found["settings"] == {"smallest": 10}
    assert found["labels"] == {
        "path": "/data/labels.zarr",
        "shape": [2, 3, 4],
        "type": "uint16",
        "voxel_size_nm": [40.0, 8.0, 8.0],
    }
    assert found["image"]["path"] is None
    assert found["image"]["voxel_size_nm"] is None
    assert found["image"]["type"] == "uint8"
    assert __version__ in found["software"].values()
    assert "python" in found["software"]


def test_without_an_image_there_is_none() -> None:
    labels = as_volume(np.zeros((3, 4), np.uint8))
    empty = ObjectTable({"class": np.zeros(0, "U1")})
    found = describe_measurement(labels, None, empty, {})
    assert found["image"] is None
    assert found["objects"] == {}
