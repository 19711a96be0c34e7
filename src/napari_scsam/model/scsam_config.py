"""The settings that rebuild a network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from napari_scsam.config import NoClassesError, UserError
from napari_scsam.io.contrast import Contrast


@dataclass(frozen=True)
class ScSAMConfig:
    """The settings that rebuild the network of a checkpoint."""

    sam: str = "vit_t"
    """SAM encoder: vit_t, vit_b, vit_l or vit_h."""
    mae: str = "hybrid"
    """``"hybrid"`` or the name of a timm ViT."""
    nm_per_pixel: float | None = None
    """Pixel size that the weights were trained at."""
    tile: int = 512
    """Largest side in pixels of the tiles it is run on, a multiple of 16."""
    branches: str = "sam+mae"
    """Encoders in use: both, or ``"sam"`` or ``"mae"`` alone (for comparison)."""
    fusion: str = "gated"
    """``"gated"``, or ``"sum"`` without gates."""
    similarity: str = "cosine"
    """How features are compared with prototypes; see `ClassPromptEncoder`."""
    detail: bool = True
    """Whether the detail and click paths sharpen masks; else they are SAM's, at stride 4."""
    prompts_only: bool = False
    """Whether it answers clicks and boxes only, because it was trained on no classes.

    Its class table then only says which classes accepted objects may be given.
    """

    def __post_init__(self) -> None:
        known = {
            "branches": ("sam+mae", "sam", "mae"),
            "fusion": ("gated", "sum"),
            "similarity": ("cosine", "unscaled", "dot", "softmax", "several", "relations"),
        }
        for setting, choices in known.items():
            if getattr(self, setting) not in choices:
                raise UserError(
                    f"{setting} = {getattr(self, setting)!r} is unknown; "
                    f"choose from {', '.join(choices)}"
                )

    def need_classes(self) -> None:
        """Raise a `NoClassesError` when the network has learned no classes."""
        if self.prompts_only:
            raise NoClassesError

    @property
    def classes_only(self) -> bool:
        """Whether it finds classes and answers no prompts, because it was imported."""
        return False

    def need_prompts(self) -> None:
        """Raise an `ImportedNetworkError` when the network was imported."""

    def own_contrast(self, dtype: np.dtype[Any]) -> Contrast | None:  # noqa: ARG002
        """Return the contrast of images of a type, if the network has one of its own."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)
