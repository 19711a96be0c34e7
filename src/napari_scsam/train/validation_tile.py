"""One held-out crop as the model in training segments it: a picture that sharpens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_scsam.atomic import replacing
from napari_scsam.config import ClassSpec
from napari_scsam.infer.device import precision
from napari_scsam.infer.picture import overlay
from napari_scsam.train.finetune.known_labels import UNKNOWN
from napari_scsam.train.finetune.tuned_weights import tuned_answer

if TYPE_CHECKING:
    from napari_scsam.project.training_job import TrainingJob
    from napari_scsam.train.finetune.finetuning import Finetuning

OUTLINE = (255, 255, 255)
"""Colour of the outlines of what was reviewed."""


class ValidationTile:
    """Draws the held-out crop in which the labelled classes have the most edges.

    Parameters
    ----------
    run
        With its crops embedded.
    job
        Names the colours of the classes.
    """

    def __init__(self, run: Finetuning, job: TrainingJob) -> None:
        self.run = run
        colours = {name: job.colours.get(value, "#ffd54a") for value, name in job.classes.items()}
        self.classes = [
            ClassSpec(number, each.name, colours.get(each.name, "#ffd54a"))
            for number, each in enumerate(run.data.known, start=1)
        ]
        memory = run.data.held_out
        targets = [memory.batch([number]).targets[0].cpu().numpy() for number in range(len(memory))]
        edges = [int(outlines(target).sum()) for target in targets]
        self.number = int(np.argmax(edges))
        self.outlines = outlines(targets[self.number])
        self.grey = run.data.plain_crop(run.data.pieces[self.number])[0][0].numpy()

    @torch.no_grad()
    def draw(self) -> NDArray[np.uint8]:
        """Return the crop, Y×X×3: the answer in colour, and the outlines of the reviewed labels."""
        model = self.run.model
        crops = self.run.data.held_out.batch([self.number])
        with precision(self.run.device):
            logits = model.calibrated(tuned_answer(model, self.run.path, crops).float())
        found = self.run.judge.answers([logits], self.run.best.levels)[0]
        picture = overlay(self.grey, found, self.classes)
        picture[self.outlines] = OUTLINE
        return picture

    def write(self, path: Path) -> None:
        """Replace the picture in a file by what the model answers now."""
        picture = self.draw()
        with replacing(path) as draft, draft.open("wb") as file:
            np.save(file, picture, allow_pickle=False)


def outlines(targets: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the inner edges of the labelled regions of Y×X targets."""
    labelled = np.where(targets == UNKNOWN, 0, targets)
    smallest: NDArray[Any] = ndimage.minimum_filter(labelled, 3)
    edges: NDArray[np.bool_] = (labelled > 0) & (smallest != labelled)
    return edges
