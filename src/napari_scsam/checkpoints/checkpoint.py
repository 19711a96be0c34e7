"""Read and write the models of checkpoints.

Checkpoints are ``.safetensors`` files with a card inside (`napari_scsam.checkpoints.card`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.checkpoints.card import CHECKPOINT_FORMAT
from napari_scsam.checkpoints.find import DEFAULT, checkpoint_info
from napari_scsam.checkpoints.tensors import write_tensors
from napari_scsam.config import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from napari_scsam.model import ScSAM


def load_checkpoint(name: str | Path = DEFAULT) -> ScSAM:
    """Load a model, ready for use on the CPU.

    Parameters
    ----------
    name
        ``"default"`` for the shipped model, a path, or a name from `list_checkpoints`.

    Raises
    ------
    UserError
        When there is no such checkpoint, or it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from napari_scsam.model import ScSAM, ScSAMConfig

    info = checkpoint_info(name)
    try:
        model = ScSAM(ScSAMConfig(**info.config), info.classes)
        model.load_state_dict(load_file(info.path))
        model.lessons = dict(info.lessons)
    except (SafetensorError, RuntimeError, TypeError) as error:
        raise UserError(
            f"{info.path} is damaged or from another version; fetch it again"
        ) from error
    return model.eval()


def verify_checkpoint(name: str | Path = DEFAULT) -> str:
    """Load a checkpoint, check every weight, and return its name.

    Raises
    ------
    UserError
        When it does not load, or holds a weight that is not a finite number.
    """
    info = checkpoint_info(name)
    weights = load_checkpoint(name).state_dict()
    broken = [key for key, value in weights.items() if not value.isfinite().all()]
    if broken:
        raise UserError(
            f"{info.path} holds values that are not finite, first in {broken[0]!r}; fetch it again"
        )
    return info.name


def read_weights(name: str | Path) -> dict[str, Tensor]:
    """Read the weights of a ScSAM checkpoint, by their names.

    Raises
    ------
    UserError
        When there is no such checkpoint, or it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    info = checkpoint_info(name)
    try:
        return load_file(info.path)
    except SafetensorError as error:
        raise UserError(f"{info.path} is damaged; fetch it again") from error


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
    """
    card = {
        "config": model.config.to_dict(),
        "classes": [c.to_dict() for c in model.classes],
        "summary": summary,
        "licence": licence,
        "training": dict(training),
    }
    if model.lessons:
        card["lessons"] = dict(model.lessons)
    weights = model.state_dict()
    if half:
        weights = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    write_tensors(path, weights, {"format": CHECKPOINT_FORMAT, "card": json.dumps(card)})
