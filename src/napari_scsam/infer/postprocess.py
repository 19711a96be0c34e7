"""From logits to label values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from napari_scsam.config import ClassSpec
from napari_scsam.infer.own_outline import outlined_parts
from napari_scsam.objects.components import mean_in_components, small_components

PixelSize = tuple[float, float]
"""Height and width of a pixel in nm."""


Belief = Callable[[ClassSpec, ClassSpec], float]
"""Takes a taught class and one of the network's."""

MAX_LOGIT = 30.0
"""Larger ones are as good as certain, and would overflow."""


def label_dtype(classes: Sequence[ClassSpec]) -> np.dtype[np.unsignedinteger]:
    """Return the smallest unsigned type that holds every class id."""
    return np.min_scalar_type(max(c.id for c in classes))


def label_value(spec: ClassSpec, requested: Sequence[ClassSpec]) -> int:
    """Return the label value of a class among the requested ones.

    It is its own id, or that of its whole, or 0 when neither is requested.
    """
    ids = {c.name: c.id for c in requested}
    return ids.get(spec.name, ids.get(spec.part_of, 0))


def keep_only(
    labels: NDArray[Any], classes: Sequence[ClassSpec], requested: Sequence[ClassSpec]
) -> NDArray[Any]:
    """Turn Y×X labels of all classes into what `label_map` returns for the requested ones."""
    values = np.zeros(max(c.id for c in classes) + 1, labels.dtype)
    for spec in classes:
        values[spec.id] = label_value(spec, requested)
    kept: NDArray[Any] = values[labels]
    return kept


def competing_classes(
    classes: Sequence[ClassSpec], own: Sequence[ClassSpec], requested: Sequence[ClassSpec]
) -> tuple[ClassSpec, ...]:
    """Return the classes that compete for pixels.

    These are the checkpoint's own, and the requested ones of those taught since.
    A class taught by a few strokes may be found in too many places; it takes
    pixels from others only when it is requested.
    """
    own_names = {c.name for c in own}
    return tuple(c for c in classes if c.name in own_names or c in requested)


def labels_from_logits(
    logits: NDArray[np.float32],
    classes: Sequence[ClassSpec],
    thresholds: Mapping[str, float],
    requested: Sequence[ClassSpec],
    pixel_size: PixelSize | None = None,
    taught: Sequence[ClassSpec] = (),
    belief: Belief | None = None,
) -> NDArray[Any]:
    """Subtract the threshold of each class, by name, and label every pixel.

    Parameters are those of `label_map`. The classes in `taught`, some of `classes`, are written
    by `overlay_taught`, over what the others make.
    """
    levels = np.array([thresholds[c.name] for c in classes], np.float32)[:, None, None]
    if levels.any():
        logits = logits - levels
    if not taught:
        return label_map(logits, classes, requested, pixel_size)
    rows = {spec: row for row, spec in enumerate(classes)}
    own = [spec for spec in classes if spec not in taught]
    own_logits = logits[[rows[spec] for spec in own]]
    labels = np.zeros(logits.shape[1:], label_dtype(classes))
    if own:
        labels[:] = label_map(own_logits, own, own, pixel_size)
    taught_logits = logits[[rows[spec] for spec in taught]]
    labels = overlay_taught(labels, (own_logits, own), (taught_logits, taught), belief)
    for part, whole in outlined_parts(own, requested):
        labels[(labels == own[part].id) & (own_logits[whole] <= 0)] = 0
    return keep_only(labels, classes, requested)


def overlay_taught(
    labels: NDArray[Any],
    own: tuple[NDArray[np.float32], Sequence[ClassSpec]],
    taught: tuple[NDArray[np.float32], Sequence[ClassSpec]],
    belief: Belief | None = None,
) -> NDArray[Any]:
    """Write taught classes where they are more likely than the class that is there.

    Parameters
    ----------
    labels
        Y×X labels of the network's own classes, 0 background.
    own, taught
        Logits, thresholds subtracted, K×Y×X and T×Y×X, and their classes.
    belief
        Returns how much a taught class believes the network's probability of another class,
        0 to 1; fully when not given.

    Returns
    -------
    labels
        Y×X. A taught class takes background where its logit is above 0.
    """
    logits, classes = own
    odds = np.exp(np.minimum(logits, MAX_LOGIT))
    total = 1 + odds.sum(0)
    claims = np.full(taught[0].shape, -np.inf, np.float32)
    for claim, found, newcomer in zip(claims, *taught, strict=True):
        needed = np.zeros(labels.shape, np.float32)
        for spec, row in zip(classes, odds, strict=True):
            held = labels == spec.id
            share = 1.0 if belief is None else belief(newcomer, spec)
            needed[held] = share * (row / total)[held]
        wins = (found > 0) & (expit(found) > needed)
        claim[wins] = found[wins]
    values = np.array([spec.id for spec in taught[1]], labels.dtype)[claims.argmax(0)]
    return np.where(claims.max(0) > 0, values, labels)


