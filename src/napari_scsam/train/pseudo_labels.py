"""Labels for a volume that nobody has labelled: what a checkpoint says alike from three sides, and nothing elsewhere."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import softmax

from napari_scsam.config import ClassSpec, select_classes
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import Contrast
from napari_scsam.io.volumes import Volume
from napari_scsam.steps import Progress
from napari_scsam.train.pretrain import planes_of

LOOKS = ((1.0, 0.0), (0.7, 0.1), (0.5, 0.15))
"""Contrast and brightness at which the slices across z, y and x are shown, so that agreement does not hang on one look."""

SURE = 0.6
"""Probability, averaged over all sides, of the heart of an object that is labelled."""

SURE_OF_NOTHING = 0.8
"""Probability, averaged over all sides, from which a voxel is believed to be background."""

SMOOTH = 2.0
"""Sigma in voxels of the greys by which background is told from stain."""

SMALLEST = 2e6
"""Volume in nm³ of the heart that an object must have: a ball 156 nm across."""

USUAL = 5.0
"""Side in nm of a voxel, where nobody knows better."""


def pseudo_labels(
    predictor: Predictor, image: Volume, names: Sequence[str] | None = None
) -> Generator[Progress, None, tuple[NDArray[np.unsignedinteger], NDArray[np.uint8]]]:
    """Label the voxels that a model is sure of, seen along z, y and x with a look of its own each.

    Trained on these with strong augmentation, a model learns a tissue it has
    no labels of (noisy student, Xie et al. 2020, arXiv 1911.04252). The three
    sides are those of orthoplane inference (Conrad and Narayan 2023, empanada):
    what is wrong in a slice is seldom wrong in all three that cross it.

    Parameters
    ----------
    predictor
        Holds the teacher.
    image
        Z×Y×X or Y×X; where voxels are not nearly cubes, or of unknown size, slices across z alone count.
    names
        Classes to believe; all when not given. Where another is argmax_or_background, nothing is known.

    Returns
    -------
    labels : class ids, of the image's shape
    known : of the same shape, 1 where `labels` are to be believed, background among them; a mask as ``reviewed`` of a recipe takes it
    """
    believed = select_classes(predictor.classes, names)
    size = image.voxel_size
    stacks = planes_of(image)
    votes = np.zeros((len(predictor.classes) + 1, *stacks[0].shape), np.float16)
    total = sum(len(stack) for stack in stacks)
    done = 0
    for axis, ((factor, offset), stack) in enumerate(zip(LOOKS, stacks, strict=False)):
        seen = np.moveaxis(votes, axis + 1, 0)
        nm = size[:axis] + size[axis + 1 :] if size else None
        for depth, plane in enumerate(stack):
            yield Progress(done, total, f"looking across {'zyx'[axis]}")
            look = (plane.astype(np.float32) / 255 - 0.5) * factor + 0.5 + offset
            seen[depth] += probabilities(predictor, look, nm) / len(stacks)
            done += 1
    yield Progress(total, total, "agreed")
    voxel = float(np.prod(size)) if size else (predictor.model.config.nm_per_pixel or USUAL) ** 3
    labels, known = labels_from_logits(
        votes,
        predictor.classes,
        believed,
        voxel,
        ndimage.gaussian_filter(stacks[0], SMOOTH, output=np.float32),
    )
    return labels.reshape(image.shape), known.reshape(image.shape)  # a flat image has no axis z


def probabilities(
    predictor: Predictor, plane: NDArray[np.floating], nm: tuple[float, ...] | None
) -> NDArray[np.floating]:
    """Return what a teacher believes of a slice with greys in 0..1: (K+1)×Y×X, background first, thresholds counted in."""
    predictor.set_image(plane, nm, contrast=Contrast(0.0, 1.0))
    logits = (
        predictor.class_logits() - predictor.model.thresholds.float().cpu().numpy()[:, None, None]
    )
    believed: NDArray[np.floating] = softmax(
        np.concatenate([np.zeros_like(logits[:1]), logits]), axis=0
    )
    return believed


def labels_from_logits(
    votes: NDArray[np.floating],
    classes: Sequence[ClassSpec],
    believed: Sequence[ClassSpec],
    voxel: float,
    grey: NDArray[np.floating],
) -> tuple[NDArray[np.unsignedinteger], NDArray[np.uint8]]:
    """Turn mean probabilities (K+1)×Z×Y×X into labels and a mask of where to believe them.

    A region where an organelle is argmax_or_background is believed as a whole if it has a
    heart that is sure. Background is believed where it is sure and not as dark
    as what is stained most: organelles that the teacher overlooks are dark.
    `voxel` is in nm³, `grey` smooth and Z×Y×X.
    """
    ids = np.array([0, *(c.id for c in classes)])
    ids = ids.astype(np.min_scalar_type(ids.max()))
    best = np.zeros(votes.shape[1:], np.uint8)
    argmax_or_background = votes[0].copy()
    labels = np.zeros(best.shape, ids.dtype)
    known = votes[0] >= SURE_OF_NOTHING
    wholes = wholes_of(classes)
    together = [
        votes[rows].sum(axis=0) for rows in wholes
    ]  # an organelle and its parts, for where its boundary begins is another question
    for number, sum_of_parts in enumerate(together, 1):
        here = sum_of_parts > argmax_or_background
        best[here] = number
        argmax_or_background[here] = sum_of_parts[here]
    stains = []
    for number, rows in enumerate(wholes, 1):
        objects = label_components(best == number, faces_only=True)
        hearts = (
            np.bincount(objects[argmax_or_background >= SURE], minlength=objects.max() + 1) * voxel
            >= SMALLEST
        )
        hearts[0] = False
        inside = hearts[objects]
        labels[inside] = ids[rows][votes[rows].argmax(axis=0)[inside]]
        inside &= np.isin(labels, [c.id for c in believed])
        stains += [np.median(grey[inside])] if inside.any() else []
        known |= inside
    if stains:
        known &= (labels > 0) | (grey > min(stains))
    return labels * known, known.astype(np.uint8)


def wholes_of(classes: Sequence[ClassSpec]) -> list[list[int]]:
    """Group classes that are parts of one organelle, by their places in the table counted from 1."""
    groups: dict[str, list[int]] = {}
    for row, spec in enumerate(classes):
        groups.setdefault(spec.part_of or spec.name, []).append(row + 1)
    return list(groups.values())
