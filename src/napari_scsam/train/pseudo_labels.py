"""Labels for an unlabelled volume: where a checkpoint agrees with itself from three sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import softmax

from napari_scsam.config import ClassSpec, select_classes
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import Contrast
from napari_scsam.io.volumes import Volume
from napari_scsam.steps import Progress, Steps
from napari_scsam.train.pretrain import stacks_along_axes

CONTRASTS = ((1.0, 0.0), (0.7, 0.1), (0.5, 0.15))
"""Contrast and brightness of the slices across z, y and x; agreement should not depend on them."""

MIN_CORE_PROBABILITY = 0.6
"""Probability, averaged over all sides, of the core of an object that is labelled."""

MIN_BACKGROUND_PROBABILITY = 0.8
"""Probability, averaged over all sides, from which a voxel is labelled as background."""

SMOOTHING = 2.0
"""Sigma in voxels of the grey values by which background is told from stain."""

MIN_CORE_NM3 = 2e6
"""Volume in nm³ of the core that an object must have: a ball 156 nm across."""

USUAL_NM = 5.0
"""Side in nm of a voxel whose size is unknown."""

LabelArray = NDArray[np.unsignedinteger]
ByteMask = NDArray[np.uint8]


def pseudo_labels(
    predictor: Predictor, image: Volume, names: Sequence[str] | None = None
) -> Steps[tuple[LabelArray, ByteMask]]:
    """Label the voxels that a model is certain of, seen along z, y and x at a contrast each.

    Trained on these with strong augmentation, a model learns a tissue without labels (noisy
    student, Xie et al. 2020, arXiv 1911.04252). The three sides are those of orthoplane inference
    (Conrad and Narayan 2023, empanada): what is wrong in a slice is seldom wrong in all three
    slices that cross it.

    Parameters
    ----------
    predictor
        Holds the teacher.
    image
        Z×Y×X or Y×X. Where voxels are not nearly cubes, or of unknown size, it is sliced across z
        alone.
    names
        Classes to label; all when not given. Voxels of other classes are unknown.

    Returns
    -------
    labels : class ids, of the image's shape
    known : of the same shape, 1 where `labels` are certain, also of background; a mask as
        ``reviewed`` of a recipe takes it
    """
    requested = select_classes(predictor.classes, names)
    stacks = stacks_along_axes(image)
    votes = np.zeros((len(predictor.classes) + 1, *stacks[0].shape), np.float16)
    total = sum(len(stack) for stack in stacks)
    for done, (axis, depth, plane) in enumerate(_slices(stacks)):
        yield Progress(done, total, f"looking across {'zyx'[axis]}")
        of_slice = np.moveaxis(votes, axis + 1, 0)[depth]
        of_slice += _probabilities(predictor, plane, _pixel_size(image, axis)) / len(stacks)
    yield Progress(total, total, "agreed")
    grey = ndimage.gaussian_filter(stacks[0], SMOOTHING, output=np.float32)
    labels, known = labels_from_votes(
        votes, predictor.classes, requested, _voxel_volume(predictor, image), grey
    )
    return labels.reshape(image.shape), known.reshape(image.shape)  # a flat image has no axis z


def _slices(
    stacks: Sequence[NDArray[np.uint8]],
) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """Yield the axis, the index and the grey values (0..1, at that axis's contrast) of slices."""
    for axis, ((factor, offset), stack) in enumerate(zip(CONTRASTS, stacks, strict=False)):
        for depth, plane in enumerate(stack):
            yield axis, depth, (plane.astype(np.float32) / 255 - 0.5) * factor + 0.5 + offset


def _pixel_size(image: Volume, axis: int) -> tuple[float, ...] | None:
    """Return the pixel size in nm of slices across an axis, if the voxel size is known."""
    size = image.voxel_size
    if size is None:
        return None
    return size[:axis] + size[axis + 1 :]


def _voxel_volume(predictor: Predictor, image: Volume) -> float:
    """Return the volume of a voxel in nm³."""
    if image.voxel_size is not None:
        return float(np.prod(image.voxel_size))
    return (predictor.model.config.nm_per_pixel or USUAL_NM) ** 3


def _probabilities(
    predictor: Predictor, plane: NDArray[np.floating], pixel_size: tuple[float, ...] | None
) -> NDArray[np.floating]:
    """Return a teacher's probabilities on a slice: (K+1)×Y×X, background first.

    The thresholds are subtracted from the logits.
    """
    predictor.set_image(plane, pixel_size, contrast=Contrast(0.0, 1.0))
    thresholds = predictor.model.thresholds.float().cpu().numpy()
    logits = predictor.class_logits() - thresholds[:, None, None]
    scores = np.concatenate([np.zeros_like(logits[:1]), logits])
    shares: NDArray[np.floating] = softmax(scores, axis=0)
    return shares


def labels_from_votes(
    votes: NDArray[np.floating],
    classes: Sequence[ClassSpec],
    requested: Sequence[ClassSpec],
    voxel: float,
    grey: NDArray[np.floating],
) -> tuple[LabelArray, ByteMask]:
    """Turn mean probabilities (K+1)×Z×Y×X into labels and a mask of where they are certain.

    A region where one organelle is most probable is labelled as a whole if its core is certain.
    Background is labelled where it is certain and not as dark as the darkest organelle: organelles
    that the teacher overlooks are dark.

    Parameters
    ----------
    votes
        Background first, then the classes in their order.
    classes
        All classes of the teacher.
    requested
        Those to label.
    voxel
        Volume of a voxel in nm³.
    grey
        Smooth grey values, Z×Y×X.
    """
    ids = np.array([0, *(c.id for c in classes)])
    ids = ids.astype(np.min_scalar_type(ids.max()))
    organelles = organelle_rows(classes)
    best, probability = most_probable(votes, organelles)
    labels = np.zeros(best.shape, ids.dtype)
    known = votes[0] >= MIN_BACKGROUND_PROBABILITY
    stains = []
    for number, rows in enumerate(organelles, 1):
        certain = regions_with_core(best == number, probability, voxel)
        labels[certain] = ids[rows][votes[rows].argmax(axis=0)[certain]]
        certain &= np.isin(labels, [c.id for c in requested])
        if certain.any():
            stains.append(np.median(grey[certain]))
        known |= certain
    if stains:
        known &= (labels > 0) | (grey > min(stains))
    return labels * known, known.astype(np.uint8)


def most_probable(
    votes: NDArray[np.floating], organelles: Sequence[Sequence[int]]
) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """Return the number of the most probable organelle of each voxel, 0 for none, and its votes.

    An organelle's parts count with it: where its boundary begins is another question.
    """
    best = np.zeros(votes.shape[1:], np.uint8)
    probability = votes[0].copy()
    for number, rows in enumerate(organelles, 1):
        with_parts = votes[list(rows)].sum(axis=0)
        here = with_parts > probability
        best[here] = number
        probability[here] = with_parts[here]
    return best, probability


def regions_with_core(
    mask: NDArray[np.bool_], probability: NDArray[np.floating], voxel: float
) -> NDArray[np.bool_]:
    """Keep the connected regions (6 neighbours) of a mask that have a large, certain core."""
    objects, count = ndimage.label(mask)
    core = objects[probability >= MIN_CORE_PROBABILITY]
    kept = np.bincount(core, minlength=count + 1) * voxel >= MIN_CORE_NM3
    kept[0] = False
    inside: NDArray[np.bool_] = kept[objects]
    return inside


def organelle_rows(classes: Sequence[ClassSpec]) -> list[list[int]]:
    """Group classes that are parts of one organelle, by their rows in the table from 1."""
    groups: dict[str, list[int]] = {}
    for row, spec in enumerate(classes, 1):
        groups.setdefault(spec.part_of or spec.name, []).append(row)
    return list(groups.values())
