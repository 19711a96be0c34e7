"""Images of a project that are one channel of a file, or behind an address."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from faulty_server import FolderServer
from loopback import listening

from napari_scsam.io.volumes import open_volume
from napari_scsam.project.image import ImageReference
from napari_scsam.train.run_folder import file_fingerprint

TWO = np.random.default_rng(0).integers(0, 255, (2, 6, 20, 30), np.uint8)


def test_a_channel_is_found_again_when_the_folder_moves(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    tifffile.imwrite(
        tmp_path / "a/cell.tif",
        TWO.swapaxes(0, 1),
        imagej=True,
        metadata={"axes": "ZCYX"},
        photometric="minisblack",
    )
    volume = open_volume(tmp_path / "a/cell.tif", channel=1)
    reference = ImageReference.of(volume, tmp_path / "a/p.scsam.zarr")
    assert reference.relative == "../cell.tif:channel=1"
    (tmp_path / "a").rename(tmp_path / "b")
    found = reference.find(tmp_path / "b/p.scsam.zarr")
    np.testing.assert_array_equal(found.data[...], TWO[1])
    assert "sha256" in file_fingerprint(found.path or tmp_path)


def test_an_address_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    zarr.create_array(tmp_path / "cell.zarr", data=TWO[0], chunks=(1, 10, 10))
    with listening(FolderServer(tmp_path)) as server:
        address = f"{server.url}/cell.zarr"
        volume = open_volume(address)
        reference = ImageReference.of(volume, tmp_path / "p.scsam.zarr")
        assert (reference.absolute, reference.relative) == (address, address)
        np.testing.assert_array_equal(reference.find(tmp_path / "p").data[...], TWO[0])
        assert file_fingerprint(volume.path or tmp_path) == {"address": address}
