"""The networks and images that are timed; they need no data and no download."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_scsam.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info, find_checkpoint
from napari_scsam.config import UserError
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.samples.phantom import PHANTOM_CLASSES, make_phantom


def shipped() -> ScSAM:
    """Load the shipped model, or create one with random weights if its file is of another version."""
    try:
        return load_checkpoint()
    except UserError:
        info = checkpoint_info()
        torch.manual_seed(0)
        return ScSAM(ScSAMConfig(**info.config), info.classes).eval()


def shipped_file(folder: Path) -> Path:
    """Return `shipped` as a file."""
    try:
        load_checkpoint()
        return find_checkpoint()
    except UserError:
        path = folder / "random.safetensors"
        save_checkpoint(
            path, shipped(), summary="Random weights.", licence="BSD-3-Clause", training={}
        )
        return path


def with_vit_b(tile: int) -> ScSAM:
    """Create a ScSAM with SAM's ViT-B and random weights, for tiles of that side."""
    torch.manual_seed(0)
    return ScSAM(ScSAMConfig(sam="vit_b", tile=tile), PHANTOM_CLASSES[:6]).eval()


def stack(depth: int, side: int) -> NDArray[np.uint8]:
    """Create depth×side×side grey values of a synthetic cell."""
    image: NDArray[np.uint8] = make_phantom((depth, side, side), (5.0, 5.0, 5.0)).image
    return image
