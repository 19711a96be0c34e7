"""Packed weights give the numbers of nn.Linear, and follow every change of the weights."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from napari_scsam.model.packed_linear import (
    PackedLinear,
    compute_dtype,
    needs_grad,
    pack_linear_layers,
    packable,
)


@pytest.fixture
def layer() -> PackedLinear:
    torch.manual_seed(0)
    return PackedLinear(5, 7)


@pytest.mark.parametrize("shape", [(5,), (1, 5), (3, 5), (2, 3, 4, 5), (0, 5)])
@pytest.mark.parametrize("gelu", [False, True])
def test_the_numbers_are_those_of_a_product_by_hand(
    layer: PackedLinear, shape: tuple[int, ...], gelu: bool
) -> None:
    x = torch.randn(shape)
    expected = (x[..., None, :] * layer.weight).sum(-1) + layer.bias
    if gelu:
        expected = expected * 0.5 * (1 + torch.erf(expected / 2**0.5))
    with torch.no_grad():
        torch.testing.assert_close(layer(x, gelu=gelu), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("gelu", [False, True])
def test_gradients_reach_the_weights_and_the_input(layer: PackedLinear, gelu: bool) -> None:
    x = torch.randn(3, 5, requires_grad=True)
    layer(x, gelu=gelu).sum().backward()
    plain = nn.Linear(5, 7)
    plain.load_state_dict(layer.state_dict())
    twin = x.detach().clone().requires_grad_()
    y = plain(twin)
    (F.gelu(y) if gelu else y).sum().backward()
    torch.testing.assert_close(x.grad, twin.grad)
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad)


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_a_changed_weight_is_packed_again(layer: PackedLinear, name: str) -> None:
    x = torch.randn(3, 5)
    with torch.no_grad():
        layer(x)
        getattr(layer, name).add_(1.0)
        torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias))


@pytest.mark.skipif(not packable(), reason="torch packs no weights on this machine")
def test_unchanged_weights_are_packed_once(layer: PackedLinear) -> None:
    with torch.no_grad():
        first, _ = layer.packed(torch.float32)
        assert layer.packed(torch.float32)[0] is first
        layer.weight.mul_(2)
        assert layer.packed(torch.float32)[0] is not first


def test_the_copy_is_neither_saved_nor_copied(layer: PackedLinear) -> None:
    with torch.no_grad():
        before = layer(torch.ones(1, 5))
        for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):  # noqa: S301
            assert twin._packed is None
            torch.testing.assert_close(twin(torch.ones(1, 5)), before)
    assert set(layer.state_dict()) == {"weight", "bias"}


def test_doubles_are_left_to_torch(layer: PackedLinear) -> None:
    layer.double()
    x = torch.randn(3, 5, dtype=torch.float64)
    with torch.no_grad():
        result = layer(x)
    assert result.dtype == torch.float64
    torch.testing.assert_close(result, F.linear(x, layer.weight, layer.bias))
    assert layer._packed is None


def test_autocast_sets_the_precision(layer: PackedLinear) -> None:
    x = torch.randn(4, 5)
    assert compute_dtype(x) == torch.float32
    assert compute_dtype(x.double()) == torch.float64
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert compute_dtype(x) == torch.bfloat16
        result = layer(x)
        assert result.dtype == torch.bfloat16
    exact = F.linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(result.float(), exact, atol=0.05, rtol=0.02)


def test_gradients_are_needed_only_where_they_are_on() -> None:
    fixed = torch.ones(2)
    learned = torch.ones(2, requires_grad=True)
    assert needs_grad(fixed, learned)
    assert not needs_grad(fixed)
    with torch.no_grad():
        assert not needs_grad(learned)


def test_linear_layers_of_a_module_are_replaced_with_the_same_weights() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 2)))
    x = torch.randn(6, 3)
    before = module(x)
    weights = dict(module.named_parameters())
    pack_linear_layers(module)
    assert [type(m) for m in module.modules()].count(PackedLinear) == 2
    after = dict(module.named_parameters())
    assert after.keys() == weights.keys()
    assert all(after[name] is weights[name] for name in weights)
    with torch.no_grad():
        torch.testing.assert_close(module(x), before)


def test_layers_of_a_kind_of_their_own_are_left_alone() -> None:
    class Own(nn.Linear):
        pass

    module = nn.Sequential(Own(2, 2), nn.Conv2d(1, 1, 1))
    pack_linear_layers(module)
    assert [type(child) for child in module] == [Own, nn.Conv2d]
