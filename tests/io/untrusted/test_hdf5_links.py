from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.untrusted import hdf5_links as module
from napari_scsam.io.untrusted.hdf5_links import (
    MAX_LINKS,
    check_beside,
    check_storage,
    find_node,
    open_storage,
)

VALUES = np.arange(12, dtype=np.uint8).reshape(3, 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    with h5py.File(folder / "a.h5", "w") as file:
        file["deep/volume"] = VALUES
        file["link"] = h5py.SoftLink("/deep/volume")
        file["near"] = h5py.SoftLink("deep")
        file["deep/up"] = h5py.SoftLink("volume")
        file["lost"] = h5py.SoftLink("/nothing")
        file["ring/a"] = h5py.SoftLink("/ring/b")
        file["ring/b"] = h5py.SoftLink("/ring/a")
    return folder / "a.h5"


@pytest.mark.parametrize(
    "inner", ["deep/volume", "/deep/volume", "deep/./volume", "link", "near/volume", "deep/up"]
)
def test_links_within_a_file_are_followed(path: Path, inner: str) -> None:
    with h5py.File(path) as file:
        np.testing.assert_array_equal(find_node(file, path, inner)[...], VALUES)


@pytest.mark.parametrize("inner", ["lost", "nothing", "deep/nothing", "deep/volume/more"])
def test_nothing_is_found_where_nothing_is(path: Path, inner: str) -> None:
    with h5py.File(path) as file:
        assert find_node(file, path, inner) is None


@pytest.mark.parametrize("inner", ["ring/a", "ring/b", "ring/a/more"])
def test_a_circle_of_links_ends(path: Path, inner: str) -> None:
    with h5py.File(path) as file, pytest.raises(UserError, match="never ends"):
        find_node(file, path, inner)


def test_a_long_chain_of_links_is_followed(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["step0"] = h5py.SoftLink("/deep/volume")
        for number in range(1, MAX_LINKS - 1):
            file[f"step{number}"] = h5py.SoftLink(f"/step{number - 1}")
        with pytest.raises((UserError, KeyError)):
            find_node(file, path, f"step{MAX_LINKS + 5}/x") or file["absent"]
        assert find_node(file, path, "step10") is not None


def test_a_file_of_the_same_folder_may_be_named(path: Path) -> None:
    with h5py.File(path.with_name("b.h5"), "w") as file:
        file["link"] = h5py.ExternalLink("a.h5", "/deep/volume")
    with h5py.File(path.with_name("b.h5")) as file:
        found = find_node(file, path.with_name("b.h5"), "link")
        np.testing.assert_array_equal(found[...], VALUES)


@pytest.mark.parametrize("other", ["../secret.h5", "/etc/secret.h5", "below/../../secret.h5"])
def test_a_file_elsewhere_is_refused(path: Path, other: str) -> None:
    with h5py.File(path, "a") as file:
        file["out"] = h5py.ExternalLink(other, "/volume")
    with h5py.File(path) as file, pytest.raises(UserError, match="outside of its own folder"):
        find_node(file, path, "out")
    with h5py.File(path) as file, pytest.raises(UserError, match="outside of its own folder"):
        find_node(file, path, "out/more")


@pytest.mark.parametrize("other", ["b.h5", "below/b.h5", "./b.h5", "below/../b.h5"])
def test_a_folder_holds_what_is_below_it(path: Path, other: str) -> None:
    check_beside(path, other, "the voxels")


def test_a_link_of_the_file_system_is_followed_before_it_is_judged(
    path: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.h5").write_bytes(b"")
    path.with_name("b.h5").symlink_to(tmp_path / "secret.h5")
    with pytest.raises(UserError, match="copy the data into one file"):
        check_beside(path, "b.h5", "the voxels")


def test_voxels_in_another_file_must_be_beside_it(path: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.raw").write_bytes(bytes(12))
    with h5py.File(path, "a") as file:
        outside = str(tmp_path / "secret.raw")
        file.create_dataset("far", (3, 4), "u1", external=[(outside, 0, 12)])
        file.create_dataset("own", (3, 4), "u1", external=[("near.raw", 0, 12)])
        check_storage(file["own"], path)
        check_storage(file["deep/volume"], path)
        with pytest.raises(UserError, match="reads the voxels from"):
            check_storage(file["far"], path)


def test_a_virtual_data_set_must_be_of_files_beside_it(path: Path, tmp_path: Path) -> None:
    with h5py.File(path, "a") as file:
        for name, source in (("own", "b.h5"), ("far", str(tmp_path / "b.h5"))):
            layout = h5py.VirtualLayout((3, 4), "u1")
            layout[...] = h5py.VirtualSource(source, "volume", (3, 4))
            file.create_virtual_dataset(name, layout)
        check_storage(file["own"], path)
        with pytest.raises(UserError, match="outside of its own folder"):
            check_storage(file["far"], path)


def test_a_chunk_larger_than_the_memory_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(path, "a") as file:
        data = file.create_dataset("x", (8, 8), "u2", chunks=(4, 8))
        monkeypatch.setattr(module, "memory_of_machine", lambda: 64)
        check_storage(data, path)
        monkeypatch.setattr(module, "memory_of_machine", lambda: 63)
        with pytest.raises(ValueError, match="larger than the memory"):
            check_storage(data, path)


def test_external_voxels_are_looked_for_beside_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path.with_name("near.raw").write_bytes(VALUES.tobytes())
    with h5py.File(path, "a") as file:
        file.create_dataset("own", (3, 4), "u1", external=[("near.raw", 0, 12)])
    monkeypatch.chdir(tmp_path)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(open_storage(file["own"])[...], VALUES)
        plain = file["deep/volume"]
        assert open_storage(plain) is plain
