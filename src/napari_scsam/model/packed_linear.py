"""A linear layer that multiplies by a packed copy of its weights on CPUs."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PackedWeights = tuple[tuple[object, ...], Tensor, Tensor]
"""The source of a copy, its weight in oneDNN's order, and its bias."""


class PackedLinear(nn.Linear):
    """nn.Linear, faster on x86 CPUs where no gradient is needed.

    There oneDNN multiplies by a copy of the weight in its own memory order and
    in the current precision. The copy is made once, and again when the weight
    changes. GELU is applied before the result leaves the cache. Elsewhere it is
    nn.Linear. The copy takes the memory of the weights once more (half of it in
    bfloat16); it is neither saved nor copied with the module.
    """

    _packed: PackedWeights | None = None

    def forward(self, x: Tensor, *, gelu: bool = False) -> Tensor:
        """Map …×in to …×out, then through GELU if `gelu`."""
        dtype = compute_dtype(x)
        if not self._can_pack(x, dtype):
            y = F.linear(x, self.weight, self.bias)
            return F.gelu(y) if gelu else y
        weight, bias = self.packed(dtype)
        after, form = ("gelu", "none") if gelu else ("none", "")
        product: Tensor = torch.ops.mkldnn._linear_pointwise(
            x.to(dtype), weight, bias, after, [], form
        )
        return product

    def _can_pack(self, x: Tensor, dtype: torch.dtype) -> bool:
        if dtype not in packable() or x.device.type != "cpu":
            return False
        return not (needs_grad(x, self.weight) or self.weight.is_inference())

    def packed(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return the weight, out×in in oneDNN's order, and the bias (out)."""
        made_from = (dtype, *((p.data_ptr(), p._version) for p in (self.weight, self.bias)))
        if self._packed is None or self._packed[0] != made_from:
            with torch.no_grad():
                weight = torch.ops.mkldnn._reorder_linear_weight(self.weight.to(dtype))
                self._packed = made_from, weight, self.bias.to(dtype)
        return self._packed[1:]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_packed"}


def pack_linear_layers(module: nn.Module) -> None:
    """Replace the linear layers of a module by packed ones, with the same names and weights."""
    for parent in list(module.modules()):
        for name, layer in parent.named_children():
            if type(layer) is nn.Linear:
                packed = PackedLinear(layer.in_features, layer.out_features)
                packed.weight = layer.weight
                packed.bias = layer.bias
                setattr(parent, name, packed)


def compute_dtype(x: Tensor) -> torch.dtype:
    """Return the precision of a product with x: autocast's, or its own."""
    kind = x.device.type
    if torch.is_autocast_enabled(kind):
        return torch.get_autocast_dtype(kind)
    return x.dtype


def needs_grad(*tensors: Tensor) -> bool:
    """Whether results computed from these tensors will need gradients."""
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)


@functools.cache
def packable() -> frozenset[torch.dtype]:
    """Return the precisions in which oneDNN multiplies by packed weights on this machine.

    There are none where torch lacks it.
    """
    vectors = torch.backends.cpu.get_cpu_capability().startswith("AVX")
    if not (vectors and torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return frozenset()
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return frozenset({torch.float32, torch.bfloat16})
    return frozenset({torch.float32})
