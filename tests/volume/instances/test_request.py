from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import Volume, as_volume
from napari_scsam.volume.instances.request import (
    MIN_VOXELS,
    MOST_UM3,
    InstanceRequest,
    check_target,
    open_classes,
    read_request,
    smallest_voxels,
)

TABLE = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "ER"))


@pytest.fixture
def labels() -> np.ndarray:
    found = np.zeros((4, 16, 16), np.uint8)
    found[1:3, 2:9, 2:9] = 1
    found[1:3, 10:14, 10:14] = 2
    return found


@pytest.fixture
def stored(tmp_path: Path, labels: np.ndarray) -> Path:
    path = tmp_path / "labels.zarr"
    write_labels(path, labels, (40.0, 8.0, 8.0), TABLE)
    return path


def request_of(labels: Any, classes: Any = None, **settings: Any) -> InstanceRequest:
    asked: dict[str, Any] = {
        "smallest": None,
        "smallest_um3": None,
        "watershed": False,
        "fill_holes": False,
        **settings,
    }
    return read_request(labels, classes, **asked)


def sized(voxel_size: tuple[float, float, float] | None) -> Volume:
    return replace(as_volume(np.ones((2, 4, 4), np.uint8)), voxel_size=voxel_size)


@pytest.mark.parametrize(
    ("voxels", "um3", "expected"),
    [
        (None, None, MIN_VOXELS),
        (1, None, 1),
        (37, None, 37),
        (None, 0.001, 1000),
        (None, 0.0010001, 1001),
        (None, 0.0, 1),
        (None, 1e-9, 1),
        (50, 0.00001, 50),
        (5, 0.001, 1000),
    ],
)
def test_the_smallest_object_is_given_in_voxels_or_in_volume(
    voxels: int | None, um3: float | None, expected: int
) -> None:
    assert smallest_voxels(sized((10.0, 10.0, 10.0)), voxels, um3) == expected


def test_a_volume_is_divided_by_that_of_a_voxel() -> None:
    assert smallest_voxels(sized((40.0, 8.0, 8.0)), None, 0.00256) == 1000


@pytest.mark.parametrize("voxels", [0, -1])
def test_a_smallest_object_of_no_voxel_is_refused(voxels: int) -> None:
    with pytest.raises(UserError, match="give 1 to keep all"):
        smallest_voxels(sized(None), voxels, None)


@pytest.mark.parametrize("um3", [-1e-9, float("nan"), float("inf"), MOST_UM3 * 1.001])
def test_a_volume_that_is_none_is_refused(um3: float) -> None:
    with pytest.raises(UserError, match="give a number from 0"):
        smallest_voxels(sized((10.0, 10.0, 10.0)), None, um3)


def test_the_largest_volume_that_may_be_asked_for_is_taken() -> None:
    assert smallest_voxels(sized((1000.0, 1000.0, 1000.0)), None, MOST_UM3) == int(MOST_UM3)


def test_a_volume_needs_a_voxel_size() -> None:
    with pytest.raises(UserError, match=r"voxel size .* is unknown"):
        smallest_voxels(sized(None), None, 0.1)


def test_settings_hold_all_that_two_runs_must_share(stored: Path) -> None:
    request = request_of(stored, ["ER"], smallest=3, watershed=True)
    settings = request.settings()
    assert settings["shape"] == [4, 16, 16]
    assert settings["voxel_size_nm"] == [40.0, 8.0, 8.0]
    assert settings["origin_nm"] == [0.0, 0.0, 0.0]
    assert settings["classes"] == {"ER": [2]}
    assert settings["smallest_voxels"] == 3
    assert settings["watershed"] is True
    assert settings["fill_holes"] is False


@pytest.mark.parametrize(
    "change",
    [{"smallest": 4}, {"watershed": True}, {"fill_holes": True}, {"classes": ["ER"]}],
)
def test_another_setting_is_another_run(stored: Path, change: dict[str, Any]) -> None:
    before = request_of(stored, smallest=3).settings()
    asked = {"smallest": 3, **change}
    classes = asked.pop("classes", None)
    assert request_of(stored, classes, **asked).settings() != before


def test_other_labels_are_another_run(tmp_path: Path, stored: Path, labels: np.ndarray) -> None:
    other = tmp_path / "other" / "labels.zarr"
    labels[2, 5, 5] = 2
    write_labels(other, labels, (40.0, 8.0, 8.0), TABLE)
    one = request_of(stored).settings()
    two = request_of(other).settings()
    assert one["labels"] != two["labels"]
    assert {**one, "labels": ""} == {**two, "labels": ""}


def test_labels_in_memory_may_have_a_table_of_numbers(labels: np.ndarray) -> None:
    _, table, names = open_classes(labels, {2: "ER"})
    assert table is not None
    assert [(spec.id, spec.name) for spec in table] == [(2, "ER")]
    assert names == ["ER"]


def test_specs_are_the_table_of_labels_that_have_none(labels: np.ndarray) -> None:
    _, table, names = open_classes(labels, TABLE)
    assert table == TABLE
    assert names == ["mitochondrion", "ER"]


def test_the_table_of_a_file_is_kept_when_names_are_given(stored: Path) -> None:
    volume, table, names = open_classes(stored, ["ER"])
    assert table is not None
    assert [spec.name for spec in table] == ["mitochondrion", "ER"]
    assert names == ["ER"]
    assert volume.voxel_size == (40.0, 8.0, 8.0)


def test_numbers_that_are_not_integers_are_no_labels() -> None:
    with pytest.raises(UserError, match="labels are integers"):
        request_of(np.zeros((2, 4, 4), np.float32))


def test_an_image_is_not_taken_for_labels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (4, 64, 64)).astype(np.uint8)
    with pytest.raises(UserError, match="looks like an image"):
        request_of(image)


def test_a_name_that_no_class_has_is_refused(stored: Path) -> None:
    with pytest.raises(UserError, match="Golgi"):
        request_of(stored, ["Golgi"])


@pytest.mark.parametrize("name", ["objects.zarr", "objects.ZARR"])
def test_a_zarr_takes_objects_of_many_classes(tmp_path: Path, stored: Path, name: str) -> None:
    check_target(tmp_path / name, request_of(stored))


@pytest.mark.parametrize("name", ["one.tif", "one.tiff"])
def test_a_tiff_takes_objects_of_one_class(tmp_path: Path, stored: Path, name: str) -> None:
    check_target(tmp_path / name, request_of(stored, ["ER"]))
    with pytest.raises(UserError, match=r"one class; choose one .*mitochondrion, ER"):
        check_target(tmp_path / name, request_of(stored))


@pytest.mark.parametrize("name", ["objects", "objects.mrc", "objects.zarr.gz"])
def test_other_suffixes_are_refused(tmp_path: Path, stored: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"end its name in .zarr or .tif"):
        check_target(tmp_path / name, request_of(stored))


def test_the_labels_themselves_are_never_the_target(tmp_path: Path, stored: Path) -> None:
    with pytest.raises(UserError, match="holds the labels themselves"):
        check_target(stored, request_of(stored))
    with pytest.raises(UserError, match="holds the labels themselves"):
        check_target(tmp_path, request_of(stored))


def test_a_target_inside_another_zarr_is_refused(tmp_path: Path, stored: Path) -> None:
    zarr.open_group(tmp_path / "image.zarr", mode="w")
    with pytest.raises(UserError, match="lies inside the zarr"):
        check_target(tmp_path / "image.zarr" / "objects.zarr", request_of(stored))