def label_map(
    logits: NDArray[np.float32],
    classes: Sequence[ClassSpec],
    requested: Sequence[ClassSpec],
    pixel_size: PixelSize | None = None,
) -> NDArray[np.unsignedinteger]:
    """Resolve overlaps: each pixel gets its most likely class, or background.

    Parameters
    ----------
    logits
        K×Y×X in the order of `classes`; the background's logit is 0.
    classes
        All of them compete, also those that are not requested, except where
        another class overrides them (`ClassSpec.overrides`). A part competes
        within its `reach` only, and regions below `smallest` or `least_mean` are removed.
    requested
        Classes to write. Pixels of another class become background. A part that is not requested
        becomes the class that it belongs to, if that one is requested; see also
        `ClassSpec.own_outline`.
    pixel_size
        (y, x) in nm; without it, `reach` and `smallest` have no effect.

    Returns
    -------
    labels
        Y×X class ids.
    """
    values = np.array([0, *(label_value(c, requested) for c in classes)], label_dtype(classes))
    logits = with_precedence(logits, classes)
    best = argmax_or_background(logits)
    enforce(best, logits, certainty_rules(classes, logits))
    if pixel_size is not None:
        enforce(best, logits, reach_rules(classes, pixel_size))
        enforce(best, logits, size_rules(classes, pixel_size))
    for part, whole in outlined_parts(classes, requested):
        best[(best == part + 1) & (logits[whole] <= 0)] = 0
    labels: NDArray[np.unsignedinteger] = values[best]
    return labels


def with_precedence(
    logits: NDArray[np.float32], classes: Sequence[ClassSpec]
) -> NDArray[np.float32]:
    """Set K×… logits of a class to −∞ where a class that overrides it is found.

    Returns a copy if any class overrides another, else the array itself.
    """
    pairs = [
        (row, other)
        for row, spec in enumerate(classes)
        for other, below in enumerate(classes)
        if below.name in spec.overrides
    ]
    if not pairs:
        return logits
    changed = logits.copy()
    for row, other in pairs:
        changed[other][logits[row] > 0] = -np.inf
    return changed


def argmax_or_background(logits: NDArray[np.float32]) -> NDArray[np.unsignedinteger]:
    """Return the row of the highest of K×… logits, counted from 1; 0 where none is above 0."""
    highest = np.zeros(logits.shape[1:], np.float32)
    rows = np.zeros(logits.shape[1:], np.min_scalar_type(len(logits)))
    # Several times faster than argmax over the first axis.
    for row, values in enumerate(logits, 1):
        np.copyto(rows, row, where=values > highest)
        np.maximum(highest, values, out=highest)
    return rows


class Rule(NamedTuple):
    """A rule that pixels of some rows can violate."""

    rows: Sequence[int]
    """Rows of the logits that the rule is about."""
    violations: Callable[[NDArray[np.unsignedinteger]], NDArray[np.bool_]]
    """Finds the pixels that violate it in a Y×X map of rows counted from 1."""


def reach_rules(classes: Sequence[ClassSpec], pixel_size: PixelSize) -> list[Rule]:
    """Return a rule for each part: it is no farther from its whole than its `reach`."""
    rows = {spec.name: row for row, spec in enumerate(classes)}
    return [
        Rule([row], partial(out_of_reach, row, rows[spec.part_of], spec.reach, pixel_size))
        for row, spec in enumerate(classes)
        if spec.reach and spec.part_of in rows
    ]


def size_rules(classes: Sequence[ClassSpec], pixel_size: PixelSize) -> list[Rule]:
    """Return a rule for each class: with its parts, its regions have at least its `smallest`."""
    area = pixel_size[0] * pixel_size[1]
    rules = []
    for spec in classes:
        if spec.smallest:
            rows = family_rows(spec, classes)
            rules.append(Rule(rows, partial(small_regions, rows, spec.smallest / area)))
    return rules


