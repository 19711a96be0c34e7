"""A tuned copy of the class path, which answers some classes."""

from __future__ import annotations

import pytest
import torch
from prompt_answers import prompt_answers
from torch import nn

from napari_scsam.config import ClassSpec
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.model.tuned_path import (
    TunedPath,
    as_maps,
    names_of,
    replace_rows,
    tuned_logits,
)

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "membrane"), ClassSpec(3, "vesicle"))


def copied(model: ScSAM, *rows: int) -> TunedPath:
    """Return a copy of the model's own path for the classes of some rows."""
    path = model.new_tuned_path([model.classes[row].name for row in rows]).eval()
    path.copy_parts(model, model.class_prompt.prototypes[list(rows)])
    return path


def shaken(path: TunedPath) -> TunedPath:
    """Return it with other weights, as after training."""
    with torch.no_grad():
        for number, weight in enumerate(path.parameters()):
            chance = torch.Generator().manual_seed(number)
            weight.add_(0.1 * torch.randn(weight.shape, generator=chance))
    return path


@pytest.mark.parametrize("branches", ["sam+mae", "sam", "mae"])
@pytest.mark.parametrize("detail", [True, False])
@torch.inference_mode()
def test_a_copy_answers_as_the_network_until_it_is_tuned(branches: str, detail: bool) -> None:
    torch.manual_seed(0)
    config = ScSAMConfig(nm_per_pixel=8.0, tile=64, branches=branches, detail=detail)
    model = ScSAM(config, CLASSES).eval()
    image = torch.rand(1, 1, 32, 48)
    before = model(image)
    model.tuned.append(copied(model, 0, 2))
    torch.testing.assert_close(model(image), before, rtol=1e-3, atol=0.1)
    shaken(model.tuned[0])
    after = model(image)
    assert torch.equal(after[:, 1], before[:, 1])
    for row in (0, 2):
        assert not torch.allclose(after[:, row], before[:, row], atol=0.05)


@torch.inference_mode()
def test_clicks_and_other_classes_are_the_same_bits(model: ScSAM) -> None:
    image = torch.rand(1, 1, 64, 64)
    before = prompt_answers(model, image, [1, 2])
    model.tuned.append(shaken(copied(model, 0)))
    assert all(map(torch.equal, prompt_answers(model, image, [1, 2]), before))
    embedding = model.fuse(model.encode(image))
    one = model.class_logits(embedding, [0])
    torch.testing.assert_close(one, model.class_logits(embedding)[:, :1])
    own = model.prototype_logits(embedding, model.class_prompt.prototypes[:1])
    assert not torch.allclose(one, own)


@torch.inference_mode()
def test_the_last_copy_of_a_class_answers_and_corrections_are_added_to_it(model: ScSAM) -> None:
    image = torch.rand(1, 1, 64, 64)
    model.tuned.append(shaken(copied(model, 0, 1)))
    once = model(image)
    model.tuned.append(copied(model, 0))
    twice = model(image)
    assert torch.equal(twice[:, 1], once[:, 1])
    assert not torch.allclose(twice[:, 0], once[:, 0])
    correction = model.new_correction([["mitochondrion"]])
    nn.init.ones_(correction.out.bias)
    model.corrections.append(correction)
    difference = (model(image) - twice).mean((0, 2, 3))
    torch.testing.assert_close(difference, torch.tensor([1.0, 0.0, 0.0]), atol=0.02, rtol=0.02)
    assert model.added_maps == 1 + 4 * 3
    assert names_of(model.tuned) == [["mitochondrion", "membrane"], ["mitochondrion"]]


def test_logits_and_maps_are_the_same_numbers(model: ScSAM) -> None:
    logits = torch.randn(1, 2, 64, 96)
    paths = [model.new_tuned_path(["Mitochondrion", "vesicle"])]
    found = tuned_logits(paths, as_maps(logits, (4, 6)))
    assert found.keys() == {"mitochondrion", "vesicle"}
    assert torch.equal(found["vesicle"], logits[:, 1])
    assert as_maps(torch.randn(1, 2, 16, 24), (4, 6)).shape == (1, 8, 32, 48)


def test_rows_are_replaced_by_name_and_resized() -> None:
    logits = torch.zeros(1, 3, 16, 16)
    names = ["Mitochondrion", "membrane", "vesicle"]
    found = replace_rows(logits, {"mitochondrion": torch.ones(1, 64, 64)}, names)
    assert found.mean((0, 2, 3)).tolist() == [1, 0, 0]
    assert replace_rows(logits, {}, names) is logits
