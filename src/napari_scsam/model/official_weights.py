"""Read published weights safely, and convert their names and shapes.

The one file of this room that opens files, so that `build_sam_encoder` can
take a path; all other formats belong to `napari_scsam.checkpoints`.
"""

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from timm.models import adapt_input_conv
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor

from napari_scsam.config import UserError
from napari_scsam.model.sound_weights import check_finite

UNREADABLE = (
    *(pickle.UnpicklingError, EOFError, OSError, struct.error),
    *(RuntimeError, ValueError, LookupError, AttributeError, TypeError, AssertionError),
)
"""Errors of torch for damaged or foreign files, from cut-off zip files to web pages."""

RENAMINGS = (
    (re.compile(r"^layers\.(\d+)\.downsample\."), lambda m: f"stages.{int(m[1]) + 1}.downsample."),
    (re.compile(r"^layers\."), "stages."),
    (re.compile(r"^patch_embed\.seq\.0\."), "patch_embed.conv1."),
    (re.compile(r"^patch_embed\.seq\.2\."), "patch_embed.conv2."),
    (re.compile(r"\.c\.weight$"), ".conv.weight"),
)
"""MobileSAM's names to timm's, applied in this order."""

UNUSED = re.compile(r"^(head|norm_head)\.|attention_bias_idxs$|\.ab$")
"""Weights of MobileSAM that are not needed for an embedding."""


def read_official(path: str | Path) -> dict[str, Tensor]:
    """Read a SAM, MobileSAM or micro-sam ``.pth``, tensors only.

    Returns
    -------
    dict
        Weights by official name (``image_encoder.…``, ``prompt_encoder.…``,
        ``mask_decoder.…``).

    Raises
    ------
    UserError
        When the file is missing, holds anything but tensors, or is not a SAM. It is opened with
        ``weights_only=True``, so code inside it never runs.
    """
    weights = {k.removeprefix("sam."): v for k, v in read_tensors(path, "a SAM checkpoint").items()}
    if not any(k.startswith("image_encoder.") for k in weights):
        raise UserError(
            f"{path} holds no SAM image encoder; give a checkpoint with SAM's official names"
        )
    return weights


def read_tensors(path: str | Path, what: str) -> dict[str, Tensor]:
    """Read the named tensors of a ``.pth``, also from inside a training state.

    Raises
    ------
    UserError
        When the file is missing, holds code or is damaged; `what` names it in the message.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no file at {path}; give the path of {what} (.pth)")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise UserError(
            f"{path} is not a complete file of weights only, so it was not used; "
            f"download it again from its publisher"
        ) from error
    for wrapping in ("model_state", "model", "state_dict"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapping), Mapping):
            content = content[wrapping]
    if not isinstance(content, Mapping):
        return {}
    weights = {str(k): v for k, v in content.items() if isinstance(v, Tensor)}
    check_finite(weights, path)
    return weights


def encoder_weights(official: Mapping[str, Tensor], tiny: bool) -> dict[str, Tensor]:
    """Return the weights of the image encoder, under the names of our module."""
    prefix = "image_encoder."
    weights = {k.removeprefix(prefix): v for k, v in official.items() if k.startswith(prefix)}
    if tiny:
        return timm_names(weights)
    return weights


def timm_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename TinyViT's weights from MobileSAM's form to timm's.

    MobileSAM has each down-sampling in the layer before it, timm in the stage
    after it; the classification head and derived buffers are dropped.
    """
    return {timm_name(name): value for name, value in weights.items() if not UNUSED.search(name)}


def timm_name(name: str) -> str:
    """Rename one weight of TinyViT from MobileSAM's form to timm's."""
    for pattern, replacement in RENAMINGS:
        name = pattern.sub(replacement, name)
    return name


def fit_vit(published: Mapping[str, Tensor], vit: VisionTransformer) -> dict[str, Tensor]:
    """Convert the weights of a published ViT to grey images, and another patch or grid.

    As timm does it: patches and positions are resized, and the kernels of red,
    green and blue are summed. Parts that the ViT lacks (MAE's decoder, a head) are dropped.
    """
    known = {k: v for k, v in published.items() if k in vit.state_dict()}
    fitted: dict[str, Tensor] = checkpoint_filter_fn(known, vit)
    kernel = "patch_embed.proj.weight"
    return fitted | {kernel: adapt_input_conv(1, fitted[kernel])}
