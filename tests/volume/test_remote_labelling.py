"""A volume that a network on a server labels has the bytes of one that is labelled here."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import tifffile
from served import TINY, TOKEN, line_to, served_on_a_thread, write_tiny

from napari_scsam.errors import UserError
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.volumes import open_volume
from napari_scsam.remote.predictor import RemotePredictor
from napari_scsam.server.settings import ServerSettings
from napari_scsam.steps import drive
from napari_scsam.volume.run import segment_volume


@pytest.fixture(scope="module")
def offered(tmp_path_factory, random_model):
    """A server with the tiny network, and that network."""
    folder = write_tiny(tmp_path_factory.mktemp("offered"), random_model)
    with served_on_a_thread(ServerSettings(TOKEN, "cpu", folder)) as (address, _app):
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
    ],
    ids=["averaged", "a part, carefully", "in a mask"],
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


def test_three_axes_are_refused_before_anything_is_written(offered, tmp_path):
    address, _ = offered
    tifffile.imwrite(
        tmp_path / "cube.tif",
        np.random.default_rng(1).integers(0, 255, (32, 32, 32), dtype=np.uint8),
        photometric="minisblack",
    )
    with line_to(address) as line:
        remote = RemotePredictor(line)
        drive(remote.load_steps(TINY))
        with pytest.raises(UserError, match="one axis"):
            drive(
                segment_volume(
                    open_volume(tmp_path / "cube.tif", (8, 8, 8)),
                    remote,
                    tmp_path / "out.zarr",
                    axes=3,
                )
            )
