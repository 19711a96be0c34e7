"""A tuned copy of the class path, which answers the classes that somebody has corrected.

The encoders, the clicks and all other classes keep the network's own parts, so nothing of them
changes. This is side-tuning (Zhang et al. 2020, arXiv 1912.13503), where what is beside the network
starts as a copy of its last parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_scsam.model.class_path import (
    ClassPath,
    EncoderFeatures,
    build_detail,
    build_fusion,
    build_mask_decoder,
    joined,
    prototype_logits,
)
from napari_scsam.model.class_prompt import ClassPromptEncoder
from napari_scsam.model.mae import HybridMAE, ViTMAE
from napari_scsam.model.scsam_config import ScSAMConfig

PER_CELL = 8
"""Cells of the maps for each cell of SAM, along one side."""

FINER = 2
"""Pixels of the logits for each cell of the maps, along one side."""


class TunedPath(nn.Module):
    """Fusion, class prompts, decoder and detail path for some classes.

    Parameters
    ----------
    names
        The N classes that it answers.
    config
        That of the network.
    mae
        The network's encoder, whose levels it reads.
    """

    def __init__(self, names: Sequence[str], config: ScSAMConfig, mae: HybridMAE | ViTMAE) -> None:
        super().__init__()
        self.names = tuple(name.casefold() for name in names)
        self.config = config
        self.mask_decoder = build_mask_decoder()
        self.fusion = build_fusion(config, mae)
        self.class_prompt = ClassPromptEncoder(len(self.names), similarity=config.similarity)
        self.detail = build_detail(config, mae)

    def forward(self, features: EncoderFeatures, positions: Tensor) -> Tensor:
        """Decode its N classes on B images: B×N×16h×16w, or B×N×4h×4w without detail path.

        Parameters
        ----------
        features
            From the network's encoders.
        positions
            1×256×h×w, SAM's encoding of the grid.
        """
        fused, detail = joined(self, features)
        prototypes = self.class_prompt.prototypes
        return prototype_logits(self, fused, detail, positions, prototypes)

    def copy_parts(self, path: ClassPath, prototypes: Tensor) -> None:
        """Copy the weights of a path.

        Parameters
        ----------
        path
            The network, or a tuned copy.
        prototypes
            N×256, those of the classes.
        """
        for name in ("mask_decoder", "fusion", "detail"):
            self.get_submodule(name).load_state_dict(getattr(path, name).state_dict())
        prompt = {**path.class_prompt.state_dict(), "prototypes": prototypes.detach()}
        self.class_prompt.load_state_dict(prompt)


def names_of(paths: Iterable[nn.Module]) -> list[list[str]]:
    """Return the classes that each tuned copy answers."""
    return [list(cast("TunedPath", path).names) for path in paths]


def as_maps(logits: Tensor, grid: Sequence[int]) -> Tensor:
    """Rearrange B×N×Y×X logits to B×4N×8h×8w, as they are cached; h×w is the grid."""
    size = (FINER * PER_CELL * grid[0], FINER * PER_CELL * grid[1])
    if logits.shape[2:] != size:
        logits = F.interpolate(logits, size, mode="bilinear", align_corners=False)
    return F.pixel_unshuffle(logits, FINER)


def tuned_maps(
    paths: Iterable[nn.Module], features: EncoderFeatures, positions: Tensor
) -> list[Tensor]:
    """Compute the answers of all tuned copies, each B×4N×8h×8w."""
    return [as_maps(path(features, positions), positions.shape[2:]) for path in paths]


def tuned_logits(paths: Iterable[nn.Module], maps: Tensor) -> dict[str, Tensor]:
    """Return the B×16h×16w logits of each class that a tuned copy answers, by its name.

    Where several answer it, that of the last counts.

    Parameters
    ----------
    paths
        Each a `TunedPath`.
    maps
        B×4N×8h×8w, from `tuned_maps`, joined.
    """
    names = [name for each in names_of(paths) for name in each]
    if not names:
        return {}
    return dict(zip(names, F.pixel_shuffle(maps, FINER).unbind(1), strict=True))


def replace_rows(logits: Tensor, tuned: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    """Replace the logits of tuned classes.

    Parameters
    ----------
    logits
        B×K×Y×X.
    tuned
        B×16h×16w of each, by its name in lower case.
    names
        Of the K classes.
    """
    if not tuned:
        return logits
    rows = list(logits.unbind(1))
    for row, name in enumerate(names):
        if name.casefold() in tuned:
            own = tuned[name.casefold()][:, None].to(logits.dtype)
            rows[row] = resized(own, logits.shape[2:])[:, 0]
    return torch.stack(rows, dim=1)


def resized(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Resize B×N×Y×X maps, if they have another size."""
    if tuple(maps.shape[2:]) == tuple(size):
        return maps
    return F.interpolate(maps, tuple(size), mode="bilinear", align_corners=False)
