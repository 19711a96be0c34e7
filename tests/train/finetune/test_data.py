"""What a fine-tuning reads, holds out, and embeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.infer.tiling import HALO
from napari_scsam.io.volumes import as_volume
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.train.drawing import generator_of
from napari_scsam.train.finetune import data as finetune_data
from napari_scsam.train.finetune.data import (
    CorrectedVolume,
    FinetuneData,
    pixels_of,
    read_reviewed,
    run_settings,
)
from napari_scsam.train.finetune.held_out import HeldOutRegion
from napari_scsam.train.finetune.known_labels import UNKNOWN, KnownClass, known_classes
from napari_scsam.train.finetune.review_crops import CROP_SIDE, draw_crop, without_others
from napari_scsam.train.finetune.settings import FinetuneSettings
from napari_scsam.train.finetune.tuned_weights import take_path, with_classes


def test_reviewed_slices_are_read_with_their_targets(source, stack) -> None:
    image, labels = stack
    places, planes, targets = read_reviewed(source)
    assert places == [0, 1, 2]
    np.testing.assert_array_equal(planes[1], image[1])
    np.testing.assert_array_equal(targets[2], labels[2] == 5)


def test_a_mask_says_where_somebody_has_looked(source, stack) -> None:
    labels = stack[1]
    mask = np.zeros(labels.shape, np.uint8)
    mask[1, :80] = 1
    places, _, targets = read_reviewed(replace(source, reviewed=as_volume(mask)))
    assert places == [1]
    assert (targets[0][80:] == UNKNOWN).all()
    np.testing.assert_array_equal(targets[0][:80], labels[1, :80] == 5)


def test_labels_of_other_classes_are_none_of_the_labelled_ones(source, stack) -> None:
    labels = stack[1]
    more = labels.copy()
    more[0, :10, :10] = 9
    _, _, targets = read_reviewed(replace(source, labels=as_volume(more)))
    assert not (targets[0][:10, :10] == 1).any()


def test_a_mask_of_another_shape_is_refused(source, stack) -> None:
    mask = as_volume(np.ones((4, 80, 160), np.uint8))
    with pytest.raises(UserError, match=r"mask has shape \(4, 80, 160\), but the image has"):
        read_reviewed(replace(source, reviewed=mask))


def test_a_volume_that_nobody_reviewed_is_refused(source, stack) -> None:
    mask = as_volume(np.zeros((4, 160, 160), np.uint8))
    with pytest.raises(UserError, match="no slice is reviewed; review some"):
        read_reviewed(replace(source, reviewed=mask))


def test_a_slice_that_is_not_there_is_refused(source) -> None:
    with pytest.raises(UserError, match="9"):
        read_reviewed(replace(source, slices=(0, 9)))


def test_the_given_voxel_size_wins(source) -> None:
    assert source.size == (8.0, 8.0, 8.0)
    assert replace(source, voxel_size=(4.0, 4.0, 4.0)).size == (4.0, 4.0, 4.0)
    bare = CorrectedVolume(as_volume(np.ones((2, 2))), as_volume(np.ones((2, 2), int)), {1: "a"})
    assert bare.size is None


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (None, (1.0, 1.0)),
        ((30.0, 8.0, 8.0), (1.0, 1.0)),
        ((30.0, 4.0, 16.0), (2.0, 0.5)),
        ((30.0, 0.1, 800.0), (8.0, 0.25)),
    ],
)
def test_pixels_are_measured_in_those_of_the_model(random_model: ScSAM, size, expected) -> None:
    assert pixels_of(random_model, size) == pytest.approx(expected)


def test_a_model_without_a_pixel_size_takes_pixels_as_they_are() -> None:
    model = ScSAM(ScSAMConfig(nm_per_pixel=None, tile=128), (ClassSpec(1, "vesicle"),))
    assert pixels_of(model, (8.0, 4.0, 4.0)) == (1.0, 1.0)


@pytest.fixture
def data(source, random_model: ScSAM, quick: FinetuneSettings) -> FinetuneData:
    return FinetuneData(source, random_model, quick)


def test_what_is_held_out_is_not_learned_from(data: FinetuneData) -> None:
    assert data.held
    for region in data.held:
        targets = data.slices[region.place].targets[region.window]
        assert (targets == UNKNOWN).all()
    known = sum(int((each.targets != UNKNOWN).sum()) for each in data.slices)
    held = sum(region.of(data.targets).size for region in data.held)
    assert known + held == 3 * 160 * 160


def test_the_classes_are_those_of_the_model(data: FinetuneData) -> None:
    assert data.known == (KnownClass("vesicle", (2,)),)
    assert data.pixels == (1.0, 1.0)
    assert data.places == [0, 1, 2]


def test_a_held_out_crop_shows_its_region_and_nothing_else_is_known(data: FinetuneData) -> None:
    region = HeldOutRegion(0, np.s_[20:56, 30:66])
    image, targets = data.plain_crop(region)
    side = data.parent.config.tile
    assert image.shape == (1, side, side)
    assert targets.shape == (side, side)
    assert targets.dtype == torch.uint8
    first = (side - 36) // 2
    last = first + 36
    assert (targets[first:last, first:last] == 1).all()
    assert (targets[first - 1, first:last] == UNKNOWN).all()
    assert (targets[last, first:last] == UNKNOWN).all()
    assert (targets[first:last, first - 1] == UNKNOWN).all()
    assert (targets[first:last, last] == UNKNOWN).all()
    assert image[0, first:last, first:last].mean() > 0.6
    assert image[0, first - 15 : first - 2, first:last].mean() < 0.4


def test_a_held_out_region_is_no_larger_than_what_a_tile_shows_reliably(
    data: FinetuneData,
) -> None:
    inside = data.parent.config.tile - 2 * HALO
    assert data.piece_sides == (inside, inside)
    for region in data.held:
        assert all(part.stop - part.start <= inside for part in region.window)
    assert data.crop_pixels == (8.0, 8.0)
    data.source = replace(data.source, image=as_volume(data.source.image.data))
    assert data.crop_pixels is None


def test_all_kinds_of_crops_are_embedded_and_counted(
    data: FinetuneData, quick: FinetuneSettings, monkeypatch
) -> None:
    grey = torch.rand(1, CROP_SIDE, CROP_SIDE, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(finetune_data, "replay_images", lambda count, _seed: [grey] * count)
    counts = list(data.embed())
    assert counts == sorted(counts)
    assert len(data.learned) == quick.crops
    assert len(data.replayed) == quick.replayed
    assert 1 <= len(data.held_out) <= quick.validated
    assert counts[-1] == len(data.learned) + len(data.replayed) + len(data.held_out)
    assert data.total == 3 + 2 + 4
    labelled = data.learned.batch([0, 1, 2]).targets
    assert (labelled != UNKNOWN).flatten(1).any(dim=1).all()


def test_late_embedding_stops_after_a_few_crops_of_each_kind(
    source, random_model: ScSAM, quick: FinetuneSettings, monkeypatch
) -> None:
    grey = torch.rand(1, CROP_SIDE, CROP_SIDE, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(finetune_data, "replay_images", lambda count, _seed: [grey] * count)
    monkeypatch.setattr(finetune_data, "FEWEST", 1)
    monkeypatch.setattr(finetune_data, "FEWEST_LEARNED", 2)
    data = FinetuneData(source, random_model, quick)
    assert list(data.embed(lambda: True)) == [1, 2, 3, 4]
    assert len(data.learned) == 2
    assert len(data.replayed) == 1
    assert len(data.held_out) == len(data.pieces) == 1


def test_a_new_class_starts_at_the_mean_of_its_features(
    source, random_model: ScSAM, quick: FinetuneSettings, monkeypatch
) -> None:
    monkeypatch.setattr(finetune_data, "replay_images", lambda *_: [])
    monkeypatch.setattr(finetune_data, "FEWEST", 2)
    named = replace(source, classes={5: "granule"})
    few = replace(quick, crops=0, replayed=0, validated=1)
    data = FinetuneData(named, random_model, few)
    list(data.embed())
    found = data.model.class_prompt.prototypes[3]
    assert float(found.norm()) == pytest.approx(1, abs=1e-4)
    total = torch.zeros(256)
    own = [without_others(each, 1) for each in data.slices]
    for chance in range(2):
        image, targets = draw_crop(own, data.pixels, few.look, generator_of(few.seed, chance))
        assert not (targets == 0).any(), "the rest is unknown there"
        share = F.avg_pool2d((targets == 1).float()[None, None], 16)
        with torch.no_grad():
            fused = random_model.fuse(random_model.encode(image[None])).fused
        total += (fused * share).sum((0, 2, 3))
    torch.testing.assert_close(found, F.normalize(total, dim=0), rtol=0.05, atol=0.01)
    assert torch.equal(data.model.class_prompt.prototypes[:3], random_model.class_prompt.prototypes)
    assert data.held_out.batch([0]).parent.shape[1] == 3
    assert torch.equal(data.path.class_prompt.prototypes, found[None])


def test_a_part_that_labels_leave_out_is_answered_as_before(
    source, model: ScSAM, quick: FinetuneSettings, monkeypatch
) -> None:
    whole = ClassSpec(9, "vesicle")
    model.classes = (*model.classes[:1], replace(model.classes[1], part_of="vesicle"), whole)
    model.tuned.append(take_path(model, known_classes(model.classes, ["vesicle"])))
    apart = (KnownClass("vesicle", (2,), apart=(1,)),)
    data = FinetuneData(source, model, quick)
    assert data.known == (KnownClass("vesicle", (2, 1)),)
    assert not data.model.tuned, "what an earlier fine-tuning learned is learned further"
    monkeypatch.setattr(finetune_data, "follow_labels", lambda *_: apart)
    data.follow_labels()
    assert data.path.names == ("vesicle",)
    assert all(weight.requires_grad for weight in data.path.parameters())
    (earlier,) = data.model.tuned
    assert earlier.names == ("membrane", "vesicle")
    assert not any(weight.requires_grad for weight in earlier.parameters())
    assert data.model.classes[2].own_outline
    assert data.parts_apart == ("membrane",)


def test_a_run_is_resumed_only_with_the_same_data_parent_and_settings(
    source, random_model: ScSAM, quick: FinetuneSettings
) -> None:
    base = run_settings(source, random_model, quick)
    assert base == run_settings(source, random_model, quick)
    assert base["image"][1:] == [4, 160, 160]
    assert base["classes"] == {"5": "vesicle"}
    assert base["slices"] == [0, 1, 2]
    others = [
        run_settings(replace(source, slices=None), random_model, quick),
        run_settings(replace(source, classes={5: "membrane"}), random_model, quick),
        run_settings(replace(source, voxel_size=(4.0, 4.0, 4.0)), random_model, quick),
        run_settings(source, with_classes(random_model, ["granule"]), quick),
        run_settings(source, random_model, replace(quick, seed=1)),
    ]
    assert all(other != base for other in others)
