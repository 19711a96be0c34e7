"""What fine-tuning learns, and its mean with what was before."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_scsam.model import ScSAM
from napari_scsam.train.finetune.known_labels import KnownClass
from napari_scsam.train.finetune.review_crops import CropMemory, ReviewCrops
from napari_scsam.train.finetune.tuned_weights import (
    ABSENT,
    DECODER_SHARE,
    learned,
    new_optimiser,
    padded,
    set_mean,
    take_path,
    tuned_answer,
    with_classes,
)

KNOWN = (KnownClass("mitochondrion", (0, 2)), KnownClass("membrane", (1,)))


def remembered(model: ScSAM) -> ReviewCrops:
    """Return one embedded crop of noise."""
    memory = CropMemory(model)
    memory.add(torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0)))
    return memory.batch([0])


def test_classes_that_a_model_lacks_are_added_to_a_copy(random_model: ScSAM) -> None:
    wider = with_classes(random_model, ["Vesicle", "granule"])
    assert [spec.name for spec in wider.classes] == [
        "mitochondrion",
        "membrane",
        "vesicle",
        "granule",
    ]
    assert len(random_model.classes) == 3
    ids = [spec.id for spec in wider.classes]
    assert len(set(ids)) == 4
    assert ids[:3] == [1, 2, 5]
    assert len(wider.class_prompt.prototypes) == 4


def test_a_copy_answers_the_classes_with_their_parts(model: ScSAM) -> None:
    path = take_path(model, KNOWN)
    assert path.names == ("mitochondrion", "membrane", "vesicle")
    assert torch.equal(path.class_prompt.prototypes, model.class_prompt.prototypes)
    assert take_path(model, KNOWN[1:]).names == ("membrane",)
    assert not path.training


def test_what_was_learned_of_the_same_classes_is_learned_further(model: ScSAM) -> None:
    first = take_path(model, KNOWN)
    model.tuned.append(first)
    other = take_path(model, KNOWN[:1])
    assert other is not first
    assert list(model.tuned) == [first]
    assert take_path(model, KNOWN) is first
    assert not model.tuned


@torch.no_grad()
def test_a_new_copy_starts_from_what_answers_the_class_now(model: ScSAM) -> None:
    first = take_path(model, KNOWN)
    first.fusion.out.bias += 1
    first.class_prompt.prototypes += 1
    model.tuned.append(first)
    path = take_path(model, KNOWN[:1])
    assert torch.equal(path.fusion.out.bias, first.fusion.out.bias)
    assert torch.equal(path.class_prompt.prototypes, first.class_prompt.prototypes[[0, 2]])


@torch.no_grad()
def test_an_untrained_copy_leaves_the_answer_and_a_trained_one_does_not(model: ScSAM) -> None:
    crops = remembered(model)
    path = take_path(model, KNOWN[1:])
    answer = tuned_answer(model, path, crops)
    torch.testing.assert_close(answer, crops.parent, atol=0.1, rtol=0.05)
    path.detail.class_filters.weight += 1
    moved = (tuned_answer(model, path, crops) != answer).any(dim=(0, 2, 3))
    assert moved.tolist() == [False, True, False]


@torch.no_grad()
def test_earlier_corrections_are_added_to_what_a_copy_answers(model: ScSAM) -> None:
    correction = model.new_correction([["membrane", "vesicle"]])
    nn.init.ones_(correction.out.bias)
    model.corrections.append(correction)
    crops = remembered(model)
    answer = tuned_answer(model, take_path(model, KNOWN[1:]), crops)
    torch.testing.assert_close(answer, crops.parent, atol=0.1, rtol=0.05)


def test_the_decoder_learns_more_slowly(model: ScSAM) -> None:
    path = take_path(model, KNOWN)
    groups = new_optimiser(path, 1e-3, 0.0).param_groups
    assert [group["peak"] for group in groups] == [DECODER_SHARE * 1e-3, 1e-3]
    counted = sum(len(group["params"]) for group in groups)
    assert counted == len(list(path.parameters()))


def half_frozen() -> nn.Sequential:
    layers = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    layers[0].requires_grad_(False)
    return layers


def test_what_was_learned_is_copied() -> None:
    layers = half_frozen()
    copied = learned(layers)
    assert copied.keys() == {"1.weight", "1.bias"}
    before = copied["1.bias"].clone()
    with torch.no_grad():
        layers[1].bias += 1
    assert torch.equal(copied["1.bias"], before)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 4.0), (0.25, 3.0), (1.0, 0.0)])
def test_the_share_is_that_of_the_weights_before(share: float, expected: float) -> None:
    layers = half_frozen()
    frozen = layers[0].bias.clone()
    after = {"1.bias": torch.full((2,), 4.0)}
    set_mean(layers, after, {"1.bias": torch.zeros(2)}, share)
    assert layers[1].bias.tolist() == [expected, expected]
    assert torch.equal(layers[0].bias, frozen)


def test_classes_that_the_parent_lacks_are_absent_there() -> None:
    logits = torch.randn(2, 3, 4, 4)
    assert padded(logits, 3) is logits
    wider = padded(logits, 5)
    assert wider.shape == (2, 5, 4, 4)
    assert torch.equal(wider[:, :3], logits)
    assert (wider[:, 3:] == ABSENT).all()
    assert torch.sigmoid(wider[:, 3:]).max() < 1e-8
