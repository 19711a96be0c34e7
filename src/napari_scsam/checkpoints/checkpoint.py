"""Read and write the models of checkpoints.

Checkpoints are ``.safetensors`` files with a card inside (`napari_scsam.checkpoints.card`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.checkpoints.card import CHECKPOINT_FORMAT, CheckpointInfo
from napari_scsam.checkpoints.find import DEFAULT, checkpoint_info
from napari_scsam.checkpoints.imported.load import load_imported
from napari_scsam.checkpoints.tensors import write_tensors
from napari_scsam.config import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from napari_scsam.model import ScSAM, ScSAMConfig


def load_checkpoint(name: str | Path = DEFAULT) -> ScSAM:
    """Load a model, ready for use on the CPU.

    Parameters
    ----------
    name
        ``"default"`` for the shipped model, a path, or a name from `list_checkpoints`; as
        ``"default+er"`` with imported networks beside it.

    Raises
    ------
    UserError
        When there is no such checkpoint, it is damaged, or its numbers are not usable.
    """
    return load_network(checkpoint_info(name))


def load_network(info: CheckpointInfo) -> ScSAM:
    """Load the network of a card, with those beside it, ready for use on the CPU.

    Raises
    ------
    UserError
        When its file is damaged, or its numbers are not usable.
    """
    model = _load(info.alone)
    model.beside = tuple(load_imported(other) for other in info.beside)
    return model


def _load(info: CheckpointInfo) -> ScSAM:
    """Load the network of a card."""
    import torch

    from napari_scsam.model import ScSAMConfig
    from napari_scsam.model.sound_weights import check_weights

    if info.classes_only:
        return load_imported(info)
    try:
        config = ScSAMConfig(**info.config)
        weights = _read_tensors(info.path)
        if is_large(config):
            with torch.device("meta"):  # without memory: the file may be of another network
                expected = build_network(config, info).state_dict()
            check_weights(weights, expected, info.path)
        model = build_network(config, info)
        check_weights(weights, model.state_dict(), info.path)
        model.load_state_dict(weights)
    except (TypeError, RuntimeError) as error:
        raise UserError(
            f"{info.path} is damaged or from another version; fetch it again"
        ) from error
    model.lessons = dict(info.lessons)
    return model.eval()


def build_network(config: ScSAMConfig, info: CheckpointInfo) -> ScSAM:
    """Create the network of a card, and what fine-tuning added to it, with random weights."""
    from napari_scsam.model import ScSAM

    model = ScSAM(config, info.classes)
    model.corrections.extend(model.new_correction(covers) for covers in info.corrections)
    model.tuned.extend(model.new_tuned_path(names) for names in info.tuned)
    return model


def is_large(config: ScSAMConfig) -> bool:
    """Whether a network takes so much memory that its file is looked at before."""
    return config.sam != "vit_t" or config.mae != "hybrid"


def verify_checkpoint(name: str | Path = DEFAULT) -> str:
    """Load a checkpoint, which checks every weight, and return its name.

    Raises
    ------
    UserError
        As `load_checkpoint`.
    """
    load_checkpoint(name)
    return checkpoint_info(name).name


def read_weights(name: str | Path) -> dict[str, Tensor]:
    """Read the weights of a ScSAM checkpoint, by their names.

    Raises
    ------
    UserError
        When there is no such checkpoint, or it is damaged.
    """
    from napari_scsam.model.sound_weights import check_finite

    path = checkpoint_info(name).path
    weights = _read_tensors(path)
    check_finite(weights, path)
    return weights


def _read_tensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, RuntimeError, ValueError, KeyError) as error:
        raise UserError(f"{path} is damaged; fetch it again") from error


def save_checkpoint(
    path: Path,
    model: ScSAM,
    *,
    summary: str,
    licence: str,
    training: Mapping[str, Any],
    half: bool = False,
) -> None:
    """Write a model with its card, atomically.

    Parameters
    ----------
    path
        Ends in ``.safetensors``.
    model
        Its config and class table go into the card.
    summary, licence
        One sentence each, for the lists that users see.
    training
        What it was trained on and how: plain JSON values.
    half
        Write weights in half precision, at half the size; a model loads them
        in single precision.

    Raises
    ------
    UserError
        When a weight is not a finite number, as after a training that diverged, or the network was
        imported. A file that is there stays.
    """
    model.config.need_prompts()
    from napari_scsam.model.correction import covers_of
    from napari_scsam.model.sound_weights import first_not_finite
    from napari_scsam.model.tuned_path import names_of

    card: dict[str, Any] = {
        "config": model.config.to_dict(),
        "classes": [c.to_dict() for c in model.classes],
        "summary": summary,
        "licence": licence,
        "training": dict(training),
    }
    if model.lessons:
        card["lessons"] = dict(model.lessons)
    if model.corrections:
        card["corrections"] = covers_of(model.corrections)
    if model.tuned:
        card["tuned"] = names_of(model.tuned)
    weights = model.state_dict()
    if half:
        weights = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    broken = first_not_finite(weights)
    if broken is not None:
        raise UserError(
            f"{path} was not written: the network holds values that are not finite, "
            f"first in {broken!r}; train with smaller rates"
        )
    write_tensors(path, weights, {"format": CHECKPOINT_FORMAT, "card": json.dumps(card)})
