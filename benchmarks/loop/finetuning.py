"""Training between two slices, on those that are finished."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from benchmarks.accuracy.pixels import PixelPredictor
from benchmarks.loop.cases import Picture
from benchmarks.loop.tools import ByNetwork, ByUNet

from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.volumes import as_volume
from napari_scsam.model import ScSAM
from napari_scsam.steps import drive
from napari_scsam.train.finetune.data import CorrectedVolume
from napari_scsam.train.finetune.finetuning import finetune

MINUTES = 1.0
"""For each fine-tuning: on two cores as much as the U-Net is trained again with.

The annotator goes on in the meantime, so it costs no effort."""

AFTER = (3,)
"""Numbers of finished slices after which a tool is trained."""

Tuned = dict[tuple[str, tuple[int, ...]], ScSAM | None]
"""Fine-tuned networks by class and finished slices; None where the parent was kept."""


@dataclass(frozen=True, eq=False)
class Finetuning:
    """Fine-tunes the network now and then."""

    tool: ByNetwork
    """Uses the new network afterwards, if it is better."""
    parent: Callable[[], ScSAM]
    """Loads the network that every training starts from."""
    predictor_of: Callable[[ScSAM], Predictor]
    known: Tuned = field(default_factory=dict)
    """Trainings on the same slices are not repeated."""
    minutes: float = MINUTES
    clock: Callable[[], float] = time.monotonic
    """Seconds by which the time is kept."""

    def after(self, finished: Sequence[Picture]) -> None:
        """Fine-tune on the finished slices, if it is time to."""
        if len(finished) not in AFTER:
            return
        key = (self.tool.class_name, tuple(sorted(picture.z for picture in finished)))
        if key not in self.known:
            self.known[key] = self.tuned(finished)
        model = self.known[key]
        if model is not None:
            self.tool.replace(self.predictor_of(copy.deepcopy(model)))

    def tuned(self, finished: Sequence[Picture]) -> ScSAM | None:
        """Return a network that is better on these slices, if there is one."""
        source = corrected_volume(finished, self.tool.class_name)
        steps = finetune(
            source, self.parent(), minutes=self.minutes, device="cpu", clock=self.clock
        )
        result = drive(steps)
        print(f"    {result.report.reason}", flush=True)
        return result.model if result.report.offered else None


@dataclass(frozen=True, eq=False)
class Retraining:
    """Trains a U-Net on what is finished, now and then."""

    tool: ByUNet
    train: Callable[[Sequence[Picture], str], PixelPredictor]
    """Trains a U-Net on slices with one class."""

    def after(self, finished: Sequence[Picture]) -> None:
        """Train on the finished slices, if it is time to."""
        if len(finished) in AFTER:
            self.tool.replace(self.train(finished, self.tool.class_name))


def corrected_volume(finished: Sequence[Picture], class_name: str) -> CorrectedVolume:
    """Return finished slices as a volume in which one class is labelled; others are unknown."""
    size = finished[0].voxel_size
    image = as_volume(np.stack([p.grey for p in finished]), size, "finished slices")
    labels = as_volume(np.stack([p.truth for p in finished]).astype(np.uint8), size, "labels")
    return CorrectedVolume(image, labels, {1: class_name})
