"""The weights that fine-tuning changes: which they are, and their mean with the parent's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from napari_scsam.model import EncoderFeatures, ScSAM

ABSENT = -20.0
"""Logit, by the parent, of a class that it lacks."""


def parameter_groups(model: ScSAM, rate: float, decoder_rate: float) -> list[dict[str, Any]]:
    """Freeze both encoders and return all other weights with their peak rates, for an optimiser."""
    model.requires_grad_(True)
    model.image_encoder.requires_grad_(False)
    model.mae.requires_grad_(False)
    decoder: list[Tensor] = []
    others: list[Tensor] = []
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        is_sam = name.startswith(("mask_decoder.", "prompt_encoder."))
        (decoder if is_sam else others).append(weight)
    return [{"params": others, "peak": rate}, {"params": decoder, "peak": decoder_rate}]


def learned(model: nn.Module) -> dict[str, Tensor]:
    """Return copies of the weights that learn, by name."""
    weights = model.named_parameters()
    return {name: value.detach().clone() for name, value in weights if value.requires_grad}


@torch.no_grad()
def set_mean(
    model: nn.Module, after: Mapping[str, Tensor], before: Mapping[str, Tensor], share: float
) -> None:
    """Set what was learned to the mean of its values after and before, which have that share."""
    for name, weight in model.named_parameters():
        if name in after:
            weight.copy_(torch.lerp(after[name], before[name], share))


def joined(first: EncoderFeatures, second: EncoderFeatures) -> EncoderFeatures:
    """Join the features of two batches."""
    levels = tuple(torch.cat(pair) for pair in zip(first.mae, second.mae, strict=True))
    return EncoderFeatures(torch.cat([first.sam, second.sam]), levels)


def padded(logits: Tensor, classes: int) -> Tensor:
    """Append to B×K×H×W logits of the parent those of classes that it lacks."""
    missing = classes - logits.shape[1]
    if missing == 0:
        return logits
    absent = logits.new_full((len(logits), missing, *logits.shape[2:]), ABSENT)
    return torch.cat([logits, absent], dim=1)
