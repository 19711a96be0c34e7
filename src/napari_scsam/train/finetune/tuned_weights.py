"""The weights that fine-tuning learns: a copy of the class path, and its mean with the start."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from napari_scsam.model import ScSAM
from napari_scsam.model.correction import add_maps, added_maps
from napari_scsam.model.tuned_path import TunedPath, replace_rows, resized
from napari_scsam.train.finetune.known_labels import KnownClass
from napari_scsam.train.finetune.review_crops import ReviewCrops

DECODER_SHARE = 0.5
"""Rate of the mask decoder, as a share of that of the other parts."""

ABSENT = -20.0
"""Logit, by the parent, of a class that it lacks."""


def with_classes(parent: ScSAM, names: Sequence[str]) -> ScSAM:
    """Copy a model and add the classes that it lacks; their ids are the next free ones."""
    model = copy.deepcopy(parent)
    known = {spec.name.casefold() for spec in parent.classes}
    for name in names:
        if name.casefold() not in known:
            model.add_class(name, torch.ones_like(model.class_prompt.prototypes[0]))
    return model


def take_path(model: ScSAM, known: Sequence[KnownClass]) -> TunedPath:
    """Return the tuned copy that learns the labelled classes and their parts.

    If the last copy of the model has the same classes, it is taken out and trained further.
    Otherwise it is a new copy of what answers the first of these classes.

    Parameters
    ----------
    model
        Has all labelled classes.
    known
        Labelled classes.
    """
    rows = sorted({row for each in known for row in each.rows})
    path = model.new_tuned_path([model.classes[row].name for row in rows])
    owner = next((each for each in reversed(paths_of(model)) if path.names[0] in each.names), None)
    if owner is not None and owner.names == path.names:
        del model.tuned[-1 - list(reversed(paths_of(model))).index(owner)]
        return owner
    path.copy_parts(owner or model, prototypes_of(model, path.names))
    return path.eval().to(model.pixel_mean.device).to(memory_format=torch.channels_last)


def paths_of(model: ScSAM) -> list[TunedPath]:
    """Return the tuned copies of a model."""
    return [cast("TunedPath", each) for each in model.tuned]


def prototypes_of(model: ScSAM, names: Sequence[str]) -> Tensor:
    """Return the N×256 prototypes with which the classes are answered now."""
    known = {
        spec.name.casefold(): row
        for spec, row in zip(model.classes, model.class_prompt.prototypes, strict=True)
    }
    for path in paths_of(model):
        known.update(zip(path.names, path.class_prompt.prototypes, strict=True))
    return torch.stack([known[name] for name in names])


def tuned_answer(model: ScSAM, path: TunedPath, crops: ReviewCrops) -> Tensor:
    """Compute B×K×side×side logits of crops, of which a tuned copy answers its classes.

    Parameters
    ----------
    model
        Has all labelled classes, but not the copy.
    path
        What is learned.
    crops
        From a `CropMemory`.
    """
    names = [spec.name for spec in model.classes]
    others = padded(crops.parent, len(names))
    answers = learned_answer(model, path, crops)
    return replace_rows(others, dict(zip(path.names, answers.unbind(1), strict=True)), names)


def learned_answer(model: ScSAM, path: TunedPath, crops: ReviewCrops) -> Tensor:
    """Compute B×R×side×side logits of crops, those of the R classes of a tuned copy alone.

    Parameters are those of `tuned_answer`.
    """
    answers = path(crops.features, model.positions(crops.features.sam))
    answers = resized(answers, crops.targets.shape[1:])
    if not model.corrections:
        return answers
    # Those of other classes are in the parent's answer.
    covers = [[name for name in covered if name in path.names] for covered in model.covers]
    seen = model.by_stride(crops.features)
    maps = added_maps(model.corrections, seen, crops.features.sam)
    return add_maps(answers, maps, covers, path.names)


def new_optimiser(path: TunedPath, rate: float, decay: float) -> Optimizer:
    """Create the optimiser; each of its groups names its ``"peak"`` rate."""
    decoder = list(path.mask_decoder.parameters())
    rest = [*path.fusion.parameters(), *path.class_prompt.parameters(), *path.detail.parameters()]
    groups = [
        {"params": decoder, "peak": DECODER_SHARE * rate},
        {"params": rest, "peak": rate},
    ]
    return torch.optim.AdamW(groups, lr=rate, weight_decay=decay)


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


def padded(logits: Tensor, classes: int) -> Tensor:
    """Append to B×K×H×W logits of the parent those of classes that it lacks."""
    missing = classes - logits.shape[1]
    if missing == 0:
        return logits
    absent = logits.new_full((len(logits), missing, *logits.shape[2:]), ABSENT)
    return torch.cat([logits, absent], dim=1)
