"""N5 as tensorstore writes it, and its attributes as Java, COSEM and Fiji write them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore
from faulty_server import FolderServer
from loopback import listening

from napari_scsam.config import UserError
from napari_scsam.io.volumes import open_labels, open_volume

STACK = np.random.default_rng(0).integers(1, 200, (5, 30, 37))


def write(folder: Path, data: np.ndarray, kind: str = "gzip", **attributes: Any) -> None:
    """Write (z, y, x) voxels as tensorstore does, with attributes added."""
    compression = {"type": kind}
    if kind == "blosc":
        compression |= {"cname": "lz4", "clevel": 5, "shuffle": 1}  # type: ignore[dict-item]
    spec = {
        "driver": "n5",
        "kvstore": {"driver": "file", "path": f"{folder}/"},
        "metadata": {
            "dimensions": data.shape[::-1],
            "blockSize": [16, 16, 2][: data.ndim],
            "dataType": data.dtype.name,
            "compression": compression,
        },
    }
    stored = tensorstore.open(spec, create=True).result()
    stored[...] = data.transpose()
    metadata = json.loads((folder / "attributes.json").read_text())
    (folder / "attributes.json").write_text(json.dumps({**metadata, **attributes}))


@pytest.mark.parametrize("kind", ["raw", "gzip", "bzip2", "xz", "blosc", "zstd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_blocks_of_all_compressions_and_types(tmp_path: Path, kind: str, dtype: type) -> None:
    data = STACK.astype(dtype)
    data[:2, :16, :16] = 0  # this block is not written
    write(tmp_path / "a.n5", data, kind)
    volume = open_volume(tmp_path / "a.n5")
    np.testing.assert_array_equal(volume.data[...], data)
    np.testing.assert_array_equal(volume.plane(4), data[4])
    np.testing.assert_array_equal(volume.data[1:4, -5, 3:30:4], data[1:4, -5, 3:30:4])
    assert volume.data.chunks == (2, 16, 16)
    assert volume.data[2:2, 5].shape == (0, 37)


@pytest.mark.parametrize(
    "attributes",
    [
        {"pixelResolution": {"dimensions": [4.0, 5.0, 30.0], "unit": "nm"}},
        {"pixelResolution": {"dimensions": [0.004, 0.005, 0.03], "unit": "um"}},
        {"resolution": [4.0, 5.0, 30.0]},
        {"transform": {"axes": ["z", "y", "x"], "scale": [30, 5, 4], "units": ["nm"] * 3}},
    ],
)
def test_sizes_of_several_fashions(tmp_path: Path, attributes: dict[str, Any]) -> None:
    write(tmp_path / "a.n5", STACK.astype(np.uint8), **attributes)
    assert open_volume(tmp_path / "a.n5").voxel_size == (30.0, 5.0, 4.0)


def test_an_image_with_levels_is_found_in_a_container(tmp_path: Path) -> None:
    data = STACK.astype(np.uint8)
    write(tmp_path / "a.n5/em/raw/s0", data)
    write(tmp_path / "a.n5/em/raw/s1", data[:, ::2, ::2])
    volume = open_volume(tmp_path / "a.n5")
    np.testing.assert_array_equal(volume.data[...], data)
    assert [level.shape for level in volume.levels] == [(5, 15, 19)]
    write(tmp_path / "a.n5/labels", data)
    with pytest.raises(UserError, match=r"a\.n5/em/raw/s0, .*a\.n5/labels"):
        open_volume(tmp_path / "a.n5")
    np.testing.assert_array_equal(open_labels(tmp_path / "a.n5/labels").data[...], data)


def test_damaged_blocks_and_metadata_are_explained(tmp_path: Path) -> None:
    write(tmp_path / "a.n5", STACK.astype(np.uint8), "raw")
    block = tmp_path / "a.n5/1/1/1"
    whole = block.read_bytes()
    for damaged in (b"", whole[:7], whole[:-1], whole + b"0", b"\0\2" + whole[2:], whole[::-1]):
        block.write_bytes(damaged)
        volume = open_volume(tmp_path / "a.n5")
        np.testing.assert_array_equal(volume.plane(0), STACK[0])
        with pytest.raises(UserError, match="1/1/1 is damaged"):
            volume.plane(2)
    attributes = json.loads((tmp_path / "a.n5/attributes.json").read_text())
    for change in (
        {"dimensions": [10**9] * 3, "blockSize": [10**6] * 3},
        {"dimensions": [-1, 2, 3]},
        {"dataType": "object"},
        {"compression": {"type": "pickle"}},
        {"blockSize": [4]},
    ):
        (tmp_path / "a.n5/attributes.json").write_text(json.dumps({**attributes, **change}))
        with pytest.raises(UserError, match="cannot be opened"):
            open_volume(tmp_path / "a.n5")


def test_a_block_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.n5", STACK.astype(np.uint8))
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(100)), packer.flush()])
    block = tmp_path / "a.n5/0/0/0"
    block.write_bytes(block.read_bytes()[:16] + bomb)
    with pytest.raises(UserError, match="would inflate"):
        open_volume(tmp_path / "a.n5").plane(0)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderServer]:
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    with listening(FolderServer(tmp_path)) as serving:
        yield serving


def test_n5_behind_an_address(tmp_path: Path, server: FolderServer) -> None:
    data = STACK.astype(np.uint16)
    write(tmp_path / "a.n5/raw/s0", data, resolution=[4.0, 5.0, 30.0])
    for below in ("raw", "raw/s0"):
        volume = open_volume(f"{server.url}/a.n5/{below}")
        assert volume.voxel_size == (30.0, 5.0, 4.0)
        np.testing.assert_array_equal(volume.data[...], data)
