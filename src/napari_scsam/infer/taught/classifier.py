"""A class from a few strokes: a per-pixel classifier that is fitted in well under a second.

Two classifiers of scikit-learn share the answer: a forest on the scale space
of the grey values, and a logistic regression that also reads the network's
features. Each wins on other classes. Strokes that are held out tell which, and
the better one has more to say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit, logit, softmax

from napari_scsam.infer.taught.lessons import Floats, Lesson, SliceFeatures, enlarge_to_cells
from napari_scsam.infer.taught.samples import (
    AGAINST,
    AGAINST_FOREST,
    Samples,
    Scaling,
    measure_scaling,
    stroke_samples,
    with_context,
    with_network,
)
from napari_scsam.infer.taught.scale_space import FILTER_COUNT

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier

TREES = 30
SMALLEST_LEAF = 3
"""Cells; smaller leaves learn single strokes by heart."""

RIDGE = 1 / 3
"""Weight of the squared coefficients beside the mean loss."""

STEPS = 60
"""Of L-BFGS at most; the ridge makes the problem easy."""

PARTS = 2
"""The strokes of either side are held out in so many parts."""

STRICTNESS = 4.0
"""By how much a classifier loses influence for each unit of held-out loss.

A few strokes that are held out are weak evidence, and an even mixture is seldom bad."""

DOUBT = 0.05
"""Held-out probabilities are kept this far from 0 and 1."""

LEAST = 0.46
"""Probability above which a cell is the class.

