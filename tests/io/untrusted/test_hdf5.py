"""HDF5 reads nothing outside of its folder, and no chunk that is larger than it says."""

from __future__ import annotations

import resource
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.volumes import open_volume

STACK = np.random.default_rng(0).integers(0, 60, (3, 40, 50)).astype(np.uint8)


def write(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        file["raw"] = STACK
    return path


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret.bin", "deep/../../secret.bin"])
def test_external_storage_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(range(200)))
    with h5py.File(tmp_path / "here" / "a.h5", "w") as file:
        file.create_dataset("raw", (10, 20), "u1", external=[(name, 0, 200)])
    for path in (tmp_path / "here" / "a.h5", f"{tmp_path}/here/a.h5:/raw"):
        with pytest.raises(UserError, match=r"a\.h5 reads the voxels from .* outside of its own"):
            open_volume(path)


def test_external_storage_behind_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(200))
    (tmp_path / "here" / "data.bin").symlink_to(tmp_path / "secret.bin")
    with h5py.File(tmp_path / "here" / "a.h5", "w") as file:
        file.create_dataset("raw", (10, 20), "u1", external=[("data.bin", 0, 200)])
    with pytest.raises(UserError, match="outside of its own folder"):
        open_volume(tmp_path / "here" / "a.h5")


def test_external_storage_beside_the_file_is_read_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "data.bin").write_bytes(bytes(range(200)))
    (tmp_path / "data.bin").write_bytes(bytes(200))
    with h5py.File(tmp_path / "here" / "a.h5", "w") as file:
        file.create_dataset("raw", (10, 20), "u1", external=[("data.bin", 0, 200)])
    monkeypatch.chdir(tmp_path)
    plane = open_volume(tmp_path / "here" / "a.h5").plane(0)
    np.testing.assert_array_equal(plane.ravel(), np.arange(200))


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("relative", [False, True])
def test_an_external_link_elsewhere_is_refused(tmp_path: Path, soft: bool, relative: bool) -> None:
    other = write(tmp_path / "there" / "b.h5")
    path = write(tmp_path / "here" / "a.h5")
    with h5py.File(path, "a") as file:
        target = "../there/b.h5" if relative else str(other)
        file["group/link"] = h5py.ExternalLink(target, "/raw")
        file["group/soft"] = h5py.SoftLink("link")
        file["other"] = h5py.ExternalLink(target, "/")
    for inner in ["group/soft"] if soft else ["group/link", "other/raw"]:
        with pytest.raises(UserError, match=r"a\.h5 reads the data set .* outside of its own"):
            open_volume(f"{path}:/{inner}")


def test_a_link_by_way_of_a_file_of_the_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "there" / "c.h5")
    path = write(tmp_path / "here" / "a.h5")
    with h5py.File(tmp_path / "here" / "b.h5", "w") as file:
        file["raw"] = h5py.ExternalLink("../there/c.h5", "/raw")
    with h5py.File(path, "a") as file:
        file["link"] = h5py.ExternalLink("b.h5", "/raw")
    with pytest.raises(UserError, match="outside of its own folder"):
        open_volume(f"{path}:/link")


def test_links_within_the_folder_are_followed(tmp_path: Path) -> None:
    write(tmp_path / "b.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/link"] = h5py.ExternalLink("b.h5", "/raw")
        file["soft"] = h5py.SoftLink("/group/link")
        file["one"] = h5py.SoftLink("/two")
        file["two"] = h5py.SoftLink("/one")
    for inner in ("group/link", "soft"):
        np.testing.assert_array_equal(open_volume(f"{tmp_path}/a.h5:/{inner}").plane(1), STACK[1])
    with pytest.raises(UserError, match="never ends"):
        open_volume(f"{tmp_path}/a.h5:/one")


def test_a_virtual_data_set_of_another_folder_is_refused(tmp_path: Path) -> None:
    other = write(tmp_path / "there" / "b.h5")
    (tmp_path / "here").mkdir()
    with h5py.File(tmp_path / "here" / "a.h5", "w") as file:
        layout = h5py.VirtualLayout(STACK.shape, STACK.dtype)
        layout[...] = h5py.VirtualSource(other, "raw", STACK.shape)
        file.create_virtual_dataset("raw", layout)
    with pytest.raises(UserError, match="outside of its own folder"):
        open_volume(tmp_path / "here" / "a.h5")


@pytest.mark.parametrize("checksum", [False, True])
def test_a_chunk_that_inflates_to_half_a_gigabyte_is_refused(
    tmp_path: Path, checksum: bool
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset(
            "raw", STACK.shape, "u1", chunks=(1, 40, 50), compression="gzip", fletcher32=checksum
        )
        data[0] = STACK[0]
        data.id.write_direct_chunk((1, 0, 0), zlib.compress(bytes(1 << 29), 1))
    volume = open_volume(tmp_path / "a.h5")
    np.testing.assert_array_equal(volume.plane(0), STACK[0])
    assert not volume.plane(2).any()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match="would inflate to"):
        volume.plane(1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 * 1024


def test_large_whole_chunks_are_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (2, 512, 512)).astype(np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset(
            "raw", data=noise, chunks=(1, 512, 512), compression="gzip", fletcher32=True
        )
    np.testing.assert_array_equal(open_volume(tmp_path / "a.h5").data[...], noise)
