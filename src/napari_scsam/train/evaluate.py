"""How good a checkpoint is on a labelled volume."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.infer.postprocess import label_value
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.volumes import Volume
from napari_scsam.metrics import boundary_match, calibration, object_match, overlaps
from napari_scsam.steps import Progress
from napari_scsam.train.dataset import SMALLEST_OBJECT, lookup
from napari_scsam.train.scores import ClassCounts, Limits, Scores

Probabilities = dict[int, NDArray[np.float32]]
"""Y×X for each class id."""


class UnknownLabelError(UserError):
    """The labels hold a value that is no class of the checkpoint."""


def evaluate(
    predictor: Predictor,
    image: Volume,
    labels: Volume,
    mapping: Mapping[int, ClassSpec] | None = None,
    *,
    slices: Sequence[int] | None = None,
    tolerance: float | None = None,
    smallest: int = SMALLEST_OBJECT,
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
        named count as background. Taken as class ids when not given; a class
        that no slice of the labels holds then counts as not labelled, and is not scored.
    slices
        Those to look at; all when not given.
    tolerance
        nm by which outlines may differ; two pixels when not given.
    smallest
        Objects of fewer pixels do not count as objects.

    Raises
    ------
    UserError
        When shapes differ, a label value is no class, a slice is not there,
        the tolerance cannot be used, nothing is labelled or the network has learned no classes.
    """
    chosen_slices = check_slices(image, labels, slices)
    limits = Limits.for_pixels(image.voxel_size, tolerance, smallest)
    meaning = mapping or default_mapping(labels, predictor.classes, chosen_slices)
    classes = tuple(dict.fromkeys(meaning.values()))
    contrast = measure_contrast(image.data)
    counts = []
    for done, z in enumerate(chosen_slices):
        yield Progress(done, len(chosen_slices), f"slice {z}")
        predictor.set_image(image.plane(z), image.voxel_size, contrast=contrast)
        truth = lookup(labels.plane(z), {value: c.id for value, c in meaning.items()})
        predicted = predictor.segment([c.name for c in classes])
        counts.append(
            compare(predicted, class_probabilities(predictor, classes), truth, classes, limits)
        )
    yield Progress(len(chosen_slices), len(chosen_slices), "done")
    unlabelled = () if mapping else tuple(c for c in predictor.classes if c not in classes)
    return Scores(classes, tuple(counts), limits, unlabelled)


def check_slices(image: Volume, labels: Volume, slices: Sequence[int] | None) -> Sequence[int]:
    """Check that image and labels fit, and give the slices to look at, each once and in order.

    Raises
    ------
    UserError
        When shapes differ or a slice is not there.
    """
    if image.shape != labels.shape:
        raise UserError(
            f"the image has shape {image.shape} but the labels have {labels.shape}; give labels of that image"
        )
    if slices is None:
        return range(image.depth)
    if beyond := [z for z in slices if not 0 <= z < image.depth]:
        raise UserError(
            f"the image has no slice {beyond[0]}; its slices are 0 to {image.depth - 1}"
        )
    if not slices:
        raise UserError("no slice is chosen; name at least one")
    return sorted(set(slices))


def default_mapping(
    labels: Volume, classes: Sequence[ClassSpec], slices: Sequence[int]
) -> dict[int, ClassSpec]:
    """Take label values as the checkpoint's class ids, of the classes that are labelled; looks before the long work begins.

    A class that is missing on `slices` alone is labelled nevertheless, and what is found of it there is wrong.

    Raises
    ------
    UserError
        When the labels hold a value that is no class id, or no class at all.
    """
    known = {c.id: c for c in classes}
    found = set[int]()
    for z in slices:
        found |= set(np.unique(labels.plane(z)).tolist())
        if unknown := sorted(found - {0, *known}):
            raise UnknownLabelError(
                f"the labels hold the value {unknown[0]}, which is no class of the checkpoint; "
                f"name those that count, as in --map 1={classes[0].name}, and the rest is background"
            )
    for z in sorted(set(range(labels.depth)) - set(slices)):
        if found >= known.keys():
            break
        found |= set(np.unique(labels.plane(z)).tolist())
    if not (labelled := {value: spec for value, spec in known.items() if value in found}):
        raise UserError(
            "the labels hold no class at all, so there is nothing to score; give labels that someone drew"
        )
    return labelled


def class_probabilities(predictor: Predictor, wanted: Sequence[ClassSpec]) -> Probabilities:
    """Say how sure the predictor is of each class on the slice at hand: a softmax in which background has the logit 0.

    A class's parts count with it where they are not wanted themselves.
    """
    logits = predictor.class_logits()
    shares = softmax(np.concatenate([np.zeros_like(logits[:1]), logits]), axis=0)[1:]
    written = np.array([label_value(c, wanted) for c in predictor.classes])
    return {c.id: shares[written == c.id].sum(axis=0) for c in wanted}


def compare(
    predicted: NDArray[Any],
    probabilities: Probabilities,
    truth: NDArray[Any],
    classes: Sequence[ClassSpec],
    limits: Limits,
) -> tuple[ClassCounts, ...]:
    """Count how one slice of Y×X class ids agrees with the truth, for each class."""
    overlap = overlaps(predicted, truth, [c.id for c in classes])

    def counts(class_id: int) -> ClassCounts:
        ours = predicted == class_id
        theirs = truth == class_id
        boundary = boundary_match(ours, theirs, limits.tolerance, limits.pixel_size)
        objects = object_match(ours, theirs, limits.smallest)
        return ClassCounts(
            overlap[class_id], boundary, objects, calibration(probabilities[class_id], theirs)
        )

    return tuple(counts(c.id) for c in classes)