def certainty_rules(classes: Sequence[ClassSpec], logits: NDArray[np.float32]) -> list[Rule]:
    """Return a rule for each class: with its parts, its regions have at least its `least_mean`."""
    rules = []
    for spec in classes:
        if spec.least_mean:
            rows = family_rows(spec, classes)
            rules.append(Rule(rows, partial(doubtful_regions, rows, spec.least_mean, logits)))
    return rules


def enforce(
    best: NDArray[np.unsignedinteger], logits: NDArray[np.float32], rules: Sequence[Rule]
) -> None:
    """Move pixels that violate a rule to the next likely class, in place, until none does.

    All rules are applied to the same map before any pixel changes, so that their order
    does not matter. A pixel never returns to rows that it left, so this ends.
    """
    if not rules:
        return
    if len(rules) == 1:  # its rows only lose pixels, so one pass is enough
        reassign(best, rules[0].violations(best), logits, rules[0].rows)
        return
    _enforce_all(best, logits, rules)


def _enforce_all(
    best: NDArray[np.unsignedinteger], logits: NDArray[np.float32], rules: Sequence[Rule]
) -> None:
    """Move pixels that violate one of several rules, until none does."""
    allowed = logits
    while True:
        found = [(rule.rows, rule.violations(best)) for rule in rules]
        if not any(where.any() for _, where in found):
            return
        if allowed is logits:
            allowed = logits.copy()
        _forbid(allowed, found)
        reassign(best, np.any([where for _, where in found], axis=0), allowed, [])


def _forbid(
    logits: NDArray[np.float32], found: Sequence[tuple[Sequence[int], NDArray[np.bool_]]]
) -> None:
    """Rule out rows at some pixels, in place."""
    for rows, where in found:
        for row in rows:
            logits[row][where] = -np.inf


def reassign(
    best: NDArray[np.unsignedinteger],
    where: NDArray[np.bool_],
    logits: NDArray[np.float32],
    excluded: Sequence[int],
) -> None:
    """Set the pixels of a Y×X mask to their most likely row that is not excluded, in place."""
    places = np.flatnonzero(where)  # they are few, so an index is faster than the mask
    others = logits.reshape(len(logits), -1)[:, places]
    others[excluded] = -np.inf
    best.reshape(-1)[places] = argmax_or_background(others)


def family_rows(spec: ClassSpec, classes: Sequence[ClassSpec]) -> list[int]:
    """Return the rows of a class and of its parts."""
    return [row for row, other in enumerate(classes) if spec.name in (other.name, other.part_of)]


def out_of_reach(
    row: int, whole: int, reach: float, pixel_size: PixelSize, best: NDArray[np.unsignedinteger]
) -> NDArray[np.bool_]:
    """Find the pixels of a part that are farther from its whole than `reach` (nm)."""
    far: NDArray[np.bool_] = (best == row + 1) & ~dilate(best == whole + 1, reach, pixel_size)
    return far


def small_regions(
    rows: Sequence[int], smallest: float, best: NDArray[np.unsignedinteger]
) -> NDArray[np.bool_]:
    """Find the regions that some rows form together, of fewer than `smallest` pixels."""
    return small_components(np.isin(best, np.array(rows) + 1), smallest)


def doubtful_regions(
    rows: Sequence[int],
    least: float,
    logits: NDArray[np.float32],
    best: NDArray[np.unsignedinteger],
) -> NDArray[np.bool_]:
    """Find the regions that some rows form together, whose mean logit is below `least`."""
    mask = np.isin(best, np.array(rows) + 1)
    doubtful: NDArray[np.bool_] = mask & (mean_in_components(mask, logits[rows].max(0)) < least)
    return doubtful


def dilate(mask: NDArray[np.bool_], distance: float, pixel_size: PixelSize) -> NDArray[np.bool_]:
    """Dilate a Y×X mask by a distance in nm along both axes, by at least one pixel."""
    near = mask.view(np.uint8)
    for axis, side in enumerate(pixel_size):
        near = ndimage.maximum_filter1d(near, 2 * max(1, round(distance / side)) + 1, axis)
    return near.view(np.bool_)
