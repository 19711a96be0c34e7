"""Layers of what is behind an address: an image, and the labels beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr
from faulty_server import FolderServer
from loopback import listening
from napari.layers import Labels, Layer

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.layers.class_table import can_be_edited
from napari_scsam.gui.layers.files import read_layers
from napari_scsam.io.label_header import image_label
from napari_scsam.io.remote.labels import labels_beside

STACK = np.random.default_rng(0).integers(1, 255, (4, 24, 32), np.uint8)
FOUND = (STACK > 128).astype(np.uint16)
CLASSES = (ClassSpec(1, "mitochondrion", "#ff0000"),)


def add_image(group: zarr.Group, data: np.ndarray, **extra: object) -> None:
    """Write an OME-Zarr 0.5 image without another program."""
    group.create_array("0", data=data, chunks=(2, 16, 16))
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    scale = [{"type": "scale", "scale": [30.0, 5.0, 4.0]}]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    ome = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}], **extra}
    group.attrs["ome"] = ome


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderServer]:
    """A server of an image with two label images, one of them with our class table."""
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "served"
    group = zarr.open_group(folder / "cell.zarr", mode="w")
    add_image(group, STACK)
    labels = group.create_group("labels")
    labels.attrs["ome"] = {"version": "0.5", "labels": ["classes", "nuclei", "gone", "../cell"]}
    add_image(labels.create_group("classes"), FOUND, **{"image-label": image_label(CLASSES)})
    labels["classes"].attrs["scsam"] = {"classes": [spec.to_dict() for spec in CLASSES]}
    add_image(labels.create_group("nuclei"), FOUND * 7, **{"image-label": {}})
    with listening(FolderServer(folder)) as serving:
        yield serving


def test_labels_beside_an_image_are_hidden_layers_that_cannot_be_edited(
    server: FolderServer,
) -> None:
    image, classes, nuclei = (
        Layer.create(*data) for data in read_layers(f"{server.url}/cell.zarr")
    )
    assert [type(layer) for layer in (classes, nuclei)] == [Labels, Labels]
    assert (image.visible, classes.visible, nuclei.visible) == (True, False, False)
    assert not any(path.startswith("cell.zarr/labels/nuclei/0/c") for path in server.asked)
    assert not can_be_edited(classes)
    with pytest.raises(UserError, match="import it into a project"):
        classes.paint((0, 1, 1), 1)
    assert tuple(classes.scale) == tuple(image.scale) == (30, 5, 4)
    np.testing.assert_array_equal(np.asarray(nuclei.data[2]), FOUND[2] * 7)
    assert classes.features["class"].tolist()[-1] == "mitochondrion"


def test_an_address_of_labels_is_a_labels_layer(server: FolderServer) -> None:
    (data,) = read_layers(f"{server.url}/cell.zarr/labels/nuclei")
    layer = Layer.create(*data)
    assert isinstance(layer, Labels)
    assert layer.visible
    np.testing.assert_array_equal(np.asarray(layer.data[1]), FOUND[1] * 7)


def test_names_that_lead_elsewhere_are_no_labels(server: FolderServer) -> None:
    found = labels_beside(f"{server.url}/cell.zarr/")
    assert [address.rsplit("/", 1)[1] for address in found] == ["classes", "nuclei", "gone"]
    assert labels_beside(f"{server.url}/cell.zarr/labels/nuclei") == ()


def test_an_image_without_labels_is_one_layer(server: FolderServer) -> None:
    add_image(zarr.open_group(server.folder / "alone.zarr", mode="w"), STACK)
    assert len(read_layers(f"{server.url}/alone.zarr")) == 1
