"""A volume that a network on a server labels has the bytes of one that is labelled here."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from served import TINY, TOKEN, line_to, served_on_a_thread, write_tiny

from napari_scsam.errors import UserError
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.volumes import open_volume
from napari_scsam.remote.connection import Connection
from napari_scsam.remote.predictor import RemotePredictor
from napari_scsam.remote.there import open_there_steps
from napari_scsam.server.data_places import DataPlaces
from napari_scsam.server.settings import ServerSettings
from napari_scsam.steps import drive
from napari_scsam.volume import three_axes
from napari_scsam.volume.run import segment_volume


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The folder whose data the server opens."""
    return tmp_path_factory.mktemp("data") / "served"


@pytest.fixture(scope="module")
def offered(tmp_path_factory, random_model, data):
    """A server with the tiny network, and that network."""
    folder = write_tiny(tmp_path_factory.mktemp("offered"), random_model)
    data.mkdir()
    settings = ServerSettings(TOKEN, "cpu", folder, DataPlaces.of([str(data)]))
    with served_on_a_thread(settings) as (address, _app):
        yield address, copy.deepcopy(random_model)


def files_of(folder: Path) -> dict[str, bytes]:
    """All files of a folder, by their paths in it."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def volume(tmp_path):
    """Three slices that look alike, and one of a single value."""
    rng = np.random.default_rng(0)
    first = rng.integers(40, 200, (70, 60)).astype(np.float32)
    slices = [first + rng.normal(0, 6, first.shape) for _ in range(3)]
    stack = np.clip(np.stack([*slices, np.full(first.shape, 90)]), 0, 255).astype(np.uint8)
    tifffile.imwrite(tmp_path / "cell.tif", stack, photometric="minisblack")
    tifffile.imwrite(tmp_path / "mask.tif", (stack > 60).astype(np.uint8), photometric="minisblack")
    return open_volume(tmp_path / "cell.tif", (8.0, 8.0, 8.0))


@pytest.mark.parametrize(
    "options",
    [
        {"probabilities": True},
        {"average_z": False, "region": "1:4,8:60,5:55", "tta": True},
        {"mask": "mask.tif", "classes": ["vesicle", "membrane"]},
        {"voxel_size": (16.0, 16.0, 16.0), "coarse": True},
    ],
    ids=["averaged", "a part, carefully", "in a mask", "coarse"],
)
def test_the_labels_have_the_same_bytes(offered, volume, tmp_path, options):
    address, model = offered
    if "mask" in options:
        options = {**options, "mask": tmp_path / options["mask"]}
    drive(segment_volume(volume, model, tmp_path / "here.zarr", device="cpu", **options))
    with line_to(address) as line:
        remote = RemotePredictor(line)
        drive(remote.load_steps(TINY))
        drive(segment_volume(volume, remote, tmp_path / "there.zarr", **options))
    here, there = files_of(tmp_path / "here.zarr"), files_of(tmp_path / "there.zarr")
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []


def test_a_run_that_the_server_lost_goes_on_and_a_stopped_one_is_resumed(offered, volume, tmp_path):
    address, model = offered
    drive(segment_volume(volume, Predictor(model, "cpu"), tmp_path / "here.zarr"))
    out = tmp_path / "there.zarr"
    with line_to(address) as line:
        remote = RemotePredictor(line)
        drive(remote.load_steps(TINY))
        steps = segment_volume(volume, remote, out)
        for number in (0, 1):
            while next(steps).done < number:
                pass
            line._key = ""
            line._cut()  # and the server knows nothing of this client any more
        while next(steps).done < 2:
            pass
        steps.close()
        drive(segment_volume(volume, remote, out, resume=True))
    assert files_of(out) == files_of(tmp_path / "here.zarr")


def cube(tmp_path: Path) -> Path:
    """A small isotropic volume."""
    path = tmp_path / "cube.tif"
    data = np.random.default_rng(1).integers(0, 255, (7, 6, 7), dtype=np.uint8)
    tifffile.imwrite(path, data, photometric="minisblack")
    return path


def test_three_axes_have_the_same_bytes_also_of_data_on_the_server(
    offered, tmp_path, monkeypatch, data
):
    """Layers and blocks are small, so that there are several, which see what is around them."""
    for name, size in (("THINNEST", 6), ("LONGEST_SIDE", 4), ("HALO", 2)):
        monkeypatch.setattr(three_axes, name, size)
    address, model = offered
    volume = open_volume(cube(data), (8, 8, 8))
    options = {"axes": 3, "slices": [0, 1], "region": "0:7,0:6,3:7"}
    drive(segment_volume(volume, model, tmp_path / "here.zarr", device="cpu", **options))
    with line_to(address) as line:
        remote = RemotePredictor(line)
        drive(remote.load_steps(TINY))
        drive(segment_volume(volume, remote, tmp_path / "sent.zarr", **options))
        there = drive(open_there_steps(remote.session, "cube.tif", (8.0, 8.0, 8.0)))
        drive(segment_volume(there, remote, tmp_path / "there.zarr", **options))
    here = files_of(tmp_path / "here.zarr")
    assert files_of(tmp_path / "sent.zarr") == here
    assert files_of(tmp_path / "there.zarr") == here


def test_data_of_the_server_are_labelled_without_being_sent_and_a_stopped_run_is_resumed(
    offered, volume, tmp_path, data, monkeypatch
):
    address, model = offered
    shutil.copy(volume.path, data / "cell.tif")
    options = {"average_z": True, "probabilities": True, "mask": tmp_path / "mask.tif"}
    drive(segment_volume(volume, model, tmp_path / "here.zarr", device="cpu", **options))
    out = tmp_path / "there.zarr"
    asked: list[str] = []
    ask = Connection.ask
    monkeypatch.setattr(
        Connection, "ask", lambda line, request: asked.append(request.type) or ask(line, request)
    )
    with line_to(address) as line:
        remote = RemotePredictor(line)
        drive(remote.load_steps(TINY))
        there = drive(open_there_steps(remote.session, str(data / "cell.tif"), (8.0, 8.0, 8.0)))
        with pytest.raises(UserError, match="on the server alone"):
            there.plane(0)
        steps = segment_volume(there, remote, out, **options)
        while next(steps).done < 1:
            pass
        line._key = ""
        line._cut()  # and the server knows nothing of this client any more
        while next(steps).done < 2:
            pass
        steps.close()
        drive(segment_volume(there, remote, out, resume=True, **options))
        assert files_of(out) == files_of(tmp_path / "here.zarr")
        assert "put_pixels" not in asked
        turned = np.asarray(volume.data[...])[:, ::-1]
        tifffile.imwrite(data / "cell.tif", turned, photometric="minisblack")
        line._key = ""
        line._cut()
        with pytest.raises(UserError, match="was replaced on the server"):
            drive(segment_volume(there, remote, tmp_path / "again.zarr", average_z=True))


@pytest.mark.parametrize("name", ["../private.tif", "/etc/passwd", "link.tif", "no.tif", "~"])
def test_what_the_server_does_not_serve_is_one_sentence(offered, tmp_path, data, name):
    tifffile.imwrite(data.parent / "private.tif", np.zeros((2, 9, 9), np.uint8))
    if not (data / "link.tif").is_symlink():
        (data / "link.tif").symlink_to(data.parent / "private.tif")
    with line_to(offered[0]) as line:
        remote = RemotePredictor(line)
        with pytest.raises(UserError, match="not among the data that the server opens"):
            drive(open_there_steps(remote.session, name))
