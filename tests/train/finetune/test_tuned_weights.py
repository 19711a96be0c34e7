"""What fine-tuning learns, and its mean with what was before."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_scsam.model import ScSAM
from napari_scsam.train.finetune.known_labels import KnownClass
from napari_scsam.train.finetune.review_crops import CropMemory
from napari_scsam.train.finetune.tuned_weights import (
    ABSENT,
    corrected,
    learned,
    padded,
    set_mean,
    starting_point,
    take_correction,
)

KNOWN = (KnownClass("mitochondrion", (0, 2)), KnownClass("membrane", (1,)))


def test_a_new_correction_covers_classes_with_their_parts(model: ScSAM) -> None:
    correction, is_continued = take_correction(model, KNOWN, 0)
    assert not is_continued
    assert correction.covers == (("mitochondrion", "vesicle"), ("membrane",))
    again, _ = take_correction(model, KNOWN, 0)
    other, _ = take_correction(model, KNOWN, 1)
    name = "lateral.2.weight"
    assert torch.equal(learned(correction)[name], learned(again)[name])
    assert not torch.equal(learned(correction)[name], learned(other)[name])


def test_what_was_learned_of_the_same_classes_is_learned_further(model: ScSAM) -> None:
    first, _ = take_correction(model, KNOWN, 0)
    model.corrections.append(first)
    assert take_correction(model, KNOWN[:1], 0)[1] is False, "other classes"
    assert len(model.corrections) == 1
    found, is_continued = take_correction(model, KNOWN, 0)
    assert is_continued
    assert found is first
    assert not model.corrections


def test_an_untrained_correction_leaves_the_answer_and_a_trained_one_does_not(
    model: ScSAM,
) -> None:
    memory = CropMemory(model)
    memory.add(torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0)))
    crops = memory.batch([0])
    correction, _ = take_correction(model, KNOWN[1:], 0)
    with torch.no_grad():
        assert torch.equal(corrected(model, correction, crops), crops.base)
        nn.init.ones_(correction.out.bias)
        moved = corrected(model, correction, crops) - crops.base
    assert moved.mean((0, 2, 3)).tolist() == pytest.approx([0, 1, 0], abs=1e-4)


def test_a_new_correction_starts_from_nothing_and_a_continued_one_from_what_it_was(
    model: ScSAM,
) -> None:
    correction, _ = take_correction(model, KNOWN, 0)
    assert starting_point(correction, is_continued=False).keys() == {"out.weight", "out.bias"}
    assert starting_point(correction, is_continued=True).keys() == learned(correction).keys()


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


def test_weights_without_a_value_before_keep_theirs() -> None:
    layers = half_frozen()
    after = {"1.bias": torch.full((2,), 4.0), "1.weight": torch.ones(2, 2)}
    set_mean(layers, after, {"1.bias": torch.zeros(2)}, 0.5)
    assert layers[1].bias.tolist() == [2, 2]
    assert torch.equal(layers[1].weight, torch.ones(2, 2))


def test_classes_that_the_parent_lacks_are_absent_there() -> None:
    logits = torch.randn(2, 3, 4, 4)
    assert padded(logits, 3) is logits
    wider = padded(logits, 5)
    assert wider.shape == (2, 5, 4, 4)
    assert torch.equal(wider[:, :3], logits)
    assert (wider[:, 3:] == ABSENT).all()
    assert torch.sigmoid(wider[:, 3:]).max() < 1e-8
