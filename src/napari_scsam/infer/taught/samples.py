"""Weighted cells to fit a taught class to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_scsam.infer.taught.lessons import Flags, Floats, Lesson

CORRECTION = 0.3
"""What a stroke that corrects an answer counts beside one that showed the class first.

It lies where the answer was wrong, which is not a fair sample of the slice."""

AGAINST = 0.3
"""What all cells of the context count against the class; the strokes of a side count 1."""

AGAINST_FOREST = 0.1
"""The same for the forest, whose leaves are small: more makes it blind to large classes."""

HELD = 4.0
"""What the network's own answer counts beside strokes that sharpen it, on either side."""

COARSE = 0.25
"""What the fused features are multiplied by: they are many, and coarse."""

Weights = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scaling:
    """How features are normalised."""

    mean: Floats
    """F."""
    scale: Floats
    """F, what features are divided by after the mean is taken off."""

    def normal(self, values: Floats) -> Floats:
        """Normalise N×F values."""
        return np.asarray((values - self.mean) / self.scale, np.float32)


def measure_scaling(lesson: Lesson) -> Scaling:
    """Measure the mean and the spread of each feature over the context.

    Where strokes cover the whole slice, their own cells are measured.
    """
    measured = lesson.context if len(lesson.context) else lesson.values
    context = measured.astype(np.float32)
    scale = context.std(0) + np.float32(1e-6)
    scale[lesson.fine :] /= COARSE
    return Scaling(context.mean(0), scale)


@dataclass(frozen=True, eq=False)
class Samples:
    """N weighted cells."""

    values: Floats
    """N×F, normalised."""
    positive: Flags
    weights: Weights


def stroke_samples(lesson: Lesson, scaling: Scaling) -> Samples:
    """Weigh strokes alike on either side, and both sides alike."""
    sizes = np.bincount(lesson.stroke)
    weights = np.where(lesson.corrects > 0, CORRECTION, 1.0) / sizes[lesson.stroke]
    for side in (lesson.positive, ~lesson.positive):
        weights[side] /= max(float(weights[side].sum()), 1e-9)
    values = scaling.normal(lesson.values.astype(np.float32))
    return Samples(values, lesson.positive, weights * len(weights) / 2)


def with_context(
    samples: Samples, lesson: Lesson, scaling: Scaling, against: float = AGAINST
) -> Samples:
    """Count all cells of the context a little against the class.

    Most of them do not show it: learning from positive and unlabelled data
    (Elkan & Noto 2008, "Learning classifiers from only positive and unlabeled
    data"). They count in full where no stroke lies beside the class.
    """
    if not len(lesson.context):
        return samples
    context = scaling.normal(lesson.context.astype(np.float32))
    share = against if not samples.positive.all() else 1.0
    each = share * len(samples.weights) / 2 / len(context)
    return Samples(
        np.concatenate([samples.values, context]),
        np.concatenate([samples.positive, np.zeros(len(context), bool)]),
        np.concatenate([samples.weights, np.full(len(context), each)]),
    )


def with_network(samples: Samples, lesson: Lesson, scaling: Scaling) -> Samples:
    """Add cells of the context as the network labels them, both sides alike.

    Strokes that correct the network lie where it is wrong. Alone they would teach the opposite
    of what it knows (distillation: Hinton, Vinyals & Dean 2015).
    """
    positive = lesson.context[:, lesson.fine - 1] > 0
    weights = np.zeros(len(positive))
    for side in (positive, ~positive):
        weights[side] = HELD * len(samples.weights) / 2 / max(1, int(side.sum()))
    context = scaling.normal(lesson.context.astype(np.float32))
    return Samples(
        np.concatenate([samples.values, context]),
        np.concatenate([samples.positive, positive]),
        np.concatenate([samples.weights, weights]),
    )
