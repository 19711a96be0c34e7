"""OME-Zarr behind an address, from a server that is slow, breaks off, or says 503."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr
from faulty_server import FolderServer
from loopback import listening

from napari_scsam.config import UserError
from napari_scsam.io.remote import addresses, images, store
from napari_scsam.io.remote.addresses import Patience
from napari_scsam.io.saved.watched import ChangedFileError
from napari_scsam.io.volumes import open_labels, open_volume

STACK = np.random.default_rng(0).integers(1, 255, (6, 40, 50), np.uint8)


def write_image(folder: Path, zarr_format: int = 3, shards: bool = False) -> None:
    """Write STACK as OME-Zarr with an empty chunk, and a coarser level."""
    group = zarr.open_group(folder, mode="w", zarr_format=zarr_format)
    for level, step in enumerate((1, 2)):
        data = STACK[:, ::step, ::step].copy()
        data[:2, :16, :16] = 0
        group.create_array(
            str(level),
            data=data,
            chunks=(2, 16, 16),
            shards=(4, 32, 32) if shards else None,
            chunk_key_encoding={"name": "default" if zarr_format == 3 else "v2", "separator": "/"},
        )
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    scale = [{"type": "scale", "scale": [30.0, 5.0, 4.0]}]
    datasets = [{"path": str(n), "coordinateTransformations": scale} for n in range(2)]
    multiscales = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    if zarr_format == 3:
        group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales}
    else:
        group.attrs["multiscales"] = multiscales


def expected() -> np.ndarray:
    found = STACK.copy()
    found[:2, :16, :16] = 0
    return found


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    hasty = Patience(connect=1, silence=0.4, request=5, attempts=1, whole=5, rounds=2)
    monkeypatch.setattr(store, "USUAL_PATIENCE", hasty)
    monkeypatch.setattr(store.RemoteStore.__init__, "__defaults__", (None, hasty))
    monkeypatch.setattr(store, "TRUSTED_FOR", 0.0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FolderServer]:
    (tmp_path / "served").mkdir()
    with listening(FolderServer(tmp_path / "served")) as serving:
        yield serving


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_an_image_is_read_lazily_and_its_chunks_are_kept(
    server: FolderServer, zarr_format: int
) -> None:
    write_image(server.folder / "a.zarr", zarr_format)
    address = f"{server.url}/a.zarr"
    volume = open_volume(address)
    assert volume.voxel_size == (30.0, 5.0, 4.0)
    assert volume.name == "a"
    opened = sum(server.asked.values())
    np.testing.assert_array_equal(volume.plane(3), expected()[3])
    assert sum(server.asked.values()) - opened == 12  # of 36 chunks
    np.testing.assert_array_equal(volume.data[...], expected())
    np.testing.assert_array_equal(volume.levels[0][2:], expected()[2:, ::2, ::2])
    server.asked.clear()
    again = open_volume(volume.path or "")
    np.testing.assert_array_equal(again.data[2:], expected()[2:])
    assert not any("c/" in path or path[-1].isdigit() for path in server.asked)


@pytest.mark.parametrize("ranges", [True, False])
def test_shards_are_read_in_parts(server: FolderServer, ranges: bool) -> None:
    write_image(server.folder / "a.zarr", shards=True)
    server.ranges = ranges
    volume = open_volume(f"{server.url}/a.zarr")
    np.testing.assert_array_equal(volume.data[...], expected())


@pytest.mark.parametrize("fault", ["slow", "503", "500", "429", "cut", "drop"])
def test_what_goes_wrong_once_is_tried_again(server: FolderServer, fault: str) -> None:
    write_image(server.folder / "a.zarr")
    server.fault = lambda _path, count: fault if count == 1 else ""
    volume = open_volume(f"{server.url}/a.zarr")
    np.testing.assert_array_equal(volume.data[...], expected())


@pytest.mark.parametrize("fault", ["503", "cut", "drop", "403", "401", "410", "hang"])
def test_what_stays_wrong_is_an_error_with_the_address_and_never_zeros(
    server: FolderServer, fault: str
) -> None:
    write_image(server.folder / "a.zarr")
    volume = open_volume(f"{server.url}/a.zarr")
    server.fault = lambda path, _count: fault if "/c/2/" in path else ""
    np.testing.assert_array_equal(volume.plane(0), expected()[0])
    with pytest.raises(ChangedFileError, match=rf"{server.url}/a\.zarr/0/c/2/.* cannot be read"):
        volume.plane(4)
    server.fault = lambda _path, _count: ""
    np.testing.assert_array_equal(volume.plane(4), expected()[4])


def test_a_server_that_is_off_is_named(server: FolderServer) -> None:
    with pytest.raises(UserError, match=r"127\.0\.0\.1:9/a\.zarr.* cannot be read"):
        open_volume("http://127.0.0.1:9/a.zarr")
    with pytest.raises(UserError, match="is not a zarr, N5 or precomputed image"):
        open_volume(f"{server.url}/nothing.zarr")


def test_an_image_that_goes_away_or_changes_is_noticed(server: FolderServer) -> None:
    write_image(server.folder / "a.zarr")
    volume = open_volume(f"{server.url}/a.zarr")
    shutil.rmtree(server.folder / "a.zarr")
    with pytest.raises(ChangedFileError, match="is gone"):
        volume.plane(0)
    write_image(server.folder / "a.zarr")
    volume = open_volume(f"{server.url}/a.zarr")
    metadata = server.folder / "a.zarr/0/zarr.json"
    changed = json.loads(metadata.read_text())
    changed["attributes"] = {"other": 1}
    metadata.write_text(json.dumps(changed))
    with pytest.raises(ChangedFileError, match="was changed"):
        volume.plane(0)


def test_labels_and_arrays_below_an_address_are_opened(server: FolderServer) -> None:
    write_image(server.folder / "a.zarr")
    labels = open_labels(f"{server.url}/a.zarr/0/")
    np.testing.assert_array_equal(labels.data[...], expected())


def test_an_image_of_bio_formats_is_found_without_a_list(server: FolderServer) -> None:
    group = zarr.open_group(server.folder / "a.zarr", mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    write_image(server.folder / "a.zarr/0", 2)
    np.testing.assert_array_equal(open_volume(f"{server.url}/a.zarr").data[...], expected())
    zarr.open_group(server.folder / "b.zarr", mode="w", zarr_format=2)
    with pytest.raises(UserError, match="does not list what it holds"):
        open_volume(f"{server.url}/b.zarr")


@pytest.mark.parametrize(
    ("address", "match"),
    [
        ("https://host/a.tif", "single .tif file.*download it first"),
        ("https://host/a.zarr?key=1", r"has a \? or # in it"),
        ("https://me:secret@host/a.zarr", "the address at host has a password"),
        ("s3:///a.zarr", "does not exist"),
    ],
)
def test_addresses_that_cannot_be_used_are_explained(address: str, match: str) -> None:
    with pytest.raises(UserError, match=match) as error:
        open_volume(address)
    assert "secret" not in str(error.value)


def test_a_file_address_is_a_path(tmp_path: Path) -> None:
    write_image(tmp_path / "my cell.zarr")
    address = (tmp_path / "my cell.zarr").as_uri()
    assert "%20" in address
    np.testing.assert_array_equal(open_volume(address).data[...], expected())


def test_no_network_is_used_for_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise AssertionError("a file was looked for in the network")

    monkeypatch.setattr(addresses, "open_object_store", refuse)
    monkeypatch.setattr(images, "RemoteStore", refuse)
    write_image(tmp_path / "a.zarr")
    assert open_volume(tmp_path / "a.zarr").shape == (6, 40, 50)
