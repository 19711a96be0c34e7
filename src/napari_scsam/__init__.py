"""Interactive organelle segmentation in electron microscopy, around the ScSAM network.

The public names are loaded when first used: importing this package imports
neither torch nor Qt, so that napari discovers the plugin at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.volume.run import segment_volume

__all__ = ["Predictor", "__version__", "load_checkpoint", "segment_volume"]
__version__ = "0.1.0"

_HOME = {
    "Predictor": "napari_scsam.infer.predictor",
    "load_checkpoint": "napari_scsam.checkpoints.checkpoint",
    "segment_volume": "napari_scsam.volume.run",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
