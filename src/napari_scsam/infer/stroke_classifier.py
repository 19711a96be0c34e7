"""A class from a few strokes: a per-pixel classifier that is fitted in well under a second.

A ridge-regularised logistic regression and a small forest of ferns read the
detail features of the network and a scale space of the grey values; the mean
of their logits is smoothed a little. Three things set the threshold:

- cells that no stroke touched count a little against the class, since most
  of them do not show it (learning from positive and unlabelled data, Elkan &
  Noto 2008);
- thin classes need a higher one and thick classes a lower one, since features
  are blurred and strokes keep away from borders;
- it never cuts off more of the held-out strokes on the class than a fifth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import minimize
from scipy.special import expit, logit

from napari_scsam.infer.ferns import Ferns, fit_ferns
from napari_scsam.infer.stroke_lessons import Flags, Floats, Lesson, SliceFeatures, enlarge

RIDGE = 1 / 3
"""Weight of the squared coefficients beside the mean loss."""

STEPS = 40
"""Of L-BFGS at most; the ridge makes the problem easy."""

COARSE = 0.25
"""What the fused features are multiplied by: they are many, and coarse."""

FOLDS = 5
"""Parts that strokes are held out in."""

DOUBTFUL = 0.2
"""Share of the held-out cells of the class that the threshold may cut off."""

AGAINST_REGRESSION, AGAINST_FERNS = 0.3, 0.1
"""What all cells of the context together count against the class; the strokes of a side count 1."""

SMOOTHING = 0.7
"""Width in cells of the Gaussian over the logits."""

CLEAR = 1.0
"""Logit above which the thickness of a class is measured."""

LEAST_CLEAR = 20
"""Cells below which it is not measured."""

USUAL_THICKNESS = 1.4
"""Logarithm of the mean depth in cells of a class that needs no shift."""

BASE, SLOPE, LOWEST, HIGHEST = -0.4, 1.0, -0.3, 1.3
"""Of the threshold: its usual value, its change with thickness, and the range of that change."""

ROUNDS = 6
"""Fits that are kept of a class, one for each round of strokes."""

CERTAIN = 1e-3
"""Probabilities of the forest stay this far from 0 and 1."""

Weights = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Samples:
    """Weighted cells to learn from."""

    values: Floats
    positive: Flags
    weights: Weights


@dataclass(frozen=True, eq=False)
class StrokeClassifier:
    """A fitted class."""

    mean: Floats
    scale: Floats
    """F, what features are divided by after the mean is taken off."""
    coefficients: Floats
    """F of the logistic regression, and its intercept."""
    ferns: Ferns
    threshold: float

    def logits(self, features: SliceFeatures) -> Floats:
        """Compute logits of the fine cells: h×w, above 0 where the class is."""
        return self.scores(features) - np.float32(self.threshold)

    def scores(self, features: SliceFeatures) -> Floats:
        """Compute smoothed logits before the threshold, h×w."""
        count = len(features.fine)
        steepness = self.coefficients[:-1] / self.scale
        intercept = self.coefficients[-1] - steepness @ self.mean
        fine = features.fine.reshape(count, -1)
        coarse = np.tensordot(steepness[count:], features.fused, 1)
        linear = (
            (steepness[:count] @ fine).reshape(features.grid)
            + enlarge(coarse, features.grid)
            + intercept
        )
        normal = (fine - self.mean[:count, None]) / self.scale[:count, None]
        scores = (linear + self.forest(normal).reshape(features.grid)) / 2
        smooth: Floats = ndimage.gaussian_filter(scores.astype(np.float32), SMOOTHING)
        return smooth

    def at(self, values: Floats) -> Floats:
        """Compute logits of N×F values by themselves, without smoothing: N."""
        normal = (values - self.mean) / self.scale
        linear = normal @ self.coefficients[:-1] + self.coefficients[-1]
        mean: Floats = (linear + self.forest(normal.T)) / 2
        return mean - np.float32(self.threshold)

    def forest(self, normal: Floats) -> Floats:
        """Compute the forest's logits on F×N normalised values: N."""
        held: Floats = logit(np.clip(self.ferns.probability(normal), CERTAIN, 1 - CERTAIN))
        return held

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, for a safetensors or npz file."""
        return {
            "mean": self.mean,
            "scale": self.scale,
            "coefficients": self.coefficients,
            "fern_features": self.ferns.features,
            "fern_thresholds": self.ferns.thresholds,
            "fern_leaves": self.ferns.leaves,
            "threshold": np.array([self.threshold], np.float32),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> StrokeClassifier:
        """Read what `to_arrays` returned."""
        ferns = Ferns(arrays["fern_features"], arrays["fern_thresholds"], arrays["fern_leaves"])
        return cls(
            arrays["mean"],
            arrays["scale"],
            arrays["coefficients"],
            ferns,
            float(arrays["threshold"][0]),
        )


def fit_classifier(lesson: Lesson, shown: SliceFeatures) -> StrokeClassifier:
    """Fit a class.

    Parameters
    ----------
    lesson
        With strokes on the class; strokes beside it help, and may be missing.
    shown
        Features of a taught slice, on which the threshold is set.
    """
    fitted = fit_scores(lesson)
    usual = estimate_threshold(fitted.scores(shown))
    return replace(fitted, threshold=min(usual, max(BASE, lowest_held_out(lesson))))


def fit_scores(lesson: Lesson) -> StrokeClassifier:
    """Fit both classifiers, with a threshold of 0."""
    mean, scale = normalisation(lesson)
    samples = weighted(lesson, AGAINST_REGRESSION)
    normal = (samples.values - mean) / scale
    coefficients = fit_logistic(normal, samples.positive, samples.weights)
    weights = weighted(lesson, AGAINST_FERNS).weights
    ferns = fit_ferns(normal[:, : lesson.fine], samples.positive, weights)
    return StrokeClassifier(mean, scale, coefficients, ferns, 0.0)


def normalisation(lesson: Lesson) -> tuple[Floats, Floats]:
    """Measure the mean of each feature, and what it is divided by."""
    scale = lesson.context.std(0) + np.float32(1e-6)
    scale[lesson.fine :] /= COARSE
    return lesson.context.mean(0), scale


def held_out_logits(lesson: Lesson) -> Floats:
    """Compute the logit of each cell by a regression that did not see its stroke: N.

    It reads the fine features alone, for speed. Where the only stroke of the
    class is held out, the logit is 0.
    """
    mean, scale = (each[: lesson.fine] for each in normalisation(lesson))
    normal = (lesson.values[:, : lesson.fine] - mean) / scale
    fold = folds(lesson)
    logits = np.zeros(len(normal), np.float32)
    for number in range(int(fold.max()) + 1):
        held = fold == number
        rest = lesson.only(~held)
        if not rest.positive.any():
            continue
        samples = weighted(rest, AGAINST_REGRESSION)
        values = (samples.values[:, : lesson.fine] - mean) / scale
        found = fit_logistic(values, samples.positive, samples.weights)
        logits[held] = normal[held] @ found[:-1] + found[-1]
    return logits


def folds(lesson: Lesson) -> NDArray[np.int64]:
    """Spread the strokes of either side over the folds: N."""
    fold = np.zeros(len(lesson.stroke), np.int64)
    for side in (lesson.positive, ~lesson.positive):
        order = np.unique(lesson.stroke[side], return_inverse=True)[1]
        fold[side] = order % FOLDS
    return fold


def lowest_held_out(lesson: Lesson) -> float:
    """Compute the logit that most held-out cells of the class reach."""
    return float(np.quantile(held_out_logits(lesson)[lesson.positive], DOUBTFUL))


def weighted(lesson: Lesson, against: float) -> Samples:
    """Weigh strokes alike on either side, both sides alike, and the context a little against the class."""
    sizes = np.bincount(lesson.stroke)
    weights = lesson.worth / sizes[lesson.stroke]
    sides = [lesson.positive, ~lesson.positive]
    for side in sides:
        weights[side] /= max(weights[side].sum(), 1e-9)
    share = against if sides[1].any() else 1.0
    context = np.full(len(lesson.context), share / len(lesson.context))
    values = np.concatenate([lesson.values, lesson.context])
    positive = np.concatenate([lesson.positive, np.zeros(len(lesson.context), bool)])
    total = np.concatenate([weights, context])
    return Samples(values, positive, total * len(lesson.values) / 2)


def fit_logistic(values: Floats, positive: Flags, weights: Weights) -> Floats:
    """Fit a ridge-regularised logistic regression: F coefficients and the intercept."""
    design = np.column_stack([values, np.ones(len(values), np.float32)]).astype(np.float32)
    share = (weights / weights.sum()).astype(np.float32)
    ridge = np.full(design.shape[1], RIDGE)
    ridge[-1] = 0

    def loss(found: Weights) -> tuple[float, Weights]:
        logits = design @ found.astype(np.float32)
        costs = np.logaddexp(0, np.where(positive, -logits, logits))
        slope = (share * (expit(logits) - positive)) @ design
        return float(share @ costs + ridge @ found**2 / 2), slope + ridge * found

    best = minimize(
        loss, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": STEPS}
    )
    coefficients: Floats = best.x.astype(np.float32)
    return coefficients


def estimate_threshold(scores: Floats) -> float:
    """Estimate the threshold from how thick the class is on a slice of h×w scores."""
    clear = scores > CLEAR
    if clear.sum() < LEAST_CLEAR:
        return BASE
    depth = ndimage.distance_transform_edt(clear)[clear].mean()
    return BASE + float(np.clip(SLOPE * (USUAL_THICKNESS - np.log(depth)), LOWEST, HIGHEST))


@dataclass(frozen=True, eq=False)
class TaughtAnswer:
    """A class as several rounds of strokes taught it: the mean of the last fits.

    Strokes that correct an answer lie where it was wrong, which is no fair
    sample of the slice. A fit to all of them can be worse than the one before;
    their mean is steadier (Breiman 1996, "Bagging predictors").
    """

    fits: tuple[StrokeClassifier, ...]

    def logits(self, features: SliceFeatures) -> Floats:
        """Compute the mean logits of the fine cells: h×w, above 0 where the class is."""
        total = np.zeros(features.grid, np.float32)
        for fit in self.fits:
            total += fit.logits(features)
        return total / np.float32(len(self.fits))

    def after(self, fit: StrokeClassifier) -> TaughtAnswer:
        """Return the answer after one more round; the fits of the last `ROUNDS` rounds stay."""
        return TaughtAnswer((*self.fits, fit)[-ROUNDS:])
