"""The weights that fine-tuning learns: a correction, and its mean with what was before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from napari_scsam.model import ScSAM
from napari_scsam.model.correction import Correction, add_maps
from napari_scsam.train.finetune.known_labels import KnownClass
from napari_scsam.train.finetune.review_crops import Crops

ABSENT = -20.0
"""Logit, by the parent, of a class that it lacks."""

LAST_LAYER = "out."
"""First letters of the weights that scale what a correction adds."""


def take_correction(
    model: ScSAM, known: Sequence[KnownClass], seed: int
) -> tuple[Correction, bool]:
    """Return the correction to be learned, and whether an earlier fine-tuning began it.

    If the last correction of the model is of the same classes, it is taken out of the model, to
    be learned further. Otherwise a new one is created.

    Parameters
    ----------
    model
        Has all labelled classes.
    known
        Labelled classes.
    seed
        Fixes the weights of a new one.
    """
    covers = [[model.classes[row].name for row in each.rows] for each in known]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = model.new_correction(covers)
    if model.corrections:
        last = cast("Correction", model.corrections[-1])
        if last.covers == fresh.covers:
            del model.corrections[-1]
            return last, True
    return fresh.to(model.pixel_mean.device).to(memory_format=torch.channels_last), False


def corrected(model: ScSAM, correction: Correction, crops: Crops) -> Tensor:
    """Compute B×K×side×side logits of crops with the correction added.

    Parameters
    ----------
    model
        Has all labelled classes.
    correction
        What is learned.
    crops
        From a `CropMemory`.
    """
    names = [spec.name for spec in model.classes]
    maps = correction(model.by_stride(crops.features))
    return add_maps(crops.base, maps.float(), correction.covers, names)


def learned(model: nn.Module) -> dict[str, Tensor]:
    """Return copies of the weights that learn, by name."""
    weights = model.named_parameters()
    return {name: value.detach().clone() for name, value in weights if value.requires_grad}


def starting_point(correction: Correction, is_continued: bool) -> dict[str, Tensor]:
    """Return the weights to average with: all where learning goes on, else those of the last layer.

    The other weights of a new correction began at random, so only the size of what it adds means
    anything.
    """
    weights = learned(correction)
    if is_continued:
        return weights
    return {name: value for name, value in weights.items() if name.startswith(LAST_LAYER)}


@torch.no_grad()
def set_mean(
    model: nn.Module, after: Mapping[str, Tensor], before: Mapping[str, Tensor], share: float
) -> None:
    """Set what was learned to the mean of its values after and before, which have that share.

    Weights that `before` lacks keep their value after.
    """
    for name, weight in model.named_parameters():
        if name in after:
            weight.copy_(torch.lerp(after[name], before.get(name, after[name]), share))


def padded(logits: Tensor, classes: int) -> Tensor:
    """Append to B×K×H×W logits of the parent those of classes that it lacks."""
    missing = classes - logits.shape[1]
    if missing == 0:
        return logits
    absent = logits.new_full((len(logits), missing, *logits.shape[2:]), ABSENT)
    return torch.cat([logits, absent], dim=1)
