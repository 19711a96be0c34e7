"""The way from what the encoders see to the logits of classes: fusion, prompts, decoder, detail.

The network has one such path, and fine-tuning adds tuned copies of it
(`napari_scsam.model.tuned_path`).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor
from torch.nn import functional as F

from napari_scsam.model.class_prompt import ClassPromptEncoder
from napari_scsam.model.fusion import Fusion
from napari_scsam.model.image_encoder import EMBED_DIM
from napari_scsam.model.mae import HybridMAE, ViTMAE
from napari_scsam.model.mask_decoder import Decoded, DetailPath, PromptMaskDecoder
from napari_scsam.model.packed_linear import compute_dtype, needs_grad
from napari_scsam.model.prompt_transformer import PromptTransformer
from napari_scsam.model.scsam_config import ScSAMConfig


class EncoderFeatures(NamedTuple):
    """Outputs of the frozen encoders for B images."""

    sam: Tensor
    """B×256×h×w"""
    mae: tuple[Tensor, ...]
    """Levels of the MAE, finest first, B×C×H/s×W/s each; empty when that branch is off."""


class ClassPath(Protocol):
    """The parts of a path."""

    config: ScSAMConfig
    fusion: Fusion
    class_prompt: ClassPromptEncoder
    mask_decoder: PromptMaskDecoder
    detail: DetailPath


def build_mask_decoder() -> PromptMaskDecoder:
    """Create SAM's mask decoder with random weights."""
    transformer = PromptTransformer(depth=2, embedding_dim=EMBED_DIM, mlp_dim=2048, num_heads=8)
    return PromptMaskDecoder(transformer_dim=EMBED_DIM, transformer=transformer)


def build_fusion(config: ScSAMConfig, mae: HybridMAE | ViTMAE) -> Fusion:
    """Create the fusion of SAM's features with those of an MAE."""
    return Fusion(mae.channels[-1], mae.strides[-1], kind=config.fusion)


def build_detail(config: ScSAMConfig, mae: HybridMAE | ViTMAE) -> DetailPath:
    """Create the detail path, which reads no levels when the branch of the MAE is off."""
    if "mae" in config.branches:
        return DetailPath(mae.strides, mae.channels)
    return DetailPath((), ())


def joined(path: ClassPath, features: EncoderFeatures) -> tuple[Tensor, Tensor]:
    """Join the features of both encoders.

    Returns
    -------
    fused : B×256×h×w
    detail : B×32×8h×8w; no channels without the detail path
    """
    fused = features.sam
    if features.mae:
        fused = path.fusion(features.sam, features.mae[-1])
    if path.config.detail:
        return fused, path.detail.features(fused, features.mae)
    batch, _, h, w = fused.shape
    return fused, fused.new_empty(batch, 0, 8 * h, 8 * w)


def prototype_logits(
    path: ClassPath, fused: Tensor, detail: Tensor, positions: Tensor, prototypes: Tensor
) -> Tensor:
    """Decode B images by K×256 prototypes: B×K×16h×16w.

    Parameters
    ----------
    path
        Whose parts decode.
    fused, detail
        From `joined`.
    positions
        1×256×h×w, SAM's encoding of the grid.
    prototypes
        K×256.
    """
    if not needs_grad(fused, prototypes):
        # Half the memory to read, K times; training keeps its precision.
        fused = fused.to(compute_dtype(fused))
    sparse, dense = path.class_prompt(fused, prototypes)
    decoded = path.mask_decoder(fused, positions.to(fused.dtype), sparse, dense)
    return sharpened(path, decoded, fused, detail, F.normalize(prototypes, dim=1))


def sharpened(
    path: ClassPath,
    decoded: Decoded,
    fused: Tensor,
    detail: Tensor,
    prototypes: Tensor | None = None,
) -> Tensor:
    """Return N masks per image, B×N×16h×16w; SAM's own B×N×4h×4w without detail path."""
    if not path.config.detail:
        return decoded.logits.view(len(fused), -1, *decoded.logits.shape[2:])
    logits: Tensor = path.detail(decoded, detail, prototypes)
    return logits
