"""What a zarr folder is, and what is in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_scsam.config import UserError
from napari_scsam.io.zarr_access import (
    folder_of,
    is_zarr,
    member_array,
    member_group,
    ngff_attributes,
)


@pytest.fixture(params=[2, 3])
def group(tmp_path: Path, request: pytest.FixtureRequest) -> zarr.Group:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=request.param)
    root.create_array("image", data=np.zeros((2, 3), np.uint8))
    root.create_group("labels").create_array("cell", data=np.ones((2, 3), np.uint8))
    return root


def test_groups_and_arrays_of_both_versions_are_zarr(group: zarr.Group) -> None:
    folder = folder_of(group)
    for name in (".", "image", "labels", "labels/cell"):
        assert is_zarr(folder / name), name


@pytest.mark.parametrize("marker", ["zarr.json", ".zarray", ".zgroup", ".zattrs"])
def test_each_marker_makes_a_folder_zarr(tmp_path: Path, marker: str) -> None:
    assert not is_zarr(tmp_path)
    (tmp_path / marker).mkdir()
    assert not is_zarr(tmp_path), "a folder of that name is none"
    (tmp_path / marker).rmdir()
    (tmp_path / marker).touch()
    assert is_zarr(tmp_path)


def test_a_file_and_a_missing_folder_are_not_zarr(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").touch()
    assert not is_zarr(tmp_path / "a.zarr")
    assert not is_zarr(tmp_path / "b.zarr")


def test_members_are_found(group: zarr.Group) -> None:
    assert member_array(group, "image").shape == (2, 3)
    labels = member_group(group, "labels")
    assert (member_array(labels, "cell")[...] == 1).all()


def test_a_member_of_the_other_kind_means_damage(group: zarr.Group) -> None:
    with pytest.raises(UserError, match=r"'image' in .* is not a group; the OME-Zarr is damaged"):
        member_group(group, "image")
    with pytest.raises(UserError, match=r"'labels' in .* is not an array; the OME-Zarr is damaged"):
        member_array(group, "labels")


def test_a_missing_member_is_a_key_error(group: zarr.Group) -> None:
    with pytest.raises(KeyError):
        member_array(group, "nothing")
    with pytest.raises(KeyError):
        member_group(group, "nothing")


def test_metadata_are_under_ome_or_at_the_top(group: zarr.Group) -> None:
    assert ngff_attributes(group) == {}
    group.attrs["multiscales"] = [1]
    assert ngff_attributes(group)["multiscales"] == [1]
    group.attrs["ome"] = {"multiscales": [2]}
    assert ngff_attributes(group) == {"multiscales": [2]}


def test_metadata_that_are_no_table_count_as_none(group: zarr.Group) -> None:
    group.attrs["ome"] = ["what"]
    assert ngff_attributes(group) == {}


def test_the_folder_of_a_member_is_its_own(group: zarr.Group, tmp_path: Path) -> None:
    assert folder_of(group) == tmp_path / "a.zarr"
    assert folder_of(member_array(group, "image")) == tmp_path / "a.zarr" / "image"
    assert folder_of(zarr.open_array(tmp_path / "a.zarr" / "image")).is_dir()
