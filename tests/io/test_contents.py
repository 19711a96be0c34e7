from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.contents import Contents, check_outside, is_label_image, is_ours, what_is
from napari_scsam.io.labels import create_labels, write_labels

CLASSES = (ClassSpec(1, "mitochondrion"),)
LABELS = np.zeros((2, 40, 50), np.uint8)


def test_nothing_an_empty_file_and_an_empty_folder_are_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.tif").touch()
    for name in ("none", "folder", "file.tif"):
        assert what_is(tmp_path / name) is Contents.NOTHING


@pytest.mark.parametrize("name", ["a.tif", "a.mrc", "a.h5"])
def test_an_empty_folder_stands_in_the_way_of_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert what_is(tmp_path / name) is Contents.FOREIGN


@pytest.mark.parametrize("name", ["a.zarr", "a.precomputed"])
def test_an_empty_file_stands_in_the_way_of_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert what_is(tmp_path / name) is Contents.FOREIGN


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes")
def test_a_pipe_is_not_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    assert what_is(tmp_path / "pipe.tif") is Contents.FOREIGN


def test_labels_of_ours_are_known(tmp_path: Path) -> None:
    create_labels(tmp_path / "a.zarr", LABELS.shape, None, CLASSES)
    write_labels(tmp_path / "a.tif", LABELS, None, CLASSES)
    for name in ("a.zarr", "a.tif", "a.zarr/labels/classes"):
        assert what_is(tmp_path / name) is Contents.LABELS
    assert is_ours(tmp_path / "a.zarr")


def test_a_project_is_known_even_if_it_is_damaged(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.scsam.zarr", mode="w")
    group.update_attributes({"scsam": {"format": 1, "project": {"image": 3}}})
    assert what_is(tmp_path / "a.scsam.zarr") is Contents.PROJECT


@pytest.mark.parametrize(
    "name", ["raw.zarr", "group.zarr", "broken.zarr", "folder", "text.txt", "text.tif", "grey.tif"]
)
def test_everything_else_belongs_to_somebody_else(tmp_path: Path, name: str) -> None:
    zarr.create_array(tmp_path / "raw.zarr", data=LABELS)
    zarr.open_group(tmp_path / "group.zarr", mode="w").create_array("0", data=LABELS)
    for folder, file in (("broken.zarr", "zarr.json"), ("folder", "thesis.txt")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_text("{")
    for file in ("text.txt", "text.tif"):
        (tmp_path / file).write_text("all of it")
    tifffile.imwrite(tmp_path / "grey.tif", LABELS)
    assert what_is(tmp_path / name) is Contents.FOREIGN
    assert not is_ours(tmp_path / name)


def test_a_tiff_with_a_damaged_class_table_is_not_ours(tmp_path: Path) -> None:
    record = '{"classes": [3]}'
    tifffile.imwrite(tmp_path / "a.tif", LABELS, imagej=True, metadata={"scsam": record})
    assert what_is(tmp_path / "a.tif") is Contents.FOREIGN


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32])
def test_labels_of_objects_are_known_without_a_class_table(tmp_path: Path, dtype: type) -> None:
    write_labels(tmp_path / "a.tif", LABELS.astype(dtype), None, ())
    write_labels(tmp_path / "a.zarr", LABELS.astype(dtype), None, ())
    tifffile.imwrite(tmp_path / "grey.tif", LABELS)
    assert what_is(tmp_path / "a.tif") is Contents.LABELS
    assert is_label_image(tmp_path / "a.tif")
    assert is_label_image(tmp_path / "a.zarr" / "labels" / "classes")
    assert not is_label_image(tmp_path / "a.zarr")
    assert not is_label_image(tmp_path / "grey.tif")


@pytest.mark.parametrize(
    ("around", "content"),
    [
        ("em.zarr/zarr.json", "{}"),
        ("em.zarr/0/.zarray", "{}"),
        ("em.n5/attributes.json", "{}"),
        ("em.precomputed/info", '{"scales": []}'),
    ],
)
def test_an_output_inside_of_an_image_is_refused(tmp_path: Path, around: str, content: str) -> None:
    marker = tmp_path / around
    marker.parent.mkdir(parents=True)
    marker.write_text(content)
    (tmp_path / "link").symlink_to(marker.parent)
    for folder in (marker.parent, marker.parent / "not" / "there", tmp_path / "link"):
        with pytest.raises(UserError, match="lies inside the"):
            check_outside(folder / "out.tif")
    check_outside(marker.parent)  # what is replaced is checked by others
    check_outside(tmp_path / "out.tif")


def test_labels_are_not_saved_inside_of_an_image(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "em.zarr", mode="w")
    with pytest.raises(UserError, match="choose a place outside of it"):
        write_labels(tmp_path / "em.zarr" / "out.tif", np.zeros((4, 4), np.uint8), None, ())
