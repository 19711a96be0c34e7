"""Which label images are measured, and what their objects are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import as_volume
from napari_scsam.steps import drive
from napari_scsam.volume.instances.find import find_instances
from napari_scsam.volume.measure.images import (
    default_smallest,
    find_label_images,
    measured_names,
    object_images,
    open_grey,
)

TABLE = (ClassSpec(1, "mitochondrion"), ClassSpec(5, "vesicle"))
SIZE = (50.0, 10.0, 10.0)


@pytest.fixture
def labels() -> np.ndarray:
    made = np.zeros((2, 20, 30), np.uint8)
    made[:, 3:7, 10:15] = 1
    made[0, 12:17, 3:9] = made[1, 12:17, 20:26] = 5
    return made


@pytest.fixture
def instances(labels: np.ndarray, tmp_path: Path) -> Path:
    write_labels(tmp_path / "labels.tif", labels, SIZE, TABLE)
    drive(find_instances(tmp_path / "labels.tif", tmp_path / "instances.zarr"))
    return tmp_path / "instances.zarr"


def test_instances_are_measured_class_by_class(instances: Path) -> None:
    found = find_label_images(instances)
    assert [image.class_name for image in found.images] == ["mitochondrion", "vesicle"]
    assert [np.asarray(image.volume.data).max() for image in found.images] == [1, 2]
    assert found.classes is None
    assert measured_names(instances) == ("", ("mitochondrion", "vesicle"))


def test_one_image_of_instances_knows_its_class(instances: Path) -> None:
    (image,) = find_label_images(instances / "labels" / "vesicle").images
    assert image.class_name == "vesicle"


def test_classes_are_chosen_by_name(instances: Path, tmp_path: Path) -> None:
    found = find_label_images(instances)
    (image,) = drive(object_images(found, ["Vesicle"], 1, tmp_path))
    assert image.class_name == "vesicle"
    with pytest.raises(UserError, match=r"no class is called 'ER'; choose from: mitochondrion, v"):
        drive(object_images(found, ["ER"], 1, tmp_path))


def test_objects_of_class_labels_are_found_first(labels: np.ndarray, tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.zarr", labels, SIZE, TABLE)
    found = find_label_images(tmp_path / "labels.zarr")
    assert found.classes == TABLE
    assert found.images == ()
    images = drive(object_images(found, None, 1, tmp_path))
    assert [image.class_name for image in images] == ["mitochondrion", "vesicle"]
    assert images[1].volume.voxel_size == SIZE


def test_the_class_labels_are_chosen_beside_others(labels: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "labels.zarr"
    write_labels(path, labels, SIZE, TABLE)
    write_labels(path, labels, SIZE, (), name="mine")
    assert find_label_images(path).classes == TABLE
    assert measured_names(path) == ("classes", ("classes", "mine"))


def test_bare_labels_need_names_or_are_said_to_be_objects(
    labels: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "bare.tif"
    tifffile.imwrite(path, labels, photometric="minisblack")
    with pytest.raises(UserError, match=r"--classes 1=mitochondrion, or add --instances"):
        find_label_images(path)
    (image,) = find_label_images(path, instances=True).images
    assert image.class_name == "object"
    named = find_label_images(path, {1: "mitochondrion"})
    assert named.classes == (ClassSpec(1, "mitochondrion"),)
    with pytest.raises(UserError, match="classes or objects"):
        find_label_images(path, {1: "mitochondrion"}, instances=True)


def test_an_array_holds_objects_unless_its_values_have_names(labels: np.ndarray) -> None:
    (image,) = find_label_images(labels).images
    assert image.class_name == "object"
    assert find_label_images(labels, {5: "vesicle"}).classes == (ClassSpec(5, "vesicle"),)


def test_grey_values_are_no_labels(labels: np.ndarray) -> None:
    with pytest.raises(UserError, match="float32 values, but labels are integers"):
        find_label_images(labels.astype(np.float32))


def test_specks_count_where_they_have_an_id(labels: np.ndarray) -> None:
    objects = find_label_images(labels)
    classes = find_label_images(labels, {1: "mitochondrion"})
    assert [default_smallest(found, None) for found in (objects, classes)] == [1, 10]
    assert [default_smallest(found, 4) for found in (objects, classes)] == [4, 4]


def test_a_voxel_size_that_is_given_counts(instances: Path) -> None:
    found = find_label_images(instances, voxel_size=(8.0, 4.0, 4.0))
    assert {image.volume.voxel_size for image in found.images} == {(8.0, 4.0, 4.0)}


@pytest.mark.parametrize("shape", [(2, 20, 30), (1, 20, 30), (20, 30)])
def test_the_image_must_have_the_shape_of_the_labels(shape: tuple[int, ...]) -> None:
    image = np.zeros(shape, np.float32)
    flat = np.zeros((20, 30), np.uint8)
    if shape[0] == 2:
        with pytest.raises(UserError, match="2 x 20 x 30, but the labels 'array' 20 x 30"):
            open_grey(image, as_volume(flat))
    else:
        assert open_grey(image, as_volume(flat)).shape[-2:] == (20, 30)


def test_labels_are_not_measured_as_an_image(instances: Path) -> None:
    with pytest.raises(UserError, match="holds labels and no grey values"):
        open_grey(instances.parent / "labels.tif", find_label_images(instances).labels)
