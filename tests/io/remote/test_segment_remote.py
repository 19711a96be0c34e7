"""A remote image is segmented to the same bytes as the local one, also by a bad connection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr
from faulty_server import FolderServer
from loopback import listening

from napari_scsam import cli
from napari_scsam.io.remote import store
from napari_scsam.io.remote.addresses import Patience

STACK = np.random.default_rng(0).integers(1, 200, (4, 64, 72), np.uint8)


def chunks_of(folder: Path) -> dict[str, bytes]:
    """Return the files of labels, without records that name the image."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "zarr.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def write_image(folder: Path) -> None:
    group = zarr.open_group(folder, mode="w", zarr_format=2)
    group.create_array("0", data=STACK, chunks=(1, 32, 32))
    axes = [{"name": axis, "unit": "nanometer"} for axis in "zyx"]
    scale = [{"type": "scale", "scale": [8.0, 8.0, 8.0]}]
    group.attrs["multiscales"] = [
        {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    ]


def test_a_bad_connection_changes_no_label_and_a_dead_one_makes_none(
    tmp_path: Path,
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_SCSAM_REMOTE_GB", "0")
    hasty = Patience(connect=1, silence=0.5, request=5, attempts=1, whole=5, rounds=2)
    monkeypatch.setattr(store.RemoteStore.__init__, "__defaults__", (None, hasty))
    (tmp_path / "served").mkdir()
    write_image(tmp_path / "served/cell.zarr")
    options = ["--checkpoint", str(checkpoint), "--device", "cpu"]

    def segment(image: str, out: Path, *more: str) -> int:
        return cli.main(["segment", image, "-o", str(out), *options, *more])

    assert segment(str(tmp_path / "served/cell.zarr"), tmp_path / "local.zarr") == 0
    local = chunks_of(tmp_path / "local.zarr")
    with listening(FolderServer(tmp_path / "served")) as server:
        faults = ["503", "slow", "cut", "drop", ""]
        server.fault = lambda path, count: faults[len(path) % 5] if count == 1 else ""
        address = f"{server.url}/cell.zarr"
        assert segment(address, tmp_path / "bad.zarr") == 0
        assert chunks_of(tmp_path / "bad.zarr") == local

        server.fault = lambda path, _count: "503" if "/0/2" in path else ""
        capsys.readouterr()
        assert segment(address, tmp_path / "dead.zarr") != 0
        assert f"{address}/0/2" in capsys.readouterr().err
        server.fault = lambda _path, _count: ""
        assert segment(address, tmp_path / "dead.zarr", "--resume") == 0
    assert chunks_of(tmp_path / "dead.zarr") == local
