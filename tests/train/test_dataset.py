"""Training crops: every class gets its turn, at the model's pixel size, the same for the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.model import ScSAMConfig
from napari_scsam.train.augment import Augmentation
from napari_scsam.train.dataset import MIN_OBJECT_PIXELS, LabelledCrops
from napari_scsam.train.labelled_volume import (
    UNKNOWN,
    LabelledVolume,
    lookup,
    number_instances,
    object_maps,
)
from napari_scsam.train.recipe import Recipe
from napari_scsam.train.recipe_tables import LabelledSource, Training

CLASSES = (ClassSpec(2, "mitochondrion"), ClassSpec(9, "vesicle"))
"""Their indices are 1 and 2."""


def labels_of_two_classes() -> np.ndarray:
    """Two slices: a large mitochondrion, a vesicle of four pixels on the second, and something that is no class."""
    labels = np.zeros((2, 90, 100), np.uint8)
    labels[:, 20:60, 10:60] = 2
    labels[1, 70:72, 80:82] = 9
    labels[0, 80:90, :50] = 5
    return labels


@pytest.fixture
def source(tmp_path: Path) -> LabelledSource:
    labels = labels_of_two_classes()
    image = (
        np.random.default_rng(0).integers(60, 100, labels.shape).astype(np.uint8)
        + 40 * (labels == 2)
        + 90 * (labels == 9)
    )
    tifffile.imwrite(
        tmp_path / "image.tif", image.astype(np.uint8), imagej=True, metadata={"axes": "ZYX"}
    )
    write_labels(tmp_path / "labels.tif", labels, None, ())
    return LabelledSource(tmp_path / "image.tif", tmp_path / "labels.tif", objects=((2,), (9,)))


def recipe(*sources: LabelledSource, nm: float | None = None, **training: Any) -> Recipe:
    settings = {
        "batch": 2,
        "crop": 32,
        "prompts": 2,
        "augmentation": Augmentation(zoom=1, stretch=1),
    } | training
    return Recipe(ScSAMConfig(nm_per_pixel=nm), CLASSES, sources, Training(**settings))


def chance(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_label_values_become_indices_whatever_they_are() -> None:
    values = np.array([[0, 2, 9], [-1, 5, 2**31]], np.int64)
    np.testing.assert_array_equal(lookup(values, {9: 2, 2: 1}), [[0, 1, 2], [0, 0, 0]])
    np.testing.assert_array_equal(
        lookup(values.astype(np.uint64) & 0xFF, {9: 300}), [[0, 0, 300], [0, 0, 0]]
    )
    assert lookup(values, {9: 2}).dtype == np.uint8


def test_a_volume_is_read_once_with_indices_and_places(source: LabelledSource) -> None:
    volume = LabelledVolume(source, recipe(source))
    assert volume.grey.dtype == np.uint8
    assert volume.grey.shape == (2, 90, 100)
    assert volume.grey.min() == 0
    assert volume.grey.max() == 255
    assert set(np.unique(volume.classes)) == {0, 1, 2}
    assert (volume.classes[0, 80:90, :50] == 0).all()
    assert len(volume.places[1]) == 2 * 40 * 50
    assert sorted(map(tuple, volume.places[2])) == [
        (1, 70, 80),
        (1, 70, 81),
        (1, 71, 80),
        (1, 71, 81),
    ]


def test_chosen_slices_only(source: LabelledSource) -> None:
    first = LabelledVolume(LabelledSource(source.image, source.labels, slices=(0,)), recipe(source))
    assert first.grey.shape == (1, 90, 100)
    assert len(first.places[2]) == 0
    with pytest.raises(UserError, match=r"image\.tif has no slice 2; its slices are 0 to 1"):
        LabelledVolume(LabelledSource(source.image, source.labels, slices=(0, 2)), recipe(source))


def test_labels_of_another_shape_are_refused(source: LabelledSource, tmp_path: Path) -> None:
    write_labels(tmp_path / "small.tif", labels_of_two_classes()[:, :50], None, ())
    with pytest.raises(
        UserError, match=r"image\.tif has shape \(2, 90, 100\) but small\.tif has \(2, 50, 100\)"
    ):
        LabelledVolume(LabelledSource(source.image, tmp_path / "small.tif"), recipe(source))


def test_no_data_is_said() -> None:
    with pytest.raises(UserError, match=r"add a \[\[data\]\] table"):
        LabelledCrops(recipe())


@pytest.mark.parametrize(
    ("nm", "size", "steps"),
    [
        (10.0, (20.0, 5.0, 2.5), [4.0, 2.0]),
        (5.0, (5.0, 5.0, 10.0), [0.5, 1.0]),
        (None, (5.0, 5.0, 5.0), [1.0, 1.0]),
        (5.0, None, [1.0, 1.0]),
    ],
)
def test_crops_have_the_pixel_size_of_the_model(
    source: LabelledSource, nm: float | None, size: Any, steps: list[float]
) -> None:
    scaled = LabelledSource(source.image, source.labels, voxel_size=size)
    assert LabelledVolume(scaled, recipe(source, nm=nm)).pixels_per_step.tolist() == steps


def test_an_organelle_has_its_size_in_model_pixels(
    source: LabelledSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = LabelledCrops(
        recipe(
            LabelledSource(source.image, source.labels, voxel_size=(5.0, 5.0, 5.0)),
            nm=10.0,
            crop=32,
        )
    )
    monkeypatch.setattr(crops, "place", lambda *_: (0, 40, 35))
    areas = [int((crops.crop(chance(seed))[1] == 1).sum()) for seed in range(10)]
    assert areas == pytest.approx([40 * 50 / 4] * 10, rel=0.1)


def test_half_of_the_crops_are_centred_on_a_class_drawn_evenly(source: LabelledSource) -> None:
    crops = LabelledCrops(recipe(source))
    volume = crops.volumes[0]
    centres = [volume.classes[crops.place(volume, chance(seed))] for seed in range(300)]
    vesicles, mitochondria = centres.count(2), centres.count(1)
    assert 45 < vesicles < 110  # a quarter of the draws, though it covers 4 of 18000 pixels
    assert mitochondria > 75


def test_the_centre_of_a_crop_is_the_place_drawn(source: LabelledSource) -> None:
    only = LabelledSource(source.image, source.labels, slices=(1,))
    crops = LabelledCrops(recipe(only, crop=16))
    crops.volumes[0].places = {2: crops.volumes[0].places[2]}
    middles = [crops.crop(chance(seed))[1][6:10, 6:10] for seed in range(40)]
    assert sum(bool((m == 2).any()) for m in middles) > 12


def test_batches_have_the_promised_shapes(source: LabelledSource) -> None:
    batch = LabelledCrops(recipe(source, batch=3)).batch(chance(0))
    assert batch.image.shape == (3, 1, 32, 32)
    assert batch.labels.shape == (3, 32, 32)
    assert batch.objects.shape == batch.first_clicks.shape == (3, 2, 32, 32)
    assert batch.image.dtype == batch.objects.dtype == batch.first_clicks.dtype == torch.float32
    assert float(batch.image.min()) >= 0
    assert float(batch.image.max()) <= 1
    assert set(batch.labels.unique().tolist()) <= {0, 1, 2}


def test_a_seed_fixes_the_batch(source: LabelledSource) -> None:
    crops = LabelledCrops(recipe(source, augmentation=Augmentation()))
    first, again, other = crops.batch(chance(4)), crops.batch(chance(4)), crops.batch(chance(5))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.image, other.image)


def test_larger_volumes_are_drawn_more_often_but_not_in_proportion(
    source: LabelledSource, tmp_path: Path
) -> None:
    labels = np.tile(labels_of_two_classes(), (8, 1, 1))
    tifffile.imwrite(
        tmp_path / "big.tif",
        np.random.default_rng(0).integers(0, 255, labels.shape).astype(np.uint8),
    )
    write_labels(tmp_path / "big_labels.tif", labels, None, ())
    crops = LabelledCrops(
        recipe(source, LabelledSource(tmp_path / "big.tif", tmp_path / "big_labels.tif"))
    )
    assert float(crops.weights[1] / crops.weights[0]) == pytest.approx(8**0.5)


def test_instances_teach_objects_but_no_class(source: LabelledSource, tmp_path: Path) -> None:
    instances = np.zeros((2, 90, 100), np.uint32)
    instances[:, 10:40, 10:40], instances[:, 50:80, 50:80] = 70_000, 4_000_000_000
    write_labels(tmp_path / "instances.tif", instances, None, ())
    crops = LabelledCrops(
        recipe(LabelledSource(source.image, tmp_path / "instances.tif", instances=True), crop=64)
    )
    assert set(np.unique(crops.volumes[0].objects[0])) == {0, 1, 2}
    batches = [crops.batch(chance(seed)) for seed in range(6)]
    assert all((b.labels == UNKNOWN).all() for b in batches)
    assert any(b.objects.any() for b in batches)


def test_instances_are_numbered_slice_by_slice() -> None:
    values = np.array([[[0, 70_001, 70_001, -5]], [[8, 8, 9, 2**31]]], np.int64)
    np.testing.assert_array_equal(number_instances(values), [[[0, 1, 1, 0]], [[1, 1, 2, 3]]])


def test_objects_are_connected_regions_of_a_group_or_between_borders() -> None:
    values = np.zeros((1, 9, 9), np.uint8)
    values[0, 1:4, 1:4], values[0, 2, 2], values[0, 6:8, 6:8] = (
        1,
        2,
        1,
    )  # a region of two classes, and another
    values[0, 5] = 6  # a wall
    groups, profiles = object_maps(
        values, LabelledSource(Path("a"), Path("b"), objects=((1, 2),), borders=(6,))
    )
    assert groups.max() == 2
    assert (groups[0, 1:4, 1:4] == 1).all()
    assert profiles.max() == 2
    assert profiles[0, 0, 0] != profiles[0, 8, 8]
    assert (profiles[0, 5] == 0).all()


def test_clicked_objects_are_whole_and_not_too_small(source: LabelledSource) -> None:
    crops = LabelledCrops(recipe(source, prompts=40))
    maps = torch.zeros(2, 32, 32, dtype=torch.long)
    maps[0, :10, :10], maps[0, 20:30, 20:30], maps[0, 15, :5] = 1, 2, 3
    maps[1, 5:25, 5:25] = 7
    masks, kinds = crops.pick_objects(maps, chance(0))
    areas = masks.flatten(1).sum(1).tolist()
    assert kinds == [1 if area == 400 else 0 for area in areas]
    assert set(areas) == {100.0, 400.0}
    assert 10 < areas.count(400.0) < 30  # kinds are drawn evenly, not objects
    assert MIN_OBJECT_PIXELS > 5


def test_a_crop_without_objects_has_empty_masks(source: LabelledSource) -> None:
    crops = LabelledCrops(recipe(source))
    for layers in (1, 0):
        masks, kinds = crops.pick_objects(torch.zeros(layers, 32, 32, dtype=torch.long), chance(0))
        assert masks.shape == (2, 32, 32)
        assert not masks.any()
        assert kinds == [None, None]


def profiles(source: LabelledSource, tmp_path: Path, whole: bool) -> LabelledCrops:
    """Crops of cell profiles between walls, with an organelle that fills a part or the whole of each."""
    cell = np.full((24, 24), 2 if whole else 0, np.uint8)
    cell[8:18, 8:18] = 2
    cell[0] = cell[:, 0] = 6
    labels = np.tile(cell, (2, 4, 4))
    tifffile.imwrite(
        tmp_path / "profiles.tif",
        np.random.default_rng(0).integers(0, 255, labels.shape).astype(np.uint8),
    )
    write_labels(tmp_path / "profile_labels.tif", labels, None, ())
    return LabelledCrops(
        recipe(
            LabelledSource(
                tmp_path / "profiles.tif", tmp_path / "profile_labels.tif", borders=(6,)
            ),
            crop=32,
            prompts=4,
        )
    )


def test_a_first_click_on_a_profile_is_not_on_an_organelle_inside(
    source: LabelledSource, tmp_path: Path
) -> None:
    crops, avoided = profiles(source, tmp_path, whole=False), 0
    for seed in range(8):
        _, labels, objects, first_clicks = crops.crop(chance(seed))
        expected = objects * (labels == 0)
        assert objects.any()
        assert torch.equal(first_clicks, expected)
        avoided += int((objects - first_clicks).sum())
    assert avoided > 100


def test_a_profile_that_shows_organelles_alone_is_not_clicked_on(
    source: LabelledSource, tmp_path: Path
) -> None:
    crops = profiles(source, tmp_path, whole=True)
    for seed in range(4):
        _, labels, objects, first_clicks = crops.crop(chance(seed))
        assert (labels == 1).any()
        assert not objects.any()
        assert not first_clicks.any()


def test_organelles_are_clicked_on_anywhere(source: LabelledSource) -> None:
    batches = [LabelledCrops(recipe(source)).batch(chance(seed)) for seed in range(4)]
    assert any(b.objects.any() for b in batches)
    assert all(torch.equal(b.first_clicks, b.objects) for b in batches)


def test_a_batch_moves_as_a_whole(source: LabelledSource) -> None:
    moved = LabelledCrops(recipe(source)).batch(chance(0)).to(torch.device("meta"))
    assert {part.device.type for part in moved} == {"meta"}


def test_slices_for_calibration_are_not_trained_on(source: LabelledSource) -> None:
    kept = LabelledVolume(
        LabelledSource(source.image, source.labels, calibration=(1,)), recipe(source)
    )
    assert kept.grey.shape == (1, 90, 100)
    assert len(kept.places[2]) == 0  # the vesicle is on the other slice
    with pytest.raises(
        UserError,
        match=r"every slice of image\.tif is kept for calibration; leave some to train on",
    ):
        LabelledVolume(
            LabelledSource(source.image, source.labels, calibration=(0, 1)), recipe(source)
        )
    with pytest.raises(UserError, match=r"image\.tif has no slice 7; its slices are 0 to 1"):
        LabelledVolume(
            LabelledSource(source.image, source.labels, calibration=(7,)), recipe(source)
        )


@pytest.mark.parametrize("hiding", [{"decoys": 1.0}, {"masses": 1.0}, {"lookalikes": 1.0}])
def test_nothing_is_to_be_found_in_what_is_laid_over(
    source: LabelledSource, hiding: dict[str, float]
) -> None:
    plain = {"zoom": 1, "stretch": 1, "stain": 0.1}
    crops = LabelledCrops(recipe(source, augmentation=Augmentation(**plain, **hiding)))
    numbers = torch.ones(3, 64, 64, dtype=torch.long)
    crops.look(torch.rand(1, 64, 64, generator=chance(1)), numbers, chance(0))
    assert 0 < int((numbers == 0).sum()) < numbers.numel()
    assert (numbers[0] == numbers[2]).all()
    untouched = torch.ones_like(numbers)
    LabelledCrops(recipe(source, augmentation=Augmentation(**plain))).look(
        torch.rand(1, 64, 64), untouched, chance(0)
    )
    assert (untouched == 1).all()


def test_a_profile_may_get_a_sheath(source: LabelledSource) -> None:
    wrapping = LabelledSource(source.image, source.labels, objects=((2,),), borders=(9,), sheath=9)
    augmentation = Augmentation(zoom=1, stretch=1, sheaths=1.0)
    crops = LabelledCrops(recipe(wrapping, augmentation=augmentation))
    numbers = torch.zeros(3, 64, 64, dtype=torch.long)
    numbers[1, 10:20, 10:20], numbers[2, 5:45, 5:45] = 4, 7  # an object inside a profile
    before, image = numbers.clone(), torch.full((1, 64, 64), 0.9)
    wrapped = crops.wrap(crops.volumes[0], image, numbers, chance(0))
    band = numbers[0] == 2
    assert band[5, 5:45].all()
    assert not band[25, 25]
    assert (numbers[1:, band] == 0).all()
    assert torch.equal(numbers[:, ~band], before[:, ~band])
    assert float(wrapped[0, band].mean()) < 0.6
    plain = LabelledCrops(
        recipe(
            LabelledSource(source.image, source.labels, objects=((2,),), sheath=9),
            augmentation=augmentation,
        )
    )
    assert plain.wrap(plain.volumes[0], image, before, chance(0)) is image  # it knows no profiles
    small = torch.zeros_like(before)
    small[2, :5, :5] = 1
    assert crops.wrap(crops.volumes[0], image, small, chance(0)) is image


def test_a_sheath_of_no_class_is_none_of_them(source: LabelledSource) -> None:
    wrapping = LabelledSource(source.image, source.labels, objects=((2,),), borders=(9,), sheath=5)
    augmentation = Augmentation(zoom=1, stretch=1, sheaths=1.0)
    crops = LabelledCrops(recipe(wrapping, augmentation=augmentation))
    numbers = torch.ones(3, 64, 64, dtype=torch.long)
    numbers[2, 5:45, 5:45] = 7
    crops.wrap(crops.volumes[0], torch.full((1, 64, 64), 0.9), numbers, chance(0))
    assert (numbers[0, 5, 5:45] == 0).all()
    assert (numbers[0, :4] == 1).all()


def test_a_source_is_drawn_as_often_on_three_axes_as_on_one(source: LabelledSource) -> None:
    turned = LabelledSource(source.image, source.labels, axes=("z", "y", "x"))
    crops = LabelledCrops(recipe(LabelledSource(source.image, source.labels), turned))
    assert len(crops.volumes) == 4
    assert crops.volumes[2].grey.shape == (90, 2, 100)
    assert float(crops.weights[1:].sum()) == pytest.approx(float(crops.weights[0]))
