"""Sources as training reads them: which slices, which classes, and what is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import as_volume
from napari_scsam.model import ScSAMConfig
from napari_scsam.train.labelled_volume import (
    UNKNOWN,
    LabelledVolume,
    check_not_image,
    class_groups,
    is_reviewed,
    labelled_rows,
    number_regions,
    pixel_ratio,
    reviewed_mask,
    thinned,
    training_slices,
)
from napari_scsam.train.recipe import Recipe
from napari_scsam.train.recipe_tables import LabelledSource, Training

CLASSES = (
    ClassSpec(2, "mitochondrion"),
    ClassSpec(3, "membrane", part_of="mitochondrion"),
    ClassSpec(9, "vesicle"),
)


@pytest.fixture
def arrays(tmp_path: Path) -> dict[str, np.ndarray]:
    """Three slices, odd in size, as files ``image.tif``, ``labels.tif`` and ``mask.tif``."""
    labels = np.zeros((3, 33, 41), np.uint8)
    labels[:, 4:20, 6:20] = 2
    labels[1, 25:30, 30:38] = 9
    mask = np.zeros(labels.shape, np.uint8)
    mask[1, :, 10:] = 1
    mask[2, :5, :5] = 4
    image = np.random.default_rng(0).integers(0, 256, labels.shape).astype(np.uint8)
    files = {"image": image, "labels": labels, "mask": mask}
    for name, content in files.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", content, photometric="minisblack")
    return files


def source_in(folder: Path, **more: Any) -> LabelledSource:
    return LabelledSource(folder / "image.tif", folder / "labels.tif", **more)


def read(source: LabelledSource, classes: tuple[ClassSpec, ...] = CLASSES) -> LabelledVolume:
    return LabelledVolume(source, Recipe(ScSAMConfig(), classes, (source,), Training()))


def test_without_a_mask_everything_is_known(arrays: dict[str, Any], tmp_path: Path) -> None:
    volume = read(source_in(tmp_path))
    expected = np.select([arrays["labels"] == 2, arrays["labels"] == 9], [1, 3], 0)
    np.testing.assert_array_equal(volume.classes, expected)
    assert volume.anywhere is None
    assert volume.grey.shape == (3, 33, 41)
    assert volume.grey.dtype == np.uint8
    np.testing.assert_array_equal(volume.places[3], np.argwhere(expected == 3))
    assert len(volume.places[2]) == 0


def test_what_is_not_reviewed_is_unknown(arrays: dict[str, Any], tmp_path: Path) -> None:
    volume = read(source_in(tmp_path, reviewed=tmp_path / "mask.tif", objects=((2,),)))
    known = arrays["mask"][1:] != 0
    assert volume.grey.shape[0] == 2, "slice 0 has nothing that is reviewed"
    assert (volume.classes[~known] == UNKNOWN).all()
    assert (volume.classes[known] != UNKNOWN).all()
    np.testing.assert_array_equal(volume.anywhere, np.argwhere(known))
    assert (volume.objects[0][~known] == 0).all()
    assert (volume.objects[0][0, 4:20, 10:20] == 1).all()


def test_only_the_values_asked_for_count_as_reviewed(
    arrays: dict[str, Any], tmp_path: Path
) -> None:
    source = source_in(tmp_path, reviewed=tmp_path / "mask.tif", reviewed_values=(4,))
    np.testing.assert_array_equal(
        is_reviewed(source, np.array([0, 1, 4, 5])), [False, False, True, False]
    )
    np.testing.assert_array_equal(
        is_reviewed(source_in(tmp_path), np.array([0, 1, 4])), [False, True, True]
    )
    volume = read(source)
    assert volume.grey.shape[0] == 1
    assert (volume.classes != UNKNOWN).sum() == 25


def test_classes_that_labels_do_not_name_stand_for_background(
    arrays: dict[str, Any], tmp_path: Path
) -> None:
    volume = read(source_in(tmp_path, classes=(9,)))
    np.testing.assert_array_equal(volume.classes, np.where(arrays["labels"] == 9, 3, 0))
    assert set(volume.places) == {3}
    assert volume.groups.tolist() == [0, 0, 0, 3]


def test_a_class_stands_for_its_parts_unless_they_are_labelled() -> None:
    assert class_groups(CLASSES, [2, 3, 9]).tolist() == [0, 1, 2, 3]
    assert class_groups(CLASSES, [2]).tolist() == [0, 1, 1, 0]
    assert class_groups((), []).tolist() == [0]


def test_a_class_that_the_recipe_lacks_is_told(tmp_path: Path) -> None:
    rows = {2: 1, 9: 2}
    assert labelled_rows(source_in(tmp_path), rows) == rows
    assert labelled_rows(source_in(tmp_path, classes=(9,)), rows) == {9: 2}
    with pytest.raises(UserError) as told:
        labelled_rows(source_in(tmp_path, classes=(9, 7)), rows)
    assert str(told.value) == (
        "classes of labels.tif in the recipe names the id 7, which no class has; "
        "add that class, or leave it out"
    )
    clicked = {"objects": ((2,), (7, 9)), "borders": (7,)}  # values of labels need no class
    assert labelled_rows(source_in(tmp_path, **clicked), rows) == rows


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"calibration": (0, 1, 2)}, "every slice of image.tif is kept for calibration"),
        ({"slices": (1,), "calibration": (1,)}, "leave some to train on"),
        ({"slices": (0, 3)}, r"image.tif has no slice 3; its slices are 0 to 2"),
        ({"slices": (-1,)}, "image.tif has no slice -1"),
        ({"calibration": (8,)}, "image.tif has no slice 8"),
    ],
)
def test_slices_that_cannot_be_trained_on_are_told(
    tmp_path: Path, chosen: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        training_slices(source_in(tmp_path, **chosen), 3, None)


def test_slices_are_those_chosen_in_their_order(tmp_path: Path) -> None:
    assert training_slices(source_in(tmp_path), 3, None) == [0, 1, 2]
    source = source_in(tmp_path, slices=(2, 0, 1), calibration=(0,))
    assert training_slices(source, 3, None) == [2, 1]


def test_a_mask_that_leaves_nothing_is_told(arrays: dict[str, Any], tmp_path: Path) -> None:
    source = source_in(tmp_path, slices=(0,), reviewed=tmp_path / "mask.tif")
    with pytest.raises(UserError, match=r"no slice of labels\.tif is reviewed; review some"):
        read(source)


def test_a_mask_of_another_shape_is_told(arrays: dict[str, Any], tmp_path: Path) -> None:
    source = source_in(tmp_path, reviewed=tmp_path / "mask.tif")
    assert reviewed_mask(source_in(tmp_path), (3, 33, 41)) is None
    with pytest.raises(UserError, match=r"has shape \(3, 33, 41\), but its image \(3, 33, 40\)"):
        reviewed_mask(source, (3, 33, 40))


def test_a_single_slice_is_a_stack_of_one(tmp_path: Path) -> None:
    for name, content in (("image", np.arange(99).reshape(9, 11)), ("labels", np.eye(9, 11) * 9)):
        tifffile.imwrite(tmp_path / f"{name}.tif", content.astype(np.uint8))
    volume = read(source_in(tmp_path))
    assert volume.grey.shape == volume.classes.shape == (1, 9, 11)
    assert len(volume.places[3]) == 9


def test_many_places_are_thinned_evenly() -> None:
    places = np.arange(35)[:, None]
    assert thinned(places, 10)[:, 0].tolist() == list(range(0, 35, 4))
    assert len(thinned(places[:9], 10)) == 9
    assert len(thinned(places[:0], 10)) == 0


def test_the_ratio_of_pixels_is_x_first_and_1_where_unknown() -> None:
    image = as_volume(np.zeros((2, 3, 4)), (40.0, 2.0, 8.0))
    assert pixel_ratio(16.0, image) == [2.0, 8.0]
    assert pixel_ratio(None, image) == [1.0, 1.0]
    assert pixel_ratio(16.0, as_volume(np.zeros((3, 4)))) == [1.0, 1.0]


def test_regions_that_touch_at_a_corner_are_two_and_slices_are_apart() -> None:
    mask = np.zeros((2, 4, 5), bool)
    mask[0, 0, 0] = mask[0, 1, 1] = mask[1, 3, 3:] = True
    numbers = number_regions(mask)
    assert sorted(numbers[0][mask[0]].tolist()) == [1, 2]
    assert numbers[1][mask[1]].tolist() == [1, 1]


def test_labels_are_not_trained_on_as_an_image(arrays: dict[str, Any], tmp_path: Path) -> None:
    write_labels(tmp_path / "image.tif", arrays["labels"], None, CLASSES)
    with pytest.raises(UserError, match=r"image\.tif holds labels and no grey values"):
        read(source_in(tmp_path))


def test_bodies_teach_their_borders_and_say_nothing_of_organelles(
    arrays: dict[str, Any], tmp_path: Path
) -> None:
    bodies = np.ones((3, 33, 41), np.uint16)
    bodies[:, :, 20:] = 700
    tifffile.imwrite(tmp_path / "labels.tif", bodies, photometric="minisblack")
    volume = read(source_in(tmp_path, bodies=True, borders=(9,), classes=(9,)))
    assert volume.classes[1, 10, 17:24].tolist() == [0, UNKNOWN, 3, 3, UNKNOWN, 0, 0]
    assert volume.groups.tolist() == [0, 0, 0, 3]
    assert volume.profiles == 0
    assert set(np.unique(volume.objects[0][1])) == {0, 1, 2}


def test_objects_may_be_known_to_be_none_of_some_classes(
    arrays: dict[str, Any], tmp_path: Path
) -> None:
    plain = read(source_in(tmp_path, instances=True))
    assert (plain.classes == UNKNOWN).all()
    none = read(source_in(tmp_path, instances=True, classes=(2, 9)))
    inside = arrays["labels"] > 0
    assert (none.classes[inside] == 0).all()
    assert (none.classes[~inside] == UNKNOWN).all()


def test_an_image_is_not_its_own_labels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "em.tif", np.zeros((2, 8, 8), np.uint8))
    source = LabelledSource(image=tmp_path / "em.tif", labels=tmp_path / "em.tif")
    with pytest.raises(UserError, match=r"em\.tif is the image itself"):
        check_not_image(source)
