"""Interactive organelle segmentation in electron microscopy, around the ScSAM network.

The public names are loaded when first used: importing this package imports
neither torch nor Qt, so that napari discovers the plugin at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_scsam.version import __version__

if TYPE_CHECKING:
    from napari_scsam.checkpoints.checkpoint import load_checkpoint, save_checkpoint
    from napari_scsam.checkpoints.find import list_checkpoints
    from napari_scsam.config import ClassSpec
    from napari_scsam.errors import UserError
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.infer.suggest import suggest
    from napari_scsam.io.labels import read_class_table, write_labels
    from napari_scsam.io.volumes import Volume, as_volume, open_labels, open_volume
    from napari_scsam.steps import Progress, drive
    from napari_scsam.train.finetune.data import CorrectedVolume
    from napari_scsam.train.finetune.finetuning import finetune
    from napari_scsam.train.scoring.evaluate import evaluate
    from napari_scsam.volume.instances.find import find_instances
    from napari_scsam.volume.measure.objects import measure_objects
    from napari_scsam.volume.meshes.write import write_meshes
    from napari_scsam.volume.run import segment_volume

__all__ = [
    "ClassSpec",
    "CorrectedVolume",
    "Predictor",
    "Progress",
    "UserError",
    "Volume",
    "__version__",
    "as_volume",
    "drive",
    "evaluate",
    "find_instances",
    "finetune",
    "list_checkpoints",
    "load_checkpoint",
    "measure_objects",
    "open_labels",
    "open_volume",
    "read_class_table",
    "save_checkpoint",
    "segment_volume",
    "suggest",
    "write_labels",
    "write_meshes",
]

_HOME = {
    "ClassSpec": "config",
    "CorrectedVolume": "train.finetune.data",
    "Predictor": "infer.predictor",
    "Progress": "steps",
    "UserError": "errors",
    "Volume": "io.volumes",
    "as_volume": "io.volumes",
    "drive": "steps",
    "evaluate": "train.scoring.evaluate",
    "find_instances": "volume.instances.find",
    "finetune": "train.finetune.finetuning",
    "list_checkpoints": "checkpoints.find",
    "load_checkpoint": "checkpoints.checkpoint",
    "measure_objects": "volume.measure.objects",
    "open_labels": "io.volumes",
    "open_volume": "io.volumes",
    "read_class_table": "io.labels",
    "save_checkpoint": "checkpoints.checkpoint",
    "segment_volume": "volume.run",
    "suggest": "infer.suggest",
    "write_labels": "io.labels",
    "write_meshes": "volume.meshes.write",
}
"""Where the public names are, inside this package."""


def __getattr__(name: str) -> Any:
    if name in _HOME:
        try:
            return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        except ModuleNotFoundError as error:
            from napari_scsam.errors import NoTorchError, is_missing_torch

            if is_missing_torch(error):
                raise NoTorchError from error
            raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