Chosen on sets A and B so that no class mean falls far below a baseline."""

CERTAIN = 0.004
"""Probabilities of the answer are kept this far from 0 and 1."""

MOST_LOGIT = float(logit(1 - CERTAIN))
"""Largest logit, about that of the most certain cell."""

RELIABLE = 0.1
"""Probability by the regression below which a cell of the context is not the class."""

SMOOTHING = 0.7
"""Width in cells of the Gaussian over the logits."""

LARGER = 1.75
"""What strokes on both sides may find, as a multiple of what those on the class find alone."""

MARKED = 0.9
"""Share of the median logit under strokes on the class that may be taken off; most stay found."""

CellProbabilities = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StrokeClassifier:
    """A fitted class."""

    scaling: Scaling
    forest: ExtraTreesClassifier | None
    """Reads the normalised scale space; None where no stroke lies beside the class."""
    coefficients: Floats
    """F of the regression on normalised features, and its intercept."""
    influence: float
    """Of the forest, 0 to 1; the regression has the rest."""
    offset: float = 0.0
    """What is taken off all logits; see `excess`."""

    def logits(self, features: SliceFeatures) -> Floats:
        """Compute smoothed logits of the fine cells: h×w, above 0 where the class is."""
        fine = features.fine.reshape(len(features.fine), -1)
        linear = self.linear(features, fine)
        mixed = self.mixed(linear.ravel(), fine[:FILTER_COUNT].T).reshape(features.grid)
        smooth: Floats = ndimage.gaussian_filter(mixed, SMOOTHING)
        return smooth

    def at(self, values: Floats) -> Floats:
        """Compute logits of N×F values by themselves, without smoothing: N."""
        normal = self.scaling.normal(values)
        linear = normal @ self.coefficients[:-1] + self.coefficients[-1]
        return self.mixed(linear, values[:, :FILTER_COUNT])

    def linear(self, features: SliceFeatures, fine: Floats) -> Floats:
        """Compute the logits of the regression, h×w; coarse features are multiplied first."""
        slopes = self.coefficients[:-1] / self.scaling.scale
        start = self.coefficients[-1] - slopes @ self.scaling.mean
        coarse = np.tensordot(slopes[len(fine) :], features.fused, 1)
        near = (slopes[: len(fine)] @ fine).reshape(features.grid)
        return np.asarray(near + enlarge_to_cells(coarse, features.grid) + start, np.float32)

    def mixed(self, linear: Floats, filters: Floats) -> Floats:
        """Mix the regression's N logits with the forest's answer to N×20 filters."""
        chance = expit(linear)
        if self.forest is not None and self.influence > 0:
            scale = Scaling(self.scaling.mean[:FILTER_COUNT], self.scaling.scale[:FILTER_COUNT])
            trees = self.forest.predict_proba(scale.normal(filters))[:, 1]
            chance = self.influence * trees + (1 - self.influence) * chance
        certain = np.clip(chance, CERTAIN, 1 - CERTAIN)
        return np.asarray(logit(certain) - logit(LEAST) - self.offset, np.float32)


def fit_classifier(lesson: Lesson, *, sharpens: bool = False) -> StrokeClassifier:
    """Fit a class; the same lesson always gives the same fit.

    Parameters
    ----------
    lesson
        With strokes on the class; strokes beside it help, and may be missing.
    sharpens
        Whether the network's own answer, its logit being the last fine feature, is learned too.
    """
    scaling = measure_scaling(lesson)
    forest, coefficients = fit_members(lesson, scaling, sharpens=sharpens)
    influence = 0.0
    if forest is not None:
        influence = weigh_forest(lesson, scaling, sharpens=sharpens)
        influence = less_where_greedy(influence, forest, coefficients, lesson, scaling)
    fit = StrokeClassifier(scaling, forest, coefficients, influence)
    if sharpens or lesson.positive.all() or not len(lesson.context):
        return fit
    return replace(fit, offset=excess(fit, lesson))


def excess(fit: StrokeClassifier, lesson: Lesson) -> float:
    """Compute what must be taken off logits so that strokes beside a class do not enlarge it.

    A stroke beside the class says nothing of how much there is of it, and the few that there are
    lie on a few kinds of look-alikes. Cells of the context tell how much the strokes on the class
    find by themselves. All strokes together find little more, as negatives should take away.

    Parameters
    ----------
    fit
        To all strokes.
    lesson
        With strokes on both sides, and a context.
    """
    alone = fit_members(lesson.only(lesson.positive), fit.scaling)[1]
    context = fit.scaling.normal(lesson.context.astype(np.float32))
    allowed = int((expit(context @ alone[:-1] + alone[-1]) > LEAST).sum())
    most = int(allowed * LARGER) + 1
    found = np.sort(fit.at(lesson.context.astype(np.float32)))[::-1]
    if len(found) <= most or found[most] <= 0:
        return 0.0
    marked = fit.at(lesson.values[lesson.positive].astype(np.float32))
    return min(float(found[most]), MARKED * max(0.0, float(np.median(marked))))


def preload_scikit_learn() -> None:
    """Import what the first fit needs: a second of work, better done before the first stroke."""
    import sklearn.ensemble
    import sklearn.linear_model  # noqa: F401


def fit_members(
    lesson: Lesson, scaling: Scaling, *, sharpens: bool = False
) -> tuple[ExtraTreesClassifier | None, Floats]:
    """Fit the forest, if there are strokes on both sides, and the regression.

    Both see cells of the context. Without them the forest calls most of a slice the class, after
    strokes beside it that lie on look-alikes alone.
    """
    strokes = stroke_samples(lesson, scaling)
    if sharpens:
        samples = with_network(strokes, lesson, scaling)
        coefficients = fit_regression(samples)
    else:
        samples = with_context(strokes, lesson, scaling, AGAINST_FOREST)
        coefficients = fit_regression(with_context(strokes, lesson, scaling))
    if strokes.positive.all():
        return None, coefficients
    if not sharpens:
        samples = without_likely(samples, len(strokes.weights), coefficients)
    from sklearn.ensemble import ExtraTreesClassifier  # slow to import

    forest = ExtraTreesClassifier(TREES, min_samples_leaf=SMALLEST_LEAF, random_state=0)
    forest.fit(samples.values[:, :FILTER_COUNT], samples.positive, samples.weights)
    return forest, coefficients


def without_likely(samples: Samples, strokes: int, coefficients: Floats) -> Samples:
    """Leave out cells of the context that the regression takes for the class.

    The others are reliable negatives, as in two-step learning from positive and unlabelled data
    (Liu, Lee, Yu & Li 2002, "Partially supervised classification of text documents").

    Parameters
    ----------
    samples
        Strokes, then the context.
    strokes
        How many of them are of strokes.
    coefficients
        Of the regression.
    """
    chance = expit(samples.values @ coefficients[:-1] + coefficients[-1])
    kept = chance < RELIABLE
    kept[:strokes] = True
    return Samples(samples.values[kept], samples.positive[kept], samples.weights[kept])


def fit_regression(samples: Samples) -> Floats:
    """Fit a ridge-regularised logistic regression: F coefficients and the intercept."""
    from sklearn.linear_model import LogisticRegression  # slow to import

    strength = 1 / (RIDGE * float(samples.weights.sum()))
    model = LogisticRegression(C=strength, max_iter=STEPS, tol=1e-3)
    model.fit(samples.values, samples.positive, samples.weights)
    return np.append(model.coef_[0], model.intercept_).astype(np.float32)


def weigh_forest(lesson: Lesson, scaling: Scaling, *, sharpens: bool = False) -> float:
    """Choose the influence of the forest by the loss of both on held-out strokes, 0 to 1.

    Only strokes that showed the class first are held out, where there are some on both sides:
    corrections lie where the one with more influence was wrong, and would always favour the other.
    Both have the same say when a side has too few strokes to hold any out.
    """
    first = lesson.only(lesson.corrects == 0)
    if first.positive.any() and not first.positive.all():
        lesson = first
    chances = np.full((2, len(lesson.positive)), np.nan)
    part = parts(lesson)
    for number in range(PARTS):
        held = part == number
        rest = lesson.only(~held)
        if not held.any() or rest.positive.all() or not rest.positive.any():
            continue
        forest, coefficients = fit_members(rest, scaling, sharpens=sharpens)
        values = scaling.normal(lesson.values[held].astype(np.float32))
        if forest is not None:
            chances[0, held] = forest.predict_proba(values[:, :FILTER_COUNT])[:, 1]
        chances[1, held] = expit(values @ coefficients[:-1] + coefficients[-1])
    losses = [held_out_loss(each, lesson, scaling) for each in chances]
    return float(softmax(-STRICTNESS * np.array(losses))[0])


def less_where_greedy(
    influence: float,
    forest: ExtraTreesClassifier,
    coefficients: Floats,
    lesson: Lesson,
    scaling: Scaling,
) -> float:
    """Lower the influence of the one that finds the class in more of the context.

    Most cells that no stroke touches do not show the class, so they count a little against it.

    Parameters
    ----------
    influence
        Of the forest, by strokes that were held out.
    forest, coefficients
        Fitted to all strokes.
    lesson, scaling
        What they were fitted to.
    """
    if not len(lesson.context):
        return influence
    values = scaling.normal(lesson.context.astype(np.float32))
    found = (
        forest.predict_proba(values[:, :FILTER_COUNT])[:, 1],
        expit(values @ coefficients[:-1] + coefficients[-1]),
    )
    losses = [float(-np.log(np.clip(1 - each, DOUBT, 1)).mean()) for each in found]
    greed = STRICTNESS * AGAINST * (losses[0] - losses[1])
    return float(expit(logit(np.clip(influence, CERTAIN, 1 - CERTAIN)) - greed))


def held_out_loss(chance: CellProbabilities, lesson: Lesson, scaling: Scaling) -> float:
    """Compute the weighted cross-entropy of the cells that were held out; 0 without any."""
    known = ~np.isnan(chance)
    if not known.any():
        return 0.0
    weights = stroke_samples(lesson, scaling).weights[known]
    right = np.where(lesson.positive, chance, 1 - chance)[known]
    losses = -np.log(np.clip(right, DOUBT, 1 - DOUBT))
    return float(np.average(losses, weights=weights))


def parts(lesson: Lesson) -> NDArray[np.int64]:
    """Spread the strokes of either side over the parts: N."""
    part = np.zeros(len(lesson.stroke), np.int64)
    for side in (lesson.positive, ~lesson.positive):
        order = np.unique(lesson.stroke[side], return_inverse=True)[1]
        part[side] = order % PARTS
    return part
