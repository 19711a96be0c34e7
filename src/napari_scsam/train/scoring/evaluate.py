"""How good a checkpoint is on a labelled volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.infer.own_outline import outlined_parts
from napari_scsam.infer.postprocess import label_value
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.label_values import check_named_values, values_of
from napari_scsam.io.volumes import Volume
from napari_scsam.steps import Progress, Steps
from napari_scsam.train.dataset import MIN_OBJECT_PIXELS
from napari_scsam.train.labelled_volume import lookup
from napari_scsam.train.scoring.class_metrics import (
    ClassCounts,
    ClassSlice,
    MatchLimits,
    count_class,
)
from napari_scsam.train.scoring.scores import Scores

ClassProbabilities = dict[int, NDArray[np.float32]]
"""Y×X for each class id."""


class UnknownLabelError(UserError):
    """The labels hold a value that is not a class of the checkpoint."""


def evaluate(
    predictor: Predictor,
    image: Volume,
    labels: Volume,
    mapping: Mapping[int, ClassSpec] | None = None,
    *,
    slices: Sequence[int] | None = None,
    tolerance: float | None = None,
    smallest: int = MIN_OBJECT_PIXELS,
) -> Steps[Scores]:
    """Segment a volume and compare it with its labels; all classes are always predicted.

    Parameters
    ----------
    predictor
        Holds the checkpoint and the device.
    image, labels
        Of the same shape.
    mapping
        The class of each value of the label file; values that are not named count as background.
        When not given, values are class ids. A class that no slice of the labels holds is then
        not labelled, and is not scored.
    slices
        Those to score; all when not given.
    tolerance
        nm by which outlines may differ; two pixels when not given.
    smallest
        Objects of fewer pixels do not count as objects.

    Raises
    ------
    UserError
        When shapes differ, a label value is not a class, or a slice does not exist. Also when the
        tolerance is not usable, nothing is labelled, or the network has learned no classes.
    """
    chosen = check_slices(image, labels, slices)
    limits = MatchLimits.for_pixels(image.voxel_size, tolerance, smallest)
    if mapping:
        check_map(labels, mapping, chosen)
    meaning = mapping or default_mapping(labels, predictor.classes, chosen)
    classes = tuple(dict.fromkeys(meaning.values()))
    ids = {value: spec.id for value, spec in meaning.items()}
    contrast = measure_contrast(image.data)
    counts = []
    for done, z in enumerate(chosen):
        yield Progress(done, len(chosen), f"slice {z}")
        predictor.set_image(image.plane(z), image.pixel_size, contrast=contrast)
        truth = lookup(labels.plane(z), ids)
        predicted = predictor.segment([c.name for c in classes])
        probabilities = class_probabilities(predictor, classes)
        counts.append(compare(predicted, probabilities, truth, classes, limits))
    yield Progress(len(chosen), len(chosen), "done")
    unlabelled: tuple[ClassSpec, ...] = ()
    if not mapping:
        unlabelled = tuple(c for c in predictor.classes if c not in classes)
    return Scores(classes, tuple(counts), limits, unlabelled)


def check_map(labels: Volume, mapping: Mapping[int, ClassSpec], slices: Sequence[int]) -> None:
    """Check that labels hold one of the values that a mapping names.

    Raises
    ------
    UserError
        When they do not; it lists the values that there are.
    """
    name = next(iter(mapping.values())).name
    check_named_values(
        labels, mapping, slices, f"name the values that there are, as in --map 1={name}"
    )


def check_slices(image: Volume, labels: Volume, slices: Sequence[int] | None) -> Sequence[int]:
    """Check that image and labels fit, and return the slices to score, each once and in order.

    Raises
    ------
    UserError
        When shapes differ or a slice does not exist.
    """
    _check_shapes(image, labels)
    if slices is None:
        return range(image.depth)
    beyond = [z for z in slices if not 0 <= z < image.depth]
    if beyond:
        raise UserError(
            f"the image has no slice {beyond[0]}; its slices are 0 to {image.depth - 1}"
        )
    if not slices:
        raise UserError("no slice is chosen; name at least one")
    return sorted(set(slices))


def _check_shapes(image: Volume, labels: Volume) -> None:
    if image.shape != labels.shape:
        raise UserError(
            f"the image has shape {image.shape} but the labels have {labels.shape}; "
            "give labels of that image"
        )


def default_mapping(
    labels: Volume, classes: Sequence[ClassSpec], slices: Sequence[int]
) -> dict[int, ClassSpec]:
    """Return the labelled classes by their ids; reads the labels before the long work begins.

    A class that is missing on `slices` alone is labelled nevertheless. What is found of it there
    is wrong.

    Raises
    ------
    UserError
        When the labels hold a value that is not a class id, or no class at all.
    """
    known = {c.id: c for c in classes}
    found = set[int]()
    for z in slices:
        found |= values_of(labels.plane(z))
        check_known(found, classes)
    for z in sorted(set(range(labels.depth)) - set(slices)):
        if found >= known.keys():
            break
        found |= values_of(labels.plane(z))
    labelled = {value: spec for value, spec in known.items() if value in found}
    if not labelled:
        raise UserError(
            "the labels hold no class at all, so there is nothing to score; "
            "give labels that someone drew"
        )
    return labelled


def check_known(values: set[int], classes: Sequence[ClassSpec]) -> None:
    """Check that label values are class ids or background.

    Raises
    ------
    UnknownLabelError
        When one is not.
    """
    unknown = sorted(values - {0, *(c.id for c in classes)})
    if unknown:
        raise UnknownLabelError(
            f"the labels hold the value {unknown[0]}, which is not a class of the checkpoint; "
            f"name the values that count, as in --map 1={classes[0].name}; the rest is background"
        )


def class_probabilities(predictor: Predictor, requested: Sequence[ClassSpec]) -> ClassProbabilities:
    """Return the predictor's probability of each class on the current slice.

    A softmax in which background has the logit 0. A class includes its parts where they are not
    requested themselves. Those in which it has an outline of its own are left out of the softmax.
    """
    logits = predictor.class_logits()
    for part, _ in outlined_parts(predictor.classes, requested):
        logits[part] = -np.inf
    shares = softmax(np.concatenate([np.zeros_like(logits[:1]), logits]), axis=0)[1:]
    written = np.array([label_value(c, requested) for c in predictor.classes])
    return {c.id: shares[written == c.id].sum(axis=0) for c in requested}


def compare(
    predicted: NDArray[Any],
    probabilities: ClassProbabilities,
    truth: NDArray[Any],
    classes: Sequence[ClassSpec],
    limits: MatchLimits,
) -> tuple[ClassCounts, ...]:
    """Count how one slice of Y×X class ids agrees with the truth, for each class."""
    return tuple(
        count_class(
            ClassSlice(predicted == spec.id, truth == spec.id, probabilities[spec.id], limits)
        )
        for spec in classes
    )
