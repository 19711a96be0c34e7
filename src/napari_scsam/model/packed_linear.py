"""A linear layer that multiplies by a packed copy of its weights on CPUs."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PackedWeights = tuple[tuple[object, ...], Tensor, Tensor]
"""What a copy was made from, the weight in oneDNN's order, the bias."""


class PackedLinear(nn.Linear):
    """nn.Linear, quicker where no gradient is asked for on x86 CPUs.

    There oneDNN multiplies by a copy of the weight in its own memory order
    and in the precision at hand, made once and again when the weight
    changes, and takes GELU along before the result leaves the cache.
    Elsewhere it is nn.Linear. The copy costs the weights' memory once more
    (half of it in bfloat16); it is neither saved nor copied with the module.
    """

    _packed: PackedWeights | None = None

    def forward(self, x: Tensor, *, gelu: bool = False) -> Tensor:
        """Map …×in to …×out, then through GELU if asked."""
        dtype = compute_dtype(x)
        if (
            dtype not in packable()
            or x.device.type != "cpu"
            or needs_grad(x, self.weight)
            or self.weight.is_inference()
        ):
            y = F.linear(x, self.weight, self.bias)
            return F.gelu(y) if gelu else y
        weight, bias = self.packed(dtype)
        after, how = ("gelu", "none") if gelu else ("none", "")
        product: Tensor = torch.ops.mkldnn._linear_pointwise(
            x.to(dtype), weight, bias, after, [], how
        )
        return product

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
    """Let the linear layers in a module of somebody else's be packed ones; names and weights stay."""
    for parent in list(module.modules()):
        for name, layer in parent.named_children():
            if type(layer) is nn.Linear:
                packed = PackedLinear(layer.in_features, layer.out_features)
                packed.weight = layer.weight
                packed.bias = layer.bias
                setattr(parent, name, packed)


def compute_dtype(x: Tensor) -> torch.dtype:
    """Precision that a product with x is computed in: autocast's, or its own."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def needs_grad(*tensors: Tensor) -> bool:
    """Whether a gradient will be asked for of anything computed from these."""
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)


@functools.cache
def packable() -> frozenset[torch.dtype]:
    """Precisions in which this machine's oneDNN multiplies by packed weights; none where torch lacks it."""
    vectors = torch.backends.cpu.get_cpu_capability().startswith("AVX")
    if not (vectors and torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return frozenset()
    half = {torch.bfloat16} if torch.ops.mkldnn._is_mkldnn_bf16_supported() else set()
    return frozenset({torch.float32, *half})
