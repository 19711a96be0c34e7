"""What labelling needs to know, along one axis or three."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_scsam.config import ClassSpec
from napari_scsam.io.contrast import Contrast
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.io.volumes import Volume
from napari_scsam.volume.run_plan import RunPlan

if TYPE_CHECKING:
    from napari_scsam.infer.predictor import Predictor


@dataclass(frozen=True)
class Setup:
    """A volume, a network, and a plan."""

    source: Volume
    predictor: Predictor
    requested: Sequence[ClassSpec]
    contrast: Contrast
    plan: RunPlan
    damaged: dict[int, DamagedPartError] = field(default_factory=dict)
    """What was wrong with slices that could not be read."""
