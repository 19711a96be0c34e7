"""Neuroglancer's precomputed volumes, written by hand as its specification says."""

from __future__ import annotations

import io
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from faulty_server import FolderServer
from loopback import listening
from PIL import Image

from napari_scsam.config import UserError
from napari_scsam.io.saved.watched import ChangedFileError
from napari_scsam.io.volumes import open_labels, open_volume

STACK = np.random.default_rng(0).integers(1, 200, (5, 30, 37), np.uint8)
OFFSET = (100, 200, 10)


def write(folder: Path, data: np.ndarray, encoding: str = "raw") -> None:
    """Write (z, y, x) voxels in chunks of 16 x 16 x 4, with their size and offset."""
    scale = {
        "key": "4_5_30",
        "size": data.shape[::-1],
        "resolution": [4, 5, 30],
        "voxel_offset": OFFSET,
        "chunk_sizes": [[16, 16, 4]],
        "encoding": encoding,
    }
    info = {
        "@type": "neuroglancer_multiscale_volume",
        "type": "image",
        "data_type": data.dtype.name,
        "num_channels": 1,
        "scales": [scale],
    }
    (folder / "4_5_30").mkdir(parents=True)
    (folder / "info").write_text(json.dumps(info))
    z, y, x = data.shape
    for corner in product(range(0, x, 16), range(0, y, 16), range(0, z, 4)):
        ends = [min(a + n, size) for a, n, size in zip(corner, (16, 16, 4), (x, y, z), strict=True)]
        spans = [
            f"{first + shift}-{last + shift}"
            for first, last, shift in zip(corner, ends, OFFSET, strict=True)
        ]
        part = data[corner[2] : ends[2], corner[1] : ends[1], corner[0] : ends[0]]
        (folder / "4_5_30" / "_".join(spans)).write_bytes(_encoded(part, encoding))


def _encoded(part: np.ndarray, encoding: str) -> bytes:
    if encoding == "raw":
        return part.tobytes()
    target = io.BytesIO()
    Image.fromarray(part.reshape(-1, part.shape[2])).save(target, encoding.upper())
    return target.getvalue()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint64])
def test_an_image_has_its_size_and_place(tmp_path: Path, dtype: type) -> None:
    write(tmp_path / "a", STACK.astype(dtype))
    volume = open_volume(tmp_path / "a")
    assert volume.voxel_size == (30.0, 5.0, 4.0)
    assert volume.origin == (300.0, 1000.0, 400.0)
    np.testing.assert_array_equal(volume.data[...], STACK)
    np.testing.assert_array_equal(volume.plane(4), STACK[4])
    np.testing.assert_array_equal(volume.data[1:4, -5, 3:30:4], STACK[1:4, -5, 3:30:4])
    assert volume.data.chunks == (4, 16, 16)
    assert volume.data[2:2, 5].shape == (0, 37)
    np.testing.assert_array_equal(open_labels(tmp_path / "a").data[...], STACK)


@pytest.mark.parametrize("encoding", ["png", "jpeg"])
def test_compressed_pictures_are_read(tmp_path: Path, encoding: str) -> None:
    flat = np.full_like(STACK, 90)
    write(tmp_path / "a", flat, encoding)
    np.testing.assert_array_equal(open_volume(tmp_path / "a").data[...], flat)


def test_damage_and_hostile_metadata_are_explained(tmp_path: Path) -> None:
    write(tmp_path / "a", STACK)
    info = json.loads((tmp_path / "a/info").read_text())
    for change in (
        {"key": "../../elsewhere"},
        {"chunk_sizes": [[10**6, 10**6, 10**6]]},
        {"encoding": "nonsense"},
        {"size": [-1, 2, 3]},
    ):
        changed = {**info, "scales": [{**info["scales"][0], **change}]}
        (tmp_path / "a/info").write_text(json.dumps(changed))
        with pytest.raises(UserError, match="cannot be opened"):
            open_volume(tmp_path / "a")
    (tmp_path / "a/info").write_text(json.dumps(info))
    volume = open_volume(tmp_path / "a")
    chunk = min((tmp_path / "a/4_5_30").iterdir())
    chunk.write_bytes(b"short")
    with pytest.raises(UserError, match="cannot be read"):
        volume.data[...]
    (tmp_path / "a/info").unlink()
    with pytest.raises(ChangedFileError):
        volume.data[...]


def test_a_volume_behind_an_address(tmp_path: Path) -> None:
    write(tmp_path / "a", STACK)
    with listening(FolderServer(tmp_path)) as server:
        volume = open_volume(f"{server.url}/a")
        assert volume.voxel_size == (30.0, 5.0, 4.0)
        np.testing.assert_array_equal(volume.data[...], STACK)
        volume = open_volume(f"{server.url}/a")
        server.fault = lambda path, _count: "403" if "4_5_30" in path else ""
        with pytest.raises(ChangedFileError, match=f"{server.url}/a cannot be read"):
            volume.plane(0)
        server.fault = lambda _path, _count: "403"
        with pytest.raises(UserError, match=f"access to {server.url}/a is denied"):
            open_volume(f"{server.url}/a")
