from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import ZipStore

from napari_scsam.config import UserError
from napari_scsam.io.volumes import open_labels, open_volume

STACK = np.random.default_rng(0).integers(1, 200, (5, 30, 37), np.uint8)


def fill(store: Any) -> None:
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    scale = [{"type": "scale", "scale": [30.0, 5.0, 4.0]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    ome = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    group = zarr.create_group(store, attributes={"ome": ome})
    group.create_array("0", data=STACK, chunks=(2, 16, 16))


@pytest.mark.parametrize("name", ["a.zip", "a.ozx", "a.ome.zarr.zip"])
def test_a_zip_that_zarr_wrote(tmp_path: Path, name: str) -> None:
    with ZipStore(tmp_path / name, mode="w") as store:
        fill(store)
    volume = open_volume(tmp_path / name)
    assert volume.voxel_size == (30.0, 5.0, 4.0)
    np.testing.assert_array_equal(volume.data[...], STACK)


def test_a_folder_that_was_zipped(tmp_path: Path) -> None:
    fill(tmp_path / "cell.zarr")
    fill(tmp_path / "cell.zarr/labels/mito")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in (tmp_path / "cell.zarr").rglob("*"):
            archive.write(file, file.relative_to(tmp_path))
    np.testing.assert_array_equal(open_volume(tmp_path / "a.zip").data[...], STACK)
    labels = open_labels(f"{tmp_path}/a.zip:/labels/mito")
    np.testing.assert_array_equal(labels.data[...], STACK)


def test_other_and_damaged_zips_are_explained(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("slice0.tif", b"II*")
    with pytest.raises(UserError, match="holds no zarr; unpack it"):
        open_volume(tmp_path / "a.zip")
    (tmp_path / "b.zip").write_bytes(b"no zip")
    with pytest.raises(UserError, match=r"b\.zip cannot be opened"):
        open_volume(tmp_path / "b.zip")
    with ZipStore(tmp_path / "c.zip", mode="w") as store:
        fill(store)
    data = bytearray((tmp_path / "c.zip").read_bytes())
    at = data.index(b"0/c/0/0/0") + 30
    data[at] ^= 255
    (tmp_path / "c.zip").write_bytes(data)
    volume = open_volume(tmp_path / "c.zip")
    np.testing.assert_array_equal(volume.plane(4), STACK[4])
    with pytest.raises(UserError, match="damaged"):
        volume.plane(0)
