"""Checkpoints that are broken in one place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor


def break_card(whole: Path, target: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Copy a checkpoint with another card."""

    def rewrite(metadata: dict[str, str], _weights: dict[str, Tensor]) -> None:
        card = json.loads(metadata["card"])
        change(card)
        metadata["card"] = json.dumps(card)

    return break_file(whole, target, rewrite)


def break_weights(whole: Path, target: Path, change: Callable[[dict[str, Tensor]], object]) -> Path:
    """Copy a checkpoint with other weights."""
    return break_file(whole, target, lambda _metadata, weights: change(weights))


def break_file(
    whole: Path,
    target: Path,
    change: Callable[[dict[str, str], dict[str, Tensor]], object],
) -> Path:
    """Copy a safetensors file with other metadata or weights."""
    with safe_open(whole, framework="pt") as file:
        metadata = file.metadata() or {}
    weights = load_file(whole)
    change(metadata, weights)
    save_file(weights, target, metadata)
    return target
