"""What fine-tuning adds to class logits, beside the network."""

from __future__ import annotations

import pytest
import torch
from prompt_answers import prompt_answers
from torch import nn

from napari_scsam.config import ClassSpec
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.model.correction import Correction, add_maps, added_maps, covers_of

COVERS = (("mitochondrion", "cristae"), ("vesicle",))


def some_features(strides: tuple[int, ...]) -> dict[int, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {s: torch.randn(2, 5, 64 // s, 96 // s, generator=generator) for s in strides}


def awake(correction: Correction) -> Correction:
    """Return it with a last layer that adds something."""
    nn.init.normal_(correction.out.weight)
    return correction


@pytest.mark.parametrize("strides", [(2, 4, 8, 16), (4, 16), (16,)])
def test_maps_have_half_the_resolution_whatever_the_encoders_see(strides: tuple[int, ...]) -> None:
    features = some_features(strides)
    correction = Correction(COVERS, dict.fromkeys(strides, 5))
    assert correction(features).shape == (2, 2, 32, 48)
    assert not correction(features).any(), "an untrained one adds nothing"
    assert awake(correction)(features).std() > 0


def test_every_feature_counts() -> None:
    features = some_features((2, 4, 8, 16))
    correction = awake(Correction(COVERS, dict.fromkeys(features, 5)))
    before = correction(features)
    for stride in features:
        changed = {**features, stride: features[stride] + 1.0}
        assert not torch.allclose(correction(changed), before), stride


def test_maps_are_added_to_the_classes_that_they_cover() -> None:
    logits = torch.randn(1, 4, 16, 16)
    maps = torch.tensor([1.0, 10.0]).view(1, 2, 1, 1).expand(1, 2, 8, 8)
    names = ["Mitochondrion", "membrane", "cristae", "vesicle"]
    found = add_maps(logits, maps, COVERS, names)
    added = (found - logits).mean((0, 2, 3))
    torch.testing.assert_close(added, torch.tensor([1.0, 0.0, 1.0, 10.0]), rtol=1e-4, atol=1e-4)
    assert add_maps(logits, maps, COVERS, ["membrane"] * 4) is logits


def test_maps_of_several_corrections_are_stacked_and_none_is_no_channel() -> None:
    features = some_features((16,))
    pair = [Correction(COVERS, {16: 5}), Correction((("membrane",),), {16: 5})]
    assert added_maps(pair, features, features[16]).shape == (2, 3, 32, 48)
    assert added_maps([], features, features[16]).shape == (2, 0, 32, 48)
    assert covers_of(pair) == [COVERS, (("membrane",),)]


@pytest.mark.parametrize("branches", ["sam+mae", "sam", "mae"])
@pytest.mark.parametrize("detail", [True, False])
def test_it_fits_every_form_of_the_network(branches: str, detail: bool) -> None:
    torch.manual_seed(0)
    config = ScSAMConfig(nm_per_pixel=8.0, tile=64, branches=branches, detail=detail)
    classes = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "membrane"))
    model = ScSAM(config, classes).eval()
    image = torch.rand(1, 1, 32, 48)
    with torch.inference_mode():
        before = model(image)
        model.corrections.append(awake(model.new_correction([["mitochondrion"]])))
        after = model(image)
    assert not torch.allclose(after[:, 0], before[:, 0])
    torch.testing.assert_close(after[:, 1], before[:, 1])


@torch.inference_mode()
def test_clicks_and_other_classes_are_the_same_bits(model: ScSAM) -> None:
    image = torch.rand(1, 1, 64, 64)
    before = prompt_answers(model, image, [1, 2])
    model.corrections.append(awake(model.new_correction([["mitochondrion"]])))
    assert all(map(torch.equal, prompt_answers(model, image, [1, 2]), before))
    embedding = model.fuse(model.encode(image))
    one = model.class_logits(embedding, [0])
    torch.testing.assert_close(one, model.class_logits(embedding)[:, :1], rtol=1e-4, atol=1e-4)
    alone = model.prototype_logits(embedding, model.class_prompt.prototypes[:1])
    assert not torch.allclose(one, alone)
