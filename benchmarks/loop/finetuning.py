"""Fine-tuning between two slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from benchmarks.loop.cases import Picture
from benchmarks.loop.tools import ByNetwork

from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.volumes import as_volume
from napari_scsam.model import ScSAM
from napari_scsam.steps import drive
from napari_scsam.train.finetune.data import CorrectedVolume
from napari_scsam.train.finetune.finetuning import finetune

MINUTES = 2.0
"""For each training. The annotator goes on in the meantime, so it costs no effort."""

AFTER = (2, 4)
"""Numbers of finished slices after which it is fine-tuned."""


class Finetuning:
    """Fine-tunes the network now and then.

    Parameters
    ----------
    tool
        Uses the new network afterwards, if it is better.
    parent
        Loads the network that every training starts from.
    minutes
        Of each training.
    """

    def __init__(
        self, tool: ByNetwork, parent: Callable[[], ScSAM], minutes: float = MINUTES
    ) -> None:
        self._tool = tool
        self._parent = parent
        self._minutes = minutes

    def after(self, finished: Sequence[Picture]) -> None:
        """Fine-tune on the finished slices, if it is time to."""
        if len(finished) not in AFTER:
            return
        source = corrected_volume(finished, self._tool.class_name)
        result = drive(finetune(source, self._parent(), minutes=self._minutes, device="cpu"))
        if result.report.offered:
            self._tool.replace(Predictor(result.model, "cpu"))


def corrected_volume(finished: Sequence[Picture], class_name: str) -> CorrectedVolume:
    """Return finished slices as a volume in which one class is labelled; others are unknown."""
    size = finished[0].voxel_size
    image = as_volume(np.stack([p.grey for p in finished]), size, "finished slices")
    labels = as_volume(np.stack([p.truth for p in finished]).astype(np.uint8), size, "labels")
    return CorrectedVolume(image, labels, {1: class_name})
