"""Which zarr is an image that takes labels; what is written into it is in the tests of runs and projects."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import zarr

from napari_scsam.config import UserError
from napari_scsam.io.image_labels import open_image_labels

AXES = [{"name": name, "type": "space"} for name in "yx"]


def write(path: Path, multiscales: Any, zarr_format: int = 2) -> Path:
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    group.update_attributes({"multiscales": multiscales})
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_labels_are_created_in_the_version_of_the_image(tmp_path: Path, zarr_format: int) -> None:
    path = write(tmp_path / "a.zarr", [{"axes": AXES, "datasets": [{"path": "0"}]}], zarr_format)
    labels = open_image_labels(path, "advice")
    assert labels.metadata.zarr_format == zarr_format
    assert open_image_labels(path, "advice").path == labels.path


@pytest.mark.parametrize(
    "multiscales", [[{"axes": ["y", "x"]}], [{}], [{"axes": []}], [{"axes": [{"type": "a"}]}]]
)
def test_an_older_version_is_only_read(tmp_path: Path, multiscales: Any) -> None:
    path = write(tmp_path / "a.zarr", multiscales)
    with pytest.raises(UserError, match=r"older than 0\.4, which is only read; do this"):
        open_image_labels(path, "do this")
    assert not (path / "labels").exists()


def test_drafts_of_a_killed_write_are_removed_when_nobody_can_be_writing_them(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "a.zarr", [{"axes": AXES, "datasets": [{"path": "0"}]}], 3)
    labels = path / "labels"
    labels.mkdir()
    old, new = (labels / f"zarr.{letter * 32}.partial" for letter in "ab")
    theirs = labels / "notes.partial"
    for file in (old, new, theirs):
        file.write_text("{")
    for file in (old, theirs):
        os.utime(file, (1e9, 1e9))
    open_image_labels(path, "advice")
    assert not old.exists()
    assert new.exists()
    assert theirs.exists()
