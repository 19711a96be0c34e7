"""Read and write pre-trained MAE encoders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.checkpoints.card import CHECKPOINT_FORMAT
from napari_scsam.checkpoints.formats import check_not_newer
from napari_scsam.checkpoints.tensors import write_tensors
from napari_scsam.config import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

MAE_FORMAT = f"{CHECKPOINT_FORMAT} mae"


def save_mae(path: Path, encoder: nn.Module, name: str, training: Mapping[str, Any]) -> None:
    """Write a pre-trained MAE encoder, atomically."""
    record = json.dumps(dict(training))
    metadata = {"format": MAE_FORMAT, "encoder": name, "training": record}
    write_tensors(path, encoder.state_dict(), metadata)


def load_mae(path: str | Path, encoder: nn.Module) -> None:
    """Load an MAE encoder that `save_mae` wrote, or published weights into its ViT.

    Parameters
    ----------
    path
        ``.safetensors`` of `save_mae` or of timm, or a ``.pth`` of a ViT under
        MAE's or timm's names. Published weights leave the convolutional stem as it is.
    encoder
        From `build_mae_encoder`.

    Raises
    ------
    UserError
        When the file is missing, is something else, or is of another size.
    """
    from safetensors import SafetensorError

    from napari_scsam.model.official_weights import fit_vit
    from napari_scsam.model.sound_weights import check_finite

    try:
        weights = _read_mae(Path(path))
        check_finite(weights, path)
        vit = getattr(encoder, "vit", None)
        if vit is not None and "patch_embed.proj.weight" in weights:
            vit.load_state_dict(fit_vit(weights, vit))
        else:
            encoder.load_state_dict(weights)
    except UserError:
        raise
    except (SafetensorError, RuntimeError, OSError, LookupError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} is not a pre-trained encoder of this form; make one with 'scsam pretrain', "
            "or name the timm ViT that the file was made for"
        ) from error


def _read_mae(path: Path) -> dict[str, Tensor]:
    from safetensors import safe_open
    from safetensors.torch import load_file

    from napari_scsam.model.official_weights import read_tensors

    if path.suffix == ".safetensors":
        with safe_open(path, framework="np") as file:
            check_not_newer(path, (file.metadata() or {}).get("format"))
        return load_file(path)
    return read_tensors(path, "a pre-trained encoder")
