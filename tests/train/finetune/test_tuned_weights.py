"""Which weights fine-tuning changes, and their mean with the parent's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_scsam.model import EncoderFeatures, ScSAM
from napari_scsam.train.finetune.tuned_weights import (
    ABSENT,
    joined,
    learned,
    padded,
    parameter_groups,
    set_mean,
)


def test_both_encoders_are_frozen_and_all_else_learns(model: ScSAM) -> None:
    groups = parameter_groups(model, 1e-3, 5e-4)
    frozen = {name.split(".")[0] for name, w in model.named_parameters() if not w.requires_grad}
    assert frozen == {"image_encoder", "mae"}
    learning = [w for w in model.parameters() if w.requires_grad]
    grouped = [w for group in groups for w in group["params"]]
    assert {id(w) for w in grouped} == {id(w) for w in learning}
    assert len(grouped) == len(learning)


def test_the_decoder_of_sam_has_a_rate_of_its_own(model: ScSAM) -> None:
    others, decoder = parameter_groups(model, 1e-3, 5e-4)
    assert others["peak"] == 1e-3
    assert decoder["peak"] == 5e-4
    names = {id(w): name for name, w in model.named_parameters()}
    of_sam = ("mask_decoder.", "prompt_encoder.")
    assert decoder["params"]
    assert all(names[id(w)].startswith(of_sam) for w in decoder["params"])
    assert not any(names[id(w)].startswith(of_sam) for w in others["params"])
    assert "class_prompt.prototypes" in {names[id(w)] for w in others["params"]}


def test_a_model_that_was_frozen_learns_again(model: ScSAM) -> None:
    model.requires_grad_(False)
    parameter_groups(model, 1e-3, 5e-4)
    assert model.class_prompt.prototypes.requires_grad


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


def features(value: float, count: int) -> EncoderFeatures:
    full = torch.full((count, 1, 2, 2), value)
    return EncoderFeatures(full, (full + 1, full + 2))


def test_batches_are_joined_level_by_level() -> None:
    both = joined(features(0.0, 2), features(10.0, 1))
    assert both.sam[:, 0, 0, 0].tolist() == [0, 0, 10]
    assert [level[:, 0, 0, 0].tolist() for level in both.mae] == [[1, 1, 11], [2, 2, 12]]


def test_classes_that_the_parent_lacks_are_absent_there() -> None:
    logits = torch.randn(2, 3, 4, 4)
    assert padded(logits, 3) is logits
    wider = padded(logits, 5)
    assert wider.shape == (2, 5, 4, 4)
    assert torch.equal(wider[:, :3], logits)
    assert (wider[:, 3:] == ABSENT).all()
    assert torch.sigmoid(wider[:, 3:]).max() < 1e-8
