"""Batches with features: embedded once where nothing learns, and new ones where an encoder does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from napari_scsam.model import EncoderFeatures, ScSAM
from napari_scsam.train.dataset import CropBatch, LabelledCrops
from napari_scsam.train.drawing import generator_of
from napari_scsam.train.embedder import Embedder
from napari_scsam.train.recipe_tables import Training

CPU = torch.device("cpu")


class RandomCrops:
    """Draws batches of noise, and counts them."""

    def __init__(self, **training: Any) -> None:
        self.training = Training(**{"batch": 2, "pool": 5, "seed": 3} | training)
        self.drawn = 0

    def batch(self, generator: torch.Generator) -> CropBatch:
        self.drawn += 1
        image = torch.randn(2, 3, 4, 6, generator=generator)
        return cast(CropBatch, _batch(image))


def _batch(image: Tensor) -> CropBatch:
    parts = {name: torch.zeros(2) for name in CropBatch._fields}
    return CropBatch(**parts | {CropBatch._fields[0]: image})


class CountingModel:
    """Encodes an image by twice its values, and counts the calls."""

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, image: Tensor) -> EncoderFeatures:
        self.encoded += 1
        return EncoderFeatures(image * 2, (image + 1, image[..., ::2]))


@pytest.fixture
def parts() -> SimpleNamespace:
    model, crops = CountingModel(), RandomCrops()
    embedder = Embedder(cast(ScSAM, model), cast(LabelledCrops, crops), CPU)
    return SimpleNamespace(model=model, crops=crops, embedder=embedder)


def test_the_image_is_the_first_field_of_a_batch() -> None:
    assert CropBatch._fields[0] == "image"


def test_a_full_pool_is_drawn_from_and_embeds_nothing_more(parts: SimpleNamespace) -> None:
    # 5 crops in batches of 2 are 3 batches.
    batches = list(parts.embedder.draw(range(20)))
    assert len(batches) == 20
    assert parts.model.encoded == parts.crops.drawn == 3
    first_three = [batch.image for batch, _, _ in batches[:3]]
    for batch, _, _ in batches[3:]:
        assert any(torch.equal(batch.image, image) for image in first_three)


def test_all_of_the_pool_is_drawn_from(parts: SimpleNamespace) -> None:
    later = [batch.image for batch, _, _ in list(parts.embedder.draw(range(60)))[3:]]
    assert len({float(image.sum()) for image in later}) == 3


def test_the_batch_of_a_step_is_fixed_by_its_seed(parts: SimpleNamespace) -> None:
    for step, (batch, _, _) in enumerate(parts.embedder.draw(range(3))):
        seeded = torch.Generator().manual_seed(3 * 1_000_003 + step)
        assert torch.equal(batch.image, torch.randn(2, 3, 4, 6, generator=seeded))


def test_a_resumed_run_draws_the_same(parts: SimpleNamespace) -> None:
    whole = list(parts.embedder.draw(range(12)))
    again = Embedder(cast(ScSAM, CountingModel()), cast(LabelledCrops, RandomCrops()), CPU)
    for (batch, features, chance), (other, others, chance_too) in zip(
        whole[7:], again.draw(range(7, 12)), strict=True
    ):
        assert torch.equal(batch.image, other.image)
        assert torch.equal(features.sam, others.sam)
        assert torch.equal(chance.get_state(), chance_too.get_state())


def test_features_keep_half_precision_and_come_back_as_floats(parts: SimpleNamespace) -> None:
    batch, features = parts.embedder.pooled(0)
    assert features.sam.dtype == torch.float32
    assert torch.equal(features.sam, (batch.image * 2).half().float())
    assert [level.shape for level in features.mae] == [(2, 3, 4, 6), (2, 3, 4, 3)]
    assert torch.equal(features.mae[0], (batch.image + 1).half().float())


def test_even_a_pool_of_one_crop_holds_a_batch(parts: SimpleNamespace) -> None:
    parts.crops.training = Training(batch=8, pool=1, seed=3)
    images = [batch.image for batch, _, _ in parts.embedder.draw(range(5))]
    assert parts.crops.drawn == 1
    assert all(torch.equal(image, images[0]) for image in images)


def test_while_an_encoder_learns_every_batch_is_new_and_exact() -> None:
    model, crops = CountingModel(), RandomCrops(unfreeze=("sam",))
    embedder = Embedder(cast(ScSAM, model), cast(LabelledCrops, crops), CPU)
    batches = list(embedder.draw(range(8)))
    assert model.encoded == 8
    assert len({float(batch.image.sum()) for batch, _, _ in batches}) == 8
    assert all(torch.equal(features.sam, batch.image * 2) for batch, features, _ in batches)


@pytest.mark.parametrize("unfreeze", [(), ("mae",)])
def test_the_first_batch_is_that_of_step_0_at_any_time(unfreeze: tuple[str, ...]) -> None:
    crops = RandomCrops(unfreeze=unfreeze)
    embedder = Embedder(cast(ScSAM, CountingModel()), cast(LabelledCrops, crops), CPU)
    list(embedder.draw(range(4, 9)))
    batch, _ = embedder.first()
    assert torch.equal(batch.image, RandomCrops().batch(generator_of(3, 0)).image)
