"""Check that weights are numbers that a network can compute with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from napari_scsam.config import UserError

ADDED_WHEN_LOADED = (".log_scale", "class_biases")
"""Ends of the names of weights that older files lack; `class_prompt` and `scsam` add them."""

NOT_NEGATIVE = "running_var"
"""End of the name of a weight that is a variance."""


def first_not_finite(weights: Mapping[str, Tensor]) -> str | None:
    """Return the name of the first weight that holds NaN or infinity; None without one."""
    for name, value in weights.items():
        if value.is_floating_point() and not bool(torch.isfinite(value.float()).all()):
            return name
    return None


def check_finite(weights: Mapping[str, Tensor], path: str | Path) -> None:
    """Check that every weight of a file is a finite number.

    Raises
    ------
    UserError
        When one is not; the message names the file and the weight.
    """
    broken = first_not_finite(weights)
    if broken is not None:
        raise UserError(
            f"{path} holds values that are not finite, first in {broken!r}; fetch it again"
        )


def check_weights(
    weights: Mapping[str, Tensor], expected: Mapping[str, Tensor], path: Path
) -> None:
    """Check that the weights of a file are those of a network, and are usable.

    Parameters
    ----------
    weights
        From the file, by name.
    expected
        The state of the network; only names, shapes and types are looked at.
    path
        The file, for the message.

    Raises
    ------
    UserError
        When a weight is missing, unknown, of another shape, no number, or a value that makes
        every answer meaningless.
    """
    _check_shapes(weights, expected, path)
    check_finite(weights, path)
    for name, value in weights.items():
        if name.endswith(NOT_NEGATIVE) and bool((value < 0).any()):
            raise UserError(f"{path} holds a negative variance in {name!r}; fetch it again")
    if "temperature" in weights and not float(weights["temperature"]) > 0:
        raise UserError(
            f"{path} holds the temperature {float(weights['temperature']):g}, "
            "which must be above 0; fetch it again"
        )
    for branch in ("image_encoder.", "mae.", "mask_decoder."):
        own = [value for name, value in weights.items() if name.startswith(branch)]
        if own and not any(bool(value.any()) for value in own):
            raise UserError(f"{path} holds only zeros in its {branch[:-1]!r}; fetch it again")


def _check_shapes(
    weights: Mapping[str, Tensor], expected: Mapping[str, Tensor], path: Path
) -> None:
    needed = (name for name in expected if not name.endswith(ADDED_WHEN_LOADED))
    for name in (*needed, *weights):
        here = expected.get(name)
        there = weights.get(name)
        fits = (
            here is not None
            and there is not None
            and here.shape == there.shape
            and here.is_floating_point() == there.is_floating_point()
        )
        if not fits:
            raise UserError(
                f"{path} is damaged or from another version, first at {name!r}; fetch it again"
            )
