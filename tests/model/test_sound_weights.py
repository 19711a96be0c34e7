from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from napari_scsam.config import UserError
from napari_scsam.model.sound_weights import check_finite, check_weights, first_not_finite

PATH = Path("a.safetensors")


def weights() -> dict[str, Tensor]:
    return {
        "image_encoder.w": torch.ones(2, 3),
        "mae.norm.running_var": torch.ones(3),
        "mask_decoder.w": torch.ones(2, dtype=torch.float16),
        "class_prompt.log_scale": torch.zeros(()),
        "temperature": torch.ones(()),
        "steps": torch.tensor([3]),
    }


def test_sound_weights_are_taken() -> None:
    check_weights(weights(), weights(), PATH)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["image_encoder.w", "mask_decoder.w", "temperature"])
def test_a_value_that_is_not_finite_is_named(name: str, value: float) -> None:
    found = weights()
    found[name] = torch.full_like(found[name], value)
    assert first_not_finite(found) == name
    with pytest.raises(UserError, match=f"not finite, first in '{name}'; fetch it again"):
        check_finite(found, PATH)
    with pytest.raises(UserError, match="fetch it again"):
        check_weights(found, weights(), PATH)


def test_whole_numbers_are_always_finite() -> None:
    assert first_not_finite({"steps": torch.tensor([2**62])}) is None
    assert first_not_finite({}) is None


@pytest.mark.parametrize(
    ("value", "sound"), [(0.0, True), (1e-12, True), (-1e-12, False), (-3.0, False)]
)
def test_a_variance_is_not_negative(value: float, sound: bool) -> None:
    found = weights()
    found["mae.norm.running_var"][1] = value
    if sound:
        check_weights(found, weights(), PATH)
    else:
        with pytest.raises(UserError, match=r"negative variance in 'mae.norm.running_var'"):
            check_weights(found, weights(), PATH)


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_temperature_is_above_0(value: float) -> None:
    found = {**weights(), "temperature": torch.tensor(value)}
    with pytest.raises(UserError, match=r"temperature .* must be above 0"):
        check_weights(found, weights(), PATH)


@pytest.mark.parametrize("branch", ["image_encoder", "mask_decoder"])
def test_a_branch_of_zeros_was_never_trained(branch: str) -> None:
    found = weights()
    found[f"{branch}.w"] = torch.zeros_like(found[f"{branch}.w"])
    with pytest.raises(UserError, match=f"only zeros in its '{branch}'"):
        check_weights(found, weights(), PATH)


def test_one_weight_of_a_branch_may_be_zeros() -> None:
    for own in (weights(), weights()):
        own["image_encoder.bias"] = torch.zeros(2)
        check_weights(own, own, PATH)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_encoder.w", torch.ones(3, 2)),
        ("image_encoder.w", torch.ones(2, 3, dtype=torch.int64)),
        ("steps", torch.ones(1)),
    ],
)
def test_a_weight_of_another_form_is_named(name: str, value: Tensor) -> None:
    with pytest.raises(UserError, match=f"another version, first at '{name}'"):
        check_weights({**weights(), name: value}, weights(), PATH)


def test_a_missing_and_an_unknown_weight_are_named() -> None:
    found = weights()
    del found["steps"]
    with pytest.raises(UserError, match="first at 'steps'"):
        check_weights(found, weights(), PATH)
    with pytest.raises(UserError, match="first at 'more'"):
        check_weights({**weights(), "more": torch.ones(1)}, weights(), PATH)


def test_older_files_lack_the_scale_of_the_cosine() -> None:
    found = weights()
    del found["class_prompt.log_scale"]
    check_weights(found, weights(), PATH)
    found["class_prompt.log_scale"] = torch.zeros(2)
    with pytest.raises(UserError, match="log_scale"):
        check_weights(found, weights(), PATH)


def test_a_type_of_fewer_bits_is_taken() -> None:
    found = weights()
    found["image_encoder.w"] = found["image_encoder.w"].half()
    check_weights(found, weights(), PATH)
