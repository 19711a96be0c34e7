"""The class prompt encoder: cosine similarity to class prototypes, as SAM prompts.

After SurgicalSAM's prototype prompts (Yue et al. 2024), with two changes. The similarity is a
cosine times a learned scale, as in cosine classifiers (Gidaris & Komodakis 2018). The sparse tokens
pool the features by attention, so nothing is tied to a grid; they also carry the prototype itself.

The cosine ignores the length of a feature, and so much of what separates classes. The cosines of
one cell with all prototypes differ little. Without the scale, the prompts of two classes would
hardly differ.
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

SHARPNESS = 10.0
"""Factor of cosines in a softmax when training starts."""

OTHERS = 4
"""Prototypes of the background, or further ones of each class."""

NEVER = -1e4
"""Likeness of a prototype that is not to be counted; half precision holds it."""


def cosine(fused: Tensor, prototypes: Tensor) -> Tensor:
    """Return the cosine between B×C×h×w features and K×C prototypes: B×K×h×w."""
    fused = F.normalize(fused, dim=1)
    # In half precision, prototypes that are rounded before they are normalised move the logits.
    prototypes = F.normalize(prototypes, dim=1).to(fused.dtype)
    return torch.einsum("bchw,kc->bkhw", fused, prototypes)


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
        ``"cosine"``; the others are for comparison. ``"unscaled"`` is a cosine without scale, and
        ``"dot"`` SurgicalSAM's dot product. ``"softmax"`` is the share of each class among all
        prototypes and some of the background. With ``"several"`` each class has several
        prototypes, its own and its own plus learned offsets. With ``"relations"`` one more token
        of each class says what the other prototypes near it are.

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
        if similarity not in ("unscaled", "dot"):
            # The logarithm, so that the scale is positive and training changes it by a share.
            self.log_scale = nn.Parameter(torch.tensor(math.log(SCALE)))
        if similarity == "softmax":
            self.background = nn.Parameter(F.normalize(torch.randn(OTHERS, dim), dim=1))
            self.log_sharpness = nn.Parameter(torch.tensor(math.log(SHARPNESS)))
        if similarity == "several":
            self.offsets = nn.Parameter(torch.randn(OTHERS, dim) / dim**0.5)
        if similarity == "relations":
            self.relation = nn.Linear(dim, dim)
        self.register_load_state_dict_pre_hook(_without_scale)  # type: ignore[no-untyped-call]

    def similarity(self, fused: Tensor, prototypes: Tensor) -> Tensor:
        """Return the cosine between B×C×h×w features and K×C prototypes.

        B×K×h×w in -1..1; unbounded for ``"dot"``.
        """
        if self.kind == "softmax":
            return self.shares(fused, prototypes)
        if self.kind == "several":
            return self.nearest(fused, prototypes)
        if self.kind == "dot":
            return torch.einsum("bchw,kc->bkhw", fused, prototypes)
        return cosine(fused, prototypes)

    def shares(self, fused: Tensor, prototypes: Tensor) -> Tensor:
        """Return the share of each class among all prototypes and the background's: B×K×h×w."""
        sharpness = self.log_sharpness.exp()
        everything = torch.cat([self.prototypes, self.background])
        total = (sharpness * cosine(fused, everything)).logsumexp(dim=1, keepdim=True)
        return torch.exp(sharpness * cosine(fused, prototypes) - total)

    def nearest(self, fused: Tensor, prototypes: Tensor) -> Tensor:
        """Return the cosine with the nearest of each class's prototypes: B×K×h×w."""
        own = F.normalize(prototypes, dim=1)[None]
        moved = own + torch.cat([torch.zeros_like(self.offsets[:1]), self.offsets])[:, None]
        each = cosine(fused, moved.flatten(0, 1))
        looks = each.reshape(len(fused), *moved.shape[:2], *fused.shape[2:])
        return looks.amax(dim=1)

    def relations(self, prototypes: Tensor) -> Tensor:
        """Return a token for each class: the mean of the other prototypes, near ones first: K×C."""
        others = F.normalize(self.prototypes, dim=1)
        likeness = F.normalize(prototypes, dim=1) @ others.T * SHARPNESS
        itself = likeness > SHARPNESS * (1 - 1e-4)
        near = torch.softmax(likeness.masked_fill(itself, NEVER), dim=1)
        token: Tensor = self.relation(near @ others)
        return token

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
        tokens = self.pool(fused, weight) + names[:, None]  # B×K×n×C
        if self.kind == "relations":
            more = self.relations(prototypes)[None, :, None].expand(len(fused), -1, -1, -1)
            tokens = torch.cat([tokens, more.to(tokens.dtype)], dim=2)
        sparse = tokens.flatten(0, 1)
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
