"""The class prompt encoder: cosine similarity to class prototypes, as SAM prompts.

After SurgicalSAM's prototype prompts (Yue et al. 2024), with two changes: the
similarity is a cosine times a learned scale, as in cosine classifiers (Gidaris
& Komodakis 2018), and the sparse tokens pool the features by attention, so
nothing is tied to a grid; they also carry the prototype itself.

The cosine ignores the length of a feature, and with it much of what separates
classes: the cosines of one cell with all prototypes differ little, and without
the scale the prompts of two classes hardly would.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SCALE = 16.0
"""Scale of the cosine when training starts.

It is about the length of the fused features, so that the cosine spreads as their dot
product would.
"""


class ClassPromptEncoder(nn.Module):
    """Turn prototypes into dense and sparse prompts for SAM's mask decoder.

    Parameters
    ----------
    classes
        Number of classes the checkpoint starts with; more can be added at any time.
    dim
        Channels of the embedding.
    hidden
        Channels between the two 1×1 convolutions of the dense prompt.
    tokens
        Sparse tokens per class.
    similarity
        ``"cosine"``; for comparison, ``"unscaled"`` for a cosine without scale, or
        ``"dot"`` for SurgicalSAM's dot product.

    Notes
    -----
    Weights saved by versions without a scale load with a scale of 1, which changes nothing.
    """

    def __init__(
        self,
        classes: int,
        dim: int = 256,
        hidden: int = 128,
        tokens: int = 2,
        similarity: str = "cosine",
    ) -> None:
        super().__init__()
        self.kind = similarity
        self.prototypes = nn.Parameter(F.normalize(torch.randn(classes, dim), dim=1))
        self.dense = nn.Sequential(nn.Conv2d(dim, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, dim, 1))
        self.queries = nn.Parameter(torch.randn(tokens, dim) / dim**0.5)
        self.sparse = nn.Linear(dim, dim)
        self.identity = nn.Linear(dim, dim)
        self.log_scale = None
        if similarity == "cosine":
            # The logarithm, so that the scale is positive and training changes it by a share.
            self.log_scale = nn.Parameter(torch.tensor(math.log(SCALE)))
        self.register_load_state_dict_pre_hook(_without_scale)  # type: ignore[no-untyped-call]

    def similarity(self, fused: Tensor, prototypes: Tensor) -> Tensor:
        """Return the cosine between B×C×h×w features and K×C prototypes.

        B×K×h×w in -1..1; unbounded for ``"dot"``.
        """
        if self.kind != "dot":
            fused = F.normalize(fused, dim=1)
            prototypes = F.normalize(prototypes, dim=1)
        return torch.einsum("bchw,kc->bkhw", fused, prototypes)

    def forward(self, fused: Tensor, prototypes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the prompts of every class for every image.

        Returns
        -------
        sparse : (B·K)×n×C
        dense : (B·K)×C×h×w
        """
        similarity = self.similarity(fused, prototypes)
        if self.log_scale is not None:
            similarity = self.log_scale.exp() * similarity
        weight = 1 + similarity  # B×K×h×w
        names = self.identity(F.normalize(prototypes, dim=1))  # K×C
        sparse = (self.pool(fused, weight) + names[:, None]).flatten(0, 1)
        return sparse, self.dense_prompts(fused, weight)

    def dense_prompts(self, fused: Tensor, weight: Tensor) -> Tensor:
        """Convolve the features, weighted for each class, to dense prompts: (B·K)×C×h×w.

        The first convolution is linear in the features, so it runs once for all classes.
        """
        first, act, second = self.dense
        kernel = first.get_parameter("weight")
        bias = first.get_parameter("bias")
        hidden = act(F.conv2d(fused, kernel)[:, None] * weight[:, :, None] + bias.view(-1, 1, 1))
        prompts: Tensor = second(hidden.flatten(0, 1))
        return prompts

    def pool(self, fused: Tensor, weight: Tensor) -> Tensor:
        """Pool features by attention of the queries, weighted for each class: B×K×n×C."""
        # B×C×hw, B×K×1×hw
        cells = fused.flatten(2)
        weights = weight.flatten(2)[:, :, None]
        scores = (self.queries @ cells)[:, None] * weights / cells.shape[1] ** 0.5
        pooled: Tensor = self.sparse(
            (torch.softmax(scores, dim=-1) * weights) @ cells.transpose(1, 2)[:, None]
        )
        return pooled


def _without_scale(encoder: nn.Module, weights: dict[str, Any], prefix: str, *_: object) -> None:
    """Add the scale to weights saved without one: 1, as they were trained."""
    if isinstance(encoder.log_scale, Tensor):
        weights.setdefault(f"{prefix}log_scale", torch.zeros_like(encoder.log_scale))
