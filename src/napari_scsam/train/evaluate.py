"""How good a checkpoint is on a labelled volume."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, Progress, UserError
from napari_scsam.data.preprocess import measure_contrast
from napari_scsam.data.volumes import Volume
from napari_scsam.infer.predictor import Predictor
from napari_scsam.metrics import Overlap, mean, overlaps
from napari_scsam.train.dataset import lookup


@dataclass(frozen=True)
class Scores:
    """Agreement with the truth, by class."""

    classes: tuple[ClassSpec, ...]
    overlaps: tuple[Overlap, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values; a class that never occurs has null scores and does not count in the mean."""
        rows = [
            {"id": c.id, "name": c.name, "dice": _number(o.dice), "iou": _number(o.iou), "pixels": o.truth}
            for c, o in zip(self.classes, self.overlaps, strict=True)
        ]
        return {
            "classes": rows,
            "mean_dice": _number(mean(o.dice for o in self.overlaps)),
            "mean_iou": _number(mean(o.iou for o in self.overlaps)),
        }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def default_mapping(labels: NDArray[Any], classes: tuple[ClassSpec, ...]) -> dict[int, ClassSpec]:
    """Take label values as the checkpoint's class ids.

    Raises
    ------
    UserError
        When the labels hold a value that is no class id.
    """
    known = {c.id: c for c in classes}
    if unknown := sorted(set(np.unique(labels).tolist()) - {0, *known}):
        raise UserError(
            f"the labels hold the value {unknown[0]}, which is no class of the checkpoint; "
            f"name those that count, as in --map 1={classes[0].name}, and the rest is background"
        )
    return known


def evaluate(
    predictor: Predictor, image: Volume, labels: Volume, mapping: Mapping[int, ClassSpec] | None = None
) -> Generator[Progress, None, Scores]:
    """Segment a volume and compare it with its labels; all classes are always predicted.

    Parameters
    ----------
    predictor
        Holds the checkpoint and the device.
    image, labels
        Of the same shape.
    mapping
        Which class each value of the label file means; values that are not
        named count as background. Taken as class ids when not given.

    Raises
    ------
    UserError
        When shapes differ or a label value is no class.
    """
    if image.shape != labels.shape:
        raise UserError(f"the image has shape {image.shape} but the labels have {labels.shape}; give labels of that image")
    contrast = measure_contrast(image.data)
    chosen = tuple(dict.fromkeys(mapping.values())) if mapping else predictor.classes
    total = {c.id: Overlap() for c in chosen}
    for z in range(image.depth):
        yield Progress(z, image.depth, f"slice {z}")
        truth = labels.plane(z)
        meaning = mapping if mapping else default_mapping(truth, predictor.classes)
        predictor.set_image(image.plane(z), image.voxel_size, contrast=contrast)
        ours = lookup(truth, {value: c.id for value, c in meaning.items()})
        for class_id, overlap in overlaps(predictor.segment(), ours, total).items():
            total[class_id] += overlap
    return Scores(chosen, tuple(total[c.id] for c in chosen))
