"""Channels, time points and addresses as layers; no window is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from faulty_server import FolderServer
from loopback import listening

from napari_scsam.config import UserError
from napari_scsam.gui.layers.class_table import PATH_KEY
from napari_scsam.gui.layers.files import MOST_LAYERS, read_layers
from napari_scsam.io.volumes import open_volume

TWO = np.random.default_rng(0).integers(0, 255, (2, 6, 20, 30), np.uint8)


def write_channels(path: Path, data: np.ndarray = TWO) -> str:
    tifffile.imwrite(
        path, data.swapaxes(0, 1), imagej=True, metadata={"axes": "ZCYX"}, photometric="minisblack"
    )
    return str(path)


def test_each_channel_is_a_layer_that_opens_again(tmp_path: Path) -> None:
    layers = read_layers(write_channels(tmp_path / "cell.tif"))
    assert [options["name"] for _, options, _ in layers] == ["cell channel 0", "cell channel 1"]
    for number, (data, options, kind) in enumerate(layers):
        assert kind == "image"
        np.testing.assert_array_equal(data[...], TWO[number])
        again = open_volume(options["metadata"][PATH_KEY])
        np.testing.assert_array_equal(again.data[...], TWO[number])


def test_one_channel_is_named(tmp_path: Path) -> None:
    ((data, _, _),) = read_layers(f"{write_channels(tmp_path / 'cell.tif')}:channel=1")
    np.testing.assert_array_equal(data[...], TWO[1])


def test_too_many_are_refused_with_what_to_do(tmp_path: Path) -> None:
    many = np.zeros((MOST_LAYERS + 1, 2, 5, 6), np.uint8)
    with pytest.raises(UserError, match="choose one with --channel 0 to 8"):
        read_layers(write_channels(tmp_path / "cell.tif", many))


def test_an_address_is_a_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    zarr.create_array(tmp_path / "cell.zarr", data=TWO[0], chunks=(1, 10, 10))
    with listening(FolderServer(tmp_path)) as server:
        ((data, options, _),) = read_layers(f"{server.url}/cell.zarr")
        np.testing.assert_array_equal(data[2], TWO[0, 2])
        again = open_volume(options["metadata"][PATH_KEY])
        np.testing.assert_array_equal(again.plane(3), TWO[0, 3])
