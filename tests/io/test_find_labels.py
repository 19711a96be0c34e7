"""Which label image of an OME-Zarr is meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.find_labels import find_labels, listed_labels
from napari_scsam.io.labels import write_labels

LABELS = np.ones((6, 7), np.uint8)


def zarr_with(path: Path, *names: str, zarr_format: int = 3) -> Path:
    """Write an OME-Zarr image whose labels have these names, by zarr alone."""
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    group.create_array("0", data=LABELS)
    labels = group.create_group("labels")
    for name in names:
        labels.create_group(name).create_array("0", data=LABELS)
    listed = {"labels": list(names)}
    labels.update_attributes({"ome": listed} if zarr_format == 3 else listed)
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_only_label_image_is_found(tmp_path: Path, zarr_format: int) -> None:
    path = zarr_with(tmp_path / "cell.zarr", "nuclei", zarr_format=zarr_format)
    assert listed_labels(path) == ("nuclei",)
    assert find_labels(path) == path / "labels" / "nuclei"


@pytest.mark.parametrize("names", [("classes", "nuclei"), ("nuclei", "classes", "z")])
def test_of_several_the_one_called_classes_is_meant(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = zarr_with(tmp_path / "cell.zarr", *names)
    assert listed_labels(path) == names
    assert find_labels(path) == path / "labels" / "classes"


def test_several_without_classes_are_a_question(tmp_path: Path) -> None:
    path = zarr_with(tmp_path / "cell.zarr", "nuclei", "cells")
    with pytest.raises(UserError) as told:
        find_labels(path)
    assert str(told.value) == (
        f"{path} holds several label images; choose one of: "
        f"{path / 'labels' / 'nuclei'}, {path / 'labels' / 'cells'}"
    )


def test_a_label_image_itself_is_taken_as_it_is(tmp_path: Path) -> None:
    path = zarr_with(tmp_path / "cell.zarr", "nuclei")
    inside = path / "labels" / "nuclei"
    zarr.open_group(inside, mode="a").update_attributes({"ome": {"image-label": {}}})
    assert listed_labels(inside) == ()
    assert find_labels(inside) == inside


def test_labels_that_this_package_wrote_are_found(tmp_path: Path) -> None:
    path = tmp_path / "labels.zarr"
    write_labels(path, LABELS, None, (ClassSpec(1, "vesicle"),))
    found = find_labels(path)
    assert zarr.open_group(found, mode="r")["0"].shape == LABELS.shape


def test_an_image_without_labels_is_taken_as_it_is(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "plain.zarr", mode="w")
    group.create_array("0", data=LABELS)
    assert find_labels(tmp_path / "plain.zarr") == tmp_path / "plain.zarr"
    group.create_array("labels", data=LABELS)  # an array of that name is no group of labels
    assert listed_labels(tmp_path / "plain.zarr") == ()


def test_a_bare_array_holds_no_label_images(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "array.zarr", data=LABELS)
    assert find_labels(tmp_path / "array.zarr") == tmp_path / "array.zarr"


def test_a_list_without_names_finds_nothing(tmp_path: Path) -> None:
    path = zarr_with(tmp_path / "cell.zarr")
    assert find_labels(path) == path


def test_other_files_are_taken_as_they_are(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "labels.tif", LABELS, photometric="minisblack")
    for path in (tmp_path / "labels.tif", tmp_path, tmp_path / "missing.zarr"):
        assert listed_labels(path) == ()
        assert find_labels(path) == path


def test_damaged_metadata_are_left_to_the_reader(tmp_path: Path) -> None:
    path = zarr_with(tmp_path / "cell.zarr", "nuclei")
    (path / "zarr.json").write_text("{", encoding="utf-8")
    assert find_labels(path) == path
